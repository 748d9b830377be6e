// Times that run: cells that are filled by one timer, without drawing the page again.

import { clock } from "../common/format.js";
import { html } from "../common/view.js";
import { deadlineOf, isOpen, leftUntil } from "./rows.js";

/** @import { Row } from "../../browser/types.js" */

const SOON_MS = 5 * 60_000;

/** `12 s`, `5 min`. @param {number} ms */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** `5 min`, `1 h 30 min`, `−1 min 10 s`. @param {number} seconds */
export function lasting(seconds) {
  const whole = Math.abs(seconds);
  const parts = [
    [Math.floor(whole / 3600), "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ].flatMap(([n, unit]) => (n ? [`${n} ${unit}`] : []));
  return `${seconds < 0 ? "−" : ""}${parts.join(" ") || "0 min"}`;
}

/** The time that is left; filled by `fill`. @param {{row: Row}} props */
export function Left({ row }) {
  if (!isOpen(row)) return html`<span class="quiet">–</span>`;
  return html`<span data-left=${row.time_remaining} data-until=${deadlineOf(row) ?? ""}></span>`;
}

/** How long ago something was; filled by `fill`. @param {{at: string | null}} props */
export const Ago = ({ at }) =>
  at === null ? html`<span class="quiet">–</span>` : html`<span data-since=${Date.parse(at)}></span>`;

/** Fill those below `root`. @param {ParentNode | null} root @param {number} now by the server's clock */
export function fill(root, now) {
  for (const cell of /** @type {NodeListOf<HTMLElement>} */ (root?.querySelectorAll("[data-left], [data-since]") ?? [])) {
    const { left, until, since } = cell.dataset;
    let text = "";
    if (since) {
      text = `${span(now - Number(since))} ago`;
    } else {
      const ms = leftUntil(Number(left), until ? Number(until) : null, now);
      text = clock(ms / 1000);
      const isSoon = Boolean(until) && ms < SOON_MS;
      if (cell.classList.contains("soon") !== isSoon) cell.classList.toggle("soon", isSoon);
    }
    if (cell.textContent !== text) cell.textContent = text;
  }
}
