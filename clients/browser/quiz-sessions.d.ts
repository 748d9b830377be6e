export { openQuiz } from "./quiz.js";
export { verifyReceipt } from "./receipts.js";
export { watchQuiz } from "./room.js";
export { Refusal, Unreachable } from "./api.js";
