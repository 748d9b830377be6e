// After the end: how it ended, what counts, what it is worth, and the receipt.

import { describe, isSame } from "../common/content.js";
import { counted, moment } from "../common/format.js";
import { sessionPath } from "../common/requests.js";
import { html, useEffect, useRef, useState } from "../common/view.js";
import { recall } from "./memory.js";
import { Receipt } from "./receipt.js";

/** @import { Api } from "../../browser/api.js" */
/** @import { Kept, Session } from "../../browser/types.js" */
/** @import { Section } from "../common/content.js" */
/** @import { Login } from "../common/login.js" */

/**
 * @typedef {object} Ended
 * @property {Session} session
 * @property {Section[]} sections
 * @property {Record<string, unknown>} late
 * @property {Kept[]} receipts
 */

const CLOSE_MS = 15_000;

/** @param {Session} session @returns {[string, string]} */
function howItEnded({ id, status, completed_at, expires_at }) {
  if (status === "abandoned") return ["This attempt was given up", "It has no score."];
  if (status === "expired") return ["Your time is over", `It ended at ${moment(expires_at)}. What had arrived by then counts.`];
  if (recall(`handed-in/${id}`)) return ["You have handed in", `At ${moment(completed_at)}.`];
  if (Date.parse(completed_at) > Date.parse(expires_at) - CLOSE_MS)
    return ["Your time is over", `All was handed in by itself at ${moment(completed_at)}.`];
  return ["It was handed in", `At ${moment(completed_at)}, but not from this browser: by the staff, or by you elsewhere.`];
}

/**
 * @param {object} props
 * @param {Api} props.api
 * @param {Ended} props.ended
 * @param {Login} props.login
 * @param {string} props.quizId
 * @param {boolean} props.isShared whether others use this computer
 * @param {(() => void) | null} props.onAgain starts the next attempt, where there is one
 * @param {(() => Promise<boolean>) | null} props.onWipe removes the answers from this device; false where the attempt is open again
 */
export function Result({ api, ended, login, quizId, isShared, onAgain, onWipe }) {
  const { sections, late, receipts } = ended;
  const [read, setRead] = useState(/** @type {Session | null} */ (null));
  const session = read ?? ended.session;
  const [title, text] = howItEnded(session);
  const questions = sections.flatMap((section) => section.questions);
  const isAccepted = (/** @type {string} */ id) => Object.hasOwn(session.answers, id) && isSame(session.answers[id], late[id]);
  const lateIds = Object.keys(late).filter((id) => !isAccepted(id));
  const accepted = Object.keys(late).length - lateIds.length;
  useEffect(() => document.getElementById("ended")?.focus(), []);
  return html`<header class="bar"><h1>${quizId}</h1></header>
    <main>
      <section class="card">
        <h2 id="ended" tabindex="-1">${title}</h2>
        <p>${text}</p>
        ${session.attempt_no > 1 && html`<p class="quiet">Attempt ${session.attempt_no}</p>`}
        ${lateIds.length > 0 &&
        html`<div class="banner warn" data-late>
          <p><strong>${counted(lateIds.length, "answer")} came too late.</strong> They do not count by themselves, but are kept for the staff, who may accept them:</p>
          <ul>
            ${lateIds.map((id) => html`<li>${nameOf(questions, id)}: <span class="text">${shortOf(questions, id, late[id])}</span></li>`)}
          </ul>
        </div>`}
        ${accepted > 0 && html`<p class="banner good" data-accepted>The staff have accepted ${counted(accepted, "answer")} that came too late.</p>`}
      </section>
      <${Score} api=${api} session=${session} questions=${questions} onRead=${setRead} />
      <${Receipt} api=${api} session=${session} receipts=${receipts} />
      <${Leave} login=${login} isShared=${isShared} onAgain=${onAgain} onWipe=${onWipe} />
    </main>`;
}

/** @typedef {import("../common/content.js").Question} Question */

/** @param {Question[]} questions @param {string} id */
function nameOf(questions, id) {
  const question = questions.find((each) => each.id === id);
  return question ? `Question ${question.number}` : id;
}

/** @param {Question[]} questions @param {string} id @param {unknown} answer */
function shortOf(questions, id, answer) {
  const question = questions.find((each) => each.id === id);
  const said = question ? describe(question, answer) : JSON.stringify(answer);
  return said.length > 300 ? `${said.slice(0, 300)}…` : said;
}

/** @param {any} error */
function hidden(error) {
  if (error.code === "results_hidden") return "Results are not shown yet.";
  if (error.code === "session_open") return "";
  return error.code ? "There are no results to show." : "The results can't be read just now.";
}

/** @param {{api: Api, session: Session, questions: Question[], onRead: (session: Session) => void}} props */
function Score({ api, session, questions, onRead }) {
  const [results, setResults] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const look = async () => {
    try {
      setResults((await api.request("GET", `${sessionPath(session.id)}/results`)).body);
      setProblem(null);
    } catch (error) {
      setProblem(error);
    }
  };
  // Staff may have changed what counts.
  const lookAgain = async () => {
    const found = await api.request("GET", `/sessions/${session.id}`).catch(() => null);
    if (found && !["started", "in_progress"].includes(found.body.status)) onRead(found.body);
    await look();
  };
  useEffect(() => void look(), []);
  const ids = [...new Set([...questions.map(({ id }) => id), ...Object.keys(results?.questions ?? {}), ...Object.keys(session.answers)])];
  const isPending = results?.grading === "pending";
  return html`<section class="card" aria-labelledby="results">
    <h2 id="results">Result</h2>
    <div role="status">
      ${!results && !problem && html`<p>Looking…</p>`}
      ${problem?.code === "session_open" && html`<p class="row">The staff have opened your attempt again. <button type="button" class="main" onClick=${() => location.reload()}>Go on with it</button></p>`}
      ${problem && hidden(problem) && html`<p>${hidden(problem)}</p>`}
      ${results && results.score !== null && html`<p class="score"><strong>${results.score}</strong> of ${results.max_score} points${isPending ? " so far" : ""}</p>`}
      ${results && results.score === null && !isPending && html`<p>This attempt has no score.</p>`}
      ${isPending && html`<p class="banner warn">Some answers wait for a person to mark them: the score may still rise.</p>`}
    </div>
    ${(problem || results) && html`<p><button type="button" onClick=${lookAgain}>Look again</button></p>`}
    ${ids.length > 0 &&
    html`<div class="scroll" tabindex="0" role="region" aria-label="Your answers">
      <table>
        <thead>
          <tr><th scope="col"><span class="unseen">Question</span></th><th scope="col">Your answer that counts</th>${results && html`<th scope="col" class="number">Points</th>`}</tr>
        </thead>
        <tbody>
          ${ids.map((id) => html`<tr key=${id}>
            <th scope="row">${questions.find((each) => each.id === id)?.number ?? id}</th>
            <td class="text">${Object.hasOwn(session.answers, id) ? shortOf(questions, id, session.answers[id]) : html`<span class="quiet">No answer</span>`}
              ${results?.questions?.[id]?.comment && html`<p class="comment"><span class="quiet">Comment:</span> ${results.questions[id].comment}</p>`}</td>
            ${results && html`<td class="number">${pointsOf(results.questions?.[id], session.answers[id])}</td>`}
          </tr>`)}
        </tbody>
      </table>
    </div>`}
  </section>`;
}

/** @param {any} mark @param {unknown} answer */
function pointsOf(mark, answer) {
  if (!mark) return "";
  const isWaiting = mark.marked_by === null && mark.max_points > 0 && answer !== undefined && answer !== null;
  return isWaiting ? `waits for marking, of ${mark.max_points}` : `${mark.points} of ${mark.max_points}`;
}

/**
 * @param {object} props
 * @param {Login} props.login
 * @param {boolean} props.isShared
 * @param {(() => void) | null} props.onAgain
 * @param {(() => Promise<boolean>) | null} props.onWipe
 */
function Leave({ login, isShared, onAgain, onWipe }) {
  const [said, setSaid] = useState("");
  const [isWiped, setWiped] = useState(false);
  const signOut = useRef(/** @type {HTMLElement | null} */ (null));
  const isUrgent = isShared || isWiped;
  const wiped = (/** @type {boolean} */ isGone) => {
    setSaid(isGone ? "Your answers are removed from this browser. The service has them." : "The staff have opened your attempt again: nothing is removed. Look again at the result to go on with it.");
    setWiped(isGone);
    if (isGone) signOut.current?.focus();
  };
  const wipe = () => onWipe?.().then(wiped, () => setSaid("They could not be removed just now. Please try again."));
  return html`<section class="card" aria-label="What next">
    <div role="status">
      ${said && html`<p>${said}</p>`}
      ${isUrgent && html`<p class="banner warn"><strong>You are still signed in here</strong> as ${login.name}: who comes next can see this attempt until you sign out.</p>`}
    </div>
    <p class="row">
      ${onAgain && html`<button type="button" onClick=${onAgain}>Start another attempt</button>`}
      ${onWipe && !isWiped && html`<button type="button" onClick=${wipe}>Shared computer: remove my answers from it</button>`}
      <button type="button" class=${isUrgent ? "main" : ""} ref=${signOut} onClick=${login.leave}>Sign out</button>
    </p>
  </section>`;
}
