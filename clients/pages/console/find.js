// Which student is it: sessions by part of a name, whatever the quiz.

import { moment } from "../common/format.js";
import { html, useRef, useState } from "../common/view.js";
import { href } from "./place.js";
import { Problem } from "./problems.js";

/** @import { Api } from "../../browser/api.js" */

const PAGE = 20;

/** @typedef {{words: string, sessions: any[], next: string | null}} Found */

/** @param {Found} found */
function told({ sessions, next }) {
  const n = sessions.length === 1 ? "1 session" : `${sessions.length} sessions`;
  if (next !== null) return sessions.length ? `${n}, and older ones were not looked at yet.` : "None among the newest sessions.";
  return sessions.length ? `${n}.` : "There is none.";
}

/** @param {{session: any}} props */
const Session = ({ session: { id, user_id, quiz_id, label, group, status, started_at } }) =>
  html`<tr>
    <th scope="row"><a href=${href(quiz_id, "room", id)}><bdi>${user_id}</bdi></a></th>
    <td><bdi>${quiz_id}</bdi></td>
    <td>${[label, group].flatMap((text) => (text ? [html`<bdi>${text}</bdi> `] : []))}</td>
    <td>${status}</td>
    <td>${moment(started_at)}</td>
  </tr>`;

/** @param {{api: Api}} props */
export function FindStudent({ api }) {
  const [words, setWords] = useState("");
  const [found, setFound] = useState(/** @type {Found | null} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const turn = useRef(0);
  /** @param {string} asked @param {string | null} cursor @param {any[]} before */
  const look = async (asked, cursor, before) => {
    const mine = (turn.current += 1);
    const query = new URLSearchParams({ matching: asked, limit: String(PAGE) });
    if (cursor) query.set("cursor", cursor);
    try {
      const { body } = await api.request("GET", `/sessions?${query}`);
      if (mine !== turn.current) return;
      setFound({ words: asked, sessions: [...before, ...body.sessions], next: body.next_cursor });
      setProblem(null);
    } catch (error) {
      if (mine === turn.current) setProblem(error);
    }
  };
  return html`<section class="card" aria-labelledby="find">
    <h2 id="find">Find a student</h2>
    <form role="search" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), look(words, null, []))}>
      <label for="words">Part of a user id, label, group or what the platform calls the student</label>
      <div class="row">
        <input id="words" type="search" required maxlength="128" autocomplete="off" spellcheck="false" value=${words}
          onInput=${(/** @type {any} */ event) => setWords(event.target.value)} />
        <button>Find</button>
      </div>
    </form>
    <${Problem} problem=${problem}>Nobody was looked for.<//>
    <p role="status">${found && told(found)}</p>
    ${found && found.sessions.length > 0 && html`<div class="scroll"><table class="wide">
      <thead><tr><th scope="col">Student</th><th scope="col">Quiz</th><th scope="col">Label and group</th><th scope="col">State</th><th scope="col">Started</th></tr></thead>
      <tbody>${found.sessions.map((session) => html`<${Session} key=${session.id} session=${session} />`)}</tbody>
    </table></div>`}
    ${found && found.next !== null && html`<p><button type="button" onClick=${() => look(found.words, found.next, found.sessions)}>Look further back</button></p>`}
  </section>`;
}
