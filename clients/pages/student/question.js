// A question: what it asks, its field, and what became of the answer.

import { counted } from "../common/format.js";
import { Images } from "../common/images.js";
import { html } from "../common/view.js";
import { Field } from "./fields.js";
import { Icon } from "./icons.js";
import { answerWords } from "./words.js";

/** @import { Attempt, Mark } from "./attempt.js" */
/** @import { Question as Asked, Section } from "../common/content.js" */
/** @import { IconName } from "./icons.js" */

/** @type {Record<Mark, [string, IconName | null, string]>} */
export const MARKS = {
  none: ["Not answered", null, ""],
  unsent: ["On this device", "device", "warn"],
  buffered: ["Arrived", "arrived", ""],
  committed: ["Saved", "saved", "good"],
  conflict: ["Answered elsewhere", "warning", "bad"],
  refused: ["Not accepted", "warning", "bad"],
  locked: ["Locked", "lock", ""],
};

/** @param {{mark: Mark}} props */
export function SavedMark({ mark }) {
  const [text, icon, colour] = MARKS[mark];
  return html`<span class=${`mark ${colour}`} data-mark=${mark}>${icon && html`<${Icon} name=${icon} />`}${text}</span>`;
}

export const headingId = (/** @type {Asked} */ { number }) => `h-${number}`;

/** @param {{attempt: Attempt, question: Asked, section: Section, onChoose: (id: string) => void}} props */
export function Question({ attempt, question, section, onChoose }) {
  const { id, number, points, text, images } = question;
  const { quiz } = attempt;
  const mark = attempt.markOf(question);
  const isLocked = attempt.isLocked(question);
  const isOver = attempt.isOver || attempt.stateOf(section) === "over";
  const before = section.isForward ? section.questions.filter((each) => each.number < number && !attempt.isLocked(each)) : [];
  const isFlagged = attempt.flags.includes(id);
  const name = `Question ${number}`;
  const giveUp = () => {
    document.getElementById(headingId(question))?.focus();
    void quiz.resolve(id, "theirs");
  };
  return html`<section class="card question" aria-labelledby=${headingId(question)} data-question=${id}>
    <div class="row spread">
      <h3 id=${headingId(question)} tabindex="-1">
        ${name}${points !== null && html`${" "}<span class="quiet points">${counted(points, "point")}</span>`}
      </h3>
      <${SavedMark} mark=${mark} />
    </div>
    <p class="text asked" id=${`t-${number}`}>${text || `(${id})`}</p>
    <${Images} images=${images} />
    <div id=${`n-${number}`}>
      ${isLocked && html`<p class="note"><${Icon} name="lock" /> Locked, because a question after it was answered. It can be read, but not changed.</p>`}
      ${!isLocked && !isOver && before.length > 0 && html`<p class="note"><${Icon} name="lock" /> ${locks(before)}</p>`}
      ${mark === "refused" && html`<p class="note bad">This answer was not accepted. ${answerWords(attempt.reasons.get(id))}</p>`}
      ${mark === "conflict" && html`<p class="note bad">It was answered on another device too. Please choose which answer counts.</p>`}
    </div>
    <${Field}
      question=${question}
      answer=${quiz.answer(id)}
      isClosed=${isLocked || isOver}
      labelledBy=${`${headingId(question)} t-${number}`}
      describedBy=${`n-${number}`}
      put=${(/** @type {unknown} */ value, /** @type {boolean} */ isFinal) => attempt.put(question, value, isFinal)}
    />
    <div class="row">
      ${mark === "conflict" && html`<button type="button" class="main" onClick=${() => onChoose(id)}>Choose an answer</button>`}
      ${mark === "refused" &&
      html`<button type="button" onClick=${giveUp}>Give it up, show what the server has</button>`}
      ${!isLocked &&
      html`<button type="button" class="plain" onClick=${() => attempt.flag(id)}>
        <${Icon} name="flag" /><span>${isFlagged ? "Marked for later" : "Mark for later"}<span class="unseen">, question ${number}</span></span>
      </button>`}
    </div>
  </section>`;
}

/** @param {Asked[]} before */
function locks(before) {
  const [first, last] = [before[0].number, before[before.length - 1].number];
  return `An answer here locks question ${first === last ? first : `${first} to ${last}`}.`;
}
