// Requests to the service: each ends with its reply, with a refusal that will not change, or is worth another try.

/** What the service said to a request that it did not accept. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {Record<string, any>} problem the reply: `code`, `detail` and more (RFC 9457)
   * @param {number | null} retryAfterMs
   */
  constructor(status, problem, retryAfterMs) {
    super(problem.detail ?? problem.message ?? `status ${status}`);
    this.name = "Refusal";
    this.status = status;
    this.code = /** @type {string} */ (problem.code ?? "");
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same request may be accepted later, without anything else being changed. */
  get isTransient() {
    return this.status === 401 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** No reply came, or none that the service wrote: it can't be reached, is cut off, or somebody else answers for it. */
export class Unreachable extends Error {
  name = "Unreachable";
}

/**
 * @typedef {object} Reply
 * @property {any} body
 * @property {number} sentAt by `performance.now()`
 * @property {number} receivedAt
 */

const PATIENCE_MS = 15_000;
const JSON_TYPE = /^application\/([a-z.]+\+)?json\b/;

export class Api {
  #baseUrl;
  #token;
  /** @type {string} */
  #lastToken = "";

  /**
   * @param {string} baseUrl
   * @param {() => string | Promise<string>} token
   */
  constructor(baseUrl, token) {
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    this.#token = token;
    /** Sent with each request, as X-Client-Id. */
    this.clientId = "";
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @param {Record<string, string>} [headers]
   * @returns {Promise<Reply>}
   * @throws {Refusal | Unreachable}
   */
  async request(method, path, body, headers = {}) {
    this.#lastToken = await this.#token();
    const first = await this.#fetch(method, path, body, headers);
    if (first.status !== 401) return this.#judged(first);
    // It may have ended just now: ask for another one.
    this.#lastToken = await this.#token();
    return this.#judged(await this.#fetch(method, path, body, headers));
  }

  /**
   * Send something from a page that is being closed, with the last token; nobody waits for the reply.
   *
   * @param {string} method
   * @param {string} path
   * @param {object} body
   */
  send(method, path, body) {
    fetch(this.#baseUrl + path, { ...this.#options(method, body, {}), keepalive: true }).catch(() => {});
  }

  /**
   * @param {string} path
   * @param {object} body
   * @returns {boolean} whether the browser takes it
   */
  beacon(path, body) {
    return navigator.sendBeacon(this.#baseUrl + path, JSON.stringify(body));
  }

  /**
   * @param {string} method
   * @param {object | undefined} body
   * @param {Record<string, string>} headers
   * @returns {RequestInit}
   */
  #options(method, body, headers) {
    /** @type {Record<string, string>} */
    const all = { ...headers };
    if (this.clientId) all["X-Client-Id"] = this.clientId;
    if (this.#lastToken) all.Authorization = `Bearer ${this.#lastToken}`;
    if (body) all["Content-Type"] = "application/json";
    return { method, headers: all, body: body && JSON.stringify(body), cache: "no-store", credentials: "omit" };
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object | undefined} body
   * @param {Record<string, string>} headers
   */
  async #fetch(method, path, body, headers) {
    const sentAt = performance.now();
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const reply = await fetch(this.#baseUrl + path, { ...this.#options(method, body, headers), signal });
      const receivedAt = performance.now();
      const isJson = JSON_TYPE.test(reply.headers.get("Content-Type") ?? "");
      const text = await reply.text();
      return {
        status: reply.status,
        body: isJson ? JSON.parse(text) : null,
        retryAfter: reply.headers.get("Retry-After"),
        sentAt,
        receivedAt,
      };
    } catch (error) {
      // No network, no CORS, cut off, too slow, or half a reply.
      throw new Unreachable(String(error));
    }
  }

  /** @param {Awaited<ReturnType<Api["request"]>> & {status: number, retryAfter: string | null}} reply */
  #judged({ status, body, retryAfter, sentAt, receivedAt }) {
    if (status < 300 && (body || status === 204)) return { body, sentAt, receivedAt };
    const refusal = new Refusal(status, body ?? {}, retryAfter === null ? null : Number(retryAfter) * 1000 || null);
    // A page of a proxy or of a network that wants a login is no refusal of the service.
    if (!refusal.code && !refusal.isTransient) throw new Unreachable(`status ${status}, not from the service`);
    throw refusal;
  }
}
