// Small pictures beside words; never instead of them.

import { html } from "../common/view.js";

const PATHS = {
  device: "M4 2h8v12H4zM7 12h2",
  arrived: "M8 2v8M5 7l3 3 3-3M3 13h10",
  saved: "M3 8.5l3.5 3.5L13 4.5",
  warning: "M8 2l6.5 12h-13zM8 6.5v3.5M8 12v.5",
  lock: "M4 7h8v7H4zM5.5 7V4.5a2.5 2.5 0 0 1 5 0V7",
  flag: "M4 14V2h8l-2 3 2 3H4",
  clock: "M8 2a6 6 0 1 0 .01 0M8 5v3.5l2 1.5",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {{name: IconName}} props */
export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
