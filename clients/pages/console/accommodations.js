// A student's extra time: at this quiz, and at every quiz.

import { moment } from "../common/format.js";
import { isPart, part, quizPath } from "../common/requests.js";
import { html, useState } from "../common/view.js";
import { Ask } from "./ask.js";
import { found, useLoaded } from "./loaded.js";
import { Problem } from "./problems.js";
import { lasting } from "./times.js";

/** @import { Api } from "../../browser/api.js" */

/** @param {{title: string, minutes: string, onMinutes: (minutes: string) => void}} props */
const Minutes = ({ title, minutes, onMinutes }) =>
  html`<label>${title}
    <input type="number" min="0" max="525600" step="any" required value=${minutes} onInput=${(/** @type {any} */ event) => onMinutes(event.target.value)} />
  </label>`;

const toSeconds = (/** @type {string} */ minutes) => Math.round(Number(minutes) * 60);
const toMinutes = (/** @type {number | undefined} */ seconds) => String((seconds ?? 0) / 60);

/** @param {any} given */
function words({ time_factor = 1, extra_seconds, closes_later_seconds = 0 }) {
  const parts = [
    time_factor !== 1 ? `time × ${time_factor}` : "",
    extra_seconds ? `${lasting(extra_seconds)} more` : "",
    closes_later_seconds ? `quizzes close ${lasting(closes_later_seconds)} later` : "",
  ];
  return parts.filter(Boolean).join(", ") || "no extra time";
}

/** @param {{api: Api, path: string, title: string, given: any, isStanding: boolean, onClose: () => void, onDone: () => void}} props */
function Give({ api, path, title, given, isStanding, onClose, onDone }) {
  const [factor, setFactor] = useState(String(given?.time_factor ?? 1));
  const [extra, setExtra] = useState(toMinutes(given?.extra_seconds));
  const [later, setLater] = useState(toMinutes(given?.closes_later_seconds));
  const send = async (/** @type {string} */ reason) => {
    const standing = isStanding ? { time_factor: Number(factor), closes_later_seconds: toSeconds(later) } : {};
    const { body } = await api.request("PUT", path, { extra_seconds: toSeconds(extra), ...standing, reason });
    onDone();
    return body.cut.length
      ? "Given. But the quiz closes first, so that the student's open session has less of it."
      : "Given. Open sessions have it from now on.";
  };
  return html`<${Ask} title=${title} does="Give" onSend=${send} onClose=${onClose}>
    ${isStanding && html`<label>Time limits are multiplied by
      <input type="number" min="1" max="4" step="any" required value=${factor} onInput=${(/** @type {any} */ event) => setFactor(event.target.value)} />
    </label>`}
    <${Minutes} title="Minutes more" minutes=${extra} onMinutes=${setExtra} />
    ${isStanding && html`<${Minutes} title="Quizzes close later, by minutes" minutes=${later} onMinutes=${setLater} />`}
    <p class="quiet">Write no reason that tells of an illness: it is kept for good.</p>
  <//>`;
}

/** @param {{api: Api, path: string, title: string, isStanding?: boolean, change: unknown, onDone: () => void}} props */
function Extra({ api, path, title, isStanding = false, change, onDone }) {
  const { value: given, problem, again } = useLoaded(() => found(api, path), [change]);
  // As it was when the dialog was opened: others may have given some meanwhile.
  const [now, setNow] = useState(/** @type {any} */ (null));
  const [asked, setAsked] = useState(/** @type {"give" | "take" | ""} */ (""));
  const close = () => setAsked("");
  const ask = (/** @type {"give" | "take"} */ what) =>
    found(api, path).then((read) => {
      setNow(read);
      if (read || what === "give") setAsked(what);
      again();
    }, again);
  const done = () => (again(), onDone());
  const take = async () => {
    await api.request("DELETE", path);
    done();
    return "Taken back, as far as it had not been used.";
  };
  return html`<section>
    <h4>${title}</h4>
    <${Problem} problem=${problem} onRetry=${again} />
    ${given !== undefined && html`<p>${given ? words(given) : "No extra time"}</p>`}
    ${given && html`<p class="quiet">${moment(given.granted_at)}${given.granted_by && html`, by <bdi>${given.granted_by}</bdi>`}: “${given.reason}”</p>`}
    ${given !== undefined && html`<p class="row">
      <button type="button" onClick=${() => ask("give")}>${given ? "Change" : "Give"}<span class="unseen"> extra time, ${title.toLowerCase()}</span></button>
      ${given && html`<button type="button" onClick=${() => ask("take")}>Take back<span class="unseen"> extra time, ${title.toLowerCase()}</span></button>`}
    </p>`}
    ${asked === "give" && html`<${Give} api=${api} path=${path} title=${`Extra time: ${title.toLowerCase()}`} given=${now} isStanding=${isStanding} onClose=${close} onDone=${done} />`}
    ${asked === "take" && html`<${Ask} title="Take extra time back" does="Take back" wants="none" onSend=${take} onClose=${close}>
      <p>${title}: ${words(now ?? {})}. What has been used stays.</p>
    <//>`}
  </section>`;
}

/** @param {{api: Api, quizId: string, userId: string, change: unknown, onDone: () => void}} props */
export function Accommodations({ api, quizId, userId, change, onDone }) {
  if (!isPart(userId) || !isPart(quizId)) {
    return html`<section class="card" aria-labelledby="extra">
      <h3 id="extra">Extra time</h3>
      <p>It can’t be shown or given here: no address in a browser can have the name <bdi>${userId}</bdi>.</p>
    </section>`;
  }
  const user = part(userId);
  return html`<section class="card" aria-labelledby="extra">
    <h3 id="extra">Extra time</h3>
    <${Extra} api=${api} path=${`${quizPath(quizId)}/accommodations/${user}`} title="At this quiz" change=${change} onDone=${onDone} />
    <${Extra} api=${api} path=${`/users/${user}/accommodations`} title="At every quiz" isStanding=${true} change=${change} onDone=${onDone} />
  </section>`;
}
