// Marking: how many answers wait, the desk where they are marked, and the marks of this visit.

import { own } from "../../browser/api.js";
import { describe, isAnswered, questionOf } from "../common/content.js";
import { counted } from "../common/format.js";
import { quizOrNull } from "../common/requests.js";
import { html, useEffect, useMemo, useRef, useState } from "../common/view.js";
import { pointsText, shortened } from "./answer.js";
import { ChangeMark } from "./change.js";
import { Desk } from "./desk.js";
import { Drafts } from "./drafts.js";
import { Problem } from "./problems.js";
import { Queue } from "./queue.js";
import { Regrade } from "./regrade.js";
import { Shortcuts, useSetting } from "./shortcuts.js";

/** @import { TabProps } from "./page.js" */
/** @import { Marked } from "./desk.js" */
/** @import { Mark } from "./queue.js" */

const LOOK_MS = 10_000;
const KEPT_MARKS = 50;

/** The marks of this visit, by quiz: another tab of the console may be looked at meanwhile. @type {Map<string, Marked[]>} */
const visit = new Map();

/** @param {TabProps} props */
export function Marking({ config, login, api, quizId }) {
  const queue = useMemo(() => new Queue(api, config.api, quizId, login), []);
  const drafts = useMemo(() => new Drafts(quizId, login.name), []);
  const [counts, setCounts] = useState(/** @type {Record<string, number> | null} */ (null));
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [rules, setRules] = useState(/** @type {Record<string, any>} */ ({}));
  const [at, setAt] = useState(/** @type {{question?: string} | null} */ (null));
  const [marks, setMarks] = useState(visit.get(quizId) ?? []);
  const [shown, setShown] = useState(/** @type {"help" | "regrade" | Marked | null} */ (null));
  const [isOn, setIsOn] = useSetting();
  const title = useRef(/** @type {HTMLElement | null} */ (null));

  const look = () =>
    queue.counts().then(
      (found) => {
        setCounts(found);
        setFailure(null);
      },
      (error) => setFailure(error),
    );
  useEffect(() => {
    void look();
    void quizOrNull(api, quizId).then((quiz) => quiz && setRules(quiz.questions));
    const timer = setInterval(() => !document.hidden && look(), LOOK_MS);
    return () => clearInterval(timer);
  }, []);

  const keep = (/** @type {Marked[]} */ all) => {
    visit.set(quizId, all);
    setMarks(all);
  };
  const onMarked = (/** @type {Marked} */ marked) => {
    const others = (visit.get(quizId) ?? []).filter((each) => each.session_id !== marked.session_id || each.question !== marked.question);
    keep([marked, ...others].slice(0, KEPT_MARKS));
    void look();
  };
  const changed = (/** @type {Marked} */ marked, /** @type {Mark | null} */ mark) => {
    keep(marks.flatMap((each) => (each === marked ? (mark ? [{ ...each, mark }] : []) : [each])));
    setShown(null);
    void look();
  };
  const leave = () => {
    setAt(null);
    void look();
  };
  const all = Object.values(counts ?? {}).reduce((sum, n) => sum + n, 0);
  const waiting = counts && (at?.question === undefined ? all : own(counts, at.question) ?? 0);

  const wasAt = useRef(at);
  useEffect(() => {
    if (wasAt.current && !at) title.current?.focus();
    wasAt.current = at;
  }, [at]);

  return html`<div class="results">
    ${
      at
        ? html`<${Desk} queue=${queue} drafts=${drafts} question=${at.question} rules=${rules} waiting=${waiting} login=${login} isOn=${isOn}
            onHelp=${() => setShown("help")} onChangeLast=${() => marks.length && setShown(marks[0])} onMarked=${onMarked} onLeave=${leave} />`
        : html`<div class="row spread">
              <h2 tabindex="-1" ref=${title}>Marking</h2>
              <button type="button" onClick=${() => setShown("help")}>Keyboard shortcuts</button>
            </div>
            ${failure && html`<${Problem} problem=${failure} what=${counts ? "The numbers may be old." : "What waits to be marked can’t be shown."} login=${login} onRetry=${look} />`}
            ${counts && html`<${Overview} counts=${counts} all=${all} rules=${rules} onTake=${(/** @type {string | undefined} */ question) => setAt({ question })} />`}
            ${!counts && !failure && html`<p>What waits to be marked is being looked up …</p>`}`
    }
    ${marks.length > 0 && html`<${Marks} marks=${marks} rules=${rules} isOpen=${!at} onChange=${setShown} />`}
    ${
      !at &&
      counts &&
      html`<section class="card">
        <h3>After a key was corrected</h3>
        <p>Sessions keep the score that they were graded with until they are graded again.</p>
        <button type="button" onClick=${() => setShown("regrade")}>Grade again …</button>
      </section>`
    }
    ${shown === "help" && html`<${Shortcuts} isOn=${isOn} put=${setIsOn} onClose=${() => setShown(null)} />`}
    ${
      shown === "regrade" &&
      html`<${Regrade} api=${api} login=${login} quizId=${quizId} onClose=${() => {
        setShown(null);
        void look();
      }} />`
    }
    ${
      shown !== null &&
      typeof shown === "object" &&
      html`<${ChangeMark} marked=${shown} content=${own(rules, shown.question)?.content} queue=${queue} login=${login} onDone=${(/** @type {Mark | null} */ mark) => changed(shown, mark)} onClose=${() => setShown(null)} />`
    }
  </div>`;
}

/** @param {{counts: Record<string, number>, all: number, rules: Record<string, any>, onTake: (question?: string) => void}} props */
function Overview({ counts, all, rules, onTake }) {
  if (!all) return html`<p class="card" data-part="nothing">Nothing waits to be marked. Answers come here once their session has ended, if no key can grade them.</p>`;
  const questions = Object.keys(counts).sort((one, other) => one.localeCompare(other, undefined, { numeric: true }));
  return html`<p role="status">${counted(all, "answer")} ${all === 1 ? "waits" : "wait"} for a mark.</p>
    <ul class="queue">
      <li class="card row spread">
        <span>All questions, in the order of the sessions</span>
        <button type="button" class="main" onClick=${() => onTake()}>Mark all</button>
      </li>
      ${questions.map((question) => {
        const about = own(rules, question);
        return html`<li class="card row spread" key=${question}>
          <span>
            <strong>${question}</strong>${about && html` <span class="quiet">${counted(about.points, "point")}</span>`}
            ${about?.content !== undefined && html`<br /><span dir="auto">${shortened(questionOf(about.content, question).text)}</span>`}
          </span>
          <span class="row"><span>${counts[question].toLocaleString()} waiting</span>
            <button type="button" onClick=${() => onTake(question)}>Mark <span class="unseen">${question}</span></button></span>
        </li>`;
      })}
    </ul>`;
}

/** @param {{marks: Marked[], rules: Record<string, any>, isOpen: boolean, onChange: (marked: Marked) => void}} props */
function Marks({ marks, rules, isOpen, onChange }) {
  const said = (/** @type {Marked} */ { question, answer }) => {
    const text = isAnswered(answer) ? describe(questionOf(own(rules, question)?.content, question), answer) : "";
    return shortened(typeof answer === "string" ? text : text.replaceAll("\n", ", "));
  };
  return html`<details class="card" open=${isOpen}>
    <summary>${counted(marks.length, "mark")} of this visit</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="Marks of this visit">
      <table>
        <thead><tr><th scope="col">Question</th><th scope="col">Answer</th><th scope="col" class="number">Points</th><th scope="col">Comment</th><th scope="col"><span class="unseen">Acts</span></th></tr></thead>
        <tbody>
          ${marks.map(
            (marked) => html`<tr key=${`${marked.session_id}/${marked.question}`}>
              <td>${marked.question}</td>
              <td dir="auto">${said(marked)}</td>
              <td class="number">${pointsText(marked.mark.points)} of ${pointsText(marked.points)}</td>
              <td dir="auto">${shortened(marked.mark.comment ?? "")}</td>
              <td><button type="button" onClick=${() => onChange(marked)}>Change<span class="unseen"> ${marked.question}: ${said(marked)}</span></button></td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}
