// A field for each kind of question that is answered by choosing or writing; arrange.js has the others.

import { asText, counted } from "../common/format.js";
import { html, useLayoutEffect, useRef } from "../common/view.js";
import { Match, Order } from "./arrange.js";
import { isAnswered, isSame } from "../common/content.js";

/** @import { Question } from "../common/content.js" */

/**
 * @typedef {object} FieldProps
 * @property {Question} question
 * @property {any} answer
 * @property {boolean} isClosed whether it takes no answers now
 * @property {string} labelledBy ids of what names it
 * @property {string} describedBy ids of what explains it
 * @property {(value: unknown, isFinal?: boolean) => void} put
 */

const GROWS = CSS.supports("field-sizing", "content");

/** @param {FieldProps} props */
function Choice({ question, answer, isClosed, labelledBy, describedBy, put }) {
  return html`<fieldset role="radiogroup" disabled=${isClosed} aria-labelledby=${labelledBy} aria-describedby=${describedBy}>
    ${question.options.map(
      ({ value, text }) => html`<label class="option">
        <input type="radio" name=${`q-${question.number}`} checked=${isSame(answer, value)} onChange=${() => put(value, true)} />
        <span class="text">${text}</span>
      </label>`,
    )}
    ${isAnswered(answer) &&
    !isClosed &&
    html`<button
      type="button"
      class="plain"
      onClick=${(/** @type {Event} */ { target }) => {
        // The button goes.
        /** @type {HTMLElement} */ (target).closest("fieldset")?.querySelector("input")?.focus();
        put(null, true);
      }}
    >
      Clear my choice
    </button>`}
  </fieldset>`;
}

/** @param {FieldProps} props */
function Multiple({ question, answer, isClosed, labelledBy, describedBy, put }) {
  const chosen = Array.isArray(answer) ? answer : [];
  const has = (/** @type {unknown} */ value) => chosen.some((each) => isSame(each, value));
  const change = (/** @type {unknown} */ changed) => {
    const now = question.options.map(({ value }) => value).filter((value) => has(value) !== isSame(value, changed));
    put(now.length ? now : null, true);
  };
  return html`<fieldset disabled=${isClosed} aria-labelledby=${labelledBy} aria-describedby=${describedBy}>
    ${question.options.map(
      ({ value, text }) => html`<label class="option">
        <input type="checkbox" checked=${has(value)} onChange=${() => change(value)} />
        <span class="text">${text}</span>
      </label>`,
    )}
    <p class="quiet">Several may be right.</p>
  </fieldset>`;
}

/** @param {FieldProps} props */
function Line({ question, answer, isClosed, labelledBy, describedBy, put }) {
  const isNumber = question.kind === "number";
  return html`<div class="row">
    <input
      type="text"
      class=${isNumber ? "line narrow" : "line"}
      inputmode=${isNumber ? "decimal" : "text"}
      autocomplete="off"
      autocapitalize="off"
      spellcheck=${false}
      maxlength=${question.maxLength}
      readonly=${isClosed}
      aria-labelledby=${labelledBy}
      aria-describedby=${describedBy}
      value=${asText(answer)}
      onInput=${(/** @type {any} */ { target }) => put(target.value || null)}
    />
    ${question.unit && html`<span>${question.unit}</span>`}
  </div>`;
}

/** @param {string} text */
const words = (text) => text.trim().split(/\s+/u).filter(Boolean).length;

/** @param {FieldProps} props */
function Essay({ question, answer, isClosed, labelledBy, describedBy, put }) {
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const text = asText(answer);
  useLayoutEffect(() => {
    if (GROWS || !field.current) return;
    field.current.style.height = "auto";
    field.current.style.height = `${field.current.scrollHeight + 2}px`;
  }, [text]);
  const { maxLength } = question;
  return html`<textarea
      ref=${field}
      class="essay"
      maxlength=${maxLength}
      readonly=${isClosed}
      aria-labelledby=${labelledBy}
      aria-describedby=${describedBy}
      value=${text}
      onInput=${(/** @type {any} */ { target }) => put(target.value || null)}
    ></textarea>
    <p class="quiet small">
      ${counted(words(text), "word")}${maxLength && `, ${text.length} of at most ${counted(maxLength, "character")}`}
    </p>`;
}

const FIELDS = { choice: Choice, multiple: Multiple, number: Line, short: Line, essay: Essay, order: Order, match: Match };

/** @param {FieldProps} props */
export const Field = (props) => html`<${FIELDS[props.question.kind]} ...${props} />`;
