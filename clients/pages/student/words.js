// What the service refuses, in words for students.

import { counted, moment } from "../common/format.js";

/** @typedef {{title: string, text: string, isFinal?: boolean}} Words `isFinal`: waiting does not help */

/** @type {Record<string, (problem: Record<string, any>) => Words>} */
const STARTS = {
  quiz_closed: ({ closes_at }) => ({
    title: "This quiz has closed",
    text: `It could be started until ${moment(closes_at)}.`,
    isFinal: true,
  }),
  attempts_exhausted: () => ({
    title: "You have used all attempts",
    text: "This quiz can't be started again. If you think that is a mistake, ask a proctor.",
    isFinal: true,
  }),
  quiz_paused: () => ({
    title: "This quiz is paused",
    text: "Nobody can start it just now. Keep this page open: it goes on by itself.",
  }),
  unknown_quiz: () => ({
    title: "There is no such quiz",
    text: "Nobody has registered a quiz under this name. Please check the address, or ask who gave it to you.",
    isFinal: true,
  }),
  network_refused: () => ({
    title: "Not from this network",
    text: "This quiz is taken in other networks than the one you are in, such as that of the exam hall. Change the network, or ask a proctor.",
  }),
  safe_exam_browser_required: () => ({
    title: "Safe Exam Browser is needed",
    text: "This quiz is taken in Safe Exam Browser. Open it there, with the file or link that you were given.",
  }),
  safe_exam_browser_refused: () => ({
    title: "Another Safe Exam Browser configuration is needed",
    text: "This Safe Exam Browser has another configuration than this quiz asks for. Open it with the file or link that you were given, or ask a proctor.",
  }),
  forbidden: () => ({ title: "You may not take this quiz", text: "Your login does not allow it.", isFinal: true }),
};

/** Why a quiz is not started. @param {any} error of `openQuiz` @returns {Words} */
export function startWords(error) {
  const known = Object.hasOwn(STARTS, error.code ?? "") && STARTS[error.code];
  if (known) return known(error.problem);
  if (error.status === 401)
    return { title: "Please sign in again", text: "You are no longer signed in, or the service does not accept it." };
  if (error.status === 429 || error.status >= 500)
    return { title: "The service is busy", text: "It can't start your quiz just now. This page tries again by itself." };
  if (error.isTransient)
    return { title: "No connection", text: "The service can't be reached. This page tries again by itself." };
  return { title: "The quiz can't be started", text: error.message };
}

/** @type {Record<string, string>} */
const ANSWERS = {
  question_locked: "The question was locked before this answer arrived.",
  section_expired: "The time of its section was over. The answer is kept for the staff.",
  session_expired: "It came after the end of your time. The answer is kept for the staff.",
  session_closed: "It came after the hand-in. The answer is kept for the staff.",
  content_too_large: "It is too long.",
  unknown_question: "Your quiz does not have this question.",
};

/** Why an answer is not accepted. @param {any} problem */
export const answerWords = (problem) => ANSWERS[problem?.code] ?? problem?.message ?? "";

/** @type {Record<string, string>} */
const WRITES = {
  network_refused: "Answers are not accepted from the network that you are in. Go back to the one you started in, or ask a proctor.",
  safe_exam_browser_required: "Answers are accepted from Safe Exam Browser only.",
  safe_exam_browser_refused: "Answers are not accepted from this configuration of Safe Exam Browser.",
  forbidden: "Your login does not allow it.",
};

/** Why nothing is accepted for now. @param {any} problem */
export const writeWords = (problem) => WRITES[problem.code] ?? problem.message;

/** Why something came to nothing that can be tried again. @param {any} error */
export const failureWords = (error) => (error.code ? error.message : "The service can't be reached. Please try again in a moment.");

/** `1 hour 30 minutes`. @param {number} seconds */
export function duration(seconds) {
  const parts = [
    [Math.floor(seconds / 3600), "hour"],
    [Math.floor(seconds / 60) % 60, "minute"],
    [Math.floor(seconds) % 60, "second"],
  ];
  const said = parts.filter(([n]) => n).map(([n, thing]) => counted(Number(n), String(thing)));
  return said.join(" ") || "no time";
}
