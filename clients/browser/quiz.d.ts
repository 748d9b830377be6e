/** @type {OpenQuiz} */
export const openQuiz: OpenQuiz;
import type { OpenQuiz } from "./types.js";
