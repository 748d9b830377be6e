// Quiz Sessions in a browser: a student's session, a proctor's room, receipts.

export { Refusal, Unreachable } from "./api.js";
export { openQuiz } from "./quiz.js";
export { verifyReceipt } from "./receipts.js";
export { watchQuiz } from "./room.js";
