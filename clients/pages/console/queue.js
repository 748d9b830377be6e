// The grading queue of a quiz, as one marker uses it (docs/marking.md).

import { own, unique } from "../../browser/api.js";
import { eventPages, quizPath, sessionPath } from "../common/requests.js";

/** @import { Api } from "../../browser/api.js" */
/** @import { Login } from "../common/login.js" */

/**
 * An answer that waits, and is held for this marker.
 *
 * @typedef {object} Item
 * @property {string} session_id
 * @property {string} question
 * @property {unknown} answer
 * @property {number} points what the question is worth
 * @property {string | null} held_by
 * @property {string | null} held_until
 * @property {string} [etag] of the session that was read; without it a mark is for the session as it is
 * @property {string} cursor
 */

/** @typedef {{points: number, comment: string | null}} Mark */

/**
 * @typedef {object} Past a mark that the answer's question had before
 * @property {string} at
 * @property {string | null} by
 * @property {number | null} points null where it was given back
 * @property {string | null} comment
 */

/**
 * What there is to know of an answer beside itself.
 *
 * @typedef {object} About
 * @property {any} content what the student was shown; undefined where there is nothing
 * @property {Past[]} past
 * @property {boolean} isMore whether the past was not read to its end
 */

export const HELD_MS = 15 * 60_000;
const MAX_ID = 64;
const NONE = { release: true };
/** A student can make the record of a session long. */
const PAGES = 20;

/** A name as the service takes it for X-Client-Id: `Zoë Q` is `Zo-C3-AB_Q`. @param {string} name */
export function idOf(name) {
  const hex = (/** @type {number} */ byte) => `-${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  const written = Array.from(name, (character) => {
    if (character === " ") return "_";
    return /[A-Za-z0-9]/.test(character) ? character : Array.from(new TextEncoder().encode(character), hex).join("");
  });
  const whole = written.join("");
  if (whole.length <= MAX_ID) return whole;
  // Names that begin alike stay apart.
  let hash = 0x811c9dc5;
  for (const character of whole) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  const end = `-7E${hash.toString(16).padStart(8, "0")}`;
  let start = "";
  for (const each of written) if (start.length + each.length + end.length <= MAX_ID) start += each;
  return start + end;
}

/** The name of which `idOf` has made it. @param {string} id */
function nameOf(id) {
  try {
    return decodeURIComponent(id.replaceAll("_", " ").replace(/-([0-9A-F]{2})/g, "%$1")).replace(/~[0-9a-f]{8}$/, "…");
  } catch {
    return id;
  }
}

export class Queue {
  #api;
  #address;
  #path;
  /** @type {Record<string, string>} */
  #marker;
  /** @type {{of: string, key: string} | null} */
  #sent = null;
  #mayHold = false;

  /** @param {Api} api @param {string} address of the API @param {string} quizId @param {Login} login */
  constructor(api, address, quizId, login) {
    this.#api = api;
    this.#address = address;
    this.#path = quizPath(quizId);
    // With tokens these say who marks.
    this.#marker = login.userId === undefined ? {} : { "X-Client-Id": idOf(login.userId) };
  }

  /** Who holds an answer, as a person reads it. @param {string | null} id */
  nameOf(id) {
    if (id === null) return "somebody";
    return "X-Client-Id" in this.#marker ? nameOf(id) : id;
  }

  /** How many wait, by question. @returns {Promise<Record<string, number>>} */
  async counts() {
    return (await this.#api.request("GET", `${this.#path}/grading?limit=1`)).body.questions;
  }

  /** Those at the front of the queue. @param {string} [question] @returns {Promise<Item[]>} */
  async first(question) {
    const query = question === undefined ? "" : `&question=${encodeURIComponent(question)}`;
    return (await this.#api.request("GET", `${this.#path}/grading?limit=50${query}`)).body.items;
  }

  /**
   * The answer that is held already, or the next one; with `after` the next one behind that.
   *
   * @param {string} [question] @param {string} [after] a cursor
   * @returns {Promise<Item | null>} null: none is free
   */
  async next(question, after) {
    this.#mayHold = true;
    const { body } = await this.#api.request("POST", `${this.#path}/grading/next`, { question, after }, this.#marker);
    this.#mayHold = body.item !== null;
    return body.item;
  }

  /** Hold nothing any more. */
  async letGo() {
    if (!this.#mayHold) return;
    this.#mayHold = false;
    await this.#api.request("POST", `${this.#path}/grading/next`, NONE, this.#marker);
  }

  /** As `letGo`, from a page that goes; where this is lost, others are given the answer after a quarter of an hour. */
  async leave() {
    if (!this.#mayHold) return;
    const token = await this.#api.token();
    /** @type {Record<string, string>} */
    const headers = { "Content-Type": "application/json", ...this.#marker };
    if (token) headers.Authorization = `Bearer ${token}`;
    const body = JSON.stringify(NONE);
    await fetch(`${this.#address}${this.#path}/grading/next`, { method: "POST", headers, body, keepalive: true, credentials: "omit" });
  }

  /**
   * @param {Pick<Item, "session_id" | "question" | "etag">} item
   * @param {Mark | null} mark null lets it wait again
   * @param {{take?: boolean, reason?: string}} [options] `take` marks what another holds, too
   * @returns {Promise<void>}
   */
  async mark({ session_id, question, etag }, mark, { take = false, reason = "" } = {}) {
    const query = new URLSearchParams({ ...(take && { held: "take" }), ...(reason && { reason }) }).toString();
    const path = `${sessionPath(session_id)}/grades${query && `?${query}`}`;
    const of = JSON.stringify([path, question, mark, etag]);
    // Sent again after a lost reply it is made once; another mark is another one.
    if (this.#sent?.of !== of) this.#sent = { of, key: unique() };
    const headers = { ...this.#marker, "Idempotency-Key": this.#sent.key, ...(etag && { "If-Match": etag }) };
    await this.#api.request("PUT", path, { [question]: mark }, headers);
    this.#sent = null;
  }

  /** @param {string} sessionId @param {string} question @returns {Promise<{points: number, marked_by: string | null, comment: string | null} | undefined>} */
  async result(sessionId, question) {
    return own((await this.#api.request("GET", `${sessionPath(sessionId)}/results`)).body.questions, question);
  }

  /** The answer as it is now. @param {string} sessionId @param {string} question @returns {Promise<unknown>} */
  async answer(sessionId, question) {
    return own((await this.#api.request("GET", sessionPath(sessionId))).body.answers, question);
  }

  /**
   * @param {string} sessionId @param {string} question
   * @param {(about: About) => void} onContent is told what there is before the past has been read
   * @returns {Promise<About>}
   */
  async about(sessionId, question, onContent) {
    const past = this.#past(sessionId, question).catch(() => ({ past: [], isMore: true }));
    const content = await this.#content(sessionId, question);
    onContent({ content, past: [], isMore: false });
    return { content, ...(await past) };
  }

  /** @param {string} sessionId @param {string} question */
  async #content(sessionId, question) {
    try {
      const { body } = await this.#api.request("GET", `${sessionPath(sessionId)}/paper`);
      const asked = body.sections.flatMap((/** @type {any} */ section) => section.questions);
      return asked.find((/** @type {any} */ each) => each.id === question)?.content;
    } catch (error) {
      if (/** @type {any} */ (error).code === "no_paper") return undefined;
      throw error;
    }
  }

  /** @param {string} sessionId @param {string} question @returns {Promise<Pick<About, "past" | "isMore">>} */
  async #past(sessionId, question) {
    const past = [];
    let pages = 0;
    for await (const { events, isMore } of eventPages(this.#api, sessionId)) {
      for (const { type, at, changes } of events) {
        const marks = type === "marked" ? changes?.marks : undefined;
        if (!marks || !Object.hasOwn(marks, question)) continue;
        const { points = null, comment = null } = marks[question] ?? {};
        past.push({ at, by: changes.by, points, comment });
      }
      pages += 1;
      if (isMore && pages === PAGES) return { past, isMore };
    }
    return { past, isMore: false };
  }
}
