// The console of proctors, markers and authors: a quiz is picked, its tabs show it.

import { Api } from "../../browser/api.js";
import { readConfig } from "../common/config.js";
import { SignIn, whoIsIt } from "../common/login.js";
import { html, render, useEffect, useState } from "../common/view.js";
import { Exports } from "./exports.js";
import { Marking } from "./marking.js";
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

const TABS = { room: ["Room", RoomView], marking: ["Marking", Marking], statistics: ["Statistics", Statistics], exports: ["Exports", Exports] };

/** `#/physics/room` */
function place() {
  const [quizId = "", tab = ""] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  return { quizId, tab: Object.hasOwn(TABS, tab) ? tab : "room" };
}

/** @param {{config: Config, login: Login}} props */
function Console({ config, login }) {
  const [{ quizId, tab }, setPlace] = useState(place);
  const [api] = useState(() => new Api(config.api, login.token));
  useEffect(() => {
    const moved = () => setPlace(place());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  if (!quizId) return html`<main><h1>Console</h1><p>Pick a quiz: #/id/room</p></main>`;
  const Tab = /** @type {any} */ (TABS)[tab][1];
  return html`<header class="row">
      <h1>${quizId}</h1>
      <nav aria-label="Views of the quiz" class="row">
        ${Object.entries(TABS).map(
          ([name, [title]]) => html`<a href=${`#/${encodeURIComponent(quizId)}/${name}`} aria-current=${name === tab ? "page" : undefined}>${title}</a>`,
        )}
      </nav>
    </header>
    <main class="wide"><${Tab} key=${`${quizId}/${tab}`} config=${config} login=${login} api=${api} quizId=${quizId} /></main>`;
}

/** @param {{config: Config, known: Login | null}} props */
function Page({ config, known }) {
  const [login, setLogin] = useState(known);
  if (login) return html`<${Console} config=${config} login=${login} />`;
  return html`<main><h1>Console</h1><${SignIn} config=${config} role="staff" onDone=${setLogin} /></main>`;
}

const config = await readConfig();
render(html`<${Page} config=${config} known=${await whoIsIt(config, "staff")} />`, /** @type {HTMLElement} */ (document.getElementById("page")));
