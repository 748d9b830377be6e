// What can be done: with those who are selected, and, apart from that, with everybody.

import { html, useState } from "../common/view.js";
import { ACTS } from "./acts.js";
import { QuizNotices } from "./notices.js";
import { StaffActions } from "./staff.js";

/** @import { Api } from "../../browser/api.js" */
/** @import { Act } from "./acts.js" */
/** @import { Kind } from "./send.js" */

const KINDS = /** @type {Kind[]} */ (Object.keys(ACTS));

/**
 * @param {object} props
 * @param {Set<string>} props.picked
 * @param {string[]} props.ids those that are shown, on all pages
 * @param {(act: Act) => void} props.onAct
 * @param {(ids: string[], isPicked: boolean) => void} props.onPick
 * @param {() => void} props.onClear
 */
export function Toolbar({ picked, ids, onAct, onPick, onClear }) {
  const seen = ids.filter((id) => picked.has(id)).length;
  const hidden = picked.size - seen;
  const none = picked.size === 0;
  return html`<section class="sticky" aria-label="Selected sessions"><div class="bar">
    <div class="row">
      <p role="status" class="count"><strong>${picked.size}</strong> selected${hidden > 0 ? `, ${hidden} of them not shown now` : ""}</p>
      <button type="button" aria-disabled=${seen === ids.length ? "true" : "false"} onClick=${() => onPick(ids, true)}>Select all ${ids.length} shown</button>
      <button type="button" aria-disabled=${none ? "true" : "false"} onClick=${onClear}>Select none</button>
    </div>
    <div class="row">
      ${KINDS.map(
        (kind) => html`<button type="button" key=${kind} class=${ACTS[kind].isDangerous ? "danger" : ""} aria-disabled=${none ? "true" : "false"}
          onClick=${() => !none && onAct({ kind, ids: [...picked] })}>${ACTS[kind].title}</button>`,
      )}
    </div>
  </div></section>`;
}

/** @type {Record<Kind, string>} */
const EVERYBODY = {
  extend: "Give everybody time",
  pause: "Pause the quiz",
  resume: "Resume the quiz",
  notices: "Notice to everybody",
  complete: "Hand in for everybody",
};

/** @param {{api: Api, quizId: string, quiz: any, onAct: (act: Act) => void}} props */
export function WholeQuiz({ api, quizId, quiz, onAct }) {
  const [open, setOpen] = useState("");
  const close = () => setOpen("");
  return html`<section class="bar whole" aria-labelledby="whole">
      <div class="row">
        <h2 id="whole">The whole quiz</h2>
        ${KINDS.filter((kind) => kind !== (quiz?.paused_at ? "pause" : "resume")).map(
          (kind) => html`<button type="button" key=${kind} class=${ACTS[kind].isDangerous ? "danger" : ""} onClick=${() => onAct({ kind, ids: "all" })}>${EVERYBODY[kind]}</button>`,
        )}
      </div>
      <div class="row">
        <button type="button" onClick=${() => setOpen("notices")}>Notices sent</button>
        <button type="button" onClick=${() => setOpen("actions")}>Staff record</button>
      </div>
    </section>
    ${open === "notices" && html`<${QuizNotices} api=${api} quizId=${quizId} onClose=${close} />`}
    ${open === "actions" && html`<${StaffActions} api=${api} quizId=${quizId} onClose=${close} />`}`;
}
