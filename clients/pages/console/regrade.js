// After a key was corrected: all sessions are graded by it, where that is wanted.

import { after } from "../../browser/api.js";
import { Dialog } from "../common/dialog.js";
import { counted } from "../common/format.js";
import { quizPath } from "../common/requests.js";
import { html, useEffect, useRef, useState } from "../common/view.js";
import { Problem } from "./problems.js";

/** @import { TabProps } from "./page.js" */

const PAUSE_MS = 500;

/** @param {Omit<TabProps, "config"> & {onClose: () => void}} props */
export function Regrade({ api, login, quizId, onClose }) {
  const path = quizPath(quizId);
  const [concerned, setConcerned] = useState(/** @type {string | null} */ (null));
  const [reason, setReason] = useState("");
  const [isRunning, setIsRunning] = useState(false);
  const [sums, setSums] = useState({ regraded: 0, changed: 0, complete: false });
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const isHere = useRef(true);
  const done = useRef(/** @type {HTMLElement | null} */ (null));

  useEffect(() => {
    api.request("GET", `${path}/statistics`).then(
      ({ body }) => setConcerned(`${body.complete ? "" : "more than "}${counted(body.attempts + body.pending, "session")}`),
      (error) => setConcerned(error.code === "quiz_not_found" ? counted(0, "session") : "an unknown number of sessions"),
    );
    return () => void (isHere.current = false);
  }, []);
  useEffect(() => done.current?.focus(), [sums.complete]);

  const run = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (isRunning) return;
    setIsRunning(true);
    setFailure(null);
    try {
      for (let isComplete = false; !isComplete && isHere.current; ) {
        const { body } = await api.request("POST", `${path}/regrade`, { reason: reason.trim() });
        isComplete = body.complete;
        setSums(({ regraded, changed }) => ({ regraded: regraded + body.regraded, changed: changed + body.changed, complete: body.complete }));
        if (!isComplete) await after(PAUSE_MS);
      }
    } catch (error) {
      setFailure(error);
    }
    setIsRunning(false);
  };

  const soFar = `${counted(sums.regraded, "session")} graded again, ${counted(sums.changed, "score")} changed`;
  return html`<${Dialog} title="Grade again by the corrected key" onClose=${onClose}>
    ${
      sums.complete
        ? html`<p class="banner good" role="status">${soFar}.</p>
            ${sums.regraded === 0 && html`<p>Every session was graded by the present key already.</p>`}
            <button type="button" class="main" ref=${done} onClick=${onClose}>Close</button>`
        : html`<form onSubmit=${run}>
            <p>
              ${concerned === null ? "The sessions are being counted …" : html`<strong data-part="concerned">${concerned}</strong> of this quiz ${concerned.startsWith("1 ") ? "has" : "have"} ended.`}
              ${" "}Those that were graded by an earlier form of the quiz are graded again by its present keys and points. Scores may
              rise or fall. No mark of a person changes.
            </p>
            <label>Reason, which is kept on record
              <input class="whole" required pattern=".*\\S.*" maxlength="1000" autocomplete="off" value=${reason} onInput=${(/** @type {any} */ event) => setReason(event.target.value)} /></label>
            <p role="status">${isRunning || sums.regraded ? `${soFar} so far.` : ""}</p>
            ${failure && html`<${Problem} problem=${failure} what="It stopped before all were graded." login=${login} />`}
            <div class="row">
              <button class="main" aria-disabled=${isRunning || concerned === null ? "true" : undefined}>${failure ? "Go on" : "Grade again"}</button>
              <button type="button" onClick=${onClose}>${isRunning ? "Stop" : "Cancel"}</button>
            </div>
          </form>`
    }
  <//>`;
}
