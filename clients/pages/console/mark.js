// The points and the comment of a mark: what is typed, and what it means.

import { html } from "../common/view.js";
import { pointsText } from "./answer.js";

/** @import { Draft } from "./drafts.js" */
/** @import { Mark } from "./queue.js" */

const MAX_COMMENT = 4096;

/** @param {string} text `3.5`, or `3,5` @returns {number} NaN where it is no number */
const numberOf = (text) => (/^\s*\d*[.,]?\d+\s*$|^\s*\d+[.,]\s*$/.test(text) ? Number(text.trim().replace(",", ".")) : Number.NaN);

/**
 * The mark that was typed, or what is wrong with it.
 *
 * @param {Draft} draft @param {number} max @returns {{mark: Mark, wrong?: undefined} | {mark?: undefined, wrong: {points?: string, comment?: string}}}
 */
export function readMark({ points, comment }, max) {
  const number = numberOf(points);
  if (!points.trim()) return { wrong: { points: "Type the points first." } };
  // `1,000` is a thousand to some, and one to others.
  if (max >= 1000 && /^\s*\d{1,3}[.,]\d{3}\s*$/.test(points)) return { wrong: { points: "Type thousands without a separator, as 1000, and at most two decimals." } };
  if (!(number >= 0 && number <= max)) return { wrong: { points: `Points go from 0 to ${pointsText(max)}.` } };
  const length = Array.from(comment).length;
  if (length > MAX_COMMENT)
    return { wrong: { comment: `A comment has at most ${MAX_COMMENT} characters; this one has ${length}.` } };
  return { mark: { points: number, comment: comment.trim() ? comment : null } };
}

/**
 * The fields of a mark, in a form of the caller's.
 *
 * @param {object} props
 * @param {string} props.id makes those of the fields
 * @param {Draft} props.draft
 * @param {(draft: Draft) => void} props.put
 * @param {number} props.max
 * @param {{points?: string, comment?: string}} props.wrong
 * @param {boolean} [props.withKeys] whether single keys work, which the buttons then say
 */
export function MarkFields({ id, draft, put, max, wrong, withKeys = false }) {
  const typed = (/** @type {Partial<Draft>} */ change) => put({ ...draft, ...change });
  const submit = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.repeat) return;
    event.preventDefault();
    /** @type {HTMLTextAreaElement} */ (event.currentTarget).form?.requestSubmit();
  };
  const full = pointsText(max);
  return html`<label for=${`${id}-points`}>Points <span class="quiet">of ${full}</span></label>
    <div class="row">
      <input id=${`${id}-points`} class="points" inputmode="decimal" autocomplete="off" value=${draft.points}
        aria-invalid=${wrong.points ? "true" : undefined} aria-describedby=${wrong.points ? `${id}-wrong-points` : undefined}
        onInput=${(/** @type {any} */ event) => typed({ points: event.target.value })} />
      <button type="button" onClick=${() => typed({ points: "0" })}>Zero${withKeys && html` <kbd aria-hidden="true">Z</kbd>`}</button>
      <button type="button" onClick=${() => typed({ points: String(max) })}>Full${withKeys && html` <kbd aria-hidden="true">F</kbd>`}</button>
    </div>
    ${wrong.points && html`<p id=${`${id}-wrong-points`} class="wrong" role="alert">${wrong.points}</p>`}
    <label for=${`${id}-comment`}>Comment <span class="quiet">(may be left empty; students see it with their results)</span></label>
    <textarea id=${`${id}-comment`} dir="auto" value=${draft.comment}
      aria-invalid=${wrong.comment ? "true" : undefined} aria-describedby=${wrong.comment ? `${id}-wrong-comment` : undefined}
      onInput=${(/** @type {any} */ event) => typed({ comment: event.target.value })} onKeyDown=${submit}></textarea>
    ${wrong.comment && html`<p id=${`${id}-wrong-comment`} class="wrong" role="alert">${wrong.comment}</p>`}`;
}
