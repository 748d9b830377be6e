// A question that has to be answered before anything else: the platform's own dialog, which keeps the focus.

import { html, useLayoutEffect, useRef } from "./view.js";

/**
 * @param {object} props
 * @param {string} props.title
 * @param {() => void} props.onClose after Escape as well
 * @param {any} props.children
 * @param {boolean} [props.isWide]
 */
export function Dialog({ title, onClose, children, isWide = false }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return html`<dialog
    ref=${dialog}
    class=${isWide ? "wide" : ""}
    aria-label=${title}
    onCancel=${(/** @type {Event} */ event) => {
      event.preventDefault();
      onClose();
    }}
    onClose=${() => {
      // A browser may close it without asking. Where it has to stay, it comes back.
      if (!dialog.current) return;
      onClose();
      setTimeout(() => dialog.current && !dialog.current.open && dialog.current.showModal());
    }}
  >
    <h2>${title}</h2>
    ${children}
  </dialog>`;
}
