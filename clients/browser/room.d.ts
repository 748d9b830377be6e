/** @type {WatchQuiz} */
export const watchQuiz: WatchQuiz;
import type { WatchQuiz } from "./types.js";
