// The audit log of a session, in plain words, and whether it is intact.

import { asText, moment, timeOfDay } from "../common/format.js";
import { sessionPath } from "../common/requests.js";
import { html, useState } from "../common/view.js";
import { incidentWords } from "./incidents.js";
import { Rest, usePages } from "./loaded.js";
import { Folded } from "./long.js";
import { Problem } from "./problems.js";
import { lasting } from "./times.js";

/** @import { Api } from "../../browser/api.js" */

const NAMED = 6;

/** `0, 1, essay and 3 more`. @param {any} answers by question, or a list of such as name theirs */
function questions(answers) {
  const ids = Array.isArray(answers) ? [...new Set(answers.map(({ question }) => question))] : Object.keys(answers ?? {});
  const more = ids.length - NAMED;
  return ids.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

const deadline = (/** @type {any} */ { expires_at }) => (expires_at ? ` The deadline: ${moment(expires_at)}.` : "");

/** @type {Record<string, (changes: any) => string>} */
const EVENTS = {
  started: (changes) => `Started, attempt ${changes.attempt_no}.${deadline(changes)}`,
  answered: ({ answers }) => `Answered: ${questions(answers)}`,
  merged: ({ answers }) => `Drafts became answers: ${questions(answers)}`,
  late_merge: ({ answers }) => `Answers that had come in time were added after the end: ${questions(answers)}`,
  late_answer: () => "Late answers",
  late_accepted: ({ answers }) => `Late answers were accepted: ${questions(answers)}`,
  displaced: () => "Another answer counts",
  incident: ({ incident }) => `Incident: ${incidentWords(incident)}`,
  extended: (changes) => `${changes.seconds < 0 ? "Time was taken away" : "Time was given"}: ${lasting(changes.seconds)}.${deadline(changes)}`,
  rescheduled: (changes) => `Rules or extra time changed.${deadline(changes)}`,
  paused: ({ quiz_paused }) => (quiz_paused ? "The clock was stopped, with the whole quiz" : "The clock was stopped"),
  resumed: (changes) => `The clock runs again.${deadline(changes)}`,
  reopened: (changes) => `Reopened for ${lasting(changes.seconds)}.${deadline(changes)}`,
  completed: ({ reason }) => (reason ? "Handed in by staff" : "Handed in"),
  expired: () => "The time was over",
  abandoned: () => "Given up",
  graded: ({ grading }) => (grading === "pending" ? "Graded, as far as that goes without a person" : "Graded"),
  marked: ({ marks }) => `Marked: ${questions(marks)}`,
  notified: ({ text }) => `Notice: ${text}`,
  notice_read: () => "A notice was read",
  results_read: () => "The student was shown the results",
  labelled: () => "Group or label was changed",
  device_changed: ({ device, incident }) => {
    if (device === null) return "The next device was let in";
    return incident?.type === "takeover" ? "The student took over with another device" : "Another device has the session now";
  },
  page_changed: () => "Went on from another page or address",
  section_entered: ({ section }) => `Began section ${section + 1}`,
};

/** What is recorded beside, in whatever event. @type {Record<string, string>} */
const BESIDE = {
  outdated: "Came after a newer answer, and does not count",
  displaced: "Gave way to another device's answer, and does not count",
  late_answers: "Came too late, and does not count",
};

/** @param {string} type @param {any} changes what an event has changed, with `answers` by question */
export function wordsOf(type, changes) {
  const words = (Object.hasOwn(EVENTS, type) && EVENTS[type]?.(changes)) || type;
  const beside = Object.entries(BESIDE).flatMap(([name, said]) => (changes[name] ? [`${said}: ${questions(changes[name])}`] : []));
  return [words, ...beside].join("\n");
}

/** @param {{event: any}} props */
export function Event({ event: { type, at, changes, erased_by } }) {
  const words = changes === null ? `${type}: erased by staff (action ${erased_by})` : wordsOf(type, changes);
  const { by, reason } = changes ?? {};
  return html`<li class="entry">
    <p class="text">${words}</p>
    <p class="quiet">${moment(at)}${by && html` · by <bdi>${by}</bdi>`}${reason && ` · “${reason}”`}</p>
    ${changes !== null && html`<${Folded} summary="Details" text=${() => asText(changes)} class="text code" />`}
  </li>`;
}

/** @param {{found: any, at: string}} props */
function Verdict({ at, found: { intact, events, broken, differs, erased, paper_as_drawn } }) {
  if (intact) {
    return html`<p class="banner good">Intact: all ${events} entries that there were at ${timeOfDay(at)} are as they were written, and the session is as they say.
      ${erased > 0 ? ` Of ${erased} of them staff have erased the contents, on record.` : ""}</p>`;
  }
  return html`<div class="banner bad">
    <p><strong>Not intact</strong>, seen at ${timeOfDay(at)}. Somebody changed what is stored. Tell who runs the service, and change nothing.</p>
    <ul>
      ${broken.length > 0 && html`<li>Missing or changed entries: ${broken.join(", ")}</li>`}
      ${differs.length > 0 && html`<li>The session differs from its log in: ${differs.join(", ")}</li>`}
      ${paper_as_drawn === false && html`<li>The paper is not the one that was drawn.</li>`}
    </ul>
  </div>`;
}

/** @param {{api: Api, sessionId: string, change: unknown}} props */
export function Trail({ api, sessionId, change }) {
  const list = usePages(api, `${sessionPath(sessionId)}/events`, "events", 50, [change]);
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const verify = () =>
    api.request("GET", `${sessionPath(sessionId)}/verify`).then(
      ({ body }) => (setFound({ found: body, at: new Date().toISOString() }), setProblem(null)),
      (error) => (setFound(null), setProblem(error)),
    );
  return html`<section class="card" aria-labelledby="trail">
    <div class="row spread">
      <h3 id="trail">What happened</h3>
      <button type="button" onClick=${verify}>Is the record intact?</button>
    </div>
    <div role="status">${found && html`<${Verdict} ...${found} />`}</div>
    <${Problem} problem=${problem}>The record was not looked through.<//>
    <ol class="entries">${list.items?.map((event) => html`<${Event} key=${event.revision} event=${event} />`)}</ol>
    <${Rest} list=${list} none="Nothing yet." />
  </section>`;
}
