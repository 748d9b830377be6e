// What may be a megabyte: drawn once it is opened, and not to its end.

import { html, useState } from "../common/view.js";

const MOST = 20_000;

/** What is too long is cut, which is said. @param {{text: string}} props */
export const Cut = ({ text }) =>
  text.length > MOST
    ? html`${text.slice(0, MOST)}… <em>(the first ${MOST.toLocaleString()} of ${text.length.toLocaleString()} characters)</em>`
    : text;

/** @param {{summary: string, text: () => string, class?: string}} props */
export function Folded({ summary, text, class: name = "said" }) {
  const [isOpen, setOpen] = useState(false);
  return html`<details class="said" onToggle=${(/** @type {any} */ event) => setOpen(event.currentTarget.open)}>
    <summary>${summary}</summary>
    ${isOpen && html`<p class=${name}><${Cut} text=${text()} /></p>`}
  </details>`;
}
