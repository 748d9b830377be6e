// What the page remembers on this device beside answers, which the library keeps.

const PREFIX = "quiz-sessions/student/";

/** @param {string} key @returns {any} null where there is nothing, or the browser forbids it */
export function recall(key) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} key @param {unknown} value null forgets */
export function keep(key, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // It is a convenience: the page works without.
  }
}

/** What other tabs keep. @param {string} key @param {() => void} listener @returns what takes it off again */
export function onKept(key, listener) {
  const heard = (/** @type {StorageEvent} */ event) => event.key === PREFIX + key && listener();
  addEventListener("storage", heard);
  return () => removeEventListener("storage", heard);
}

/** @param {string} quizId @param {string} name */
export const startedKey = (quizId, name) => `started/${encodeURIComponent(quizId)}/${encodeURIComponent(name)}`;

/** Whatever is remembered of a session. @param {string} sessionId */
export function forget(sessionId) {
  for (const kind of ["flags", "read", "handed-in"]) keep(`${kind}/${sessionId}`, null);
}
