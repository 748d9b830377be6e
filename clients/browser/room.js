// What proctors see, and do.

import { Api, after, jittered, unique } from "./api.js";

/** @import { Failure, Room, RoomOptions, Row, WatchQuiz } from "./types.js" */

const LOOK_MS = 3_000;
const LONGEST_WAIT_MS = 30_000;

class WatchedRoom {
  /** @type {Map<string, Row>} */ rows = new Map();
  /** @type {Record<string, number>} */ totals = {};
  presence = true;
  serverTime = "";
  /** @type {Failure | null} */ problem = null;

  #api;
  #path;
  #cursor = "";
  #isClosed = false;
  #wake = () => {};
  /** @type {Set<any>} */ #listeners = new Set();

  /** @param {RoomOptions} options */
  constructor({ baseUrl, token, quizId }) {
    this.#path = `/quizzes/${encodeURIComponent(quizId)}`;
    this.#api = new Api(baseUrl, token);
    this.#watch();
  }

  /** @type {Room["on"]} */
  on = (event, listener) => {
    if (event === "change") this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  /** @type {Room["extend"]} */
  extend = (ids, seconds, reason, key) => this.#act("extend", ids, { seconds, reason }, key);
  /** @type {Room["pause"]} */
  pause = (ids, reason, key) => this.#act("pause", ids, { reason }, key);
  /** @type {Room["resume"]} */
  resume = (ids, reason, key) => this.#act("resume", ids, { reason }, key);
  /** @type {Room["notify"]} */
  notify = (ids, text, key) => this.#act("notices", ids, { text }, key);
  /** @type {Room["handIn"]} */
  handIn = (ids, reason, key) => this.#act("complete", ids, { reason }, key);

  close() {
    this.#isClosed = true;
    this.#wake();
  }

  /** @param {string} what @param {string[] | "all"} ids @param {object} body */
  async #act(what, ids, body, key = unique()) {
    // An empty selection is not everybody.
    if (ids !== "all" && !Array.isArray(ids)) throw new TypeError("not an array");
    const sent = ids === "all" ? body : { ...body, session_ids: ids };
    let isUnsure = false;
    for (let tries = 1; ; tries += 1) {
      try {
        const done = await this.#api.request("POST", `${this.#path}/${what}`, sent, { "Idempotency-Key": key });
        this.#wake();
        return { ...done.body, isUnsure };
      } catch (/** @type {any} */ error) {
        // It may be done all the same.
        error.isUnsure = isUnsure ||= error.isTransient && error.status !== 401 && error.status !== 429;
        if (!error.isTransient || tries === 5) throw error;
        await after(jittered(Math.max(error.retryAfterMs ?? 0, 500 * 2 ** tries)));
      }
    }
  }

  async #watch() {
    let failures = 0;
    while (!this.#isClosed) {
      const woken = new Promise((resolve) => (this.#wake = () => resolve(0)));
      let wait = LOOK_MS;
      try {
        await this.#look();
        failures = 0;
        this.problem = null;
      } catch (/** @type {any} */ error) {
        if (!("isTransient" in error)) reportError(error);
        this.problem = error;
        wait = Math.max(error.retryAfterMs ?? 0, Math.min(LOOK_MS * 2 ** ++failures, LONGEST_WAIT_MS));
        this.#tell([]);
      }
      await Promise.race([woken, after(jittered(wait))]);
    }
  }

  async #look() {
    const changed = [];
    let cursor = this.#cursor;
    let view;
    do {
      const query = cursor && `?after=${encodeURIComponent(cursor)}`;
      view = (await this.#api.request("GET", `${this.#path}/live${query}`)).body;
      for (const row of view.rows) this.rows.set(row.session_id, row);
      changed.push(...view.rows);
      cursor = view.next;
    } while (cursor);
    this.#cursor = view.after;
    this.totals = view.totals;
    this.presence = view.presence;
    this.serverTime = view.server_time;
    this.#tell(changed);
  }

  /** @param {Row[]} changed */
  #tell(changed) {
    for (const listener of this.#listeners) {
      try {
        listener({ changed });
      } catch (error) {
        reportError(error);
      }
    }
  }
}

/** @type {WatchQuiz} */
export const watchQuiz = (options) => new WatchedRoom(options);
