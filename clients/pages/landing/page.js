// Where visitors begin: what this is, a way to each page, and whether the service answers.

import { Api } from "../../browser/api.js";
import { whoIsIt } from "../common/login.js";
import { start } from "../common/start.js";
import { html, useEffect, useState } from "../common/view.js";

/** @import { Config } from "../common/config.js" */
/** @import { Login } from "../common/login.js" */

const LOOK_EVERY_MS = 10_000;
const PATIENCE_MS = 5_000;
const SHOWN = 8;

/** @param {{api: string}} props */
function Health({ api }) {
  const [answers, setAnswers] = useState(/** @type {boolean | null} */ (null));
  useEffect(() => {
    const look = async () => {
      if (document.hidden) return;
      const signal = AbortSignal.timeout(PATIENCE_MS);
      setAnswers(await fetch(`${api}/health`, { cache: "no-store", signal }).then(({ ok }) => ok, () => false));
    };
    look();
    const timer = setInterval(look, LOOK_EVERY_MS);
    addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      removeEventListener("visibilitychange", look);
    };
  }, []);
  const said = answers === null ? "Asking the service …" : answers ? "The service answers." : "The service does not answer.";
  return html`<p class=${`banner ${answers === null ? "" : answers ? "good" : "bad"}`} role="status">${said}</p>`;
}

/** Quizzes that may be named here, as for those who may list them. @param {Config} config @param {Login | null} staff */
async function quizzes({ api, login }, staff) {
  if (login.kind !== "none" && !staff) return [];
  const asked = new Api(api, staff?.token ?? (() => "")).request("GET", `/quizzes?limit=${SHOWN}`);
  return asked.then(({ body }) => /** @type {{quiz_id: string}[]} */ (body.quizzes).map(({ quiz_id }) => quiz_id), () => []);
}

/** @param {{login: Login | null}} props */
function Who({ login }) {
  if (!login) return null;
  return html`<p class="row spread">
    <span>Signed in as <b>${login.name}</b>.</span>
    <button onClick=${login.leave}>Sign out</button>
  </p>`;
}

/** @param {{config: Config, student: Login | null, staff: Login | null}} props */
function Landing({ config, student, staff }) {
  const [offered, setOffered] = useState(/** @type {string[]} */ ([]));
  useEffect(() => void quizzes(config, staff).then(setOffered), []);
  const { api } = config;
  return html`<main class="stack">
    <h1>Quiz Sessions</h1>
    <p>
      Quizzes and exams in the browser. Every answer is kept on the student’s device until the service has it, the time is
      measured by the server, and what was done is recorded. Both pages below do what they do by the public API alone.
    </p>
    <${Health} api=${api} />
    <div class="beside">
      <section class="card stack" aria-labelledby="take">
        <h2 id="take">Take a quiz</h2>
        <${Who} login=${student} />
        <form class="stack" action="student.html">
          <label>Id of the quiz<br /><input name="quiz" required maxlength="128" autocomplete="off" autocapitalize="none" spellcheck="false" /></label>
          <button class="main">Open the quiz</button>
        </form>
        ${offered.length > 0 &&
        html`<p id="offered">Or one of these:</p>
          <ul class="row" aria-labelledby="offered">
            ${offered.map((id) => html`<li key=${id}><a class="button" href=${`student.html?${new URLSearchParams({ quiz: id })}`}>${id}</a></li>`)}
          </ul>`}
      </section>
      <section class="card stack" aria-labelledby="staff">
        <h2 id="staff">For staff</h2>
        <${Who} login=${staff} />
        <p>Look after the room, mark answers, see statistics, and export what came of a quiz.</p>
        <p><a class="button main" href="console.html">Open the console</a></p>
      </section>
    </div>
    <nav class="row" aria-label="More">
      <a href=${`${api}/docs`}>The API</a>
      <a href=${`${api}/health`}>Health</a>
      ${config.demo && html`<a href="demo.html">The demo</a>`}
    </nav>
  </main>`;
}

await start(async (config) => {
  const [student, staff] = [await whoIsIt(config, "student"), await whoIsIt(config, "staff")];
  return html`<${Landing} config=${config} student=${student} staff=${staff} />`;
});
