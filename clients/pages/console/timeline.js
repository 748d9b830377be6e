// Every request of a student, in order of time: what counted, what was refused, and of which time nobody knows.

import { moment, timeOfDay } from "../common/format.js";
import { sessionPath } from "../common/requests.js";
import { html, useState } from "../common/view.js";
import { Rest, usePages } from "./loaded.js";
import { wordsOf } from "./trail.js";

/** @import { Api } from "../../browser/api.js" */

const NAMED = 6;

/** @type {Record<string, string>} */
const OPERATIONS = {
  saveProgress: "Answers were refused",
  completeSession: "The hand-in was refused",
  getSession: "The session was not shown",
  enterSection: "A section was not begun",
  getPaper: "The paper was not shown",
};

/** @type {Record<string, string>} */
const CAUSES = {
  cache_away: "Valkey was away. What was refused meanwhile is not known.",
  not_recorded: "The service could not record what was refused.",
};

/** @param {string[]} ids */
const named = (ids) => ids.slice(0, NAMED).join(", ") + (ids.length > NAMED ? ` and ${ids.length - NAMED} more` : "");

/** @type {Record<string, (detail: any, questions: string) => string>} */
const KINDS = {
  answered: (_, questions) => `Saved for good: ${questions}`,
  autosaved: ({ durability }, questions) => `Autosaved: ${questions}${durability === "buffered" ? ". It waits to be saved for good" : ""}`,
  merged: (_, questions) => `Drafts were saved for good${questions && `: ${questions}`}. When they came is not recorded`,
  outdated: (_, questions) => `Came after a newer answer, and does not count: ${questions}`,
  displaced: (_, questions) => `Gave way to another device's answer, and does not count: ${questions}`,
  late_answer: (_, questions) => `Came too late, and does not count: ${questions}`,
  refused: ({ operation, status, code }, questions) =>
    `${Object.hasOwn(OPERATIONS, operation) ? OPERATIONS[operation] : `${operation} was refused`} (${status} ${code})${questions && `: ${questions}`}`,
  unknown: ({ cause }) => (Object.hasOwn(CAUSES, cause) ? `${CAUSES[cause]}` : "Not known"),
  staff_action: ({ action }) => `Staff, for the quiz or the student: ${action}`,
  erased: ({ type }) => `Erased by staff: ${type}`,
};

/** @param {any} moment_ of the timeline */
function said({ kind, detail, questions }) {
  const own = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (own) return own(detail, named(questions));
  const answers = Object.fromEntries(questions.map((/** @type {string} */ question) => [question, null]));
  return wordsOf(kind, { ...detail, answers, marks: answers });
}

/** @param {{moment: any}} props */
function Moment({ moment: { at, until, device, by, reason, kind, detail, ...more } }) {
  const isBad = kind === "refused" || kind === "unknown";
  return html`<li class="entry">
    <p class="text">${isBad && html`<span class="chip warn">${kind === "refused" ? "Refused" : "Not known"}</span> `}${said({ kind, detail, ...more })}</p>
    <p class="quiet">${moment(at)}${until && ` until ${timeOfDay(until)}`}${detail.count > 1 && `, ${detail.count} times`}${device && html` · device <span class="code">${device}</span>`}${by && html` · by <bdi>${by}</bdi>`}${reason && ` · “${reason}”`}${detail.request_id && html` · request <span class="code">${detail.request_id}</span>`}</p>
  </li>`;
}

/** @type {Record<string, string>} */
const LEFT_OUT = {
  buffered: "Valkey can't be read now: what was autosaved in the last half minute may be missing.",
  staff_actions: "What staff did to the whole quiz is not all here; that needs the scope audit:read.",
};

/** @param {{api: Api, sessionId: string, change: unknown}} props */
function Moments({ api, sessionId, change }) {
  const list = usePages(api, `${sessionPath(sessionId)}/timeline`, "moments", 50, [change]);
  // A page has what the flush recorded meanwhile, which may have come before the end of the page before.
  const moments = list.items && [...list.items].sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
  return html`<ol class="entries">${moments?.map((each, place) => html`<${Moment} key=${place} moment=${each} />`)}</ol>
    ${list.last?.left_out.map((/** @type {string} */ name) => html`<p key=${name} class="quiet">${LEFT_OUT[name] ?? name}</p>`)}
    <p class="quiet">Not here: requests that never reached the service or had no valid token, and drafts that the same device replaced within half a minute.</p>
    <${Rest} list=${list} none="Nothing yet." />`;
}

/** @param {{api: Api, sessionId: string, change: unknown}} props */
export function Timeline(props) {
  const [isOpen, setOpen] = useState(false);
  return html`<section class="card" aria-labelledby="timeline">
    <div class="row spread">
      <h3 id="timeline">Every request</h3>
      <button type="button" aria-expanded=${isOpen ? "true" : "false"} aria-controls="moments" onClick=${() => setOpen(!isOpen)}>
        ${isOpen ? "Hide" : "Show"}
      </button>
    </div>
    <div id="moments">${isOpen && html`<${Moments} ...${props} />`}</div>
  </section>`;
}
