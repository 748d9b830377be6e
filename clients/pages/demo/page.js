// A demo: an exam whose students are simulated here, above it buttons that break what it runs on.

import { Api, after } from "../../browser/api.js";
import { start } from "../common/start.js";
import { html, useEffect, useMemo, useRef, useState } from "../common/view.js";
import { RoomView } from "../console/room.js";
import { Numbers, Students } from "./answers.js";
import { Exam, askServer } from "./exam.js";
import { Breaks, Log } from "./panel.js";

/** @import { Config } from "../common/config.js" */
/** @import { Login } from "../common/login.js" */

const REDRAWN_EVERY_MS = 500;

/** @type {Login} */
const VISITOR = { name: "visitor", userId: "visitor", token: () => "", again: async () => {}, leave: () => {} };

/** @param {{quizId: string, onNew: () => void}} props */
function Links({ quizId, onNew }) {
  const quiz = encodeURIComponent(quizId);
  return html`<nav class="row" aria-label="More of this exam">
    <a class="button" href=${`student.html?quiz=${quiz}`} target="_blank">Take it yourself (new tab)</a>
    <a href=${`console.html#/${quiz}/marking`} target="_blank">Marking</a>
    <a href=${`console.html#/${quiz}/statistics`} target="_blank">Statistics</a>
    <a href=${`console.html#/${quiz}/exports`} target="_blank">Exports</a>
    <button onClick=${onNew}>Begin a new exam</button>
  </nav>`;
}

/** @param {{config: Config, quizId: string}} props */
function Watched({ config, quizId }) {
  const room = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    // Who picks a student of the room goes to the top of its page, which here is not where the room is.
    const moved = () => location.hash && requestAnimationFrame(() => room.current?.scrollIntoView());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  // It draws itself when its room changes, and not as often as the rest.
  const view = useMemo(
    () => html`<${RoomView} config=${config} login=${VISITOR} api=${new Api(config.api, VISITOR.token)} quizId=${quizId} />`,
    [quizId],
  );
  return html`<section aria-label="The room" ref=${room}>${view}</section>`;
}

/** @param {{config: Config, quizId: string, exam: Exam | null}} props */
function Page({ config, quizId, exam }) {
  const [, redraw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => redraw((times) => times + 1), REDRAWN_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const again = async () => {
    await askServer(config, "exam", { method: "POST" });
    location.href = location.pathname;
  };
  return html`<header class="demo">
      <h1>Break this exam</h1>
      <p>
        ${exam ? `${exam.students.length} simulated students` : "Simulated students"} take an exam on this machine, each by the library that pages
        of students use. Break what it runs on, and see what becomes of their answers.
      </p>
      <${Links} quizId=${quizId} onNew=${again} />
    </header>
    <main class="wide demo">
      ${exam
        ? html`<${Numbers} ledger=${exam.ledger} />
            <${Breaks} exam=${exam} />
            <${Log} lines=${exam.lines} />
            <${Students} exam=${exam} />`
        : html`<p class="banner warn">The demo runs in another tab already: break it there. This one shows the room alone.</p>`}
      <${Watched} config=${config} quizId=${quizId} />
    </main>`;
}

/** Whether this tab may have the students: in two tabs each would write everything twice. @param {string} quizId */
const isFirst = (quizId) =>
  new Promise((resolve) => {
    navigator.locks.request(`quiz-sessions demo ${quizId}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {});
    });
  });

await start(async (config) => {
  if (!config.demo) return html`<main><h1>No demo here</h1><p>This server shows none. <code>make demo</code> starts one that does.</p></main>`;
  let stores = await askServer(config, "state");
  while (!stores.quiz_id) {
    await after(REDRAWN_EVERY_MS);
    stores = await askServer(config, "state");
  }
  const exam = (await isFirst(stores.quiz_id)) ? new Exam(config, stores) : null;
  exam?.begin();
  return html`<${Page} config=${config} quizId=${stores.quiz_id} exam=${exam} />`;
});
