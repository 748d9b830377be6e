// A room: how everybody stands who takes a quiz, and what its proctors do.

import { Api, Refusal, Unreachable } from "./api.js";

/** @typedef {Record<string, any>} Row of the live view (`LiveRow` in the service's OpenAPI document) */
/** @typedef {{baseUrl: string, token: () => string | Promise<string>, quizId: string}} RoomOptions */

const LOOK_MS = 3_000;
const LONGEST_WAIT_MS = 30_000;

export class Room {
  /** The rows by session, in the order in which they were started. @type {Map<string, Row>} */
  rows = new Map();
  /** How many are open, paused, completed, expired, abandoned and silent. @type {Record<string, number>} */
  totals = {};
  /** Whether it is known who was heard; not while the service's cache is away. */
  presence = true;
  /** Why nothing was seen at the last look. @type {Refusal | Unreachable | null} */
  problem = null;

  #api;
  #path;
  /** @type {string | null} */
  #after = null;
  #failures = 0;
  #isClosed = false;
  #wake = () => {};
  /** @type {Set<(change: {changed: Row[], gone: string[]}) => void>} */
  #listeners = new Set();

  /** @param {RoomOptions} options */
  constructor({ baseUrl, token, quizId }) {
    this.#api = new Api(baseUrl, token);
    this.#path = `/quizzes/${encodeURIComponent(quizId)}`;
    this.#watch();
  }

  /**
   * @param {'change'} event
   * @param {(change: {changed: Row[], gone: string[]}) => void} listener
   * @returns {() => void} what takes it off again
   */
  on(event, listener) {
    if (event === "change") this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Give time, or with a negative number take it.
   *
   * @param {string[] | 'all'} ids
   * @param {number} seconds
   * @param {string} reason
   */
  extend(ids, seconds, reason) {
    return this.#act("extend", ids, { seconds, reason });
  }

  /**
   * Stop the clock.
   *
   * @param {string[] | 'all'} ids
   * @param {string} reason
   */
  pause(ids, reason) {
    return this.#act("pause", ids, { reason });
  }

  /**
   * Let it run again.
   *
   * @param {string[] | 'all'} ids
   * @param {string} reason
   */
  resume(ids, reason) {
    return this.#act("resume", ids, { reason });
  }

  /**
   * @param {string[] | 'all'} ids
   * @param {string} text
   */
  notify(ids, text) {
    return this.#act("notices", ids, { text });
  }

  /**
   * @param {string[] | 'all'} ids
   * @param {string} reason
   */
  handIn(ids, reason) {
    return this.#act("complete", ids, { reason });
  }

  close() {
    this.#isClosed = true;
    this.#wake();
  }

  /**
   * Do something once, however often its reply is lost.
   *
   * @param {string} what
   * @param {string[] | 'all'} ids
   * @param {object} body
   * @returns {Promise<any>} what the service says of it
   */
  async #act(what, ids, body) {
    const sent = ids === "all" ? body : { ...body, session_ids: ids };
    const headers = { "Idempotency-Key": crypto.randomUUID() };
    for (let tries = 1; ; tries += 1) {
      try {
        const { body: done } = await this.#api.request("POST", `${this.#path}/${what}`, sent, headers);
        this.#wake();
        return done;
      } catch (error) {
        const mayRepeat = error instanceof Unreachable || (error instanceof Refusal && error.isTransient);
        if (!mayRepeat || tries === 5) throw error;
        const asked = error instanceof Refusal ? (error.retryAfterMs ?? 0) : 0;
        await new Promise((resolve) => setTimeout(resolve, Math.max(asked, 500 * 2 ** tries)));
      }
    }
  }

  async #watch() {
    while (!this.#isClosed) {
      const woken = new Promise((resolve) => (this.#wake = () => resolve(undefined)));
      let wait = LOOK_MS;
      try {
        await this.#look();
        this.#failures = 0;
        this.problem = null;
      } catch (error) {
        if (!(error instanceof Refusal || error instanceof Unreachable)) throw error;
        this.#failures += 1;
        this.problem = error;
        const asked = error instanceof Refusal ? (error.retryAfterMs ?? 0) : 0;
        wait = Math.max(asked, Math.min(LOOK_MS * 2 ** this.#failures, LONGEST_WAIT_MS));
        this.#tell([], []);
      }
      const timer = setTimeout(this.#wake, wait * (1 + Math.random() / 10));
      await woken;
      clearTimeout(timer);
    }
  }

  async #look() {
    const changed = [];
    let after = this.#after;
    let view;
    do {
      const query = after === null ? "" : `?after=${encodeURIComponent(after)}`;
      view = (await this.#api.request("GET", `${this.#path}/live${query}`)).body;
      for (const row of view.rows) {
        this.rows.set(row.session_id, row);
        changed.push(row);
      }
      after = view.next;
    } while (after !== null);
    this.#after = view.after;
    this.totals = view.totals;
    this.presence = view.presence;
    this.#tell(changed, []);
  }

  /**
   * @param {Row[]} changed
   * @param {string[]} gone
   */
  #tell(changed, gone) {
    for (const listener of this.#listeners) listener({ changed, gone });
  }
}

/**
 * Watch a room. Its rows come with the first 'change'.
 *
 * @param {RoomOptions} options
 * @returns {Room}
 */
export function watchQuiz(options) {
  return new Room(options);
}
