// Why a request came to nothing, in words for staff.

import { html } from "../common/view.js";

/** @import { Login } from "../common/login.js" */

/** @type {Record<string, string>} */
const CODES = {
  attempt_active: "The student has another open attempt.",
  export_file_gone: "The file was removed; files are kept for a week. Ask for another export.",
  export_not_found: "There is no such export of yours.",
  exports_off: "This service has no place for the files of exports. Whoever runs it can give it one (EXPORT_BUCKET or EXPORT_FOLDER).",
  no_time_left: "There is no time left that could be taken away.",
  quiz_closed: "The quiz has closed. Its closing time has to be changed first.",
  quiz_closes_first: "The quiz closes first, so that the deadline can’t move. Its closing time has to be changed first.",
  quiz_not_found: "No quiz is registered under this id, and nobody has taken one.",
  quiz_paused: "The whole quiz is paused: let the quiz run again.",
  session_busy: "The service is too busy at the moment.",
  session_closed: "The session has ended meanwhile.",
  session_expired: "The session’s time is over.",
  session_open: "The session was opened again. Its answers can be marked once it has ended.",
  session_paused: "The session’s clock is stopped.",
  session_state: "That can’t be done with the session as it is now.",
  store_unavailable: "The service can’t reach its database at the moment.",
  too_many_requests: "The service is asked too often just now.",
};

/** @param {any} problem what `Api.request` throws @returns {string} */
export function inWords(problem) {
  const { name, status = 0, code = "", message = "" } = problem ?? {};
  if (status === 401) return "You are no longer signed in.";
  if (name === "Unreachable" && status) return `Something between here and the service ${status < 400 ? "replied in its place" : "refused it"} (status ${status}).`;
  if (name === "Unreachable") return "The service can’t be reached. Is the network there?";
  if (name !== "Refusal") return `Something went wrong in this page: ${message}`;
  if (code === "forbidden") return `You are not allowed to do this. ${message}`;
  if (Object.hasOwn(CODES, code)) return CODES[code] ?? "";
  if (status >= 500) return "The service can’t do this just now.";
  const errors = problem.problem.errors?.map((/** @type {any} */ each) => each.message).join("; ");
  return errors || message;
}

/** Whether it may have been done all the same. @param {any} problem */
export const isUnsure = (problem) => Boolean(problem?.isUnsure ?? (problem?.isTransient && ![401, 429].includes(problem.status)));

/**
 * @param {object} props
 * @param {any} props.problem
 * @param {string} [props.what] what came to nothing, as a sentence
 * @param {() => void} [props.onRetry]
 * @param {Pick<Login, "again">} [props.login]
 * @param {any} [props.children]
 */
export const Problem = ({ problem, what, onRetry, login, children }) =>
  problem
    ? html`<div class="banner bad" role="alert">
        <p>${what} ${inWords(problem)} ${children}</p>
        <div class="row">
          ${problem.status === 401 && login && html`<button type="button" onClick=${() => login.again()}>Sign in again</button>`}
          ${onRetry && ![401, 403].includes(problem.status) && html`<button type="button" onClick=${onRetry}>Try again</button>`}
        </div>
      </div>`
    : null;
