// What a proctor does with one student, with several, or with everybody: asked, sent, and told.

import { Dialog } from "../common/dialog.js";
import { html, useRef, useState } from "../common/view.js";
import { inWords, isUnsure } from "./problems.js";
import { isOpen } from "./rows.js";
import { act, nothingYet } from "./send.js";
import { lasting } from "./times.js";

/** @import { Room } from "../../browser/types.js" */
/** @import { Done, Kind } from "./send.js" */

/** @typedef {{kind: Kind, ids: string[] | "all"}} Act */

/** @type {Record<Kind, {title: string, does: string, done: string, isDangerous?: boolean}>} */
export const ACTS = {
  extend: { title: "Give time", does: "Give time", done: "The deadline was moved of" },
  pause: { title: "Pause", does: "Stop the clock", done: "The clock was stopped of" },
  resume: { title: "Resume", does: "Let the clock run", done: "The clock runs again of" },
  notices: { title: "Send a notice", does: "Send", done: "The notice was sent to" },
  complete: { title: "Hand in", does: "Hand in", done: "Handed in:", isDangerous: true },
};

/** @type {Record<string, string>} */
const UNCHANGED = {
  completed: "had handed in",
  abandoned: "had given up",
  expired: "their time was over",
  "not found": "no session of this quiz",
  "paused already": "the clock stood already",
  "not paused": "the clock was running already, or was not stopped for them alone",
  "paused by itself": "stopped for them alone: resume them by selecting them",
  "handed in already": "handed in by this request, and opened again since",
  "quiz paused": "the whole quiz is paused: resume the quiz",
  "started since": "started or paused only after this was asked for",
  closes_at: "the quiz closes before that: its closing time has to be changed first",
  "no time left": "there was no time left to take away",
};

/** Where it may have been done by this request. @type {Partial<Record<Kind, string>>} */
const BY_NOW = { pause: "The clock stands by now of", complete: "Handed in by now:" };

const SHOWN = 12;
const PRESETS = [5, 10, 15];

/** `3 sessions`. @param {number} n */
export const sessions = (n) => `${n} ${n === 1 ? "session" : "sessions"}`;

/** Names up to some, and how many more. @param {{room: Room, ids: string[], count?: number}} props */
export function Names({ room, ids, count = ids.length }) {
  const name = (/** @type {string} */ id) => html`<li key=${id}><bdi>${room.rows.get(id)?.user_id ?? id}</bdi></li>`;
  const rest = ids.slice(SHOWN);
  return html`<ul class="names">${ids.slice(0, SHOWN).map(name)}</ul>
    ${rest.length > 0 && html`<details><summary>and ${count - SHOWN} more</summary><ul class="names">${rest.map(name)}</ul></details>`}`;
}

/** @param {number} ended @param {number} of */
function endedWords(ended, of) {
  if (of === 1) return "It has ended: this changes nothing.";
  const those = ended === of ? "All of them have" : `${ended} of them ${ended === 1 ? "has" : "have"}`;
  return `${those} ended: there it changes nothing.`;
}

/** @param {{room: Room, ids: string[] | "all", open: number}} props */
function Whom({ room, ids, open }) {
  if (ids === "all") {
    return html`<p class="whom all"><strong>Everybody in the quiz: ${sessions(open)} that are open now</strong>, also those that the table does not show.</p>`;
  }
  const ended = ids.filter((id) => !isOpen(room.rows.get(id) ?? { status: "" })).length;
  return html`<div class="whom">
    <p><strong>${ids.length === 1 ? "One session:" : `${sessions(ids.length)}:`}</strong></p>
    <${Names} room=${room} ids=${ids} />
    ${ended > 0 && html`<p>${endedWords(ended, ids.length)}</p>`}
  </div>`;
}

/** @param {{minutes: string, seconds: string, isLess: boolean, onChange: (change: object) => void}} props */
function Time({ minutes, seconds, isLess, onChange }) {
  return html`<fieldset class="ask">
    <legend>How much</legend>
    <div class="row">
      <label class="row"><input type="radio" name="way" checked=${!isLess} onChange=${() => onChange({ isLess: false })} />Give</label>
      <label class="row"><input type="radio" name="way" checked=${isLess} onChange=${() => onChange({ isLess: true })} />Take away</label>
    </div>
    <div class="row">
      ${PRESETS.map(
        (preset) => html`<button type="button" aria-pressed=${minutes === String(preset) && !Number(seconds) ? "true" : "false"}
          onClick=${() => onChange({ minutes: String(preset), seconds: "0" })}>${preset} min</button>`,
      )}
    </div>
    <div class="row">
      <label>Minutes <input type="number" min="0" max="525600" step="1" required autofocus value=${minutes}
        onInput=${(/** @type {any} */ event) => onChange({ minutes: event.target.value })} /></label>
      <label>Seconds <input type="number" min="0" max="59" step="1" required value=${seconds}
        onInput=${(/** @type {any} */ event) => onChange({ seconds: event.target.value })} /></label>
    </div>
    ${isLess && html`<p class="banner warn">Who has less left than that is at the end at once.</p>`}
  </fieldset>`;
}

/** @param {{room: Room, kind: Kind, done: Done, seconds: number}} props */
function Told({ room, kind, done, seconds }) {
  const unchanged = Object.entries(done.unchanged);
  const { perhaps } = done;
  const isNothing = !done.changed && !perhaps.count;
  return html`<div role="status" class=${`banner ${isNothing ? "warn" : "good"}`}>
      ${done.changed > 0 && html`<p>${ACTS[kind].done} <strong>${sessions(done.changed)}</strong>${kind === "extend" ? `, by ${lasting(seconds)}` : ""}.</p>`}
      ${perhaps.count > 0 && html`<p>${BY_NOW[kind]} <strong>${sessions(perhaps.count)}</strong>, by this request or before it: a reply of the service was lost.</p>`}
      ${isNothing && html`<p>Nothing was changed.</p>`}
    </div>
    ${perhaps.count > 0 && html`<${Names} room=${room} ids=${perhaps.ids} count=${perhaps.count} />`}
    ${done.remaining > 0 && html`<p class="banner warn">${sessions(done.remaining)} ${done.remaining === 1 ? "is" : "are"} open still: there was no time for all. Do it again.</p>`}
    ${done.cut.count > 0 && html`<h3>Given less: ${done.cut.count}</h3>
      <p>The quiz closes before their new deadline.</p><${Names} room=${room} ids=${done.cut.ids} count=${done.cut.count} />`}
    ${unchanged.length > 0 && html`<h3>Unchanged</h3>
      ${unchanged.map(
        ([reason, { count, ids }]) => html`<section key=${reason}>
          <p>${sessions(count)}: ${UNCHANGED[reason] ?? reason}</p>
          <${Names} room=${room} ids=${ids} count=${count} />
        </section>`,
      )}`}`;
}

/** @param {{room: Room, act: Act, onClose: () => void}} props */
export function ActDialog({ room, act: { kind, ids }, onClose }) {
  const [open] = useState(() => room.totals.open ?? 0);
  const [time, setTime] = useState({ minutes: "5", seconds: "0", isLess: false });
  const [text, setText] = useState("");
  const [sure, setSure] = useState("");
  const [stage, setStage] = useState(/** @type {"asked" | "sent" | "told"} */ ("asked"));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const done = useRef(nothingYet(ids));
  const isBusy = useRef(false);
  const number = ids === "all" ? open : ids.length;
  const seconds = (time.isLess ? -1 : 1) * (Number(time.minutes) * 60 + Number(time.seconds));
  const { title, does, isDangerous } = ACTS[kind];
  const asksTwice = isDangerous || (kind === "extend" && time.isLess && number > 1);
  const verb = kind === "extend" && time.isLess ? "Take time away" : does;

  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    // A second click comes before anything is drawn.
    if (isBusy.current) return;
    if (kind === "extend" && seconds === 0) return setProblem(new Error("Give a number of minutes or seconds."));
    isBusy.current = true;
    setStage("sent");
    setProblem(null);
    try {
      await act(room, kind, { seconds, text: text.trim() }, done.current);
      setStage("told");
    } catch (error) {
      setProblem(error);
      setStage("asked");
    }
    isBusy.current = false;
  };
  const close = () => !isBusy.current && onClose();

  if (stage === "told") {
    return html`<${Dialog} title=${title} onClose=${onClose} key="told">
      <${Told} room=${room} kind=${kind} done=${done.current} seconds=${seconds} />
      <div class="row end"><button type="button" class="main" autofocus onClick=${onClose}>Close</button></div>
    <//>`;
  }
  const before = done.current.changed;
  return html`<${Dialog} title=${title} onClose=${close} key="asked">
    <form onSubmit=${send} aria-busy=${stage === "sent" ? "true" : "false"}>
      <${Whom} room=${room} ids=${ids} open=${open} />
      <fieldset class="ask">
        ${kind === "extend" && html`<${Time} ...${time} onChange=${(/** @type {object} */ change) => setTime({ ...time, ...change })} />`}
        ${kind === "notices"
          ? html`<label>Notice, as the students see it
              <textarea required maxlength="2000" autofocus value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)}></textarea>
            </label>`
          : html`<label>Reason, which is kept on record
              <input required pattern=".*\\S.*" maxlength="1000" autocomplete="off" autofocus=${kind !== "extend"} value=${text}
                onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
            </label>`}
        ${kind === "pause" && ids === "all" && html`<p>All clocks stand, and nobody can start the quiz, until it is resumed.</p>`}
        ${kind === "complete" && html`<p class="banner warn">What they have written so far is handed in, and they can't go on.</p>`}
        ${asksTwice &&
        (number === 1
          ? html`<label class="row"><input type="checkbox" required checked=${sure === "1"}
              onChange=${(/** @type {any} */ event) => setSure(event.target.checked ? "1" : "")} />Yes, hand it in</label>`
          : html`<label>To be sure, type the number of sessions: ${number}
              <input required inputmode="numeric" autocomplete="off" pattern=${`\\s*${number}\\s*`} title=${`The number is ${number}`} value=${sure}
                onInput=${(/** @type {any} */ event) => setSure(event.target.value)} />
            </label>`)}
      </fieldset>
      ${problem && html`<div class="banner bad" role="alert">
        <p>${problem.isTransient === undefined ? problem.message : inWords(problem)}
          ${before > 0 ? ` It was done for ${sessions(before)} before; sending again goes on with the others.` : ""}
          ${isUnsure(problem) || done.current.isUnsure ? " It is not known whether it was done: what you send again unchanged is done once." : before ? "" : " Nothing was changed."}</p>
      </div>`}
      <p role="status">${stage === "sent" ? "Sending …" : ""}</p>
      <div class="row end">
        <button type="button" aria-disabled=${stage === "sent" ? "true" : "false"} onClick=${close}>Cancel</button>
        <button class=${asksTwice ? "main danger" : "main"} aria-disabled=${stage === "sent" ? "true" : "false"}>${verb}${number > 1 || ids === "all" ? ` (${number})` : ""}</button>
      </div>
    </form>
  <//>`;
}
