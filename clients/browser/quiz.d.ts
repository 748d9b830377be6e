/** Start a quiz, or go on with it. @param {QuizOptions} options @returns {Promise<Quiz>}
 * @throws {Refusal} it can't be started: `quiz_not_open` with `retryAfterMs`, `quiz_closed` and so on
 * @throws {Unreachable} the service can't be reached, and this device knows nothing of the session */
export function openQuiz(options: QuizOptions): Promise<Quiz>;
import type { QuizOptions } from "./types.js";
import type { Quiz } from "./types.js";
