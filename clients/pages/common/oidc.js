// Tokens of an OpenID Connect issuer: authorization code with PKCE, as a public client.

import * as oauth from "../vendor/oauth4webapi.js";
import { Problem, inWords } from "./oidc_words.js";
import { keep, kept } from "./tab.js";

/** @import { Login as Config } from "./config.js" */

/**
 * @typedef {object} Tokens
 * @property {string} access
 * @property {string} [refresh]
 * @property {string} [id]
 * @property {string} name who it is, to be shown
 * @property {string} [hint] who it is, for the issuer
 * @property {number} from when they came, as this machine's clock had it, like the others
 * @property {number} renewAt
 * @property {number} endsAt
 */

const KEY = "quiz-sessions/login";
const WAY = `${KEY}/way`;
const PAGES = { student: "../student.html", staff: "../console.html" };
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;
// The library of the quiz waits fifteen seconds for a token.
const PATIENCE_MS = 10_000;
const EARLY_MS = 60_000;
const AGAIN_MS = 10_000;
// Where the issuer does not say how long a token is good.
const LASTS_SECONDS = 300;
// By how much this machine's clock may be wrong: an id token comes from the issuer itself, for its name alone.
const CLOCK_SECONDS = 24 * 3600;

/**
 * What an issuer says in the address of this page. The address is what it was before from the start, so that modules
 * find in it what they look for: a code is good once, and belongs in no list of visited pages.
 */
let told = taken();

function taken() {
  const here = new URL(location.href);
  const said = new URLSearchParams(here.search);
  const way = kept(WAY);
  if (!(said.has("code") || said.has("error")) || !(said.has("state") || way)) return null;
  // Before anything is believed: a code that somebody else has got would sign this student in as them.
  const isAsked = way !== null && said.get("state") === way.state;
  here.search = isAsked ? way.search : "";
  here.hash = isAsked ? way.hash : "";
  history.replaceState(null, "", here);
  if (isAsked) keep(WAY, undefined);
  return { said, way: isAsked ? way : null };
}

export class Oidc {
  #config;
  #key;
  #page;
  /** @type {Promise<oauth.AuthorizationServer> | undefined} */
  #server;
  /** @type {Promise<string> | undefined} */
  #renewing;
  #renewAfter = 0;

  /** @param {Config} config @param {"student" | "staff"} role */
  constructor(config, role) {
    const { issuer = "", clientId = "", scopes } = config;
    this.#config = { issuer, clientId, scope: scopes?.[role] ?? "openid" };
    this.#page = new URL(PAGES[role], import.meta.url).href;
    this.#key = `${KEY}/${role}/${clientId}/${issuer}`;
  }

  /** @returns {Tokens | null} */
  get tokens() {
    return kept(this.#key);
  }

  /** Whether the token has ended, and no other can be had from an issuer that does answer. */
  async isOver() {
    if (!this.tokens) return true;
    await this.token();
    // Without network what is on the device is worth a look.
    return this.#hasEnded() && this.#discovered().then(() => true, () => false);
  }

  /** The access token; it is asked for before each request. @returns {string | Promise<string>} */
  token() {
    const tokens = this.tokens;
    if (!tokens) return "";
    const now = Date.now();
    // A clock that was set back says nothing of when it ends.
    if (!tokens.refresh || (tokens.from <= now && now < tokens.renewAt)) return tokens.access;
    const renewed = this.#renewed(tokens);
    // Nobody waits for the next one as long as this one is good.
    return this.#hasEnded() ? renewed : tokens.access;
  }

  /**
   * Goes to the issuer. What was asked comes back with it, to this page.
   *
   * @throws {Problem} it can't be reached, or used; this page stays
   */
  async go() {
    try {
      await this.#go();
    } catch (error) {
      throw inWords(error);
    }
  }

  /**
   * Takes what the issuer says, where it has sent this page back.
   *
   * @throws {Problem} that is nothing good
   */
  async comesBack() {
    if (!told || (told.way && told.way.key !== this.#key)) return;
    const { said, way } = told;
    told = null;
    if (!way) throw new Problem("That sign-in was not begun in this tab, so it was not used. Please sign in here.");
    keep(this.#key, undefined);
    try {
      await this.#exchange(said, way);
    } catch (error) {
      throw inWords(error);
    }
  }

  /** Forgets the tokens, and ends the issuer's session where it lets pages do so. */
  async leave() {
    const id = this.tokens?.id;
    keep(this.#key, undefined);
    const server = await this.#discovered().catch(() => null);
    if (!server?.end_session_endpoint) {
      // Else the next one here would be signed in as this one, without being asked.
      keep(`${this.#key}/asks`, true);
      location.reload();
      return;
    }
    // This may be another page, which the issuer does not know.
    const page = this.#page;
    // Amazon Cognito has a name of its own for where to go on.
    const asked = { client_id: this.#config.clientId, post_logout_redirect_uri: page, logout_uri: page, ...(id && { id_token_hint: id }) };
    this.#leaveFor(server.end_session_endpoint, asked);
  }

  get #isLoopback() {
    return LOOPBACK.test(new URL(this.#config.issuer).hostname);
  }

  get #options() {
    return {
      [oauth.allowInsecureRequests]: this.#isLoopback,
      // What was kept of an issuer's answers does not say that it is there.
      [oauth.customFetch]: (/** @type {string} */ url, /** @type {any} */ init) => fetch(url, { ...init, cache: "no-store" }),
      signal: () => AbortSignal.timeout(PATIENCE_MS),
    };
  }

  get #client() {
    return { client_id: this.#config.clientId, [oauth.clockTolerance]: CLOCK_SECONDS };
  }

  /** @returns {Promise<oauth.AuthorizationServer>} what the issuer says of itself */
  #discovered() {
    const issuer = new URL(this.#config.issuer);
    this.#server ??= oauth
      .discoveryRequest(issuer, this.#options)
      .then((reply) => oauth.processDiscoveryResponse(issuer, reply));
    this.#server.catch(() => (this.#server = undefined));
    return this.#server;
  }

  async #go() {
    if (!this.#config.clientId) throw new Problem("Sign-in is not set up here: these pages were told no client id.");
    if (!isSecureContext) throw new Problem("Sign-in needs an address that begins with https.");
    // Asked anew: who leaves the page while the issuer is away stands before an error of the browser.
    this.#server = undefined;
    const server = await this.#discovered();
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    const { search, hash } = location;
    if (!keep(WAY, { key: this.#key, state, nonce, verifier, page: thisPage(), search, hash })) {
      throw new Problem("Sign-in needs storage, which this browser forbids to pages. Please allow it for this site.");
    }
    const hint = this.tokens?.hint;
    const isAsking = kept(`${this.#key}/asks`);
    this.#leaveFor(server.authorization_endpoint, {
      response_type: "code",
      client_id: this.#config.clientId,
      redirect_uri: thisPage(),
      scope: this.#config.scope,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ...(this.#hasIdToken && { nonce }),
      ...(hint && { login_hint: hint }),
      ...(isAsking && { prompt: "login" }),
    });
  }

  get #hasIdToken() {
    return this.#config.scope.split(" ").includes("openid");
  }

  /** @param {string | undefined} address @param {Record<string, string>} asked */
  #leaveFor(address, asked) {
    if (!address || !URL.canParse(address)) throw new Error("no address to go to");
    const url = new URL(address);
    oauth.checkProtocol(url, !this.#isLoopback);
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    location.assign(url);
  }

  /** @param {URLSearchParams} said @param {any} way */
  async #exchange(said, { state, nonce, verifier, page }) {
    const server = await this.#discovered();
    const parameters = oauth.validateAuthResponse(server, this.#client, said, state);
    const none = oauth.None();
    const reply = await oauth.authorizationCodeGrantRequest(server, this.#client, none, parameters, page, verifier, this.#options);
    const hasId = this.#hasIdToken;
    const expected = { expectedNonce: hasId ? nonce : undefined, requireIdToken: hasId };
    this.#take(await oauth.processAuthorizationCodeResponse(server, this.#client, reply, expected));
    keep(`${this.#key}/asks`, undefined);
  }

  /** @param {oauth.TokenEndpointResponse} got @param {Tokens} [before] */
  #take(got, before) {
    /** @type {Record<string, any>} */
    const claims = oauth.getValidatedIdTokenClaims(got) ?? {};
    const now = Date.now();
    const lastsMs = (got.expires_in ?? LASTS_SECONDS) * 1000;
    /** @type {Tokens} */
    const tokens = {
      access: got.access_token,
      refresh: got.refresh_token ?? before?.refresh,
      id: got.id_token ?? before?.id,
      name: claims.name ?? claims.preferred_username ?? claims.email ?? claims.sub ?? before?.name ?? "",
      hint: claims.preferred_username ?? claims.email ?? before?.hint,
      from: now,
      renewAt: now + lastsMs - Math.min(EARLY_MS, lastsMs / 2),
      endsAt: now + lastsMs,
    };
    keep(this.#key, tokens);
  }

  #hasEnded() {
    return Date.now() >= (this.tokens?.endsAt ?? 0);
  }

  /** One request for all who ask meanwhile; the old token where it fails. @param {Tokens} tokens */
  #renewed(tokens) {
    if (!this.#renewing && Date.now() < this.#renewAfter) return tokens.access;
    this.#renewing ??= this.#renew(tokens)
      .catch(() => void (this.#renewAfter = Date.now() + AGAIN_MS))
      .then(() => this.tokens?.access ?? "")
      .finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  /** @param {Tokens} tokens */
  async #renew(tokens) {
    const server = await this.#discovered();
    const reply = await oauth.refreshTokenGrantRequest(server, this.#client, oauth.None(), tokens.refresh ?? "", this.#options);
    try {
      const got = await oauth.processRefreshTokenResponse(server, this.#client, reply);
      // Somebody may have left meanwhile.
      if (this.tokens) this.#take(got, tokens);
    } catch (error) {
      // It is good for nothing more.
      if (this.tokens && error instanceof oauth.ResponseBodyError) keep(this.#key, { ...tokens, refresh: undefined });
      throw error;
    }
  }
}

/** This page's address, as the issuer knows it. */
const thisPage = () => location.origin + location.pathname;
