// How old the view is, and whether the quiz stands still.

import { moment } from "../common/format.js";
import { quizOrNull } from "../common/requests.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../common/view.js";
import { inWords } from "./problems.js";
import { Ago, fill, span } from "./times.js";
import { serverNow, useSeconds } from "./watch.js";

/** @import { Api } from "../../browser/api.js" */
/** @import { Login } from "../common/login.js" */
/** @import { View } from "./watch.js" */

const OLD_MS = 10_000;
const ASK_MS = 15_000;

/** How long ago the room was seen; it runs, and is not read out each second. @param {{view: View}} props */
export function Age({ view }) {
  const age = useRef(/** @type {HTMLElement | null} */ (null));
  const run = () => {
    const text = span(performance.now() - view.lookedAt);
    if (age.current && age.current.textContent !== text) age.current.textContent = text;
  };
  useSeconds(run);
  useLayoutEffect(run);
  return html`<span ref=${age} aria-live="off"></span>`;
}

/** @param {{view: View, login: Login}} props */
export function Warnings({ view, login }) {
  const [isOld, setOld] = useState(false);
  const run = () => setOld(performance.now() - view.lookedAt > OLD_MS);
  useSeconds(run);
  useLayoutEffect(run);
  const { problem } = view;
  return html`<div aria-live="polite">
    ${(problem || isOld) &&
    html`<div class="banner bad">
      <p>${problem ? inWords(problem) : "The service is slow to reply."} What you see is as it was <${Age} view=${view} /> ago. It is asked again by itself.</p>
      ${problem?.status === 401 && html`<button type="button" onClick=${() => login.again()}>Sign in again</button>`}
    </div>`}
    ${!view.room.presence && html`<p class="banner warn">It is not known just now who was heard, with how many devices, and who has drafts: these columns are empty, and nobody is shown as silent.</p>`}
  </div>`;
}

/**
 * Since when the whole quiz is paused; looked at again at each change of the totals, and every quarter of a minute.
 *
 * @param {Api} api
 * @param {string} quizId
 * @param {View} view
 */
export function useQuiz(api, quizId, view) {
  const [quiz, setQuiz] = useState(/** @type {any} */ (null));
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let isWanted = true;
    // A quiz that nobody registered can't be paused. What else fails is told by the view of the room.
    void quizOrNull(api, quizId).then((found) => found && isWanted && setQuiz(found));
    const timer = setTimeout(() => setTurn(turn + 1), ASK_MS);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [turn, view.room.totals.paused, view.room.totals.open]);
  return { quiz, look: () => setTurn((now) => now + 1) };
}

/** @param {{quiz: any, view: View, onResume: () => void}} props */
export function Paused({ quiz, view, onResume }) {
  const since = useRef(/** @type {HTMLElement | null} */ (null));
  const run = () => fill(since.current, serverNow(view));
  useSeconds(run);
  useLayoutEffect(run);
  return html`<div role="status">
    ${quiz?.paused_at &&
    html`<div class="banner warn paused row spread" ref=${since}>
      <div>
        <h2>The quiz is paused</h2>
        <p>Since ${moment(quiz.paused_at)} (<${Ago} at=${quiz.paused_at} />). All clocks stand, and nobody can start it.</p>
      </div>
      <button type="button" class="main" onClick=${onResume}>Resume the quiz</button>
    </div>`}
  </div>`;
}
