// A single act that wants a reason: asked, sent once, and what was typed stays where it is refused.

import { Dialog } from "../common/dialog.js";
import { html, useRef, useState } from "../common/view.js";
import { Once } from "./once.js";
import { inWords, isUnsure } from "./problems.js";

/**
 * @param {object} props
 * @param {string} props.title
 * @param {string} props.does
 * @param {(reason: string, key: string) => Promise<string | void>} props.onSend gives what is to be told afterwards; the key is
 *   the same as long as the same is asked for
 * @param {() => void} props.onClose
 * @param {any} [props.children] what else is asked
 * @param {"needed" | "optional" | "none"} [props.wants] whether it takes a reason
 * @param {string} [props.same] changes when something else is asked for
 */
export function Ask({ title, does, onSend, onClose, children, wants = "needed", same = "" }) {
  const [reason, setReason] = useState("");
  const [isSent, setSent] = useState(false);
  const [told, setTold] = useState("");
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const isBusy = useRef(false);
  const [once] = useState(() => new Once());
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (isBusy.current) return;
    isBusy.current = true;
    setSent(true);
    setProblem(null);
    try {
      const words = await onSend(reason.trim(), once.keyFor([same, reason.trim()]));
      if (words) setTold(words);
      else onClose();
    } catch (error) {
      setProblem(error);
      if (!isUnsure(error)) once.forget();
    }
    isBusy.current = false;
    setSent(false);
  };
  const close = () => !isBusy.current && onClose();
  if (told) {
    return html`<${Dialog} title=${title} onClose=${onClose} key="told">
      <p role="status" class="banner good">${told}</p>
      <div class="row end"><button type="button" class="main" autofocus onClick=${onClose}>Close</button></div>
    <//>`;
  }
  return html`<${Dialog} title=${title} onClose=${close} key="asked">
    <form onSubmit=${send} aria-busy=${isSent ? "true" : "false"}>
      <div class="ask">
        ${children}
        ${wants !== "none" && html`<label>Reason, which is kept on record${wants === "optional" ? " (may be left out)" : ""}
          <input required=${wants === "needed"} pattern=".*\\S.*" maxlength="1000" autocomplete="off" value=${reason}
            onInput=${(/** @type {any} */ event) => setReason(event.target.value)} />
        </label>`}
      </div>
      ${problem && html`<p class="banner bad" role="alert">
        ${inWords(problem)} ${isUnsure(problem) ? "It is not known whether it was done: sent again unchanged, it is done once." : "Nothing was changed."}
      </p>`}
      <p role="status">${isSent ? "Sending …" : ""}</p>
      <div class="row end">
        <button type="button" aria-disabled=${isSent ? "true" : "false"} onClick=${close}>Cancel</button>
        <button class="main" aria-disabled=${isSent ? "true" : "false"}>${does}</button>
      </div>
    </form>
  <//>`;
}
