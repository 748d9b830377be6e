import { readConfig } from "../common/config.js";
import { SignIn, whoIsIt } from "../common/login.js";
import { html, render, useState } from "../common/view.js";

/** @param {{config: any, known: any}} props */
function Page({ config, known }) {
  const [login, setLogin] = useState(known);
  return html`<main><h1>Quiz</h1>${login ? html`<p>${login.name}</p>` : html`<${SignIn} config=${config} role="student" onDone=${setLogin} />`}</main>`;
}

const config = await readConfig();
render(html`<${Page} config=${config} known=${await whoIsIt(config, "student")} />`, /** @type {HTMLElement} */ (document.getElementById("page")));
