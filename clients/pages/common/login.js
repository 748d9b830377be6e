// Who uses the page: a name that they choose, or what the issuer of tokens says (authorization code with PKCE).

import { html, useState } from "./view.js";

/** @import { Config } from "./config.js" */

/**
 * @typedef {object} Login
 * @property {string} name who it is
 * @property {string | undefined} userId for `openQuiz`; undefined where tokens say who it is
 * @property {() => string | Promise<string>} token for `openQuiz` and `Api`; empty where the service asks for none
 * @property {() => Promise<void>} again where the token is refused: goes to the issuer, and comes back to this page
 * @property {() => void} leave forgets who it is
 */

const NAME = "quiz-sessions/name";

/**
 * Who it is, as far as this tab knows. Comes back from the issuer where the page was left for it.
 *
 * @param {Config} config
 * @param {"student" | "staff"} role
 * @returns {Promise<Login | null>} null: nobody yet; show `SignIn`
 */
export async function whoIsIt(config, role) {
  if (config.login.kind !== "none") throw new Error(`no login of this kind yet: ${config.login.kind}`);
  const name = sessionStorage.getItem(`${NAME}/${role}`);
  return name === null ? null : named(name, role);
}

/** @param {string} name @param {"student" | "staff"} role @returns {Login} */
function named(name, role) {
  return {
    name,
    userId: name,
    token: () => "",
    again: async () => {},
    leave: () => {
      sessionStorage.removeItem(`${NAME}/${role}`);
      location.reload();
    },
  };
}

/**
 * Asks who it is: for a name, or leads to the issuer.
 *
 * @param {object} props
 * @param {Config} props.config
 * @param {"student" | "staff"} props.role
 * @param {(login: Login) => void} props.onDone
 */
export function SignIn({ config, role, onDone }) {
  const [name, setName] = useState("");
  const done = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    sessionStorage.setItem(`${NAME}/${role}`, name.trim());
    onDone(named(name.trim(), role));
  };
  return html`<form class="card" onSubmit=${done} data-login=${config.login.kind}>
    <label>
      Your name
      <input required pattern=".*\\S.*" maxlength="200" value=${name} autocomplete="username"
        onInput=${(/** @type {any} */ event) => setName(event.target.value)} />
    </label>
    <button class="main">Go on</button>
  </form>`;
}
