// Before an attempt: what the quiz is, its start, and why it does not start.

import { clock, counted, moment } from "../common/format.js";
import { html, useEffect, useState } from "../common/view.js";
import { Starting } from "./starting.js";
import { duration, startWords } from "./words.js";

/** @import { Login } from "../common/login.js" */
/** @import { Stage } from "./starting.js" */

/** The time until a moment by `performance.now()`, as a text. @param {{until: number}} props */
export function Wait({ until }) {
  const [, setTurn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTurn((turn) => turn + 1), 500);
    return () => clearInterval(timer);
  }, []);
  return html`<strong role="timer">${clock((until - performance.now()) / 1000)}</strong>`;
}

/** @param {{login: Login, quizId: string, children: any}} props */
export const Frame = ({ login, quizId, children }) => html`<header class="bar">
    <div class="row spread">
      <h1>${quizId}</h1>
      <p class="row quiet small">${login.name} <button type="button" class="plain" onClick=${login.leave}>Not you?</button></p>
    </div>
  </header>
  <main>${children}</main>`;

/** @param {{login: Login, quizId: string, starting: Starting}} props */
export function Before({ login, quizId, starting }) {
  const [stage, setStage] = useState(starting.stage);
  useEffect(() => {
    const off = starting.on(setStage);
    void starting.begin();
    return off;
  }, [starting]);
  return html`<${Frame} login=${login} quizId=${quizId}><${Shown} stage=${stage} login=${login} quizId=${quizId} starting=${starting} /><//>`;
}

/** @param {{stage: Stage, login: Login, quizId: string, starting: Starting}} props */
function Shown({ stage, login, quizId, starting }) {
  switch (stage.kind) {
    case "looking":
      return html`<p role="status">One moment…</p>`;
    case "ready":
      return html`<${Ready} stage=${stage} quizId=${quizId} starting=${starting} />`;
    case "password":
      return html`<${Password} isWrong=${stage.isWrong} starting=${starting} />`;
    case "waiting":
      return html`<section class="card" data-stage="waiting">
        <h2>Not open yet</h2>
        <p>This quiz opens on <strong>${moment(stage.opensAt)}</strong>.</p>
        <p>Time until you are let in: <${Wait} until=${stage.until} />. Keep this page open: it goes on by itself, and your time begins then.</p>
        <${Shared} starting=${starting} />
        <p class="unseen" role="status">The quiz is not open yet. This page goes on by itself.</p>
      </section>`;
    case "refused": {
      const { title, text, isFinal } = startWords(stage.error);
      return html`<section class="card" data-stage="refused" data-code=${stage.error.code ?? ""}>
        <div role="alert">
          <h2>${title}</h2>
          <p>${text}</p>
        </div>
        ${stage.until !== null && html`<p class="quiet">The next try is in <${Wait} until=${stage.until} />.</p>`}
        <p class="row">
          ${stage.error.status === 401 && html`<button type="button" class="main" onClick=${() => login.again()}>Sign in again</button>`}
          ${!isFinal && html`<button type="button" onClick=${() => starting.retry()}>Try again now</button>`}
          ${stage.last && html`<button type="button" onClick=${() => starting.showLast()}>Show my last attempt</button>`}
        </p>
      </section>`;
    }
  }
}

/** @param {{starting: Starting}} props */
function Shared({ starting }) {
  const [isShared, setShared] = useState(starting.isShared);
  const change = (/** @type {any} */ { target }) => {
    starting.isShared = target.checked;
    setShared(target.checked);
  };
  return html`<label class="option">
    <input type="checkbox" checked=${isShared} onChange=${change} />
    <span>This is a shared computer: remove my answers from it when I have handed in.</span>
  </label>`;
}

/** @param {{stage: Extract<Stage, {kind: "ready"}>, quizId: string, starting: Starting}} props */
function Ready({ stage, quizId, starting }) {
  const { quiz, last } = stage;
  return html`<section class="card" data-stage="ready">
    <h2>Before you start</h2>
    ${!quiz && html`<p class="banner warn"><strong>Nobody has registered a quiz called “${quizId}”.</strong> Please check the name before you start.</p>`}
    <ul>
      ${quiz?.time_limit_seconds && html`<li>You have <strong>${duration(quiz.time_limit_seconds)}</strong>${quiz.common_start ? ". All who are there begin together." : ", from the moment at which you start."}</li>`}
      ${quiz && !quiz.time_limit_seconds && html`<li>There is a time limit: you see it once you have started.</li>`}
      ${quiz?.closes_at && html`<li>The quiz closes on ${moment(quiz.closes_at)}; nobody has time beyond that, but by arrangement.</li>`}
      ${quiz?.max_attempts && html`<li>You may take it ${quiz.max_attempts === 1 ? "once" : counted(quiz.max_attempts, "time")}.</li>`}
      <li>Answers are saved by themselves. Without a connection they are kept on this device, and sent later.</li>
      <li>At the end of your time all is handed in by itself.</li>
      <li><strong>Proctors are told</strong> when you leave the page or its window, and when it is without network.</li>
    </ul>
    ${last && html`<p class="row">You have taken it before (attempt ${last.attempt_no}). <button type="button" onClick=${() => starting.showLast()}>Show my last attempt</button></p>`}
    <${Shared} starting=${starting} />
    <p><button type="button" class="main" onClick=${() => starting.open()}>Start</button></p>
  </section>`;
}

/** @param {{isWrong: boolean, starting: Starting}} props */
function Password({ isWrong, starting }) {
  const [password, setPassword] = useState("");
  useEffect(() => document.getElementById("password")?.focus(), []);
  const send = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    void starting.open({ password });
  };
  return html`<form class="card" onSubmit=${send} data-stage="password">
    <h2>The password of the room</h2>
    <p id="why">A proctor tells it to all who are there.</p>
    ${isWrong && html`<p class="banner bad" role="alert" id="wrong">The password is another one. Please try again.</p>`}
    <label>
      Password
      <input id="password" class="line" required maxlength="200" autocomplete="off" autocapitalize="off" spellcheck=${false} value=${password}
        aria-describedby=${isWrong ? "why wrong" : "why"} aria-invalid=${isWrong ? "true" : undefined}
        onInput=${(/** @type {any} */ { target }) => setPassword(target.value)} />
    </label>
    <div class="apart"><${Shared} starting=${starting} /></div>
    <p><button class="main">Start</button></p>
  </form>`;
}
