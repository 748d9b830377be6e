// What is done with one session alone: open it again, let another device in, write its group and label.

import { moment } from "../common/format.js";
import { events, sessionPath } from "../common/requests.js";
import { html, useEffect, useState } from "../common/view.js";
import { Ask } from "./ask.js";
import { lasting } from "./times.js";

/** @import { Api } from "../../browser/api.js" */

/** @typedef {{api: Api, sessionId: string, onClose: () => void, onDone: () => void}} Props */

/** When the student was first shown results; null if not. @param {Api} api @param {string} sessionId */
async function resultsRead(api, sessionId) {
  for await (const { type, at } of events(api, sessionId)) if (type === "results_read") return at;
  return null;
}

/** @param {Props} props */
export function Reopen({ api, sessionId, onClose, onDone }) {
  const [minutes, setMinutes] = useState("10");
  const [read, setRead] = useState("Looking whether the student has seen results …");
  useEffect(() => {
    resultsRead(api, sessionId).then(
      (at) => setRead(at ? `The student was shown results on ${moment(at)}.` : "The student was not shown any results."),
      () => setRead("It is not known whether the student has seen results."),
    );
  }, []);
  const isRead = read.includes("was shown");
  const send = async (/** @type {string} */ reason, /** @type {string} */ key) => {
    const seconds = Math.round(Number(minutes) * 60);
    const { body } = await api.request("POST", `${sessionPath(sessionId)}/reopen`, { seconds, reason }, { "Idempotency-Key": key });
    onDone();
    const cut = body.cut_seconds > 0 ? ` The quiz closes first: it has ${lasting(body.cut_seconds)} less.` : "";
    const shown = body.results_read_at ? ` The student had been shown results (${moment(body.results_read_at)}).` : "";
    return `Open again, until ${moment(body.expires_at)}.${cut}${shown}`;
  };
  return html`<${Ask} title="Reopen" does="Reopen" same=${minutes} onSend=${send} onClose=${onClose}>
    <p>The answers stay. A score and results are removed; it is graded again at the next end.</p>
    <p role="status" class=${isRead ? "banner warn" : "banner"}>${read}</p>
    <label>For how many minutes from now
      <input type="number" min="0.1" max="525600" step="any" required value=${minutes} onInput=${(/** @type {any} */ event) => setMinutes(event.target.value)} />
    </label>
  <//>`;
}

/** @param {Props} props */
export function Unlock({ api, sessionId, onClose, onDone }) {
  const send = async (/** @type {string} */ reason, /** @type {string} */ key) => {
    await api.request("POST", `${sessionPath(sessionId)}/device`, { reason }, { "Idempotency-Key": key });
    onDone();
    return "The next device that comes may go on with the session.";
  };
  return html`<${Ask} title="Let another device in" does="Let it in" onSend=${send} onClose=${onClose}>
    <p>The next device that starts or writes has the session from then on. What the one before sent until then counts.</p>
  <//>`;
}

/** @param {{api: Api, session: any, onClose: () => void, onDone: () => void}} props */
export function Label({ api, session, onClose, onDone }) {
  const [group, setGroup] = useState(session.group ?? "");
  const [label, setLabel] = useState(session.label ?? "");
  const send = async (/** @type {string} */ reason, /** @type {string} */ key) => {
    const words = reason ? { reason } : {};
    const body = { group: group.trim() || null, label: label.trim() || null, ...words };
    await api.request("PATCH", sessionPath(session.id), body, { "Idempotency-Key": key });
    onDone();
  };
  return html`<${Ask} title="Group and label" does="Save" wants="optional" same=${`${group}\n${label}`} onSend=${send} onClose=${onClose}>
    <label>Group, such as the room <input maxlength="128" autocomplete="off" value=${group} onInput=${(/** @type {any} */ event) => setGroup(event.target.value)} /></label>
    <label>Label, for people <input maxlength="200" autocomplete="off" value=${label} onInput=${(/** @type {any} */ event) => setLabel(event.target.value)} /></label>
  <//>`;
}
