// Statistics: how hard the questions of a quiz were, how well each tells students apart, and what was answered.

import { own } from "../../browser/api.js";
import { describe, isAnswered, questionOf } from "../common/content.js";
import { clock, counted, timeOfDay } from "../common/format.js";
import { quizOrNull, quizPath } from "../common/requests.js";
import { html, useEffect, useRef, useState } from "../common/view.js";
import { shortened } from "./answer.js";
import { FEW, classesOf, figure, median, notesOf, readScores } from "./figures.js";
import { href } from "./place.js";
import { Answers, Histogram, Scatter } from "./plots.js";
import { Problem } from "./problems.js";

/** @import { TabProps } from "./page.js" */
/** @import { Note, QuestionFigures, Score } from "./figures.js" */

const READ_AT_ONCE = 2000;
// A name that has room in a plot; others are numbered there.
const SHORT = 4;

/** @type {Record<string, string>} */
const HIDDEN = {
  never: "The quiz never shows students their scores; these figures are for staff alone.",
  after_close: "Students see their scores once the quiz has closed for everybody; until then these figures are for staff alone.",
};
/** @type {[string, string][]} */
const MEANINGS = [
  ["Mean, median", "Of the scores: their sum divided by their number, and the one in the middle: half have no more than it."],
  ["Deviation", "How far scores lie from their mean, by and large (the sample’s standard deviation)."],
  ["Alpha", "Cronbach’s: whether the questions measure the same thing. Near 1 they do; below 0.7 a score says little of one student. There is none where students had different questions."],
  ["Facility", "The mean of the points of those who were asked, as a share of what there was to earn. 1 is easy; without an answer there are no points."],
  ["Discrimination", "How the points of a question go together with what the same student earned in all others (a correlation from −1 to 1). Near 0 it tells nobody apart, below 0 the key may be wrong."],
  ["Left out", "Your own attempts, those that are under way, and abandoned ones."],
  ["First answer", "How long after the start, or the entry of a section with a time limit, half and nine of ten had answered."],
];

/** @param {TabProps} props */
export function Statistics({ login, api, quizId }) {
  const [group, setGroup] = useState("");
  const [found, setFound] = useState(/** @type {{statistics: any, group: string, at: string} | null} */ (null));
  const [scores, setScores] = useState(/** @type {Score[] | number | null} */ (null));
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [quiz, setQuiz] = useState(/** @type {any} */ ({ questions: {} }));
  const [isBusy, setIsBusy] = useState(false);
  const latest = useRef(0);

  const list = async (/** @type {string} */ of, turn = latest.current) => {
    setScores(0);
    const goesOn = (/** @type {number} */ n) => turn === latest.current && (setScores(n), true);
    const all = await readScores(api, quizId, of, goesOn).catch(() => null);
    if (turn === latest.current) setScores(all);
  };
  const read = async () => {
    const turn = (latest.current += 1);
    const of = group.trim();
    setIsBusy(true);
    setFailure(null);
    try {
      const { body } = await api.request("GET", `${quizPath(quizId)}/statistics${of && `?group=${encodeURIComponent(of)}`}`);
      if (turn !== latest.current) return;
      setFound({ statistics: body, group: of, at: new Date().toISOString() });
      setScores(null);
      if (body.attempts > 0 && body.attempts <= READ_AT_ONCE) void list(of, turn);
    } catch (error) {
      if (turn === latest.current) setFailure(error);
    } finally {
      if (turn === latest.current) setIsBusy(false);
    }
  };
  useEffect(() => {
    void read();
    void quizOrNull(api, quizId).then((found) => found && setQuiz(found));
    return () => void (latest.current = -1);
  }, []);

  return html`<div class="results">
    <div class="row spread">
      <h2>Statistics</h2>
      <form class="row" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); void read(); }}>
        <label class="row">Group <span class="quiet">(empty: all)</span>
          <input value=${group} maxlength="128" onInput=${(/** @type {any} */ event) => setGroup(event.target.value)} /></label>
        <button>Look again</button>
      </form>
    </div>
    <p role="status" class="quiet">${isBusy ? "The figures are being added up …" : found ? `As of ${timeOfDay(found.at)}${found.group && `, of group ${found.group}`}.` : ""}</p>
    ${failure && html`<${Problem} problem=${failure} what=${found ? "These figures are those of the last look." : "There are no figures to show."} login=${login} onRetry=${read} />`}
    ${found && html`<${Figures} ...${found} quizId=${quizId} quiz=${quiz} scores=${scores} onList=${() => list(found.group)} />`}
  </div>`;
}

/** @param {{statistics: any, group: string, quizId: string, quiz: any, scores: Score[] | number | null, onList: () => void}} props */
function Figures({ statistics, quizId, quiz, scores, onList }) {
  const { attempts, pending, complete } = statistics;
  const all = Array.isArray(scores) ? scores : null;
  const max = all && new Set(all.map(({ max_score }) => max_score)).size === 1 ? all[0].max_score : null;
  const questions = Object.entries(/** @type {Record<string, QuestionFigures>} */ (statistics.questions))
    .sort(([one], [other]) => one.localeCompare(other, undefined, { numeric: true }))
    .map(([id, figures], at) => {
      const about = own(quiz.questions, id);
      const question = questionOf(about?.content, id);
      const { text } = question;
      const shown = (/** @type {unknown} */ answer) => (isAnswered(answer) ? describe(question, answer) : "(empty)");
      const notes = notesOf(figures, shown);
      const isShort = id.length <= SHORT;
      const [label, name] = isShort ? [id, id] : [String(at + 1), `${at + 1}. ${id}`];
      return { id, label, name, figures, text, notes, shown, points: about?.points, isGrave: notes.some(({ isGrave }) => isGrave) };
    });
  return html`${!complete && html`<p class="banner warn" data-state="incomplete">There are too many sessions for one look: these figures are of the ${counted(attempts, "session")} that started first. <a href=${href(quizId, "exports")}>An export</a> has all of them.</p>`}
    ${
      pending > 0 &&
      html`<p class="banner warn" data-state="pending">${counted(pending, "ended session")} ${pending === 1 ? "has" : "have"} no complete score yet, and ${pending === 1 ? "is" : "are"} not in these figures: answers <a href=${href(quizId, "marking")}>wait for a mark</a>, or grading is under way.</p>`
    }
    ${attempts === 0 && html`<p class="card" data-state="none">There are no statistics yet: no session has ended with a complete score.</p>`}
    ${attempts > 0 && attempts < FEW && html`<p class="banner" data-state="few">Only ${counted(attempts, "session")}: figures of so few say little, and change much with each one more.</p>`}
    ${Object.hasOwn(HIDDEN, quiz.show_results ?? "") && html`<p class="quiet" data-state="hidden">${HIDDEN[quiz.show_results]}</p>`}
    ${
      attempts > 0 &&
      html`<dl class="tiles">
          <div><dt>Sessions</dt><dd>${figure(attempts)}</dd></div>
          <div><dt>Mean</dt><dd>${figure(statistics.mean)}${max !== null && html` <span class="quiet">of ${figure(max)}</span>`}</dd></div>
          <div><dt>Median</dt><dd>${typeof scores === "number" ? "…" : figure(all && max !== null ? median(all.map(({ score }) => score)) : null)}</dd></div>
          <div><dt>Deviation</dt><dd>${figure(statistics.deviation)}</dd></div>
          <div><dt>Alpha</dt><dd>${figure(statistics.alpha)}</dd></div>
        </dl>
        ${all && all.length !== attempts && complete && html`<p class="quiet" data-state="others">The median and the distribution are of ${counted(all.length, "session")}, the other figures of ${figure(attempts)}: these leave out your own attempts, and were added up a moment before.</p>`}
        <details class="card"><summary>What these figures mean</summary><dl>${MEANINGS.map(([name, what]) => html`<dt><strong>${name}</strong></dt><dd>${what}</dd>`)}</dl></details>
        <div class="plots">
          <section class="card"><${Scores} scores=${scores} max=${max} attempts=${attempts} onList=${onList} /></section>
          ${questions.some(({ figures }) => figures.discrimination !== null) && html`<section class="card"><${Scatter} points=${questions} /></section>`}
        </div>
        ${questions.length > 0 && html`<${Questions} questions=${questions} />`}`
    }`;
}

/** @param {{scores: Score[] | number | null, max: number | null, attempts: number, onList: () => void}} props */
function Scores({ scores, max, attempts, onList }) {
  if (typeof scores === "number") return html`<p role="status">The scores are being read: ${figure(scores)} of ${figure(attempts)} …</p>`;
  if (!scores)
    return html`<p>The distribution and the median need every score; ${counted(attempts, "session")} ${attempts === 1 ? "is" : "are"} read for it.</p>
      <button type="button" onClick=${onList}>Read the scores</button>`;
  if (!scores.length) return html`<p>No score can be listed.</p>`;
  const shares = scores.map(({ score, max_score }) => (max_score ? (100 * score) / max_score : 0));
  return max === null
    ? html`<${Histogram} classes=${classesOf(shares, 100)} unit="Percent" unitOfAll="sessions, whose papers are worth different numbers of points" />`
    : html`<${Histogram} classes=${classesOf(scores.map(({ score }) => score), max)} unit="Points" unitOfAll=${scores.length === 1 ? "session" : "sessions"} />`;
}

/** @param {{questions: {name: string, id: string, figures: QuestionFigures, text: string, notes: Note[], shown: (answer: unknown) => string, points?: number}[]}} props */
function Questions({ questions }) {
  return html`<h3>Questions</h3>
    <div class="scroll" tabindex="0" role="region" aria-label="Figures of each question">
      <table data-table="all">
        <thead>
          <tr>
            <th scope="col">Question</th><th scope="col" class="number">Asked</th><th scope="col" class="number">Answered</th>
            <th scope="col" class="number">Facility</th><th scope="col" class="number">Discrimination</th>
            <th scope="col" class="number">First answer: half</th><th scope="col" class="number">nine of ten</th><th scope="col">To look at</th>
          </tr>
        </thead>
        <tbody>
          ${questions.map(
            ({ name, id, figures, notes }) => html`<tr key=${id}>
              <th scope="row">${name}</th>
              <td class="number">${figure(figures.asked)}</td><td class="number">${figure(figures.answered)}</td>
              <td class="number">${figure(figures.facility)}</td><td class="number">${figure(figures.discrimination)}</td>
              <td class="number">${figures.first_answer_seconds ? clock(figures.first_answer_seconds.median) : "–"}</td>
              <td class="number">${figures.first_answer_seconds ? clock(figures.first_answer_seconds.p90) : "–"}</td>
              <td class="notes">${notes.map(({ text, isGrave }) => html`<p class=${isGrave ? "wrong" : ""}>${text}</p>`)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <h3>Answers</h3>
    ${questions.map(
      ({ name, id, figures, text, notes, shown, points }) => html`<details class="card" key=${id} data-question=${id}>
        <summary>${name} <span class="quiet" dir="auto">${shortened(text)}</span>${notes.some(({ isGrave }) => isGrave) ? html` <strong class="wrong">look at the key</strong>` : ""}</summary>
        ${shortened(text) !== text && html`<p class="question-text" dir="auto">${text}</p>`}
        <${Answers} id=${id} name=${name} figures=${figures} points=${points} answerText=${shown} />
        ${figures.others > 0 && html`<p class="quiet">Answers of more than 200 characters, and those that are not among the 20 most frequent, are counted together.</p>`}
      </details>`,
    )}`;
}
