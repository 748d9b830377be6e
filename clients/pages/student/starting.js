// Starts an attempt, or goes on with one; waits where the quiz says so.

import { openQuiz } from "../../browser/quiz-sessions.js";
import { parsed } from "../../browser/receipts.js";
import { quizOrNull, quizPath, sessionPath } from "../common/requests.js";
import { Attempt } from "./attempt.js";
import { readPaper } from "../common/content.js";
import { Device } from "./kept.js";
import { keep, recall, startedKey } from "./memory.js";

/** @import { Api } from "../../browser/api.js" */
/** @import { Quiz, QuizOptions, Session } from "../../browser/types.js" */
/** @import { Config } from "../common/config.js" */
/** @import { Login } from "../common/login.js" */
/** @import { Ended } from "./result.js" */

/**
 * @typedef {{kind: "looking"}
 *   | {kind: "ready", quiz: any, last: any}
 *   | {kind: "password", isWrong: boolean}
 *   | {kind: "waiting", opensAt: string, until: number}
 *   | {kind: "refused", error: any, until: number | null, last: any}} Stage `until` is by `performance.now()`
 */

const LONGEST_MS = 5 * 60_000;
const AGAIN_MS = 10_000;
const SPREAD_MS = 1_000;
const PATIENCE_MS = 15_000;
// A header `Date` has whole seconds.
const DATE_MS = 1_000;

export class Starting {
  /** @type {Stage} */ stage = { kind: "looking" };
  isShared = false;
  #config;
  #login;
  #api;
  #quizId;
  #key = "";
  /** @type {Device | null} */ #device = null;
  #onOpened;
  #onEnded;
  /** @type {Set<(stage: Stage) => void>} */ #listeners = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {any} */ #quiz = null;
  /** @type {any} */ #last = null;
  #isBusy = false;
  #isBegun = false;
  #isAgain = false;
  // That there is an attempt, or one is to be started.
  #isWanted = false;
  /** When all start together, by `performance.now()`. @type {Map<string, number>} */ #starts = new Map();
  /** @type {Partial<QuizOptions>} */ #options = {};

  /**
   * @param {object} about
   * @param {Config} about.config
   * @param {Login} about.login
   * @param {Api} about.api
   * @param {string} about.quizId
   * @param {(attempt: Attempt) => void} about.onOpened
   * @param {(ended: Ended) => void} about.onEnded an attempt of before is to be shown
   */
  constructor({ config, login, api, quizId, onOpened, onEnded }) {
    this.#config = config;
    this.#login = login;
    this.#api = api;
    this.#quizId = quizId;
    this.#onOpened = onOpened;
    this.#onEnded = onEnded;
  }

  /** @param {(stage: Stage) => void} listener @returns what takes it off again */
  on(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @param {Stage} stage */
  #show(stage) {
    this.stage = stage;
    for (const listener of this.#listeners) listener(stage);
  }

  /** Whether there is something to remove from this device. */
  get isKept() {
    return recall(this.#key) !== null && !this.isShared;
  }

  /** Goes on where an attempt is open, or this browser knows one; else shows what the quiz is. */
  async begin() {
    if (this.#isBegun) return;
    this.#isBegun = true;
    const userId = await this.#userId();
    this.#key = startedKey(this.#quizId, userId ?? this.#login.name);
    this.isShared = Boolean(recall(this.#key)?.wipe);
    this.#device = new Device(this.#config.api, this.#quizId, userId);
    // Where the library has kept nothing, opening would start the next attempt.
    if (recall(this.#key) && (await this.#device.session())) return this.open();
    const query = new URLSearchParams({ quiz_id: this.#quizId, ...(userId && { user_id: userId }) });
    const read = (/** @type {string} */ path) => this.#api.request("GET", path).then(({ body }) => body);
    const [current, quiz, all] = await Promise.allSettled([
      read(`/sessions/current?${query}`),
      read(quizPath(this.#quizId)),
      read(`/sessions?${query}&limit=1`),
    ]);
    if (current.status === "fulfilled") return this.open();
    if (quiz.status === "fulfilled") this.#quiz = quiz.value;
    else if (quiz.reason.isTransient) return this.#refused(quiz.reason);
    if (all.status === "fulfilled") this.#last = all.value.sessions[0] ?? null;
    // Who has taken it is asked first.
    if (!this.#last && (await this.#isToCome(this.#quiz?.opens_at))) return this.open();
    this.#show({ kind: "ready", quiz: this.#quiz, last: this.#last });
  }

  // Whose clock is behind would start it without being asked: the service's counts.
  /** @param {string | null | undefined} opensAt */
  async #isToCome(opensAt) {
    const opens = Date.parse(opensAt ?? "");
    if (!(opens > Date.now())) return false;
    try {
      const token = await this.#login.token();
      const reply = await fetch(`${this.#config.api.replace(/\/+$/, "")}/quizzes/${encodeURIComponent(this.#quizId)}`, {
        headers: token ? { Authorization: `Bearer ${token}` } : {},
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      return opens > Date.parse(reply.headers.get("Date") ?? "") + DATE_MS;
    } catch {
      return false; // the student says when
    }
  }

  // Two students may have one name, and staff would find the sessions of all.
  async #userId() {
    const { userId, token } = this.#login;
    if (userId) return userId;
    try {
      return /** @type {string | undefined} */ (parsed((await token()).split(".")[1]).sub);
    } catch {
      return undefined; // a token of another kind
    }
  }

  /** @param {Partial<QuizOptions>} [options] */
  async open(options = this.#options) {
    if (this.#isBusy) return;
    this.#isBusy = this.#isWanted = true;
    this.#options = options;
    clearTimeout(this.#timer);
    try {
      const quiz = await openQuiz({
        baseUrl: this.#config.api,
        token: this.#login.token,
        quizId: this.#quizId,
        userId: this.#login.userId,
        storage: this.isShared ? "wipe" : "keep",
        again: this.#isAgain,
        ...options,
      });
      // At once: it begins to tell what happens.
      this.#opened(quiz);
    } catch (error) {
      await this.#refused(error);
    }
    this.#isBusy = false;
  }

  /** @param {Quiz} quiz */
  #opened(quiz) {
    const attempt = new Attempt(quiz, this.#api);
    // What the device has kept is older than what was known of it.
    const start = `${quiz.session.id} ${quiz.session.started_at}`;
    attempt.startsAt = Math.min(attempt.startsAt, this.#starts.get(start) ?? Infinity);
    this.#starts.set(start, attempt.startsAt);
    keep(this.#key, { wipe: this.isShared });
    quiz.on("ended", () => this.isShared && keep(this.#key, null));
    if (!quiz.paper) {
      // Without a registered quiz there is no paper to show.
      void quizOrNull(this.#api, this.#quizId).then((found) => found && attempt.learn(found.questions));
    }
    this.#options = {};
    this.#isAgain = false;
    this.#onOpened(attempt);
  }

  /** @param {any} error */
  async #refused(error) {
    const { code } = error;
    if (code === "password_required" || code === "password_wrong") {
      this.#options = {};
      return this.#show({ kind: "password", isWrong: code === "password_wrong" });
    }
    const again = error.retryAfterMs ?? (error.isTransient && error.status !== 401 ? AGAIN_MS : null);
    const wait = again === null ? null : again + Math.random() * SPREAD_MS;
    const until = wait === null ? null : performance.now() + wait;
    // It may open earlier than was said.
    if (wait !== null) this.#timer = setTimeout(() => this.retry(), Math.min(wait, LONGEST_MS));
    if (code === "quiz_not_open" && until !== null)
      return this.#show({ kind: "waiting", opensAt: error.problem.opens_at, until });
    this.#show({ kind: "refused", error, until, last: this.#last });
  }

  /** Starts the next attempt after one that has ended. */
  again() {
    this.#isAgain = true;
    this.#show({ kind: "looking" });
    void this.open();
  }

  async retry() {
    // Before anything is known of the quiz, nothing is started.
    if (this.#isWanted) return this.open();
    clearTimeout(this.#timer);
    this.#isBegun = false;
    await this.begin();
  }

  /** The attempt before, as the service has it. */
  async showLast() {
    try {
      const path = sessionPath(this.#last.id);
      /** @type {Session} */
      const session = (await this.#api.request("GET", path)).body;
      const paper = session.sections ? (await this.#api.request("GET", `${path}/paper`)).body : null;
      const sections = readPaper(paper, this.#quiz?.questions ?? {});
      this.#onEnded({ session, sections, late: {}, receipts: [] });
    } catch (error) {
      this.#show({ kind: "refused", error, until: null, last: this.#last });
    }
  }

  /** Removes from this device what it has of the ended attempt; false where staff have opened it again. @param {Attempt} attempt */
  async wipe(attempt) {
    const { id } = attempt.quiz.session;
    const isOpen = await this.#api.request("GET", `/sessions/${id}`).then(
      ({ body }) => ["started", "in_progress"].includes(body.status),
      () => false, // all of it has arrived: it may go without a connection
    );
    if (isOpen) return false;
    const hasNext = await this.#device?.forget(id, attempt.quiz.isDurable);
    if (!hasNext) keep(this.#key, null);
    attempt.forget();
    return true;
  }
}
