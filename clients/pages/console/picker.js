// Which quiz is it: the registered ones by the beginning of their ids, or any by its whole id.

import { moment } from "../common/format.js";
import { html, useEffect, useRef, useState } from "../common/view.js";
import { href } from "./place.js";
import { Problem } from "./problems.js";

/** @import { Api } from "../../browser/api.js" */

const PAUSE_MS = 250;
const PAGE = 50;

/** How a quiz stands. @param {any} quiz @param {number} now */
function state({ paused_at, opens_at, closes_at }, now) {
  if (paused_at) return ["Paused", "warn"];
  if (closes_at && Date.parse(closes_at) <= now) return [`Closed ${moment(closes_at)}`, ""];
  if (opens_at && Date.parse(opens_at) > now) return [`Opens ${moment(opens_at)}`, ""];
  return [closes_at ? `Open until ${moment(closes_at)}` : "Open", "good"];
}

/** @param {{quiz: any}} props */
function Quiz({ quiz }) {
  const [words, tone] = state(quiz, Date.now());
  return html`<tr>
    <th scope="row"><a href=${href(quiz.quiz_id, "room")}><bdi>${quiz.quiz_id}</bdi></a></th>
    <td><span class=${`chip ${tone}`}>${words}</span></td>
    <td class="number">${quiz.open}</td>
  </tr>`;
}

/** How many are listed. @param {number} count @param {boolean} isMore */
function listed(count, isMore) {
  if (count === 0) return "There is none.";
  if (isMore) return `${count} quizzes are listed, and there are more.`;
  return count === 1 ? "1 quiz is listed." : `${count} quizzes are listed.`;
}

/** `isOld`: another list is asked for. @param {{prefix: string, quizzes: any[], next: string | null, isOld: boolean, onMore: () => void}} props */
function List({ prefix, quizzes, next, isOld, onMore }) {
  return html`<section class="card" aria-labelledby="quizzes">
    <h2 id="quizzes">${prefix ? html`Quizzes that begin with “<bdi>${prefix}</bdi>”` : "Registered quizzes"}</h2>
    <p role="status" class=${quizzes.length ? "unseen" : ""}>${listed(quizzes.length, next !== null)}</p>
    ${quizzes.length > 0 && html`<div class="scroll"><table class="wide">
      <thead><tr><th scope="col">Quiz</th><th scope="col">State</th><th scope="col" class="number">Open sessions</th></tr></thead>
      <tbody>${quizzes.map((quiz) => html`<${Quiz} key=${quiz.quiz_id} quiz=${quiz} />`)}</tbody>
    </table></div>`}
    ${next !== null && html`<p><button type="button" aria-disabled=${isOld ? "true" : "false"} onClick=${() => isOld || onMore()}>Show more</button></p>`}
  </section>`;
}

/** @param {{api: Api}} props */
export function Picker({ api }) {
  const [asked, setAsked] = useState("");
  const [list, setList] = useState(/** @type {{prefix: string, quizzes: any[], next: string | null} | null} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const turn = useRef(0);

  /** @param {string} prefix @param {string | null} after @param {any[]} before */
  const load = async (prefix, after, before) => {
    const mine = (turn.current += 1);
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (prefix) query.set("prefix", prefix);
    if (after) query.set("after", after);
    try {
      const { body } = await api.request("GET", `/quizzes?${query}`);
      // What was asked for before this comes too late.
      if (mine !== turn.current) return;
      setList({ prefix, quizzes: [...before, ...body.quizzes], next: body.next_after });
      setProblem(null);
    } catch (error) {
      if (mine === turn.current) setProblem(error);
    }
  };
  useEffect(() => {
    const timer = setTimeout(() => load(asked, null, []), list ? PAUSE_MS : 0);
    return () => clearTimeout(timer);
  }, [asked]);

  return html`<form
      class="card"
      onSubmit=${(/** @type {Event} */ event) => {
        event.preventDefault();
        location.hash = href(asked, "room");
      }}
    >
      <label for="quiz">Quiz id, or how it begins</label>
      <div class="row">
        <input id="quiz" required maxlength="128" autocomplete="off" spellcheck="false" value=${asked}
          onInput=${(/** @type {any} */ event) => setAsked(event.target.value)} aria-describedby="quiz-help" />
        <button class="main">Open this id</button>
      </div>
      <p id="quiz-help" class="quiet">A quiz that nobody registered is not in the list: give its whole id.</p>
    </form>
    <${Problem} problem=${problem} onRetry=${() => load(asked, null, [])}>The list of quizzes is not shown. A quiz can be opened by its id.<//>
    ${list && html`<${List} ...${list} isOld=${list.prefix !== asked} onMore=${() => load(list.prefix, list.next, list.quizzes)} />`}`;
}
