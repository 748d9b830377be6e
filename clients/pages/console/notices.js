// Notices: those to the quiz with how many have read them, and those of one student.

import { Dialog } from "../common/dialog.js";
import { moment } from "../common/format.js";
import { quizPath, sessionPath } from "../common/requests.js";
import { html } from "../common/view.js";
import { Rest, usePages } from "./loaded.js";
import { lasting } from "./times.js";

/** @import { Api } from "../../browser/api.js" */

/** @param {{api: Api, quizId: string, onClose: () => void}} props */
export function QuizNotices({ api, quizId, onClose }) {
  const list = usePages(api, `${quizPath(quizId)}/notices`, "notices", 20, []);
  return html`<${Dialog} title="Notices sent" isWide=${true} onClose=${onClose}>
    <p class="quiet">Those to several or to all, the oldest first.</p>
    <ol class="entries">
      ${list.items?.map(
        ({ id, text, at, by, notified, read }) => html`<li class="entry" key=${id}>
          <p class="text">${text}</p>
          <p><meter min="0" max=${Math.max(notified, 1)} value=${read} aria-label="Read"></meter> Read by ${read} of ${notified}</p>
          <p class="quiet">${moment(at)}${by !== null && html`, by <bdi>${by}</bdi>`}</p>
        </li>`,
      )}
    </ol>
    <${Rest} list=${list} none="No notice was sent yet." />
    <div class="row end">
      <button type="button" onClick=${list.again}>Look again</button>
      <button type="button" class="main" onClick=${onClose}>Close</button>
    </div>
  <//>`;
}

/** @param {any} notice */
function words({ kind, text, expires_at, pause_seconds }) {
  if (kind === "message") return text;
  if (kind === "deadline") return `New deadline: ${moment(expires_at)}`;
  if (kind === "pause") return "The clock was stopped.";
  if (kind === "resume") return `The clock runs again. New deadline: ${moment(expires_at)} (pauses: ${lasting(pause_seconds ?? 0)}).`;
  return kind;
}

/** @param {{api: Api, sessionId: string, change: unknown}} props */
export function SessionNotices({ api, sessionId, change }) {
  const list = usePages(api, `${sessionPath(sessionId)}/notices`, "notices", 50, [change]);
  return html`<section class="card" aria-labelledby="notices">
    <h3 id="notices">Notices</h3>
    <ol class="entries">
      ${list.items?.map(
        (notice) => html`<li class="entry" key=${notice.id}>
          <p class="text">${words(notice)}</p>
          <p class="quiet">${moment(notice.at)} · ${notice.read_at ? `read ${moment(notice.read_at)}` : html`<strong>not read yet</strong>`}</p>
        </li>`,
      )}
    </ol>
    <${Rest} list=${list} none="None." />
  </section>`;
}
