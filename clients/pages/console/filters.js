// Whom the table shows: by the totals, a text, a group, and whether there were incidents.

import { html, useMemo } from "../common/view.js";
import { STATES, groupsOf } from "./rows.js";

/** @import { Filter } from "./rows.js" */
/** @import { View } from "./watch.js" */

/** @type {Filter} */
export const ALL = { text: "", state: "", group: null, incidents: false };

/** @param {Filter} filter */
const isChosen = ({ text, state, group, incidents }) => Boolean(text || state || group !== null || incidents);

/** @param {{view: View, filter: Filter, onFilter: (filter: Filter) => void}} props */
export function Totals({ view: { room }, filter, onFilter }) {
  return html`<div role="group" aria-label="Whole quiz; show these alone" class="totals">
    ${Object.entries(STATES).map(([state, { title }]) => {
      const n = room.totals[state];
      const is = filter.state === state;
      return html`<button type="button" key=${state} class=${`total ${state}`} aria-pressed=${is ? "true" : "false"} onClick=${() => onFilter({ ...filter, state: is ? "" : state })}>
        <strong>${n ?? "?"}</strong> ${title}
      </button>`;
    })}
  </div>`;
}

/** @param {{view: View, filter: Filter, onFilter: (filter: Filter) => void}} props */
export function Filters({ view, filter, onFilter }) {
  const groups = useMemo(() => groupsOf(view.room.rows.values()), [view.looks]);
  const isGrouped = groups.some(([group]) => group) || filter.group !== null;
  return html`<form class="row filters" role="search" aria-label="Rows of the table" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <label>Student <input type="search" autocomplete="off" spellcheck="false" value=${filter.text}
      onInput=${(/** @type {any} */ event) => onFilter({ ...filter, text: event.target.value })} /></label>
    ${isGrouped && html`<label>Group
      <select value=${filter.group === null ? "all" : `=${filter.group}`}
        onChange=${(/** @type {any} */ { target: { value } }) => onFilter({ ...filter, group: value === "all" ? null : value.slice(1) })}>
        <option value="all">All groups</option>
        ${groups.map(([group, n]) => html`<option key=${group} value=${`=${group}`}>${group || "No group"} (${n})</option>`)}
      </select>
    </label>`}
    <label class="row"><input type="checkbox" checked=${filter.incidents}
      onChange=${(/** @type {any} */ event) => onFilter({ ...filter, incidents: event.target.checked })} />With incidents</label>
    <button type="button" aria-disabled=${isChosen(filter) ? "false" : "true"} onClick=${() => onFilter(ALL)}>Show all</button>
  </form>`;
}
