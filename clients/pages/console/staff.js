// What staff have done at the quiz, as it is on record.

import { Dialog } from "../common/dialog.js";
import { asText, moment } from "../common/format.js";
import { html } from "../common/view.js";
import { Rest, usePages } from "./loaded.js";

/** @import { Api } from "../../browser/api.js" */

/** @type {Record<string, string>} */
const ACTIONS = {
  "put-quiz": "Wrote the quiz's rules",
  "delete-quiz": "Removed the quiz",
  extend: "Moved the deadline",
  "extend-quiz": "Moved the deadline of several",
  pause: "Stopped the clock",
  "pause-quiz": "Stopped the clock of several, or of the quiz",
  resume: "Let the clock run again",
  "resume-quiz": "Let the clock run again of several, or of the quiz",
  complete: "Handed in",
  "complete-quiz": "Handed in for several",
  reopen: "Reopened",
  notify: "Sent a notice",
  "notify-quiz": "Sent a notice to several",
  "unlock-device": "Let the next device in",
  label: "Changed group or label",
  accept: "Accepted a late answer",
  "put-accommodation": "Gave extra time at this quiz",
  "delete-accommodation": "Took extra time at this quiz back",
  "put-standing-accommodation": "Gave extra time at every quiz",
  "delete-standing-accommodation": "Took extra time at every quiz back",
  start: "Started for a student",
  grades: "Marked",
  score: "Set a score",
  regrade: "Graded again",
  export: "Asked for an export",
  "erase-events": "Erased what a session held",
  "retry-webhook": "Had events sent again",
};

/** @param {{action: any}} props */
function Action({ action: { at, by, action, user_id, reason, before, after } }) {
  return html`<li class="entry">
    <p><strong>${ACTIONS[action] ?? action}</strong>${user_id !== null && html`, <bdi>${user_id}</bdi>`}</p>
    <p class="quiet">${moment(at)}, ${by === null ? "by somebody without a name" : html`by <bdi>${by}</bdi>`}${reason && html`: “${reason}”`}</p>
    ${(before || after) && html`<details><summary>Details</summary><dl class="facts">
      ${before && html`<dt>Before</dt><dd>${asText(before)}</dd>`}${after && html`<dt>After</dt><dd>${asText(after)}</dd>`}
    </dl></details>`}
  </li>`;
}

/** @param {{api: Api, quizId: string, onClose: () => void}} props */
export function StaffActions({ api, quizId, onClose }) {
  const list = usePages(api, `/staff-actions?quiz_id=${encodeURIComponent(quizId)}`, "actions", 100, []);
  return html`<${Dialog} title="Staff record" isWide=${true} onClose=${onClose}>
    <p class="quiet">What staff have done at this quiz, the oldest first.</p>
    <ol class="entries">${list.items?.map((action) => html`<${Action} key=${action.id} action=${action} />`)}</ol>
    <${Rest} list=${list} none="Nothing yet." />
    <div class="row end"><button type="button" class="main" onClick=${onClose}>Close</button></div>
  <//>`;
}
