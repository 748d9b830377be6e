// What became of each answer that a student was told is on the server.
//
// An answer is acknowledged once its student's page was told `committed` or `buffered`. From then on it, or what the same
// student has written since, has to be on the server or on the student's device. Both are looked at again and again: the
// server as staff see it, not by what the student's page believes; the device as the next opening of the page would find it.

import { Api, after, own } from "../../browser/api.js";
import { Store } from "../../browser/device.js";
import { canonical } from "../../browser/receipts.js";
import { onDevice } from "../common/device.js";
import { events, sessionPath } from "../common/requests.js";

/** @import { Quiz, SaveState } from "../../browser/types.js" */

const LOOK_EVERY_MS = 100;
const KEEP_EVERY_MS = 2_000;
const ACKNOWLEDGED = ["committed", "buffered"];
const memory = onDevice("quiz-sessions demo ");
/** A page looks for what the server has lost every half a minute, and then sends it again. */
const HEALING_MS = 45_000;

/**
 * An answer that was acknowledged.
 *
 * @typedef {object} Answer
 * @property {string} student
 * @property {string} question
 * @property {string[]} values what was acknowledged, and what was written since, in its order
 * @property {number} told when it was acknowledged last
 * @property {"new" | "server" | "device" | "missing" | "lost"} found at the last look
 * @property {number} seenAt when it was found last on the server
 * @property {number} missingSince
 */

/**
 * @typedef {object} Counts
 * @property {number} acknowledged answers, each counted once
 * @property {number} server of these
 * @property {number} device
 * @property {number} checking not looked at since they were acknowledged, or missing for a moment
 * @property {number} lost
 * @property {number} times that an answer was acknowledged
 */

export class Ledger {
  times = 0;
  /** @type {Map<string, Map<string, Answer>>} by session, then by question */ #answers = new Map();
  /** @type {Map<string, Quiz>} */ #open = new Map();
  #api;
  #quizId;
  #healingMs;
  #lost;
  #device = new Store(false);
  /** @type {Map<string, number>} */ #lookedAt = new Map();
  /** @type {Map<string, {at: number, missing: string[]}>} */ #looks = new Map();
  #isClosed = false;
  #keptAt = 0;

  /**
   * @param {object} options
   * @param {string} options.api
   * @param {string} options.quizId
   * @param {(answer: Answer) => void} options.lost is told of each answer that is lost
   * @param {number} [options.healingMs] after which an answer that is nowhere counts as lost
   */
  constructor({ api, quizId, lost, healingMs = HEALING_MS }) {
    this.#api = new Api(api, () => "");
    this.#quizId = quizId;
    this.#lost = lost;
    this.#healingMs = healingMs;
  }

  /** @returns {Counts} */
  get counts() {
    const found = { new: 0, server: 0, device: 0, missing: 0, lost: 0 };
    for (const answers of this.#answers.values()) for (const answer of answers.values()) found[answer.found] += 1;
    const { server, device, lost } = found;
    const checking = found.new + found.missing;
    return { acknowledged: server + device + checking + lost, server, device, checking, lost, times: this.times };
  }

  /** Whether all that was acknowledged before a moment was found on the server since. @param {number} moment */
  isWholeSince(moment) {
    const all = [...this.#answers.values()].flatMap((of) => [...of.values()]);
    return all.every(({ told, found, seenAt }) => told > moment || (found === "server" && seenAt > moment));
  }

  /** When the last look at a session began, if it came to an end, and what was nowhere then. @param {string} session */
  lastLook(session) {
    return this.#looks.get(session) ?? { at: 0, missing: [] };
  }

  /** When an answer was acknowledged last, or 0. @param {string} session @param {string} question */
  toldAt(session, question) {
    return this.#answers.get(session)?.get(question)?.told ?? 0;
  }

  // What the students do and are told

  /** A student's page is open. @param {string} session @param {Quiz} quiz */
  watch(session, quiz) {
    this.#open.set(session, quiz);
    if (!this.#answers.has(session)) this.#answers.set(session, new Map());
  }

  /** To be called before the library hears of it. @param {string} session @param {string} question @param {unknown} value */
  typed(session, question, value) {
    this.#answers.get(session)?.get(question)?.values.push(canonical(value));
  }

  /** @param {string} session @param {string} student @param {string} question @param {SaveState} state @param {unknown} value */
  told(session, student, question, state, value) {
    if (value === undefined || !ACKNOWLEDGED.includes(state)) return;
    const text = canonical(value);
    const known = this.#answers.get(session)?.get(question);
    const at = known ? known.values.lastIndexOf(text) : -1;
    // It is known already, or none of these: an older answer does not make up for a newer one.
    if (known && at <= 0) return;
    this.times += 1;
    const values = known ? known.values.slice(at) : [text];
    const told = performance.now();
    /** @type {Answer} */
    const answer = { student, question, values, told, found: "new", seenAt: 0, missingSince: Infinity };
    this.#answers.get(session)?.set(question, answer);
  }

  // Looking

  /** Look at one session after the other, until it is closed. */
  async run() {
    addEventListener("pagehide", this.#keep);
    for (let turn = 0; !this.#isClosed; turn += 1) {
      const session = this.#next(turn % 2 === 0);
      if (session) {
        this.#lookedAt.set(session, performance.now());
        await this.look(session).catch((error) => ("isTransient" in error ? undefined : reportError(error)));
      }
      if (performance.now() > this.#keptAt + KEEP_EVERY_MS) this.#keep();
      await after(LOOK_EVERY_MS);
    }
  }

  /** The session that has waited longest, if asked for of those with something new. @param {boolean} isNew */
  #next(isNew) {
    const at = (/** @type {string} */ session) => this.#lookedAt.get(session) ?? 0;
    const all = [...this.#answers].filter(([, of]) => !isNew || [...of.values()].some(({ found }) => found === "new"));
    const sessions = all.map(([session]) => session).sort((one, other) => at(one) - at(other));
    return sessions.at(0);
  }

  close() {
    this.#isClosed = true;
    removeEventListener("pagehide", this.#keep);
    this.#keep();
    this.#device.close();
  }

  /** Where the answers of a session are. @param {string} session */
  async look(session) {
    const answers = [...(this.#answers.get(session)?.values() ?? [])];
    const begun = performance.now();
    // The device first: what has left it by then was on the server before the server is looked at.
    const onDevice = await this.#onDevice(session);
    const { body } = await this.#api.request("GET", sessionPath(session));
    /** @type {Map<string, string[]> | null} */
    let aside = null;
    for (const answer of answers) {
      const { question, values } = answer;
      const isAmong = (/** @type {unknown} */ value) => value !== undefined && values.includes(canonical(value));
      /** @type {Answer["found"]} */
      let found = "missing";
      if (isAmong(own(body.answers, question))) found = "server";
      else if (onDevice.some((each) => each.question === question && isAmong(each.value))) found = "device";
      else {
        aside ??= await this.#aside(session);
        if (aside.get(question)?.some((each) => values.includes(each))) found = "server";
      }
      // It was acknowledged anew meanwhile.
      if (answer.told > begun || this.#answers.get(session)?.get(question) !== answer) continue;
      this.#judge(answer, found, begun);
    }
    const nowhere = answers.filter(({ found }) => found === "missing" || found === "lost");
    this.#looks.set(session, { at: begun, missing: nowhere.map(({ question }) => question) });
  }

  /** @param {Answer} answer @param {Answer["found"]} found @param {number} at */
  #judge(answer, found, at) {
    if (found !== "missing") {
      answer.missingSince = Infinity;
      answer.found = found;
      if (found === "server") answer.seenAt = at;
      return;
    }
    answer.missingSince = Math.min(answer.missingSince, at);
    const isLost = performance.now() - answer.missingSince >= this.#healingMs;
    if (isLost && answer.found !== "lost") this.#lost(answer);
    answer.found = isLost ? "lost" : "missing";
  }

  /** @param {string} session @returns {Promise<{question: string, value: unknown}[]>} */
  async #onDevice(session) {
    const stored = await this.#device.all(`answer ${session} `);
    const quiz = this.#open.get(session);
    if (!quiz || quiz.isDurable) return stored;
    // This browser keeps nothing for the page: what is not sent is in the page alone.
    const questions = [...(this.#answers.get(session)?.keys() ?? [])];
    return questions.filter((id) => quiz.stateOf(id) !== "committed").map((id) => ({ question: id, value: quiz.answer(id) }));
  }

  /** What the server has kept beside the answers that count: late ones, those that gave way to another device's, and those
   * that a later write has replaced, as when a student goes on at another computer. @param {string} session */
  async #aside(session) {
    /** @type {Map<string, string[]>} */
    const found = new Map();
    /** @type {Map<string, unknown>} */
    const latest = new Map();
    const add = (/** @type {string} */ question, /** @type {unknown} */ value) =>
      found.set(question, [...(found.get(question) ?? []), canonical(value)]);
    const late = await this.#api.request("GET", `${sessionPath(session)}/late-answers`);
    for (const { answers } of late.body.late_answers) for (const [question, value] of Object.entries(answers)) add(question, value);
    for await (const { changes } of events(this.#api, session)) {
      for (const each of changes?.displaced ?? []) add(each.question, each.answer);
      for (const [question, value] of Object.entries(changes?.answers ?? {})) {
        if (latest.has(question)) add(question, latest.get(question));
        latest.set(question, value);
      }
    }
    return found;
  }

  // Over a reload of the page

  /** Go on where the page that was here before has ended. @returns {"new" | "same" | "gap"} `gap`: it ended without a word,
   * so what it was told last is not known */
  resume() {
    const kept = memory.recall(this.#quizId);
    memory.clear();
    if (!kept?.isWhole) return kept ? "gap" : "new";
    this.times = kept.times;
    for (const [session, answers] of kept.answers) {
      const known = answers.map((/** @type {Answer} */ answer) => [answer.question, { ...answer, told: 0, seenAt: 0, missingSince: Infinity }]);
      this.#answers.set(session, new Map(known));
    }
    return "same";
  }

  /** @param {Event} [event] of the page that goes */
  #keep = (event) => {
    this.#keptAt = performance.now();
    const answers = [...this.#answers].map(([session, of]) => [session, [...of.values()]]);
    const isWhole = event?.type === "pagehide" || this.#isClosed;
    memory.keep(this.#quizId, { isWhole, times: this.times, answers });
  };
}
