// Why a request came to nothing, in words.

import { html } from "../common/view.js";

/** @type {Record<string, string>} */
const SCOPES = {
  "sessions:proctor": "watching over rooms (sessions:proctor)",
  "sessions:grade": "marking (sessions:grade)",
  "quizzes:write": "writing quizzes (quizzes:write)",
  "audit:read": "reading what staff have done (audit:read)",
};

/** @type {Record<string, string>} */
const CODES = {
  session_closed: "The session has ended meanwhile.",
  session_expired: "The session's time is over.",
  session_state: "That can't be done with the session as it is now.",
  session_paused: "The session's clock is stopped.",
  quiz_paused: "The whole quiz is paused: let the quiz run again.",
  quiz_closed: "The quiz has closed. Its closing time has to be changed first.",
  quiz_closes_first: "The quiz closes first, so that the deadline can't move. Its closing time has to be changed first.",
  no_time_left: "There is no time left that could be taken away.",
  attempt_active: "The student has another open attempt.",
};

/** @param {any} problem what `Api.request` throws @returns {string} */
export function inWords(problem) {
  const { status = 0, code = "" } = problem ?? {};
  if (status === 401) return "You are no longer signed in.";
  if (status === 403) {
    const scopes = Object.entries(SCOPES).flatMap(([scope, words]) => (problem.message.includes(scope) ? [words] : []));
    return scopes.length ? `Your account lacks the permission for ${scopes.join(" or ")}.` : problem.message;
  }
  if (code && Object.hasOwn(CODES, code)) return CODES[code] ?? "";
  if (status === 429) return "The service is asked too often just now.";
  if (status >= 500) return "The service can't do this just now.";
  if (!code) return "The service can't be reached.";
  const errors = problem.problem?.errors?.map((/** @type {any} */ each) => each.message).join("; ");
  return errors || problem.message;
}

/** Whether it may have been done all the same. @param {any} problem */
export const isUnsure = (problem) => Boolean(problem?.isTransient) && ![401, 429].includes(problem.status);

/**
 * @param {object} props
 * @param {any} props.problem
 * @param {() => void} [props.onRetry]
 * @param {{again: () => Promise<void>}} [props.login]
 * @param {any} [props.children]
 */
export const Problem = ({ problem, onRetry, login, children }) =>
  problem
    ? html`<div class="banner bad" role="alert">
        <p>${inWords(problem)} ${children}</p>
        <div class="row">
          ${problem.status === 401 && login && html`<button type="button" onClick=${() => login.again()}>Sign in again</button>`}
          ${onRetry && problem.status !== 403 && html`<button type="button" onClick=${onRetry}>Try again</button>`}
        </div>
      </div>`
    : null;
