// Requests to the service.

/** @import { Reply, Token } from "./types.js" */

/** The service does not accept a request; `problem` says why (RFC 9457). */
export class Refusal extends Error {
  name = "Refusal";

  /** @param {Reply} reply */
  constructor({ status, body, retryAfterMs, sentAt, receivedAt }) {
    super(body?.detail ?? body?.message ?? `status ${status}`);
    this.status = status;
    /** @type {Record<string, any>} */
    this.problem = body ?? {};
    /** @type {string} */
    this.code = this.problem.code ?? "";
    this.retryAfterMs = retryAfterMs;
    this.isTransient = [401, 408, 429].includes(status) || status >= 500;
    this.sentAt = sentAt;
    this.receivedAt = receivedAt;
  }
}

/** The service can't be reached, or somebody else answers for it. */
export class Unreachable extends Error {
  name = "Unreachable";
  isTransient = true;
  retryAfterMs = undefined;

  /** @param {string} message @param {number} [status] */
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

const PATIENCE_MS = 15_000;
const UPLINK_BYTES_A_MS = 10;
const JSON_TYPE = /^application\/([a-z.]+\+)?json\b/;

// A page that came by plain HTTP has no `crypto.randomUUID`.
export const unique = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), hex).join("");
export const hex = (/** @type {number} */ byte) => byte.toString(16).padStart(2, "0");
// A question may be called `constructor`.
export const own = (/** @type {any} */ of, /** @type {string} */ key) => (of && Object.hasOwn(of, key) ? of[key] : undefined);
export const jittered = (/** @type {number} */ ms) => ms * (1 + Math.random() / 10);
export const after = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Api {
  clientId = "";
  #baseUrl;
  #token;
  #lastToken = "";

  /** @param {string} baseUrl @param {Token} token */
  constructor(baseUrl, token) {
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    this.#token = token;
  }

  /** @param {string} method @param {string} path @param {object} [body] @param {Record<string, string>} [headers] @returns {Promise<Reply>} */
  async request(method, path, body, headers) {
    for (let isAgain = false; ; isAgain = true) {
      const reply = await this.#fetch(method, path, body, headers);
      // Another token is asked for.
      if (reply.status === 401 && !isAgain) continue;
      if (reply.status < 300 && (reply.body || reply.status === 204)) return reply;
      const refusal = new Refusal(reply);
      if (refusal.code || refusal.isTransient) throw refusal;
      throw new Unreachable(`status ${reply.status}, not from the service`, reply.status);
    }
  }

  async token() {
    const late = after(PATIENCE_MS).then(() => Promise.reject(new Error("no token in time")));
    try {
      return await Promise.race([this.#token(), late]);
    } catch (error) {
      throw new Unreachable(String(error), 401);
    }
  }

  /** From a page that goes. @param {string} path @param {object} body */
  send(path, body) {
    fetch(this.#baseUrl + path, { ...this.#options("PATCH", JSON.stringify(body)), keepalive: true }).catch(() => {});
  }

  /** @param {string} path @param {object} body */
  beacon(path, body) {
    navigator.sendBeacon(this.#baseUrl + path, JSON.stringify(body));
  }

  /** @param {string} method @param {string} [body] @param {Record<string, string>} [headers] @returns {RequestInit} */
  #options(method, body, headers) {
    /** @type {Record<string, string>} */
    const all = { ...headers };
    if (this.clientId) all["X-Client-Id"] = this.clientId;
    if (this.#lastToken) all.Authorization = `Bearer ${this.#lastToken}`;
    if (body) all["Content-Type"] = "application/json";
    return { method, headers: all, body, cache: "no-store", credentials: "omit" };
  }

  /** @param {string} method @param {string} path @param {object} [body] @param {Record<string, string>} [headers] @returns {Promise<Reply>} */
  async #fetch(method, path, body, headers) {
    const text = body && JSON.stringify(body);
    this.#lastToken = await this.token();
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS + (text?.length ?? 0) / UPLINK_BYTES_A_MS);
      const sentAt = performance.now();
      const reply = await fetch(this.#baseUrl + path, { ...this.#options(method, text, headers), signal });
      const receivedAt = performance.now();
      const said = await reply.text();
      const isJson = JSON_TYPE.test(reply.headers.get("Content-Type") ?? "");
      const retryAfterMs = Number(reply.headers.get("Retry-After")) * 1000 || undefined;
      return { status: reply.status, body: isJson ? JSON.parse(said) : null, retryAfterMs, sentAt, receivedAt };
    } catch (error) {
      // No network, too slow, or half a reply.
      throw new Unreachable(String(error));
    }
  }
}
