// What the student has answered, with what was asked.

import { own } from "../../browser/api.js";
import { describe, isAnswered, questionOf } from "../common/content.js";
import { sessionPath } from "../common/requests.js";
import { html } from "../common/view.js";
import { found, useLoaded } from "./loaded.js";
import { Folded } from "./long.js";
import { Problem } from "./problems.js";

/** @import { Api } from "../../browser/api.js" */

const LONG = 400;

/** @param {{text: string}} props */
const Text = ({ text }) =>
  text.length > LONG
    ? html`<${Folded} summary=${`${text.slice(0, LONG)}…`} text=${() => text.slice(LONG)} />`
    : html`<p class="said">${text}</p>`;

/** @param {{id: string, content: any, isLocked: boolean, session: any}} props */
function Answer({ id, content, isLocked, session }) {
  const question = questionOf(content, id);
  const answer = own(session.answers, id);
  const has = isAnswered(answer);
  const isDraft = session.buffered_questions.includes(id);
  return html`<li class="entry">
    <p><strong><bdi>${id}</bdi></strong> ${question.text}</p>
    ${has ? html`<${Text} text=${describe(question, answer)} />` : html`<p class="quiet">No answer</p>`}
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
  const path = `${sessionPath(session.id)}/paper`;
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
