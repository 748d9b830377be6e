// How a page begins, and what it says where it can't.

import { Unconfigured, readConfig } from "./config.js";
import { html, render } from "./view.js";

/** @import { Config } from "./config.js" */

/** @param {{problem: any}} props */
const Broken = ({ problem }) =>
  html`<main>
    <h1>${document.title}</h1>
    <div class="banner bad" role="alert">
      <p>This page can't be started. ${String(problem?.message ?? problem)}</p>
      <button type="button" onClick=${() => location.reload()}>Try again</button>
    </div>
  </main>`;

/** @param {(config: Config) => Promise<object> | object} draw the page, by its settings */
export async function start(draw) {
  const page = /** @type {HTMLElement} */ (document.getElementById("page"));
  try {
    const drawn = await draw(await readConfig());
    render(drawn, page);
  } catch (problem) {
    // A service that is out of reach is no fault of the page.
    if (!(problem instanceof Unconfigured)) reportError(problem);
    render(html`<${Broken} problem=${problem} />`, page);
  }
}
