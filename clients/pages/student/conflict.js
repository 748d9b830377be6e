// A question was answered on two devices: the student says which answer counts.

import { Dialog } from "../common/dialog.js";
import { asText } from "../common/format.js";
import { html, useState } from "../common/view.js";
import { describe } from "../common/content.js";

/** @import { Attempt } from "./attempt.js" */
/** @import { Question } from "../common/content.js" */

/** @param {{attempt: Attempt, question: Question, onClose: () => void}} props */
export function Conflict({ attempt, question, onClose }) {
  const { mine, theirs } = attempt.quiz.conflicts[question.id];
  const [own, setOwn] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const choose = async (/** @type {"mine" | "theirs"} */ choice) => {
    setBusy(true);
    await attempt.quiz.resolve(question.id, choice);
    onClose();
  };
  const write = async () => {
    // A text may be called `theirs`.
    await choose("mine");
    attempt.put(question, own || null);
  };
  return html`<${Dialog} title=${`Question ${question.number} was answered elsewhere`} onClose=${onClose} isWide=${true}>
    <p>It was answered on another device, or in another browser, since you began here. Which answer counts?</p>
    <div class="sides">
      <section class="card" aria-label="Here">
        <h3>Here</h3>
        <p class="text side" tabindex="0">${describe(question, mine)}</p>
        <button type="button" class="main" disabled=${isBusy} onClick=${() => choose("mine")}>Keep mine</button>
      </section>
      <section class="card" aria-label="Elsewhere">
        <h3>Elsewhere</h3>
        <p class="text side" tabindex="0">${describe(question, theirs)}</p>
        <button type="button" disabled=${isBusy} onClick=${() => choose("theirs")}>Keep the other</button>
      </section>
    </div>
    ${question.kind === "essay" &&
    (own === null
      ? html`<p><button type="button" class="plain" onClick=${() => setOwn(`${asText(mine)}\n${asText(theirs)}`)}>Write one from both</button></p>`
      : html`<label>
            One from both
            <textarea value=${own} maxlength=${question.maxLength} onInput=${(/** @type {any} */ { target }) => setOwn(target.value)}></textarea>
          </label>
          <p><button type="button" disabled=${isBusy} onClick=${write}>Keep this text</button></p>`)}
    <p class="row"><button type="button" class="plain" onClick=${onClose}>Decide later</button></p>
  <//>`;
}
