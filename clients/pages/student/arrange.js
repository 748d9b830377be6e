// Questions that are answered by putting things in order, or together.

import { html, useLayoutEffect, useRef, useState } from "../common/view.js";
import { isAnswered, isSame, nameOf } from "../common/content.js";

/** @import { Option } from "../common/content.js" */
/** @import { FieldProps } from "./fields.js" */

/** Those of the answer first, so that none is missing. @param {Option[]} options @param {unknown} answer */
function arranged(options, answer) {
  const given = Array.isArray(answer) ? answer : [];
  const named = given.map((value) => options.find((option) => isSame(option.value, value)));
  const known = [...new Set(named.filter((option) => option !== undefined))];
  return [...known, ...options.filter((option) => !known.includes(option))];
}

/** @param {FieldProps} props */
export function Order({ question, answer, isClosed, labelledBy, describedBy, put }) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  // Which button is to have the focus again, once it has moved.
  const [moved, setMoved] = useState(/** @type {{place: number, step: number} | null} */ (null));
  const [said, setSaid] = useState("");
  const options = arranged(question.options, answer);
  const last = options.length - 1;
  const move = (/** @type {number} */ from, /** @type {number} */ step) => {
    const place = from + step;
    if (isClosed || place < 0 || place > last) return;
    const now = options.map(({ value }) => value);
    now.splice(place, 0, ...now.splice(from, 1));
    put(now, true);
    setMoved({ place, step });
    setSaid(`${options[from].text}: now ${place + 1} of ${options.length}`);
  };
  useLayoutEffect(() => {
    if (!moved) return;
    const buttons = list.current?.children[moved.place].querySelectorAll("button");
    const [up, down] = buttons ?? [];
    const wanted = moved.step < 0 ? [up, down] : [down, up];
    wanted.find((button) => button && !button.disabled)?.focus();
    setMoved(null);
  }, [moved]);
  const keys = (/** @type {KeyboardEvent} */ event, /** @type {number} */ place) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    move(place, step);
  };
  return html`<div role="group" aria-labelledby=${labelledBy} aria-describedby=${describedBy}>
    <ol class="order" ref=${list}>
      ${options.map(
        ({ text }, place) => html`<li class="moved" onKeyDown=${(/** @type {KeyboardEvent} */ event) => keys(event, place)}>
          <span class="place" aria-hidden="true">${place + 1}</span>
          <span class="text">${text}</span>
          <span class="buttons">
            <button type="button" disabled=${isClosed || place === 0} onClick=${() => move(place, -1)} aria-label=${`Move up: ${text}`}>↑</button>
            <button type="button" disabled=${isClosed || place === last} onClick=${() => move(place, 1)} aria-label=${`Move down: ${text}`}>↓</button>
          </span>
        </li>`,
      )}
    </ol>
    <p class="unseen" aria-live="polite">${said}</p>
    ${!isAnswered(answer) &&
    !isClosed &&
    html`<p class="row quiet">
      This order is not your answer yet.
      <button
        type="button"
        onClick=${() => {
          put(options.map(({ value }) => value), true);
          /** @type {HTMLElement | null | undefined} */ (list.current?.querySelector("button:enabled"))?.focus();
        }}
      >
        Answer with this order
      </button>
    </p>`}
  </div>`;
}

/** @param {FieldProps} props */
export function Match({ question, answer, isClosed, labelledBy, describedBy, put }) {
  const given = answer !== null && typeof answer === "object" && !Array.isArray(answer) ? answer : {};
  const choose = (/** @type {string} */ name, /** @type {string} */ place) => {
    const { [name]: _, ...others } = given;
    const now = place === "" ? others : { ...others, [name]: question.right[Number(place)].value };
    put(Object.keys(now).length ? now : null, true);
  };
  return html`<div role="group" class="match" aria-labelledby=${labelledBy} aria-describedby=${describedBy}>
    ${question.left.map((left) => {
      const name = nameOf(left);
      const chosen = question.right.findIndex(({ value }) => Object.hasOwn(given, name) && isSame(value, given[name]));
      return html`<label class="pair">
        <span class="text">${left.text}</span>
        <select disabled=${isClosed} value=${chosen < 0 ? "" : String(chosen)} onChange=${(/** @type {any} */ { target }) => choose(name, target.value)}>
          <option value="">Choose…</option>
          ${question.right.map(({ text }, place) => html`<option value=${String(place)}>${text}</option>`)}
        </select>
      </label>`;
    })}
  </div>`;
}
