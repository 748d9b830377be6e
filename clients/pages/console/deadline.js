// Why the deadline is what it is.

import { moment } from "../common/format.js";
import { sessionPath } from "../common/requests.js";
import { html } from "../common/view.js";
import { useLoaded } from "./loaded.js";
import { Problem } from "./problems.js";
import { lasting } from "./times.js";

/** @import { Api } from "../../browser/api.js" */

/** @param {{title: string, seconds: number}} props */
const Line = ({ title, seconds }) =>
  seconds
    ? html`<tr><th scope="row">${title}</th><td class="number">${seconds > 0 ? "+ " : ""}${lasting(seconds).replace("−", "− ")}</td></tr>`
    : null;

/** @param {{section: any}} props */
const Section = ({ section }) =>
  html`<li class="entry">
    <p><strong>${section.section + 1}. ${section.title || "Section"}</strong>: ${lasting(section.time_limit_seconds)}${section.accommodation_seconds ? `, ${lasting(section.accommodation_seconds)} extra` : ""}${section.moved_seconds ? `, moved by ${lasting(section.moved_seconds)}` : ""}</p>
    <p class="quiet">${section.entered_at ? `Begun ${moment(section.entered_at)}, ends ${moment(section.expires_at)}` : "Not begun"}</p>
  </li>`;

/** @param {{api: Api, sessionId: string, change: unknown}} props */
export function Deadline({ api, sessionId, change }) {
  const { value, problem, again } = useLoaded(async () => (await api.request("GET", `${sessionPath(sessionId)}/deadline`)).body, [change]);
  return html`<section class="card" aria-labelledby="deadline">
    <h3 id="deadline">The deadline</h3>
    <${Problem} problem=${problem} onRetry=${again} />
    ${value &&
    html`<table>
        <caption class="unseen">What makes the deadline</caption>
        <tbody>
          <tr><th scope="row">Start</th><td class="number">${moment(value.started_at)}</td></tr>
          <${Line} title="Time limit" seconds=${value.time_limit_seconds} />
          <${Line} title="Extra time of the student" seconds=${value.accommodation_seconds} />
          <${Line} title="Given or taken by proctors" seconds=${value.extension_seconds} />
          <${Line} title="Pauses" seconds=${value.pause_seconds} />
          <${Line} title="Cut off, because the quiz closes" seconds=${-value.cut_seconds} />
          <tr class="sum"><th scope="row">Deadline</th><td class="number">${value.paused_at ? "stands" : moment(value.expires_at)}</td></tr>
        </tbody>
      </table>
      ${value.paused_at && html`<p>The clock stands since ${moment(value.paused_at)}. As long as it stands, the deadline moves on.</p>`}
      ${value.binding === "closes_at" && html`<p>The quiz closes at ${moment(value.closes_at)}${value.closes_later_seconds ? `, for this student ${lasting(value.closes_later_seconds)} later` : ""}: no deadline lies beyond that.</p>`}
      ${value.grace_seconds > 0 && html`<p>Answers are accepted, marked as late, for ${lasting(value.grace_seconds)} more.</p>`}
      ${value.sections?.length > 0 && html`<h4>Sections with a time limit</h4>
        <ol class="entries">${value.sections.map((/** @type {any} */ section) => html`<${Section} key=${section.section} section=${section} />`)}</ol>`}`}
  </section>`;
}
