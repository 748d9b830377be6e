// Why a request came to nothing, in words for staff.

import { html } from "../common/view.js";

/** @import { Refusal, Unreachable } from "../../browser/api.js" */
/** @import { Login } from "../common/login.js" */

/** @typedef {Refusal | Unreachable} Failure */

/** @type {Record<string, string>} */
const WORDS = {
  exports_off: "This service has no place for the files of exports. Whoever runs it can give it one (EXPORT_BUCKET or EXPORT_FOLDER).",
  export_file_gone: "The file was removed; files are kept for a week. Ask for another export.",
  export_not_found: "There is no such export of yours.",
  quiz_not_found: "No quiz is registered under this id, and nobody has taken one.",
  session_open: "The session was opened again. Its answers can be marked once it has ended.",
  session_closed: "The attempt was abandoned; it has no score.",
  store_unavailable: "The service can’t reach its database at the moment.",
  session_busy: "The service is too busy at the moment.",
};

/** @param {any} failure @returns {string} */
export function inWords(failure) {
  if (failure.name === "Unreachable")
    return failure.status === 401 ? "Your login could not be renewed." : "The service can’t be reached. Is the network there?";
  if (failure.name !== "Refusal") return `Something went wrong in this page: ${failure.message ?? failure}`;
  if (failure.status === 401) return "Your login is over.";
  if (failure.code === "forbidden") return `You are not allowed to do this. ${failure.message}`;
  return Object.hasOwn(WORDS, failure.code) ? WORDS[failure.code] : failure.message;
}

/**
 * @param {object} props
 * @param {any} props.failure
 * @param {string} [props.what] what came to nothing, as a sentence
 * @param {Login} props.login
 * @param {() => void} [props.again]
 */
export function FailureBanner({ failure, what, login, again }) {
  const isLogin = failure.status === 401;
  return html`<div class="banner bad" role="alert">
    <p>${what} ${inWords(failure)} ${failure.isTransient && !isLogin ? "Try again in a moment." : ""}</p>
    ${isLogin && html`<button type="button" onClick=${() => login.again()}>Log in again</button>`}
    ${!isLogin && again && html`<button type="button" onClick=${again}>Try again</button>`}
  </div>`;
}
