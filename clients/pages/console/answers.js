// What the student has answered, with what was asked.

import { asText } from "../common/format.js";
import { html } from "../common/view.js";
import { found, useLoaded } from "./loaded.js";
import { Folded } from "./long.js";
import { Problem } from "./problems.js";

/** @import { Api } from "../../browser/api.js" */

const LONG = 400;

/** @param {any} content any JSON */
const asked = (content) => (typeof content?.text === "string" ? content.text : content === null ? "" : asText(content));

/** An option by the words that the student saw. @param {any} content @param {any} answer */
function inWords(content, answer) {
  const options = Array.isArray(content?.options) ? content.options : [];
  const one = (/** @type {any} */ value) => {
    const option = options.find((/** @type {any} */ each) => each && typeof each === "object" && (each.id ?? each.value) === value);
    return asText(option?.text ?? option?.label ?? value);
  };
  return Array.isArray(answer) && answer.every((each) => typeof each !== "object") ? answer.map(one).join(", ") : one(answer);
}

/** @param {{text: string}} props */
const Text = ({ text }) =>
  text.length > LONG
    ? html`<${Folded} summary=${`${text.slice(0, LONG)}…`} text=${() => text.slice(LONG)} />`
    : html`<p class="said">${text}</p>`;

/** @param {{id: string, content: any, isLocked: boolean, session: any}} props */
function Answer({ id, content, isLocked, session }) {
  const has = Object.hasOwn(session.answers, id) && session.answers[id] !== null;
  const isDraft = session.buffered_questions.includes(id);
  return html`<li class="entry">
    <p><strong><bdi>${id}</bdi></strong> ${asked(content)}</p>
    ${has ? html`<${Text} text=${inWords(content, session.answers[id])} />` : html`<p class="quiet">No answer</p>`}
    <p class="row">
      ${isDraft && html`<span class="chip warn">Draft: has arrived, not saved for good yet</span>`}
      ${has && !isDraft && html`<span class="chip good">Saved</span>`}
      ${isLocked && html`<span class="chip">Locked</span>`}
    </p>
  </li>`;
}

/** @param {{api: Api, session: any}} props */
export function Answers({ api, session }) {
  // Null without a paper.
  const begun = session.sections ?? [];
  const path = `/sessions/${session.id}/paper`;
  const { value: paper, problem, again } = useLoaded(() => found(api, path), [begun.length]);
  if (paper === undefined && !problem) return html`<section class="card"><h3>Answers</h3><p class="quiet">Reading …</p></section>`;
  const sections = paper?.sections ?? [];
  const onPaper = new Set(sections.flatMap((/** @type {any} */ section) => section.questions.map((/** @type {any} */ each) => each.id)));
  const others = Object.keys(session.answers).filter((id) => !onPaper.has(id));
  const locked = new Set(begun.flatMap((/** @type {any} */ section) => section.locked));
  return html`<section class="card" aria-labelledby="answers">
    <h3 id="answers">Answers</h3>
    <${Problem} problem=${problem} onRetry=${again}>The questions' texts can't be shown.<//>
    ${sections.map(
      (/** @type {any} */ section, /** @type {number} */ n) => html`<h4 key=${`title ${n}`}>${n + 1}. ${section.title || "Section"}</h4>
        <ol class="entries" key=${n}>
          ${section.questions.map(
            (/** @type {any} */ { id, content }) => html`<${Answer} key=${id} id=${id} content=${content} isLocked=${locked.has(id)} session=${session} />`,
          )}
        </ol>`,
    )}
    ${others.length > 0 && html`<ol class="entries">
      ${others.map((id) => html`<${Answer} key=${id} id=${id} content=${null} isLocked=${locked.has(id)} session=${session} />`)}
    </ol>`}
    ${sections.length === 0 && others.length === 0 && html`<p class="quiet">No answer yet.</p>`}
  </section>`;
}
