// The console of proctors, markers and authors: a quiz is picked, its tabs show it.

import { Api } from "../../browser/api.js";
import { SignIn, whoIsIt } from "../common/login.js";
import { start } from "../common/start.js";
import { html, useEffect, useRef, useState } from "../common/view.js";
import { Exports } from "./exports.js";
import { FindStudent } from "./find.js";
import { Marking } from "./marking.js";
import { Picker } from "./picker.js";
import { href, usePlace } from "./place.js";
import { RoomView } from "./room.js";
import { Statistics } from "./statistics.js";

/** @import { Config } from "../common/config.js" */
/** @import { Login } from "../common/login.js" */

/**
 * What each tab is given.
 *
 * @typedef {object} TabProps
 * @property {Config} config
 * @property {Login} login
 * @property {Api} api
 * @property {string} quizId
 */

/** @type {Record<string, [string, any]>} */
const TABS = {
  room: ["Room", RoomView],
  marking: ["Marking", Marking],
  statistics: ["Statistics", Statistics],
  exports: ["Exports", Exports],
};

/** @param {{login: Login}} props */
const Who = ({ login }) =>
  html`<div class="row who">
    <span class="quiet">Signed in as <bdi>${login.name}</bdi></span>
    <button type="button" onClick=${login.leave}>Sign out</button>
  </div>`;

/** @param {{config: Config, login: Login}} props */
function Console({ config, login }) {
  const { quizId, tab: asked } = usePlace();
  const tab = Object.hasOwn(TABS, asked) ? asked : "room";
  const [api] = useState(() => new Api(config.api, login.token));
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = quizId ? `${quizId} – ${TABS[tab]?.[0]} – Console` : "Console";
  }, [quizId, tab]);
  useEffect(() => {
    // Another page for who reads it, though the browser has not left this one.
    if (!isFirst.current) heading.current?.focus();
    isFirst.current = false;
  }, [quizId]);
  if (!quizId) {
    return html`<main>
      <div class="row spread"><h1 ref=${heading} tabindex="-1">Console</h1><${Who} login=${login} /></div>
      <${Picker} api=${api} />
      <${FindStudent} api=${api} />
    </main>`;
  }
  const Tab = TABS[tab]?.[1];
  return html`<header class="top">
      <div class="row spread">
        <div class="row">
          <a href=${href()}>All quizzes</a>
          <h1 ref=${heading} tabindex="-1"><bdi>${quizId}</bdi></h1>
        </div>
        <${Who} login=${login} />
      </div>
      <nav aria-label="Views of the quiz" class="tabs">
        ${Object.entries(TABS).map(
          ([name, [title]]) => html`<a href=${href(quizId, name)} aria-current=${name === tab ? "page" : undefined}>${title}</a>`,
        )}
      </nav>
    </header>
    <main class="wide"><${Tab} key=${`${quizId}/${tab}`} config=${config} login=${login} api=${api} quizId=${quizId} /></main>`;
}

/** @param {{config: Config, known: Login | null}} props */
function Page({ config, known }) {
  const [login, setLogin] = useState(known);
  if (login) return html`<${Console} config=${config} login=${login} />`;
  return html`<main>
    <h1>Console</h1>
    <p>For those who run quizzes: proctors, markers and authors.</p>
    <${SignIn} config=${config} role="staff" onDone=${setLogin} />
  </main>`;
}

await start(async (config) => html`<${Page} config=${config} known=${await whoIsIt(config, "staff")} />`);
