// Before the hand-in: what is answered, what is not, and what has not been sent.

import { Dialog } from "../common/dialog.js";
import { counted } from "../common/format.js";
import { html, useState } from "../common/view.js";
import { isAnswered, titleOf } from "../common/content.js";
import { Icon } from "./icons.js";
import { keep } from "./memory.js";
import { SavedMark } from "./question.js";

/** @import { Attempt } from "./attempt.js" */
/** @import { Question } from "../common/content.js" */

/** @param {any} error */
function failure(error) {
  if (error.code === "answer_conflict") return "A question was answered elsewhere too: choose which answer counts, then hand in.";
  if (error.code === "session_paused") return "The clock is stopped, and answers can't be sent now. Hand in once it runs again.";
  return `It was not handed in. ${error.message}`;
}

/** @param {{attempt: Attempt, question: Question}} props */
function About({ attempt, question }) {
  const mark = attempt.markOf(question);
  const isOpen = !isAnswered(attempt.quiz.answer(question.id));
  return html`<span class="row">
    ${attempt.flags.includes(question.id) && html`<span class="mark"><${Icon} name="flag" />Marked for later</span>`}
    ${isOpen && html`<strong class="mark warn">Not answered</strong>`}
    ${mark !== "none" && !(isOpen && mark === "committed") && html`<${SavedMark} mark=${mark} />`}
  </span>`;
}

/** @param {{attempt: Attempt, onQuestion: (question: Question) => void}} props */
export function Review({ attempt, onQuestion }) {
  const { quiz, sections, questions, unsent, flags } = attempt;
  const [isAsking, setAsking] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [failed, setFailed] = useState("");
  const open = questions.filter(({ id }) => !isAnswered(quiz.answer(id)));
  const flagged = questions.filter(({ id }) => flags.includes(id));
  const waits = quiz.session.paused && unsent.length > 0;
  const handIn = async () => {
    setAsking(false);
    setBusy(true);
    setFailed("");
    keep(`handed-in/${quiz.session.id}`, true);
    try {
      await quiz.handIn();
    } catch (error) {
      keep(`handed-in/${quiz.session.id}`, null);
      setFailed(failure(error));
      setBusy(false);
    }
  };
  return html`<section aria-labelledby="place">
    <h2 id="place" tabindex="-1">Review and hand in</h2>
    ${questions.length > 0 &&
    html`<ul class="card counts">
      <li>${open.length ? html`<strong>${counted(open.length, "question")}</strong> not answered` : "All questions are answered"}</li>
      ${flagged.length > 0 && html`<li><strong>${counted(flagged.length, "question")}</strong> marked for later</li>`}
      ${unsent.length > 0 && html`<li><strong>${counted(unsent.length, "answer")}</strong> not sent yet</li>`}
    </ul>`}
    ${sections.map(
      (section) => html`<h3>${titleOf(section, sections)}</h3>
        ${attempt.stateOf(section) === "closed" && html`<p class="quiet">Not started: its ${counted(section.questions.length, "question")} can't be answered before.</p>`}
        ${attempt.stateOf(section) !== "closed" &&
        html`<ul class="reviewed">
          ${section.questions.map(
            (question) => html`<li key=${question.id} class="row spread">
              <button type="button" class="plain go" onClick=${() => onQuestion(question)}>
                <strong>Question ${question.number}</strong> <span class="quiet">${question.text.slice(0, 80)}</span>
              </button>
              <${About} attempt=${attempt} question=${question} />
            </li>`,
          )}
        </ul>`}`,
    )}
    ${failed && html`<p class="banner bad" role="alert">${failed}</p>`}
    ${waits && html`<p class="banner warn">The clock is stopped, and some answers have not been sent. You can hand in once it runs again.</p>`}
    ${isBusy && html`<p class="banner" role="status">Handing in… Keep this page open: without a connection it waits for one.</p>`}
    <p><button type="button" class="main" disabled=${waits || isBusy} onClick=${() => setAsking(true)}>Hand in</button></p>
    ${isAsking &&
    html`<${Dialog} title="Hand in for good?" onClose=${() => setAsking(false)}>
      <p>${open.length ? `${counted(open.length, "question")} ${open.length === 1 ? "is" : "are"} not answered. ` : ""}After the hand-in nothing can be changed.</p>
      <p class="row">
        <button type="button" class="main" onClick=${handIn}>Hand in</button>
        <button type="button" autofocus onClick=${() => setAsking(false)}>Go back</button>
      </p>
    <//>`}
  </section>`;
}
