// The live table: a page of rows, which change in place.

import { html, useLayoutEffect, useMemo, useRef, useState } from "../common/view.js";
import { href } from "./place.js";
import { COLUMNS, isSilent, stateOf, statusOf } from "./rows.js";
import { Ago, Left, fill, lasting } from "./times.js";
import { serverNow, useSeconds } from "./watch.js";

/** @import { Row } from "../../browser/types.js" */
/** @import { Sort } from "./rows.js" */
/** @import { View } from "./watch.js" */

/** By state. @type {Record<string, string>} */
const TONES = { paused: "warn", completed: "good", abandoned: "bad" };

/** @param {{row: Row, isQuiet: boolean}} props */
export const Status = ({ row, isQuiet }) =>
  html`<span class=${`chip ${TONES[stateOf(row)] ?? ""}`}>${statusOf(row)}</span>${isQuiet && html` <span class="chip bad">Silent</span>`}`;

/** @param {{row: Row}} props */
export const Answered = ({ row: { answered, questions, user_id } }) =>
  questions
    ? html`<span class="answered"><meter min="0" max=${questions} value=${answered} aria-label=${`Answered by ${user_id}`}></meter> ${answered} of ${questions}</span>`
    : html`${answered}`;

/** A number that says something where it is not zero. @param {number | null} n */
const count = (n) => (n === null ? html`<span class="quiet">–</span>` : n ? html`<strong>${n}</strong>` : html`<span class="quiet">0</span>`);

/** @param {{row: Row, quizId: string, isPicked: boolean, isCurrent: boolean, isQuiet: boolean}} props */
function RowView({ row, quizId, isPicked, isCurrent, isQuiet }) {
  const tab = isCurrent ? 0 : -1;
  return useMemo(
    () => html`<tr data-id=${row.session_id} class=${isPicked ? "picked" : ""}>
      <td class="pick"><input type="checkbox" data-at="pick" tabindex=${tab} checked=${isPicked} aria-label=${`Select ${row.user_id}`} /></td>
      <th scope="row"><a data-at="open" tabindex=${tab} href=${href(quizId, "room", row.session_id)}><bdi>${row.user_id}</bdi></a></th>
      <td><bdi>${row.group ?? ""}</bdi></td>
      <td class="status"><${Status} row=${row} isQuiet=${isQuiet} /></td>
      <td><${Answered} row=${row} /></td>
      <td class="number">${row.section === null ? html`<span class="quiet">–</span>` : row.section + 1}</td>
      <td class="number">${count(row.buffered)}</td>
      <td class="number"><${Left} row=${row} /></td>
      <td class="number"><${Ago} at=${row.last_seen_at} /></td>
      <td class="number">${row.devices > 1 ? count(row.devices) : (row.devices ?? html`<span class="quiet">–</span>`)}</td>
      <td class="number">${count(row.incidents)}</td>
      <td class="number">${row.extra_seconds ? lasting(row.extra_seconds) : html`<span class="quiet">–</span>`}</td>
      <td class="number">${count(row.unread_notices)}</td>
    </tr>`,
    [row, isPicked, isCurrent, isQuiet],
  );
}

/** @param {{sort: Sort, onSort: (sort: Sort) => void}} props */
const Heads = ({ sort, onSort }) =>
  html`${Object.entries(COLUMNS).map(([column, { title, isDown = false, isNumber }]) => {
    const is = sort.column === column;
    const mark = is ? (sort.isDown ? "▼" : "▲") : "";
    return html`<th scope="col" key=${column} class=${isNumber ? "number" : ""} aria-sort=${is ? (sort.isDown ? "descending" : "ascending") : undefined}>
      <button type="button" onClick=${() => onSort({ column, isDown: is ? !sort.isDown : isDown })}>
        ${title}${is && html`<span class="mark" aria-hidden="true">${mark}</span>`}
      </button>
    </th>`;
  })}`;

/**
 * @param {object} props
 * @param {View} props.view
 * @param {string} props.quizId
 * @param {string[]} props.ids those of this page
 * @param {Sort} props.sort
 * @param {(sort: Sort) => void} props.onSort
 * @param {Set<string>} props.picked
 * @param {(ids: string[], isPicked: boolean) => void} props.onPick
 * @param {{current: number}} props.touched when it was last used, by `performance.now()`
 */
export function Table({ view, quizId, ids, sort, onSort, picked, onPick, touched }) {
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  const all = useRef(/** @type {HTMLInputElement | null} */ (null));
  const lastPicked = useRef("");
  const [current, setCurrent] = useState("");
  const now = serverNow(view);
  const known = { now, presence: view.room.presence };
  const run = () => fill(body.current, serverNow(view));
  useSeconds(run);
  useLayoutEffect(run);
  const onPage = ids.filter((id) => picked.has(id)).length;
  useLayoutEffect(() => {
    if (all.current) all.current.indeterminate = onPage > 0 && onPage < ids.length;
  });
  const entry = ids.includes(current) ? current : ids[0];
  const touch = () => (touched.current = performance.now());
  const idOf = (/** @type {any} */ event) => event.target.closest("tr")?.dataset.id ?? "";

  const pick = (/** @type {any} */ event) => {
    const id = idOf(event);
    const [from, to] = [ids.indexOf(lastPicked.current), ids.indexOf(id)].sort((a, b) => a - b);
    const isRange = shift.current && from !== undefined && from >= 0;
    onPick(isRange ? ids.slice(from, (to ?? 0) + 1) : [id], event.target.checked);
    lastPicked.current = id;
  };
  const shift = useRef(false);

  const move = (/** @type {KeyboardEvent} */ event) => {
    touch();
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -ids.length, End: ids.length }[event.key];
    if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const to = Math.max(0, Math.min(ids.length - 1, ids.indexOf(idOf(event)) + step));
    const at = /** @type {HTMLElement} */ (event.target).dataset.at ?? "open";
    /** @type {HTMLElement | null | undefined} */ (body.current?.children[to]?.querySelector(`[data-at=${at}]`))?.focus();
  };

  return html`<div class="scroll live" onPointerMove=${touch} onPointerDown=${touch} onWheel=${touch} onfocusin=${touch}>
    <table>
      <caption class="unseen">Who takes the quiz. The arrow keys go from row to row.</caption>
      <thead>
        <tr>
          <td class="pick">
            <input type="checkbox" ref=${all} checked=${ids.length > 0 && onPage === ids.length} aria-label="Select all rows of this page"
              onChange=${(/** @type {any} */ event) => onPick(ids, event.target.checked)} />
          </td>
          <${Heads} sort=${sort} onSort=${onSort} />
        </tr>
      </thead>
      <tbody
        ref=${body}
        onClick=${(/** @type {MouseEvent} */ event) => (shift.current = event.shiftKey)}
        onChange=${pick}
        onKeyDown=${move}
        onfocusin=${(/** @type {Event} */ event) => setCurrent(idOf(event))}
      >
        ${ids.map((id) => {
          const row = view.room.rows.get(id);
          return (
            row &&
            html`<${RowView} key=${id} row=${row} quizId=${quizId} isPicked=${picked.has(id)} isCurrent=${id === entry} isQuiet=${isSilent(row, known)} />`
          );
        })}
      </tbody>
    </table>
  </div>`;
}
