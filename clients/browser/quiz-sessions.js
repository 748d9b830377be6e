// Quiz Sessions in a browser.

export { Refusal, Unreachable } from "./api.js";
export { openQuiz } from "./quiz.js";
export { verifyReceipt } from "./receipts.js";
export { watchQuiz } from "./room.js";

/** @typedef {import("./types.js").Quiz} Quiz */
/** @typedef {import("./types.js").QuizOptions} QuizOptions */
/** @typedef {import("./types.js").Room} Room */
/** @typedef {import("./types.js").SaveState} SaveState */
/** @typedef {import("./types.js").Session} Session */
