// An open session: the paper, the time, and the hand-in.

import { html, useEffect, useState } from "../common/view.js";
import { useAttempt } from "./attempt.js";
import { Announcements, Banners, Notices, Status } from "./banners.js";
import { Clock } from "./clock.js";
import { Conflict } from "./conflict.js";
import { Contents } from "./contents.js";
import { titleOf } from "../common/content.js";
import { headingId } from "./question.js";
import { Review } from "./review.js";
import { SectionView } from "./section.js";
import { reportIncidents } from "./incidents.js";

/** @import { Login } from "../common/login.js" */
/** @import { Attempt } from "./attempt.js" */
/** @import { Question, Section } from "../common/content.js" */

/** @param {{attempt: Attempt, login: Login, quizId: string}} props */
export function Exam({ attempt, login, quizId }) {
  useAttempt(attempt);
  const { quiz, sections } = attempt;
  const [chosen, setPlace] = useState(/** @type {number | "review" | null} */ (null));
  const place = chosen ?? (sections.length ? 0 : "review");
  const [later, setLater] = useState(/** @type {string[]} */ ([]));
  const [goal, setGoal] = useState(/** @type {{id: string} | null} */ (null));
  useEffect(() => reportIncidents(attempt.api, quiz.session.id), [attempt]);
  useEffect(() => quiz.on("conflict", ({ question }) => setLater((all) => all.filter((id) => id !== question))), [quiz]);
  useEffect(() => {
    // What had it is gone with the screen before.
    if (document.activeElement === document.body) document.getElementById("place")?.focus({ preventScroll: true });
  }, []);
  // The focus follows, also where the place is shown already.
  useEffect(() => {
    const target = goal && document.getElementById(goal.id);
    target?.focus({ preventScroll: true });
    target?.scrollIntoView({ block: "start" });
  }, [goal]);
  const go = (/** @type {number | "review"} */ to, id = "place") => {
    setPlace(to);
    setGoal({ id });
  };
  const toQuestion = (/** @type {Question} */ question) => go(question.section, headingId(question));
  const asked = attempt.questions.find(({ id }) => Object.hasOwn(quiz.conflicts, id) && !later.includes(id));
  const section = typeof place === "number" ? sections[place] : null;
  const following = section && sections[section.number + 1];
  // What is first to be done in a section that was not begun is that.
  const onward = section && attempt.stateOf(section) !== "closed" ? "main" : "";
  const preceding = section ? sections[section.number - 1] : sections[sections.length - 1];
  return html`<header class="bar">
      <div class="row spread">
        <h1>${quizId}</h1>
        <${Clock} attempt=${attempt} />
      </div>
      <${Status} attempt=${attempt} />
      <${Announcements} attempt=${attempt} />
    </header>
    <main class="exam">
      <div class="above"><${Banners} attempt=${attempt} login=${login} /><${Notices} attempt=${attempt} /></div>
      ${sections.length > 0 &&
      html`<${Contents} attempt=${attempt} place=${place} onSection=${(/** @type {Section} */ { number }) => go(number)} onQuestion=${toQuestion} onReview=${() => go("review")} />`}
      <div class="paper">
        ${!sections.length &&
        html`<p class="banner warn"><strong>This quiz has no paper to show here.</strong> Its questions are asked elsewhere. Your attempt runs all the same, and can be handed in here.</p>`}
        ${section
          ? html`<${SectionView} attempt=${attempt} section=${section} onChoose=${(/** @type {string} */ id) => setLater((all) => all.filter((each) => each !== id))} />`
          : html`<${Review} attempt=${attempt} onQuestion=${toQuestion} />`}
        <div class="row spread onward">
          ${preceding ? html`<button type="button" onClick=${() => go(preceding.number)}>${section ? `Back: ${titleOf(preceding, sections)}` : "Back to the questions"}</button>` : html`<span></span>`}
          ${section && (following
            ? html`<button type="button" class=${onward} onClick=${() => go(following.number)}>Next: ${titleOf(following, sections)}</button>`
            : html`<button type="button" class=${onward} onClick=${() => go("review")}>Review and hand in</button>`)}
        </div>
        <p class="quiet small">Proctors are told when you leave this page or its window, and when it is without network. They see how many questions you have answered.</p>
      </div>
    </main>
    ${asked && html`<${Conflict} key=${asked.id} attempt=${attempt} question=${asked} onClose=${() => setLater((all) => [...all, asked.id])} />`}`;
}
