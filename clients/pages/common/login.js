// Who uses the page: a name that they choose, or what the issuer of tokens says (authorization code with PKCE).

import { Dialog } from "./dialog.js";
import { Oidc } from "./oidc.js";
import { keep, kept } from "./tab.js";
import { html, render, useEffect, useState } from "./view.js";

/** @import { Config } from "./config.js" */

/**
 * @typedef {object} Login
 * @property {string} name who it is
 * @property {string | undefined} userId for `openQuiz`; undefined where tokens say who it is
 * @property {() => string | Promise<string>} token for `openQuiz` and `Api`; empty where the service asks for none
 * @property {() => Promise<void>} again where the token is refused: goes to the issuer, and comes back to this page; stays
 *   and says so where the issuer can't be reached
 * @property {() => void} leave forgets who it is
 */

const NAME = "quiz-sessions/name";

/** Why nobody is signed in, which `SignIn` shows. */
let problem = "";

/**
 * Who it is, as far as this tab knows. Comes back from the issuer where the page was left for it.
 *
 * @param {Config} config
 * @param {"student" | "staff"} role
 * @returns {Promise<Login | null>} null: nobody yet; show `SignIn`
 */
export async function whoIsIt(config, role) {
  if (config.login.kind === "none") {
    const name = kept(`${NAME}/${role}`);
    return name === null ? null : named(name, role);
  }
  const issuer = new Oidc(config.login, role);
  await issuer.comesBack().catch(({ message }) => (problem = message));
  const { tokens } = issuer;
  if (!tokens || (await issuer.isOver())) return null;
  return {
    name: tokens.name,
    userId: undefined,
    token: () => issuer.token(),
    again: () => issuer.go().catch(tell),
    leave: () => void issuer.leave(),
  };
}

/** Over whatever the page shows. @param {Error} problem */
function tell({ message }) {
  const place = document.body.appendChild(document.createElement("div"));
  const close = () => {
    render(null, place);
    place.remove();
  };
  const dialog = html`<${Dialog} title="You are not signed in again" onClose=${close}>
    <p>${message}</p>
    <button class="main" onClick=${close}>Close</button>
  <//>`;
  render(dialog, place);
}

/** @param {string} name @param {"student" | "staff"} role @returns {Login} */
function named(name, role) {
  return {
    name,
    userId: name,
    token: () => "",
    again: async () => {},
    leave: () => {
      keep(`${NAME}/${role}`, undefined);
      location.reload();
    },
  };
}

/**
 * @typedef {object} SignInProps
 * @property {Config} config
 * @property {"student" | "staff"} role
 * @property {(login: Login) => void} onDone
 */

/** Asks who it is: for a name, or leads to the issuer. @param {SignInProps} props */
export function SignIn(props) {
  return props.config.login.kind === "none" ? html`<${ByName} ...${props} />` : html`<${ByIssuer} ...${props} />`;
}

/** @param {SignInProps} props */
function ByName({ role, onDone }) {
  const [name, setName] = useState("");
  const done = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    keep(`${NAME}/${role}`, name.trim());
    onDone(named(name.trim(), role));
  };
  return html`<form class="card stack" onSubmit=${done} data-login="none">
    <label>
      Your name
      <input required pattern=".*\\S.*" maxlength="128" value=${name} autocomplete="username"
        onInput=${(/** @type {any} */ event) => setName(event.target.value)} />
    </label>
    <button class="main">Go on</button>
  </form>`;
}

/** @param {SignInProps} props */
function ByIssuer({ config, role }) {
  const [why, setWhy] = useState(problem);
  const [isLeaving, setLeaving] = useState(false);
  useEffect(() => {
    // By the browser's Back the page is as it was left.
    const isBack = () => setLeaving(false);
    addEventListener("pageshow", isBack);
    return () => removeEventListener("pageshow", isBack);
  }, []);
  const go = async () => {
    setLeaving(true);
    setWhy("");
    try {
      await new Oidc(config.login, role).go();
    } catch (error) {
      setWhy(/** @type {Error} */ (error).message);
      setLeaving(false);
    }
  };
  return html`<div class="card stack" data-login="oidc">
    ${why && html`<p class="banner bad" role="alert">${why}</p>`}
    <p>You sign in at ${new URL(config.login.issuer ?? "", location.href).host}, and come back to this page.</p>
    <button class="main" aria-disabled=${isLeaving} onClick=${() => isLeaving || go()}>${isLeaving ? "One moment …" : "Sign in"}</button>
  </div>`;
}
