// What the student has to know about the whole attempt, and what is done about it.

import { moment, timeOfDay } from "../common/format.js";
import { html, useEffect, useRef, useState } from "../common/view.js";
import { duration, failureWords, writeWords } from "./words.js";

/** @import { Attempt, Notice } from "./attempt.js" */
/** @import { Login } from "../common/login.js" */

const STATUS = {
  committed: "All answers are saved.",
  buffered: "All answers have arrived.",
  unsent: "Some answers are on this device only.",
  conflict: "An answer was given elsewhere too: please choose.",
  refused: "An answer was not accepted.",
};
const QUIET_MS = 30_000;

/** How safe the answers are; who does not see it is told of trouble, and that it is over. @param {{attempt: Attempt}} props */
export function Status({ attempt }) {
  const { saveState } = attempt.quiz;
  const isNew = saveState === "committed" && !Object.keys(attempt.quiz.session.answers).length;
  const shown = attempt.isOver ? "Time is up. Handing in…" : isNew ? "Answers are saved by themselves." : STATUS[saveState];
  const [told, setTold] = useState("");
  const toldAt = useRef(0);
  const isBad = saveState === "conflict" || saveState === "refused" || attempt.isOver;
  useEffect(() => {
    if (saveState === "unsent" && !isBad) return undefined;
    const tell = () => {
      toldAt.current = performance.now();
      setTold(shown);
    };
    // While somebody types it changes all the time.
    const wait = isBad ? 0 : Math.max(2_000, toldAt.current ? toldAt.current + QUIET_MS - performance.now() : 0);
    const timer = setTimeout(tell, wait);
    return () => clearTimeout(timer);
  }, [shown]);
  return html`<p class="status" data-state=${saveState}>${shown}</p>
    <p class="unseen" role="status">${told}</p>`;
}

/** @param {{attempt: Attempt}} props */
export function Announcements({ attempt }) {
  const { said } = attempt;
  return html`<p class="unseen" aria-live="polite">${said && !said.isUrgent ? said.text : ""}</p>
    <p class="unseen" aria-live="assertive">${said?.isUrgent ? said.text : ""}</p>`;
}

/** @param {{attempt: Attempt, login: Login}} props */
export function Banners({ attempt, login }) {
  const { quiz, trouble, isBack } = attempt;
  const { problem, session } = quiz;
  return html`<div class="banners" role="status">
    ${session.paused &&
    html`<p class="banner warn" data-banner="paused"><strong>The clock is stopped.</strong> No time is lost. What you write now is kept on this device, and sent when the clock runs again.</p>`}
    ${trouble === "offline" &&
    html`<p class="banner warn" data-banner="offline"><strong>No connection.</strong> Your answers are kept on this device and will be sent. You can go on; keep this page open.</p>`}
    ${trouble === "busy" &&
    html`<p class="banner warn" data-banner="busy"><strong>The service is busy.</strong> Your answers are kept on this device, and sent again by themselves.</p>`}
    ${trouble === "refused" && html`<p class="banner bad" data-banner="refused"><strong>Answers are not accepted just now.</strong> ${writeWords(problem)} They are kept on this device.</p>`}
    ${trouble === "login" &&
    html`<div class="banner bad row spread" data-banner="login">
      <p><strong>You are no longer signed in.</strong> Your answers are kept on this device.</p>
      <button type="button" onClick=${() => login.again()}>Sign in again; your answers are kept</button>
    </div>`}
    ${trouble === "device" && html`<${OtherDevice} attempt=${attempt} />`}
    ${isBack && html`<p class="banner good" data-banner="back">The connection is back.</p>`}
    ${!quiz.isDurable &&
    html`<p class="banner warn" data-banner="memory"><strong>This browser keeps nothing.</strong> Answers are in this page alone until they have arrived: do not close or reload it while “On this device” is shown.</p>`}
  </div>`;
}

/** @param {{attempt: Attempt}} props */
function OtherDevice({ attempt }) {
  const [failed, setFailed] = useState("");
  const { quiz } = attempt;
  if (!quiz.problem?.problem.takeover) {
    return html`<p class="banner bad" data-banner="device"><strong>This quiz is open on another device.</strong> Answers from here are kept, but not accepted. Go on there, or ask a proctor to let this device in.</p>`;
  }
  const take = () =>
    quiz.takeOver().then(
      () => document.getElementById("place")?.focus(),
      (error) => setFailed(failureWords(error)),
    );
  return html`<div class="banner bad" data-banner="device">
    <p><strong>This quiz is open on another device.</strong> You can go on here instead; the other device can't answer then.</p>
    <button type="button" onClick=${take}>Go on with this device</button>
    ${failed && html`<p>${failed}</p>`}
  </div>`;
}

/** @param {Notice} notice */
function said({ kind, text, expires_at, pause_seconds }) {
  if (kind === "pause") return "The clock was stopped.";
  if (kind === "resume") return `The clock runs again, after it stood for ${duration(pause_seconds ?? 0)} in all. Your time ends at ${timeOfDay(expires_at)}.`;
  if (kind === "deadline") return `The end of your time has moved: it is ${timeOfDay(expires_at)} now.`;
  return text;
}

/** @param {{attempt: Attempt}} props */
export function Notices({ attempt }) {
  const [failed, setFailed] = useState("");
  const region = useRef(/** @type {HTMLElement | null} */ (null));
  // While the clock stands that is said above.
  const notices = attempt.notices.filter(({ kind }) => kind !== "pause" || !attempt.quiz.session.paused);
  const read = async (/** @type {Notice[]} */ these) => {
    try {
      await attempt.acknowledge(these);
      setFailed("");
      region.current?.focus();
    } catch {
      setFailed("That could not be sent. Please try again in a moment.");
    }
  };
  return html`<section aria-label="Notices" aria-live="polite" ref=${region} tabindex="-1" class="notices">
    ${notices.map(
      (notice) => html`<div class="banner notice" key=${notice.id} data-notice=${notice.kind}>
        <p class="text">${said(notice)}</p>
        <p class="row spread">
          <span class="quiet small">${moment(notice.at)}</span>
          <button type="button" onClick=${() => read([notice])}>I have read this</button>
        </p>
      </div>`,
    )}
    ${notices.length > 1 && html`<p><button type="button" onClick=${() => read(notices)}>I have read all ${notices.length}</button></p>`}
    ${failed && html`<p class="banner bad">${failed}</p>`}
  </section>`;
}
