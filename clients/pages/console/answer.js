// An answer beside its question, as its marker reads it. Nothing here says whose it is.

import { asText, moment } from "../common/format.js";
import { html } from "../common/view.js";

/** @import { About, Item, Past, Queue } from "./queue.js" */

const SHOWN_CHARACTERS = 120;

const isObject = (/** @type {any} */ it) => it !== null && typeof it === "object" && !Array.isArray(it);
const isSame = (/** @type {unknown} */ one, /** @type {unknown} */ other) => JSON.stringify(one) === JSON.stringify(other);

/** @param {any} it a member of `options` @returns {{value: unknown, text: string}} */
function optionOf(it) {
  if (!isObject(it)) return { value: it, text: asText(it) };
  const text = asText(it.text ?? it.id ?? it);
  return { value: it.id ?? text, text };
}

/** What the student read, from whatever the content is. @param {any} content */
export function readContent(content) {
  const given = isObject(content) ? content : { text: content };
  return {
    text: asText(isObject(content) && content.text === undefined ? content : given.text),
    options: Array.isArray(given.options) ? given.options.map(optionOf) : [],
  };
}

/** A value as a person reads it: of several values a line each. @param {unknown} value @param {{value: unknown, text: string}[]} options @returns {string} */
export function written(value, options) {
  const named = options.find((option) => isSame(option.value, value));
  if (named) return named.text;
  if (Array.isArray(value)) return value.map((each) => written(each, options)).join("\n");
  if (isObject(value)) return Object.entries(/** @type {object} */ (value)).map(([name, each]) => `${name}: ${written(each, options)}`).join("\n");
  return asText(value);
}

export const shortened = (/** @type {string} */ text) => (text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)} …` : text);
export const pointsText = (/** @type {number} */ points) => points.toLocaleString(undefined, { maximumFractionDigits: 6 });
export const counted = (/** @type {number} */ n, /** @type {string} */ one, many = `${one}s`) => `${n.toLocaleString()} ${n === 1 ? one : many}`;

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

/**
 * @param {object} props
 * @param {Item} props.item
 * @param {About | null | undefined} props.about undefined: it is being read; null: it can't be
 * @param {any} props.rules of the question, with its key where this marker may see it
 * @param {Queue} props.queue
 */
export function Answer({ item, about, rules, queue }) {
  const { text, options } = readContent(about?.content ?? rules?.content ?? "");
  const answer = item.answer === null ? "" : written(item.answer, options);
  const words = answer.trim() ? answer.trim().split(/\s+/).length : 0;
  const hasKey = rules && Object.hasOwn(rules, "key");
  return html`<section class="card" aria-label="Question" data-part="question">
      <p class="question-text" dir="auto">${text || html`<span class="quiet">${about === undefined ? "…" : about === null ? "What the student was shown can’t be read at the moment." : "No text is kept of this question."}</span>`}</p>
      ${
        options.length > 0 &&
        html`<ul aria-label="Options">${options.map((/** @type {{text: string}} */ option) => html`<li dir="auto">${option.text}</li>`)}</ul>`
      }
      ${hasKey && html`<p>Key: <strong dir="auto">${written(rules.key, options)}</strong></p>`}
    </section>
    <section class="card" aria-label="Answer" data-part="answer">
      ${answer ? html`<p class="answer-text" dir="auto">${answer}</p>` : html`<p class="quiet">There is no answer (any more).</p>`}
      ${words > 0 && html`<p class="quiet">${counted(words, "word")}</p>`}
    </section>
    ${about?.isMore && html`<p class="quiet" data-part="more">There is more on record of this session than can be read here: other marks that the answer had before may be missing.</p>`}
    ${about && about.past.length > 0 && html`<${Earlier} past=${about.past} queue=${queue} />`}`;
}
