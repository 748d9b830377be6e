// Before a common start, and until the questions are there: they are shown to nobody before it.

import { moment } from "../common/format.js";
import { html, useEffect, useState } from "../common/view.js";
import { Frame, Wait } from "./before.js";

/** @import { Login } from "../common/login.js" */
/** @import { Attempt } from "./attempt.js" */
/** @import { Starting } from "./starting.js" */

const AGAIN_MS = 3_000;
const SPREAD_MS = 1_000;

/** @param {any} error */
function why(error) {
  if (error.status === 401) return "Your login has ended, or the service does not accept it.";
  if (error.status === 429 || error.status >= 500) return "The service is busy.";
  return error.isTransient ? "There is no connection to the service." : error.message;
}

/** @param {{attempt: Attempt, login: Login, quizId: string, starting: Starting}} props */
export function Together({ attempt, login, quizId, starting }) {
  const { quiz } = attempt;
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [, setTurn] = useState(0);
  useEffect(() => {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    let isBusy = false;
    let isGone = false;
    let isCounted = attempt.startsAt > performance.now();
    const come = async () => {
      if (isBusy) return;
      isBusy = true;
      clearTimeout(timer);
      setTurn((turn) => turn + 1);
      let wait = AGAIN_MS;
      try {
        // One request less at the moment at which all come.
        const until = isCounted ? 0 : await attempt.untilStart();
        isCounted = false;
        setProblem(null);
        setTurn((turn) => turn + 1);
        if (until > 0) wait = until;
        else if (!isGone) {
          quiz.close();
          await starting.open();
        }
      } catch (/** @type {any} */ error) {
        setProblem(error);
        wait = error.retryAfterMs ?? AGAIN_MS;
      }
      isBusy = false;
      if (!isGone) timer = setTimeout(come, wait + Math.random() * SPREAD_MS);
    };
    timer = setTimeout(come, attempt.startsAt - performance.now() + Math.random() * SPREAD_MS);
    const again = () => attempt.startsAt <= performance.now() && come();
    addEventListener("online", again);
    return () => {
      isGone = true;
      clearTimeout(timer);
      removeEventListener("online", again);
    };
  }, [attempt]);
  const { started_at, expires_at } = quiz.session;
  const isBegun = attempt.startsAt <= performance.now();
  const endsAt = attempt.startsAt + Date.parse(expires_at) - Date.parse(started_at);
  return html`<${Frame} login=${login} quizId=${quizId}>
    ${isBegun
      ? html`<section class="card" data-stage="begun">
          <h2>It has begun</h2>
          <p>All have begun. You have <${Wait} until=${endsAt} /> left.</p>
          <div role="status">
            ${problem
              ? html`<p class="banner warn"><strong>Your questions can't be read just now.</strong> ${why(problem)} This page tries again every few seconds: keep it open, and tell a proctor.</p>`
              : html`<p>Your questions are being read…</p>`}
          </div>
          ${problem?.status === 401 && html`<p><button type="button" class="main" onClick=${() => login.again()}>Log in again</button></p>`}
        </section>`
      : html`<section class="card" data-stage="together">
          <h2>You are in</h2>
          <p>Everybody begins together on <strong>${moment(started_at)}</strong>, in <${Wait} until=${attempt.startsAt} />.</p>
          <p role="status">Keep this page open: the questions are shown then, and your time runs from then on.</p>
        </section>`}
  <//>`;
}
