// Single keys that mark: they can be seen, and turned off (WCAG 2.1.4).

import { onDevice } from "../common/device.js";
import { Dialog } from "../common/dialog.js";
import { html, useEffect, useRef, useState } from "../common/view.js";

const { recall, keep } = onDevice("quiz-sessions/marking/");
const FIELDS = "input, textarea, select, [contenteditable]";

/** @returns {[boolean, (isOn: boolean) => void]} */
export function useSetting() {
  const [isOn, setIsOn] = useState(() => recall("shortcuts") !== "off");
  const put = (/** @type {boolean} */ wanted) => {
    setIsOn(wanted);
    keep("shortcuts", wanted ? null : "off");
  };
  return [isOn, put];
}

/**
 * Calls `onKey` for keys that are pressed outside of fields and dialogs.
 *
 * @param {boolean} isOn @param {(key: string) => boolean} onKey whether it was of use
 */
export function useShortcuts(isOn, onKey) {
  const latest = useRef(onKey);
  latest.current = onKey;
  useEffect(() => {
    if (!isOn) return;
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      const isOther = event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing || event.defaultPrevented;
      const isTyped = event.target instanceof Element && event.target.closest(FIELDS);
      if (isOther || isTyped || document.querySelector("dialog[open]")) return;
      if (latest.current(event.key)) event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [isOn]);
}

/** @type {[string[], string][]} */
const KEYS = [
  [["0", "…", "9"], "Type points"],
  [["F"], "Full points"],
  [["Z"], "Zero points"],
  [["C"], "Write a comment"],
  [["N"], "Save, and go on with the next answer"],
  [["S"], "Skip this answer"],
  [["U"], "Change the mark that you saved last"],
  [["?"], "Show these shortcuts"],
];
/** @type {[string[], string][]} */
const ALWAYS = [
  [["Enter"], "In the points: save, and go on"],
  [["Ctrl", "Enter"], "In the comment: save, and go on"],
  [["Esc"], "Leave a field, so that single keys work"],
];

const rows = (/** @type {[string[], string][]} */ keys) =>
  keys.map(([names, what]) => html`<tr><th scope="row" class="keys">${names.map((name) => (name === "…" ? " to " : html`<kbd>${name}</kbd> `))}</th><td>${what}</td></tr>`);

/** @param {{isOn: boolean, put: (isOn: boolean) => void, onClose: () => void}} props */
export function Shortcuts({ isOn, put, onClose }) {
  return html`<${Dialog} title="Keyboard shortcuts" onClose=${onClose}>
    <label class="row">
      <input type="checkbox" checked=${isOn} onChange=${(/** @type {any} */ event) => put(event.target.checked)} />
      Use single keys
    </label>
    <p class="quiet">They work outside of fields. While you type in a field they do nothing.</p>
    <table><caption class="unseen">Single keys</caption><tbody>${rows(KEYS)}</tbody></table>
    <h3>Always</h3>
    <table><caption class="unseen">Keys in fields</caption><tbody>${rows(ALWAYS)}</tbody></table>
    <p><button type="button" class="main" onClick=${onClose}>Close</button></p>
  <//>`;
}
