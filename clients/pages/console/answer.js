// An answer beside its question, as its marker reads it. Nothing here says whose it is.

import { describe, isAnswered, questionOf } from "../common/content.js";
import { counted, moment } from "../common/format.js";
import { Images } from "../common/images.js";
import { html } from "../common/view.js";

/** @import { Option } from "../common/content.js" */
/** @import { About, Item, Past, Queue } from "./queue.js" */

const SHOWN_CHARACTERS = 120;

export const shortened = (/** @type {string} */ text) => (text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)} …` : text);
export const pointsText = (/** @type {number} */ points) => points.toLocaleString(undefined, { maximumFractionDigits: 6 });

/** @param {{past: Past[], queue: Queue}} props */
function Earlier({ past, queue }) {
  return html`<section class="card" data-part="past">
    <h3>Marked before</h3>
    <p>For an answer that was here before, or taken back. It waits for a mark again.</p>
    <ul>
      ${past.map(
        ({ at, by, points, comment }) => html`<li>
          ${points === null ? "Taken back" : counted(points, "point")}${by ? ` by ${queue.nameOf(by)}` : ""}, ${moment(at)}
          ${comment ? html`<blockquote dir="auto">${comment}</blockquote>` : ""}
        </li>`,
      )}
    </ul>
  </section>`;
}

/** @param {{name: string, options: Option[]}} props */
const Options = ({ name, options }) =>
  options.length > 0 ? html`<ul aria-label=${name}>${options.map(({ text }) => html`<li dir="auto">${text}</li>`)}</ul>` : null;

/**
 * @param {object} props
 * @param {Item} props.item
 * @param {About | null | undefined} props.about undefined: it is being read; null: it can't be
 * @param {any} props.rules of the question, with its key where this marker may see it
 * @param {Queue} props.queue
 */
export function Answer({ item, about, rules, queue }) {
  const question = questionOf(about?.content ?? rules?.content, item.question);
  const { text, kind, options, left, right, images } = question;
  const answer = isAnswered(item.answer) ? describe(question, item.answer) : "";
  const words = kind === "essay" && answer.trim() ? answer.trim().split(/\s+/).length : 0;
  const hasKey = rules && Object.hasOwn(rules, "key");
  return html`<section class="card" aria-label="Question" data-part="question">
      <p class="question-text" dir="auto">${text || html`<span class="quiet">${about === undefined ? "…" : about === null ? "What the student was shown can’t be read at the moment." : "No text is kept of this question."}</span>`}</p>
      <${Images} images=${images} />
      <${Options} name="Options" options=${options} />
      <${Options} name="What is matched" options=${left} />
      <${Options} name="With what" options=${right} />
      ${hasKey && html`<p>Key: <strong dir="auto">${isAnswered(rules.key) ? describe(question, rules.key) : "(empty)"}</strong></p>`}
    </section>
    <section class="card" aria-label="Answer" data-part="answer">
      ${answer ? html`<p class="answer-text" dir="auto">${answer}</p>` : html`<p class="quiet">There is no answer (any more).</p>`}
      ${words > 0 && html`<p class="quiet">${counted(words, "word")}</p>`}
    </section>
    ${about?.isMore && html`<p class="quiet" data-part="more">There is more on record of this session than can be read here: other marks that the answer had before may be missing.</p>`}
    ${about && about.past.length > 0 && html`<${Earlier} past=${about.past} queue=${queue} />`}`;
}
