// The time that is left: shown, or hidden, and told to who does not see it.

import { clock, counted } from "../common/format.js";
import { html, useEffect, useState } from "../common/view.js";
import { useAttempt, useTicks } from "./attempt.js";
import { Icon } from "./icons.js";
import { keep, recall } from "./memory.js";

/** @import { Attempt } from "./attempt.js" */

const MINUTE_MS = 60_000;
const SOON_MS = 5 * MINUTE_MS;
const LAST_MS = MINUTE_MS;

/** @param {{attempt: Attempt}} props */
export function Clock({ attempt }) {
  const { quiz } = attempt;
  const [isHidden, setHidden] = useState(recall("clock") === "hidden");
  useTicks(attempt);
  useAttempt(attempt);
  useEffect(
    () =>
      quiz.on("deadline", ({ moved, minutes }) => {
        const left = Math.round(quiz.remainingMs / MINUTE_MS);
        if (moved) attempt.say(`The end of your time has moved. You have ${counted(left, "minute")} left.`, true);
        else attempt.say(`${counted(minutes, "minute")} left.`, minutes === 1);
      }),
    [quiz],
  );
  const { remainingMs, session } = quiz;
  const isSoon = remainingMs <= SOON_MS && !session.paused;
  const toggle = () => {
    keep("clock", isHidden ? null : "hidden");
    setHidden(!isHidden);
  };
  const hidden = !isSoon ? "Time hidden" : remainingMs <= LAST_MS ? "Less than 1 minute" : "Less than 5 minutes";
  const shown = session.paused ? `Clock stopped at ${clock(remainingMs / 1000)}` : clock(remainingMs / 1000);
  return html`<div class=${`row clock ${isSoon ? "soon" : ""}`}>
    <span role="timer" aria-label="Time left"><${Icon} name="clock" /> ${isHidden ? hidden : shown}</span>
    <button type="button" class="plain" onClick=${toggle} aria-label=${isHidden ? "Show the time" : "Hide the time"}>${isHidden ? "Show" : "Hide"}</button>
  </div>`;
}

/** That of a section. @param {{attempt: Attempt, section: import("../common/content.js").Section}} props */
export function SectionClock({ attempt, section }) {
  useTicks(attempt);
  useAttempt(attempt);
  const remaining = attempt.remainingMs(section);
  if (remaining === null) return null;
  if (remaining === 0) return html`<p class="banner warn">The time of this section is over. Its answers can be read, but not changed.</p>`;
  return html`<p class=${`clock ${remaining <= LAST_MS ? "soon" : ""}`}>
    <${Icon} name="clock" /> This section: <strong role="timer" aria-label="Time left in this section">${clock(remaining / 1000)}</strong>
  </p>`;
}
