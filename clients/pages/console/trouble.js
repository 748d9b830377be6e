// What came between a marker and a mark, in plain words. What was typed stays in its fields.

import { counted, timeOfDay } from "../common/format.js";
import { html } from "../common/view.js";
import { Problem } from "./problems.js";

/** @import { Login } from "../common/login.js" */
/** @import { Queue } from "./queue.js" */

/**
 * @typedef {{kind: "held", by: string, until: string}
 *   | {kind: "marked", points: number, comment: string | null}
 *   | {kind: "changed"}
 *   | {kind: "lapsed"}
 *   | {kind: "taken"}
 *   | {kind: "failed", failure: any, what: string, again?: () => void}} Trouble
 */

const KEPT = "What you typed is kept here.";

/**
 * @param {object} props
 * @param {Trouble} props.trouble
 * @param {Queue} props.queue
 * @param {Login} props.login
 * @param {() => void} props.onForce marks all the same
 * @param {() => void} props.onNext leaves this answer as it is
 * @param {() => void} props.onHold
 */
export function TroubleBanner({ trouble, queue, login, onForce, onNext, onHold }) {
  const next = html`<button type="button" onClick=${onNext}>Go on with the next answer</button>`;
  switch (trouble.kind) {
    case "held":
      return html`<div class="banner warn" role="alert" data-trouble="held">
        <p>
          ${queue.nameOf(trouble.by)} is about to mark this answer, and holds it until ${timeOfDay(trouble.until)}. Nothing was
          saved. ${KEPT}
        </p>
        <div class="row">${next}<button type="button" onClick=${onForce}>Save my mark all the same</button></div>
      </div>`;
    case "marked":
      return html`<div class="banner warn" role="alert" data-trouble="marked">
        <p>
          Somebody marked this answer meanwhile: ${counted(trouble.points, "point")}${trouble.comment ? `, “${trouble.comment}”` : ""}.
          Your mark was not saved. ${KEPT}
        </p>
        <div class="row">${next}<button type="button" onClick=${onForce}>Put my mark in its place</button></div>
      </div>`;
    case "changed":
      return html`<div class="banner warn" role="alert" data-trouble="changed">
        <p>The answer has changed since you read it. It is shown as it is now; your mark was not saved. ${KEPT} Read again, then save.</p>
      </div>`;
    case "lapsed":
      return html`<div class="banner warn" role="alert" data-trouble="lapsed">
        <p>A quarter of an hour is over: this answer is not held for you any more, and somebody else may be given it. ${KEPT}</p>
        <div class="row"><button type="button" onClick=${onHold}>Hold it again</button></div>
      </div>`;
    case "taken":
      return html`<div class="banner warn" role="alert" data-trouble="taken">
        <p>This answer is not held for you any more: somebody else was given it, or you yourself another one in another tab. ${KEPT} It is there again if you are given this answer again.</p>
        <div class="row">${next}<button type="button" onClick=${onForce}>Save my mark all the same</button></div>
      </div>`;
    case "failed":
      return html`<${Problem} problem=${trouble.failure} what=${trouble.what} login=${login} onRetry=${trouble.again} />`;
  }
}
