// What came too late, and may be accepted.

import { describe, isAnswered, questionOf, readPaper } from "../common/content.js";
import { moment } from "../common/format.js";
import { sessionPath } from "../common/requests.js";
import { html, useState } from "../common/view.js";
import { Ask } from "./ask.js";
import { Rest, found, useLoaded, usePages } from "./loaded.js";
import { Cut } from "./long.js";

/** @import { Api } from "../../browser/api.js" */

/** @param {{api: Api, sessionId: string, change: unknown, onDone: () => void}} props */
export function LateAnswers({ api, sessionId, change, onDone }) {
  const list = usePages(api, `${sessionPath(sessionId)}/late-answers`, "late_answers", 50, [change]);
  const hasAny = Boolean(list.items?.length);
  // Without it they are shown by their ids.
  const { value: paper } = useLoaded(async () => (hasAny ? found(api, `${sessionPath(sessionId)}/paper`) : null), [hasAny]);
  const known = readPaper(paper ?? null, {}).flatMap(({ questions }) => questions);
  const inWords = (/** @type {string} */ id, /** @type {unknown} */ answer) =>
    isAnswered(answer) ? describe(known.find((each) => each.id === id) ?? questionOf("", id), answer) : "(taken back)";
  const [asked, setAsked] = useState(/** @type {any} */ (null));
  const accept = async (/** @type {string} */ reason) => {
    const { body } = await api.request("POST", `${sessionPath(sessionId)}/late-answers/${asked.event}/accept`, { reason });
    list.again();
    onDone();
    const read = body.results_read_at ? ` The student had been shown results before (${moment(body.results_read_at)}).` : "";
    return `Accepted. They count where no later answer was there.${read}`;
  };
  return html`<section class="card" aria-labelledby="late">
    <h3 id="late">Late answers</h3>
    <ol class="entries">
      ${list.items?.map(
        (late) => html`<li class="entry" key=${late.event}>
          <dl class="facts">${Object.entries(late.answers).map(([id, answer]) => html`<dt key=${id}><bdi>${id}</bdi></dt><dd class="said"><${Cut} text=${inWords(id, answer)} /></dd>`)}</dl>
          <p class="row spread">
            <span class="quiet">Came ${moment(late.received_at)}</span>
            ${late.accepted ? html`<span class="chip good">Accepted</span>` : html`<button type="button" onClick=${() => setAsked(late)}>Accept</button>`}
          </p>
        </li>`,
      )}
    </ol>
    <${Rest} list=${list} none="None." />
    ${asked && html`<${Ask} title="Accept a late answer" does="Accept" onSend=${accept} onClose=${() => setAsked(null)}>
      <p>It came ${moment(asked.received_at)}, after the end. Accepted, it counts, and the session is graded again.</p>
    <//>`}
  </section>`;
}
