export { openQuiz } from "./quiz.js";
export { verifyReceipt } from "./receipts.js";
export { watchQuiz } from "./room.js";
export type Quiz = import("./types.js").Quiz;
export type QuizOptions = import("./types.js").QuizOptions;
export type Room = import("./types.js").Room;
export type SaveState = import("./types.js").SaveState;
export type Session = import("./types.js").Session;
export { Refusal, Unreachable } from "./api.js";
