// The exam that is watched: its students, what breaks, and what becomes of it.

import { Unreachable, after } from "../../browser/api.js";
import { watchQuiz } from "../../browser/quiz-sessions.js";
import { quizPath } from "../common/requests.js";
import { Ledger } from "./ledger.js";
import { Network } from "./network.js";
import { Student } from "./student.js";

/** @import { Config } from "../common/config.js" */
/** @import { Room } from "../../browser/types.js" */

const CUT_MS = 15_000;
const PAUSE_MS = 30_000;
const LOOK_MS = 500;
const LINES = 40;
const GOES_ON = "The room goes on. Each deadline is later by as long as its clock stood.";
const NAMES = { postgresql: "PostgreSQL", valkey: "Valkey" };
const REASON = "a visitor of the demo asked for it";

/**
 * What the server of the demo says of itself (infra/local/development_server/demo.py).
 *
 * @typedef {object} Stores
 * @property {string} quiz_id
 * @property {number} students
 * @property {{state: "running" | "frozen" | "away", thaws_in: number | null}} postgresql
 * @property {{state: "running" | "away"}} valkey
 */

/** @typedef {"postgresql" | "valkey" | "network" | "room"} Kind */

/**
 * @typedef {object} Break
 * @property {Kind} kind
 * @property {string} [student] whose network it is
 * @property {number} begunAt
 * @property {number} endsAt when it is to end by itself; NaN where that is not known
 * @property {number} endedAt when it was over; NaN before
 * @property {number} healedAt when nothing was left of it; NaN before
 * @property {boolean} isSeen whether the live view has shown it since
 * @property {[Student, string][]} pending which answers were on a device alone when it was over
 */

/** @typedef {{at: number, text: string, tone: "good" | "warn" | "bad" | ""}} Line */

/** @param {Config} config @param {string} path @param {RequestInit} [options] @returns {Promise<Stores>} @throws {Unreachable} */
export async function askServer(config, path, options) {
  const reply = await fetch(`${config.api}/demo/${path}`, { ...options, cache: "no-store" }).catch(({ message }) => {
    throw new Unreachable(message);
  });
  if (!reply.ok) throw new Unreachable(`status ${reply.status}`, reply.status);
  return reply.json();
}

export class Exam {
  /** The last one first. @type {Line[]} */ lines = [];
  /** By kind, the last ones. @type {Map<Kind, Break>} */ breaks = new Map();
  /** @type {Student[]} */ students = [];
  /** @type {Stores} */ stores;
  /** @type {Room} */ room;
  /** When the server has said last how it is. */ seenAt = performance.now();
  network;
  ledger;
  #config;
  #isAsking = false;
  #isResuming = false;
  #pressedAt = 0;
  #isOver = false;
  /** @type {Set<Kind>} */ #pressed = new Set();

  /** @param {Config} config @param {Stores} stores */
  constructor(config, stores) {
    this.#config = config;
    this.stores = stores;
    this.quizId = stores.quiz_id;
    this.network = new Network(config.api);
    this.ledger = new Ledger({
      api: config.api,
      quizId: stores.quiz_id,
      lost: ({ student, question }) => this.#say(`The answer of ${student} to “${question}” is lost.`, "bad"),
    });
    this.room = watchQuiz({ baseUrl: config.api, token: () => "", quizId: stores.quiz_id });
  }

  /** Students come in. */
  begin() {
    const keys = this.#keys();
    if (this.ledger.resume() === "gap") this.#say("The page was closed without a word: answers are counted from here on.", "warn");
    this.students = Array.from({ length: this.stores.students }, (_, at) => {
      const name = `student-${String(at + 1).padStart(2, "0")}`;
      const { quizId, ledger } = this;
      return new Student({ number: at + 1, name, address: this.network.addressOf(name), quizId, keys, ledger });
    });
    for (const student of this.students) student.sits().catch(reportError);
    this.ledger.run();
    setInterval(() => this.#look(), LOOK_MS);
    this.#say(`${this.students.length} students come in. They type, click and hand in by themselves.`);
  }

  /** Of the quiz's questions; what it runs on may be broken already. @returns {Promise<Record<string, any>>} */
  async #keys() {
    for (;;) {
      const reply = await fetch(`${this.#config.api}${quizPath(this.quizId)}`, { cache: "no-store" });
      if (reply.ok) return Object.fromEntries(Object.entries((await reply.json()).questions).map(([id, { key }]) => [id, key]));
      if (reply.status < 500) throw new Error(`status ${reply.status}`);
      await after(LOOK_MS);
    }
  }

  // What a visitor breaks

  /** Whether it is broken now. @param {Kind} kind */
  isBroken(kind) {
    return Number.isNaN(this.breaks.get(kind)?.endedAt ?? 0);
  }

  async freezePostgreSql() {
    await this.#breaks({ kind: "postgresql" }, async () => {
      this.stores = await askServer(this.#config, "freeze-postgresql", { method: "POST" });
      this.#say("PostgreSQL is frozen: what students type is buffered in Valkey, or waits on their devices.", "warn");
    });
  }

  async killValkey() {
    await this.#breaks({ kind: "valkey" }, async () => {
      this.stores = await askServer(this.#config, "kill-valkey", { method: "POST" });
      this.#say("Valkey is killed, with the drafts that it had not written yet.", "warn");
    });
  }

  /** @param {string} student */
  async cutNetwork(student) {
    await this.#breaks({ kind: "network", student, lasts: CUT_MS }, async () => {
      this.network.cut(student);
      this.#say(`The network of ${student} is cut: answers are kept on the device.`, "warn");
    });
  }

  connectAgain() {
    const cut = this.breaks.get("network");
    if (cut?.student) this.network.heal(cut.student);
  }

  async pauseRoom() {
    await this.#breaks({ kind: "room", lasts: PAUSE_MS }, async () => {
      await this.room.pause("all", REASON);
      this.#say("The room is paused: no clock runs. Pages learn of it at their next request.", "warn");
    });
  }

  async resumeRoom() {
    await this.room.resume("all", REASON);
    this.#ends("room", GOES_ON);
  }

  /** @param {{kind: Kind, student?: string, lasts?: number}} begun @param {() => Promise<void>} how */
  async #breaks(begun, how) {
    const { kind } = begun;
    if (this.isBroken(kind) || this.#pressed.has(kind)) return;
    this.#pressed.add(kind);
    try {
      await how();
      this.#begins(begun);
    } catch (error) {
      this.#say(`That did not work. ${error instanceof Error ? error.message : error}`, "bad");
    } finally {
      this.#pressed.delete(kind);
      this.#pressedAt = performance.now();
    }
  }

  /** @param {{kind: Kind, student?: string, lasts?: number}} begun */
  #begins({ kind, student, lasts = NaN }) {
    const begunAt = performance.now();
    const one = { kind, student, begunAt, endsAt: begunAt + lasts, endedAt: NaN, healedAt: NaN, pending: [], isSeen: false };
    this.breaks.set(kind, one);
  }

  // How it heals

  async #look() {
    this.#endCut();
    this.#endPause();
    for (const one of this.breaks.values()) this.#heals(one);
    this.#endExam();
    if (this.#isAsking) return;
    this.#isAsking = true;
    const askedAt = performance.now();
    try {
      const stores = await askServer(this.#config, "state");
      this.seenAt = performance.now();
      // What was broken since it was asked for is not in it.
      if (askedAt < this.#pressedAt) return;
      this.stores = stores;
      this.#meet();
      this.#endStores();
    } catch {
      // The server itself is away: nothing is known of what it runs on.
    } finally {
      this.#isAsking = false;
    }
  }

  /** What somebody else has broken, or this page before it was loaded again. */
  #meet() {
    for (const kind of /** @type {const} */ (["postgresql", "valkey"])) {
      if (this.stores[kind].state === "running" || this.isBroken(kind) || this.#pressed.has(kind)) continue;
      this.#begins({ kind });
      this.#say(`${NAMES[kind]} is ${this.stores[kind].state}.`, "warn");
    }
  }

  #endStores() {
    const { postgresql, valkey } = this.stores;
    if (postgresql.state === "running") this.#ends("postgresql", "PostgreSQL goes on.");
    if (valkey.state === "running") this.#ends("valkey", "Valkey is back. Each page looks whether its drafts are, and sends again what is not.");
  }

  #endCut() {
    const cut = this.breaks.get("network");
    if (!cut?.student) return;
    if (performance.now() > cut.endsAt) this.network.heal(cut.student);
    if (!this.network.isCut(cut.student)) this.#ends("network", `The network of ${cut.student} is whole again.`);
  }

  #endPause() {
    const pause = this.breaks.get("room");
    if (!pause || !this.isBroken("room") || this.#isResuming) return;
    pause.isSeen ||= this.room.totals.paused > 0;
    // In the view of the room somebody may have let it go on.
    if (pause.isSeen && !this.room.totals.paused) return this.#ends("room", GOES_ON);
    if (performance.now() < pause.endsAt) return;
    this.#isResuming = true;
    this.resumeRoom().catch(() => {}).finally(() => (this.#isResuming = false));
  }

  #endExam() {
    if (this.#isOver || this.students.some(({ phase }) => phase === "arriving" || phase === "writing")) return;
    this.#isOver = true;
    this.#say("Everybody has handed in, or the time was over. Mark the answers, or begin a new exam.");
  }

  /** @param {Kind} kind @param {string} text */
  #ends(kind, text) {
    const one = this.breaks.get(kind);
    if (!one || !Number.isNaN(one.endedAt)) return;
    one.endedAt = performance.now();
    one.pending = this.students.flatMap((student) =>
      student.questions
        .filter((id) => student.quiz?.answer(id) !== undefined && student.quiz.stateOf(id) === "unsent")
        .map((id) => /** @type {[Student, string]} */ ([student, id])),
    );
    this.#say(text);
  }

  /** @param {Break} one */
  #heals(one) {
    if (Number.isNaN(one.endedAt) || !Number.isNaN(one.healedAt)) return;
    one.pending = one.pending.filter(([{ quiz }, question]) => {
      const isTold = quiz && this.ledger.toldAt(quiz.session.id, question) > one.endedAt;
      return !isTold && quiz?.stateOf(question) === "unsent";
    });
    if (one.pending.length || !this.ledger.isWholeSince(one.endedAt)) return;
    one.healedAt = performance.now();
    const { acknowledged, lost } = this.ledger.counts;
    const seconds = Math.round((one.healedAt - one.endedAt) / 1000);
    this.#say(`Healed, ${seconds} s later: ${acknowledged} answers acknowledged, ${lost} lost.`, "good");
  }

  /** @param {string} text @param {Line["tone"]} [tone] */
  #say(text, tone = "") {
    this.lines = [{ at: Date.now(), text, tone }, ...this.lines].slice(0, LINES);
  }
}
