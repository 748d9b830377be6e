// What the page remembers on this device beside answers, which the library keeps.

import { onDevice } from "../common/device.js";

export const { recall, keep, onKept } = onDevice("quiz-sessions/student/");

/** @param {string} quizId @param {string} name */
export const startedKey = (quizId, name) => `started/${encodeURIComponent(quizId)}/${encodeURIComponent(name)}`;

/** Whatever is remembered of a session. @param {string} sessionId */
export function forget(sessionId) {
  for (const kind of ["flags", "read", "handed-in"]) keep(`${kind}/${sessionId}`, null);
}
