// A section of the paper: its questions, or what it takes to begin it.

import { counted } from "../common/format.js";
import { html, useEffect, useState } from "../common/view.js";
import { SectionClock } from "./clock.js";
import { titleOf } from "../common/content.js";
import { Question } from "./question.js";
import { duration, failureWords } from "./words.js";

/** @import { Attempt } from "./attempt.js" */
/** @import { Section } from "../common/content.js" */

/** @param {{attempt: Attempt, section: Section, onChoose: (id: string) => void}} props */
export function SectionView({ attempt, section, onChoose }) {
  const { sections } = attempt;
  const title = titleOf(section, sections);
  const state = attempt.stateOf(section);
  return html`<section aria-labelledby="place">
    <h2 id="place" tabindex="-1">${title}</h2>
    <${SectionClock} attempt=${attempt} section=${section} />
    ${section.isForward &&
    state === "open" &&
    html`<p class="banner warn">Answer from the top to the bottom: in this section an answer locks all questions before it, also those that you left out.</p>`}
    ${state === "closed"
      ? html`<${Closed} key=${section.number} attempt=${attempt} section=${section} />`
      : section.questions.map(
          (question) => html`<${Question} key=${question.id} attempt=${attempt} question=${question} section=${section} onChoose=${onChoose} />`,
        )}
  </section>`;
}

/** @param {{attempt: Attempt, section: Section}} props */
function Closed({ attempt, section }) {
  const [isBusy, setBusy] = useState(false);
  const [failed, setFailed] = useState("");
  const isBegun = attempt.isBegun(section);
  const enter = async () => {
    setBusy(true);
    setFailed("");
    try {
      await attempt.enter(section);
      document.getElementById("place")?.focus();
    } catch (error) {
      setFailed(failureWords(error));
    }
    setBusy(false);
  };
  // In another tab, or on another device.
  useEffect(() => void (isBegun && enter()), [isBegun]);
  const { limitSeconds, questions } = section;
  return html`<div class="card" data-closed=${section.number}>
    <p>
      This section has ${counted(questions.length, "question")}${limitSeconds !== null && html` and a time of its own: <strong>${duration(limitSeconds)}</strong>`}.
    </p>
    ${limitSeconds !== null && html`<p>Its time runs from the moment at which you start it, also while you are in another section. It ends with the time of the whole quiz at the latest.</p>`}
    <button type="button" class="main" disabled=${isBusy} onClick=${enter}>Start this section</button>
    ${failed && html`<p class="banner bad" role="alert">${failed}</p>`}
  </div>`;
}
