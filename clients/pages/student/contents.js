// Where the student is in the paper, and what is still to do.

import { counted } from "../common/format.js";
import { html, useState } from "../common/view.js";
import { isAnswered, titleOf } from "../common/content.js";
import { Icon } from "./icons.js";
import { MARKS } from "./question.js";

/** @import { Attempt } from "./attempt.js" */
/** @import { Question, Section } from "../common/content.js" */

/**
 * Whether the service does not have what the page shows.
 *
 * @param {Attempt} attempt
 * @param {Question} question
 */
const isHeldBack = (attempt, { id }) => ["unsent", "conflict", "refused"].includes(attempt.quiz.stateOf(id));

/** @param {Attempt} attempt @param {Question} question */
export function wordsOf(attempt, question) {
  const { id } = question;
  const words = [isAnswered(attempt.quiz.answer(id)) ? "answered" : "not answered"];
  if (attempt.flags.includes(id)) words.push("marked for later");
  if (isHeldBack(attempt, question)) words.push("not sent yet");
  return words.join(", ");
}

/** @param {{attempt: Attempt, question: Question, onGo: (question: Question) => void}} props */
export function Chip({ attempt, question, onGo }) {
  const hasAnswer = isAnswered(attempt.quiz.answer(question.id));
  const isFlagged = attempt.flags.includes(question.id);
  const mark = attempt.markOf(question);
  // An answer that was emptied is saved, too: what has nothing has no tick.
  const icon = hasAnswer || mark !== "committed" ? MARKS[mark][1] : null;
  const look = isHeldBack(attempt, question) ? "held-back" : "answered";
  return html`<button type="button" class=${`chip ${hasAnswer ? look : ""}`} onClick=${() => onGo(question)}>
    <span class="unseen">Question </span>${question.number}<span class="unseen">, ${wordsOf(attempt, question)}</span>
    ${icon && html`<span data-chip=${mark}><${Icon} name=${icon} /></span>`}${isFlagged && html`<${Icon} name="flag" />`}
  </button>`;
}

/**
 * @param {object} props
 * @param {Attempt} props.attempt
 * @param {number | "review"} props.place
 * @param {(section: Section) => void} props.onSection
 * @param {(question: Question) => void} props.onQuestion
 * @param {() => void} props.onReview
 */
export function Contents({ attempt, place, onSection, onQuestion, onReview }) {
  const { sections, questions, quiz } = attempt;
  const [isOpen] = useState(() => matchMedia("(min-width: 60rem)").matches);
  const answered = questions.filter(({ id }) => isAnswered(quiz.answer(id))).length;
  return html`<nav class="contents" aria-label="Questions">
    <details open=${isOpen}>
      <summary>${answered} of ${counted(questions.length, "question")} answered</summary>
      <ol class="sections">
        ${sections.map(
          (section) => html`<li key=${section.number}>
            ${sections.length > 1 &&
            html`<button type="button" class="plain place" aria-current=${place === section.number ? "true" : undefined} onClick=${() => onSection(section)}>
              ${titleOf(section, sections)}
              ${attempt.stateOf(section) === "closed" && html`<span class="quiet small"> not started</span>`}
              ${attempt.stateOf(section) === "over" && html`<span class="quiet small"> over</span>`}
            </button>`}
            ${attempt.stateOf(section) !== "closed" &&
            html`<div class="chips">${section.questions.map((question) => html`<${Chip} key=${question.id} attempt=${attempt} question=${question} onGo=${onQuestion} />`)}</div>`}
          </li>`,
        )}
      </ol>
      <button type="button" aria-current=${place === "review" ? "true" : undefined} onClick=${onReview}>Review and hand in</button>
    </details>
  </nav>`;
}
