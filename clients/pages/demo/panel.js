// The buttons that break something, and what is said of it.

import { timeOfDay } from "../common/format.js";
import { html, useState } from "../common/view.js";

/** @import { Exam, Kind, Line } from "./exam.js" */

const SILENCE = 4;

const seconds = (/** @type {number} */ ms) => Math.max(0, Math.ceil(ms / 1000));

/** What is said of the last break of a kind. @param {Exam} exam @param {Kind} kind @param {string} whole @param {string} broken */
function stateOf(exam, kind, whole, broken) {
  const one = exam.breaks.get(kind);
  if (!one) return { tone: "good", text: whole };
  if (Number.isNaN(one.endedAt)) return { tone: "bad", text: broken };
  if (Number.isNaN(one.healedAt)) return { tone: "warn", text: `${whole} again; what it left behind is healing` };
  return { tone: "good", text: `${whole} again; all was healed ${seconds(one.healedAt - one.endedAt)} s later` };
}

/** @param {{title: string, state: {tone: string, text: string}, children: any}} props */
function Card({ title, state, children }) {
  return html`<li class="card">
    <h3>${title}</h3>
    <p class=${`state ${state.tone}`}>${state.text}</p>
    ${children}
  </li>`;
}

/** A button that does nothing while it is broken, and keeps the focus.
 * @param {{isOff: boolean, onPress: () => void, children: any}} props */
const Breaker = ({ isOff, onPress, children }) =>
  html`<button class="danger" aria-disabled=${isOff} onClick=${() => !isOff && onPress()}>${children}</button>`;

/** @param {{exam: Exam}} props */
export function Breaks({ exam }) {
  const { thaws_in } = exam.stores.postgresql;
  const thaws = thaws_in === null ? "away, is being started" : `frozen, thaws in ${Math.ceil(thaws_in)} s`;
  const silence = seconds(performance.now() - exam.seenAt);
  return html`<section aria-labelledby="breaks">
    <h2 id="breaks">Break something</h2>
    ${silence > SILENCE && html`<p class="banner bad">The service has not answered for ${silence} s. What is shown is as it was then.</p>`}
    <ul class="breaks">
      <${Card} title="PostgreSQL" state=${stateOf(exam, "postgresql", "running", thaws)}>
        <${Breaker} isOff=${exam.isBroken("postgresql")} onPress=${() => exam.freezePostgreSql()}>Freeze PostgreSQL<//>
      <//>
      <${Card} title="Valkey" state=${stateOf(exam, "valkey", "running", "killed, is being started")}>
        <${Breaker} isOff=${exam.isBroken("valkey")} onPress=${() => exam.killValkey()}>Kill Valkey<//>
      <//>
      <${Networks} exam=${exam} />
      <${RoomClock} exam=${exam} />
    </ul>
  </section>`;
}

/** @param {{exam: Exam}} props */
function Networks({ exam }) {
  const [student, setStudent] = useState(exam.students[0]?.name ?? "");
  const cut = exam.breaks.get("network");
  const left = seconds((cut?.endsAt ?? 0) - performance.now());
  const state = stateOf(exam, "network", "whole", `${cut?.student} is cut off for ${left} s`);
  const isCut = exam.isBroken("network");
  return html`<${Card} title="A student's network" state=${state}>
    <label>
      <span class="unseen">Whose network</span>
      <select value=${student} onChange=${(/** @type {any} */ event) => setStudent(event.target.value)}>
        ${exam.students.map(({ name, phase }) => html`<option key=${name} value=${name}>${name}${phase === "writing" ? "" : ` (${phase})`}</option>`)}
      </select>
    </label>
    ${isCut
      ? html`<button key="act" onClick=${() => exam.connectAgain()}>Connect ${cut?.student} again</button>`
      : html`<button key="act" class="danger" onClick=${() => exam.cutNetwork(student)}>Cut this student's network</button>`}
  <//>`;
}

/** @param {{exam: Exam}} props */
function RoomClock({ exam }) {
  const [isAsked, setAsked] = useState(false);
  const pause = exam.breaks.get("room");
  const left = seconds((pause?.endsAt ?? 0) - performance.now());
  // Pauses of single students, or from the view below.
  const standing = exam.room.totals.paused ?? 0;
  const whole = standing ? `${standing} ${standing === 1 ? "clock stands" : "clocks stand"}` : "its clocks run";
  const isPaused = exam.isBroken("room");
  const state =
    standing && !isPaused ? { tone: "warn", text: whole } : stateOf(exam, "room", whole, `paused, goes on in ${left} s`);
  const act = async () => {
    if (isAsked) return;
    setAsked(true);
    await (isPaused ? exam.resumeRoom() : exam.pauseRoom()).catch(reportError);
    setAsked(false);
  };
  return html`<${Card} title="The room" state=${state}>
    <button class=${isPaused ? "" : "danger"} aria-disabled=${isAsked} onClick=${act}>${isPaused ? "Let the room go on" : "Pause the room"}</button>
  <//>`;
}

/** @param {{lines: Line[]}} props */
export function Log({ lines }) {
  return html`<section aria-labelledby="log">
    <h2 id="log">What happened</h2>
    <div class="log" role="log" tabindex="0" aria-labelledby="log">
      <ol>
        ${lines.map(
          ({ at, text, tone }) =>
            html`<li key=${`${at} ${text}`} class=${tone}><time>${timeOfDay(new Date(at).toISOString())}</time> ${text}</li>`,
        )}
      </ol>
    </div>
  </section>`;
}
