// One student: how the session stands, what was answered, what happened, and what can be done.

import { moment } from "../common/format.js";
import { sessionPath } from "../common/requests.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../common/view.js";
import { Accommodations } from "./accommodations.js";
import { ACTS } from "./acts.js";
import { Answers } from "./answers.js";
import { Deadline } from "./deadline.js";
import { Incidents } from "./incidents.js";
import { LateAnswers } from "./late.js";
import { useLoaded } from "./loaded.js";
import { SessionNotices } from "./notices.js";
import { href } from "./place.js";
import { Problem } from "./problems.js";
import { Label, Reopen, Unlock } from "./single.js";
import { Timeline } from "./timeline.js";
import { isOpen, isSilent } from "./rows.js";
import { Answered, Status } from "./table.js";
import { Ago, Left, fill, lasting } from "./times.js";
import { Trail } from "./trail.js";
import { serverNow, useSeconds } from "./watch.js";

/** @import { Api } from "../../browser/api.js" */
/** @import { Act } from "./acts.js" */
/** @import { Login } from "../common/login.js" */
/** @import { Kind } from "./send.js" */
/** @import { View } from "./watch.js" */

/**
 * @typedef {object} Props
 * @property {Api} api
 * @property {Login} login
 * @property {string} quizId
 * @property {any} quiz its rules, where it is registered
 * @property {View} view
 * @property {string} sessionId
 * @property {(act: Act) => void} onAct
 */

/** Escape goes back, unless a question is open. @param {string} quizId */
function useEscape(quizId) {
  useEffect(() => {
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
      location.hash = href(quizId, "room");
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [quizId]);
}

/** @param {{row: any, session: any}} props */
const Facts = ({ row, session }) =>
  html`<dl class="facts">
    <dt>Time left</dt><dd><${Left} row=${row} /></dd>
    <dt>Answered</dt><dd><${Answered} row=${row} />${row.buffered ? `, and ${row.buffered} ${row.buffered === 1 ? "draft" : "drafts"}` : ""}</dd>
    <dt>Last seen</dt><dd><${Ago} at=${row.last_seen_at} />${row.devices > 1 ? `, with ${row.devices} devices or tabs` : ""}</dd>
    <dt>Group</dt><dd>${session.group === null ? html`<span class="quiet">none</span>` : html`<bdi>${session.group}</bdi>`}</dd>
    ${session.label !== null && html`<dt>Label</dt><dd><bdi>${session.label}</bdi></dd>`}
    <dt>Attempt</dt><dd>${session.attempt_no}</dd>
    <dt>Started</dt><dd>${moment(session.started_at)}</dd>
    <dt>Deadline</dt><dd>${session.paused ? "stands, while the clock is stopped" : moment(session.expires_at)}</dd>
    ${session.pause_seconds > 0 && html`<dt>Pauses</dt><dd>${lasting(session.pause_seconds)}</dd>`}
    ${session.completed_at && html`<dt>Handed in</dt><dd>${moment(session.completed_at)}</dd>`}
    ${session.late_ms > 0 && html`<dt>Late by</dt><dd>${lasting(Math.ceil(session.late_ms / 1000))}</dd>`}
    ${session.score !== null && html`<dt>Score</dt><dd>${session.score} of ${session.max_score}${session.grading === "pending" ? ", not marked to the end" : ""}</dd>`}
    <dt>Session</dt><dd class="code">${session.id}</dd>
  </dl>`;

/** @param {{row: any, quiz: any, onAct: (kind: Kind) => void, onAsk: (what: string) => void}} props */
function Acts({ row, quiz, onAct, onAsk }) {
  const kinds = /** @type {Kind[]} */ (isOpen(row) ? ["extend", row.paused ? "resume" : "pause", "notices", "complete"] : []);
  return html`<div class="row" role="group" aria-label="What can be done">
    ${kinds.map((kind) => html`<button type="button" key=${kind} class=${ACTS[kind].isDangerous ? "danger" : ""} onClick=${() => onAct(kind)}>${ACTS[kind].title}</button>`)}
    ${!isOpen(row) && html`<button type="button" key="reopen" onClick=${() => onAsk("reopen")}>Reopen</button>`}
    ${isOpen(row) && quiz && quiz.one_device !== "off" && html`<button type="button" key="unlock" onClick=${() => onAsk("unlock")}>Let another device in</button>`}
    <button type="button" key="label" onClick=${() => onAsk("label")}>Group and label</button>
  </div>`;
}

/** @param {Props} props */
export function StudentPanel({ api, login, quizId, quiz, view, sessionId, onAct }) {
  const seen = view.room.rows.get(sessionId);
  // A row that is the same but for its time is another object, too: who was heard may have written.
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((now) => now + 1);
  const { value: session, problem } = useLoaded(
    async () => (await api.request("GET", sessionPath(sessionId))).body,
    [seen, turn],
  );
  const [asked, setAsked] = useState("");
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  const run = () => fill(root.current, serverNow(view));
  useSeconds(run);
  useLayoutEffect(run);
  useEscape(quizId);
  useEffect(() => heading.current?.focus(), []);
  const row = seen ?? (session && { ...session, answered: Object.keys(session.answers).length, questions: null, buffered: 0, last_seen_at: null, devices: null });
  // What its lists show has changed where one of these has.
  const change = `${row?.status} ${row?.paused} ${row?.expires_at} ${row?.answered} ${row?.incidents} ${row?.unread_notices} ${row?.extra_seconds} ${turn}`;
  const close = () => setAsked("");
  const known = { now: serverNow(view), presence: view.room.presence };
  return html`<article ref=${root} aria-labelledby="student">
    <p><a href=${href(quizId, "room")}>Back to everybody</a> <span class="quiet">(Escape)</span></p>
    <div class="row">
      <h2 id="student" ref=${heading} tabindex="-1"><bdi>${row?.user_id ?? "A session"}</bdi></h2>
      ${row && html`<${Status} row=${row} isQuiet=${seen ? isSilent(row, known) : false} />`}
    </div>
    <${Problem} problem=${problem} onRetry=${again} login=${login}>${session ? "What follows may be out of date." : "The session can't be shown."}<//>
    ${!session && !problem && html`<p role="status">Reading …</p>`}
    ${session && session.quiz_id !== quizId && html`<p class="banner warn">This session belongs to another quiz: <a href=${href(session.quiz_id, "room", sessionId)}>${session.quiz_id}</a></p>`}
    ${session && row && html`
      <${Acts} row=${row} quiz=${quiz} onAct=${(/** @type {Kind} */ kind) => onAct({ kind, ids: [sessionId] })} onAsk=${setAsked} />
      <div class="columns">
        <div>
          <section class="card" aria-labelledby="facts"><h3 id="facts">The session</h3><${Facts} row=${row} session=${session} /></section>
          <${Answers} api=${api} session=${session} />
          <${LateAnswers} api=${api} sessionId=${sessionId} change=${change} onDone=${again} />
        </div>
        <div>
          <${Incidents} api=${api} sessionId=${sessionId} change=${change} />
          <${SessionNotices} api=${api} sessionId=${sessionId} change=${change} />
          <${Deadline} api=${api} sessionId=${sessionId} change=${change} />
          <${Accommodations} api=${api} quizId=${session.quiz_id} userId=${session.user_id} change=${change} onDone=${again} />
        </div>
      </div>
      <${Trail} api=${api} sessionId=${sessionId} change=${change} />
      <${Timeline} api=${api} sessionId=${sessionId} change=${change} />
      ${asked === "reopen" && html`<${Reopen} api=${api} sessionId=${sessionId} onClose=${close} onDone=${again} />`}
      ${asked === "unlock" && html`<${Unlock} api=${api} sessionId=${sessionId} onClose=${close} onDone=${again} />`}
      ${asked === "label" && html`<${Label} api=${api} session=${session} onClose=${close} onDone=${again} />`}`}
  </article>`;
}
