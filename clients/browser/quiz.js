// A student's session: what is typed is kept on the device first, and sent until the server has it.

import { Api, Refusal, Unreachable } from "./api.js";
import { ServerClock } from "./clock.js";
import { Store } from "./store.js";
import { Tabs } from "./tabs.js";

/** @typedef {import("./store.js").Entry} Entry */
/** @typedef {Record<string, any>} Session as the service shows it (`SessionReply` in its OpenAPI document) */
/** @typedef {'committed' | 'buffered' | 'unsent' | 'conflict' | 'refused'} SaveState */
/** @typedef {{auto: boolean, resolve: (session: Session) => void, reject: (error: unknown) => void}} HandIn */
/** @typedef {'state' | 'tick' | 'deadline' | 'notice' | 'conflict' | 'paused' | 'ended' | 'login'} QuizEvent */

/**
 * @typedef {object} QuizOptions
 * @property {string} baseUrl of the service
 * @property {() => string | Promise<string>} token the caller's token; an empty one where the service asks for none
 * @property {string} quizId
 * @property {string} [userId] whose session it is, where the service asks for no tokens
 * @property {'keep' | 'wipe' | 'memory'} [storage] whether to remove what is kept on the device after the end, or to keep
 *   nothing there
 */

/** From the worst to the best: that of a quiz is the worst of its answers. */
const STATES = /** @type {const} */ (["conflict", "refused", "unsent", "buffered", "committed"]);
const TYPING_MS = 700;
const POLL_MS = 30_000;
const PAUSED_POLL_MS = 10_000;
const LONGEST_WAIT_MS = 30_000;
const KEEPALIVE_BYTES = 60_000;
const BODY_BYTES = 1_000_000;
const WARNING_MINUTES = [30, 5, 1];
const RECEIPTS = 20;
/** Of refusals for an answer's sake, beside those for its size or form. */
const ANSWER_CODES = ["question_locked", "section_expired"];
const OPEN = ["started", "in_progress"];

const CAN_KEEP_ALIVE = "keepalive" in Request.prototype;

const bytes = (/** @type {unknown} */ value) => new TextEncoder().encode(JSON.stringify(value)).length;
const moment = (/** @type {string} */ tag) => Number(tag.split(".")[0]);
const jittered = (/** @type {number} */ ms) => ms * (1 + Math.random() / 10);

/** @param {string} token */
function subject(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).sub;
  } catch {
    return "";
  }
}

export class Quiz {
  /** @type {Session} */
  session = {};
  /** The session's paper (`GET /sessions/{id}/paper`), or null. @type {any} */
  paper = null;
  /** What the service said last, where it let nothing in. @type {Refusal | null} */
  problem = null;
  /** Receipts of committed writes with the answers that they are about, the last one first.
   * @type {{receipt: string, answers: Record<string, unknown>}[]} */
  receipts = [];

  #options;
  #api;
  #store;
  #clock = new ServerClock();
  /** @type {Tabs | null} */
  #tabs = null;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Map<string, {theirs: unknown, tag: string | null}>} */
  #conflicts = new Map();
  /** @type {Map<QuizEvent, Set<(detail: any) => void>>} */
  #listeners = new Map();
  /** @type {Set<{question: string, n: number, resolve: (done: any) => void}>} */
  #commits = new Set();
  /** @type {HandIn | null} */
  #handIn = null;
  #notices = new Set();
  #openKey = "";
  #beaconToken = "";
  #isClosed = false;
  #isEnded = false;
  #isOver = false;
  #isLoggedOut = false;
  #failures = 0;
  #typedAt = 0;
  #autosaveFrom = 0;
  #retryFrom = 0;
  #pollFrom = 0;
  #wake = () => {};
  #saving = Promise.resolve();
  #lastSecond = NaN;
  #lastState = "";
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {QuizOptions} options */
  constructor(options) {
    this.#options = options;
    this.#api = new Api(options.baseUrl, options.token);
    this.#store = new Store(options.storage === "memory");
  }

  // What a page shows

  /**
   * The answer to a question as the student has it, sent or not.
   *
   * @param {string | number} id
   */
  answer(id) {
    const entry = this.#entries.get(String(id));
    return entry && !entry.late ? entry.value : this.session.answers?.[id];
  }

  /**
   * How safe an answer is: `committed` and `buffered` ones are on the server, an `unsent` one is on the device.
   *
   * @param {string | number} id
   * @returns {SaveState}
   */
  stateOf(id) {
    if (this.#conflicts.has(String(id))) return "conflict";
    const entry = this.#entries.get(String(id));
    if (entry) return entry.state;
    return this.session.buffered_questions?.includes(String(id)) ? "buffered" : "committed";
  }

  /** That of the answer which is the least safe. @returns {SaveState} */
  get saveState() {
    const all = [...this.#entries.keys(), ...(this.session.buffered_questions ?? [])].map((id) => this.stateOf(id));
    return STATES.find((state) => all.includes(state)) ?? "committed";
  }

  /** Whether answers survive this page; they do not where the browser forbids it, or has no room. */
  get isDurable() {
    return this.#store.isDurable;
  }

  /** What came too late and was kept for staff, by question. @returns {Record<string, unknown>} */
  get late() {
    return Object.fromEntries([...this.#entries.values()].filter((e) => e.late).map((e) => [e.question, e.value]));
  }

  /** Both texts of each question that was answered elsewhere meanwhile. */
  get conflicts() {
    return Object.fromEntries(
      [...this.#conflicts].map(([id, { theirs }]) => [id, { mine: this.#entries.get(id)?.value, theirs }]),
    );
  }

  /** Milliseconds until the deadline, by the server's clock. */
  get remainingMs() {
    const { paused, time_remaining, expires_at, started_at } = this.session;
    if (this.#isEnded || !expires_at) return 0;
    if (paused) return time_remaining * 1000;
    return Math.max(0, Date.parse(expires_at) - Math.max(this.#clock.now, Date.parse(started_at)));
  }

  /**
   * @param {QuizEvent} event
   * @param {(detail: any) => void} listener
   * @returns {() => void} what takes it off again
   */
  on(event, listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  // What a student does

  /**
   * Answer a question, as while typing: it is shown at once, kept on the device, and autosaved.
   *
   * @param {string | number} id
   * @param {unknown} value any JSON
   * @returns {Promise<void>} once it is kept on the device
   */
  async set(id, value) {
    await this.#edit(String(id), value, false);
  }

  /**
   * Answer a question for good, as with a click on a choice.
   *
   * @param {string | number} id
   * @param {unknown} value any JSON
   * @returns {Promise<{durability: 'committed' | 'buffered', receipt?: string}>} once the server has it
   */
  async commit(id, value) {
    const { question, n } = await this.#edit(String(id), value, true);
    return new Promise((resolve) => {
      this.#commits.add({ question, n, resolve });
      this.#wake();
    });
  }

  /**
   * Choose between two texts of a question that was answered elsewhere.
   *
   * @param {string | number} id
   * @param {unknown} choice 'mine', 'theirs', or another value
   */
  async resolve(id, choice) {
    const question = String(id);
    const conflict = this.#conflicts.get(question);
    if (!conflict) return;
    this.#conflicts.delete(question);
    await this.#change(question, (known) => {
      if (choice === "theirs" || !known) return undefined;
      const value = choice === "mine" ? known.value : choice;
      return { ...known, value, base: conflict.tag, n: known.n + 1, state: "unsent" };
    });
    this.#tabs?.tell({ kind: "resolved", question });
    this.#wake();
  }

  /**
   * Hand in, with all that is typed.
   *
   * @returns {Promise<Session>} the ended session
   * @throws {Refusal} it was not accepted: `answer_conflict` where a question was answered elsewhere
   */
  handIn() {
    return this.#end(false);
  }

  /**
   * Say that a notice was read.
   *
   * @param {number} id
   */
  async acknowledge(id) {
    await this.#api.request("POST", `${this.#path}/notices/${id}/read`);
  }

  /** Enter a section of the paper: its time runs, and its contents are in `paper`. @param {number} number */
  async enter(number) {
    this.paper = (await this.#api.request("POST", `${this.#path}/sections/${number}/enter`)).body;
    await this.#poll();
  }

  /** Go on with this device, where the quiz lets the student choose. */
  async takeOver() {
    const reply = await this.#api.request("POST", `${this.#path}/device`, { takeover: true });
    await this.#apply(reply.body, reply);
    this.problem = null;
    this.#retryFrom = 0;
    this.#wake();
  }

  /** Send what is typed, and leave the rest to another tab, or to the next opening. */
  close() {
    this.#leave();
    this.#isClosed = true;
    this.#wake();
    clearInterval(this.#timer);
    removeEventListener("pagehide", this.#leave);
    removeEventListener("online", this.#look);
    removeEventListener("pageshow", this.#look);
    document.removeEventListener("visibilitychange", this.#look);
    this.#tabs?.close();
    // What is typed last is still being stored.
    this.#saving.finally(() => this.#store.close());
  }

  // Opening

  async open() {
    const { baseUrl, quizId, userId, token } = this.#options;
    this.#api.clientId = await this.#store.update(`client ${baseUrl}`, (known) => known ?? crypto.randomUUID());
    this.#openKey = `open ${baseUrl} ${quizId} ${userId ?? subject(await token())}`;
    const known = await this.#store.get(this.#openKey);
    await this.#begin(known);
    for (const entry of await this.#store.all(`answer ${this.session.id} `)) this.#entries.set(entry.question, entry);
    this.receipts = (await this.#store.get(`receipts ${this.session.id}`)) ?? [];
    this.#tabs = new Tabs(`quiz-sessions ${baseUrl} ${this.session.id}`, this.#hear, () => this.#wake());
    addEventListener("pagehide", this.#leave);
    addEventListener("online", this.#look);
    addEventListener("pageshow", this.#look);
    document.addEventListener("visibilitychange", this.#look);
    this.#timer = setInterval(this.#tick, 200);
    await this.#getBeacon();
    // An ended session may have answers on the device that were never sent.
    await this.#apply(this.session);
    this.#work();
  }

  /**
   * Find the session or start it; without the service go on with what is known of it.
   *
   * @param {any} known
   */
  async #begin(known) {
    for (let tries = 1; ; tries += 1) {
      try {
        const reply = await this.#find(known);
        this.session = reply.body;
        this.#clock.sync(this.session.server_time, reply.sentAt, reply.receivedAt);
        this.#nextPoll(this.session);
        if (this.session.sections) this.paper = (await this.#api.request("GET", `${this.#path}/paper`)).body;
        return;
      } catch (error) {
        if (error instanceof Refusal && !error.isTransient) throw error;
        if (known?.session && OPEN.includes(known.session.status)) {
          this.session = known.session;
          this.paper = known.paper;
          const now = performance.now();
          // The device's own clock, until the service is there again; it decides nothing.
          this.#clock.sync(new Date().toISOString(), now - 60_000, now);
          this.#failed(error);
          return;
        }
        if (tries === 4) throw error;
        await new Promise((resolve) => setTimeout(resolve, jittered(1_000 * tries)));
      }
    }
  }

  /** @param {any} known */
  async #find(known) {
    const { quizId, userId } = this.#options;
    if (known?.session) {
      try {
        const reply = await this.#api.request("GET", `/sessions/${known.session.id}`);
        if (OPEN.includes(reply.body.status)) return reply;
      } catch (error) {
        if (!(error instanceof Refusal) || error.isTransient) throw error;
      }
    }
    // A start whose reply was lost is sent again with its key, and starts nothing more.
    const { key } = await this.#store.update(this.#openKey, (kept) =>
      kept?.key ? kept : { key: crypto.randomUUID() },
    );
    try {
      const body = { quiz_id: quizId, ...(userId && { user_id: userId }), page_url: location.href };
      return await this.#api.request("POST", "/sessions/start", body, { "Idempotency-Key": key });
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "attempts_exhausted" || !error.problem.session_id) throw error;
      return this.#api.request("GET", `/sessions/${error.problem.session_id}`);
    }
  }

  /** What a browser needs that drops a request with its page; where it can't be had, the next opening sends. */
  async #getBeacon() {
    if (CAN_KEEP_ALIVE || this.#isEnded) return;
    await this.#attempt(async () => {
      this.#beaconToken = (await this.#api.request("POST", `${this.#path}/beacon-token`)).body.token;
    });
  }

  get #path() {
    return `/sessions/${this.session.id}`;
  }

  // Answers on the device

  /**
   * @param {string} question
   * @param {unknown} value
   * @param {boolean} urgent
   * @returns {Promise<Entry>}
   */
  async #edit(question, value, urgent) {
    if (this.#isEnded) throw new Error("The session has ended.");
    const { id: session, answer_tags } = this.session;
    const known = this.#entries.get(question);
    const base = known ? known.base : (answer_tags?.[question] ?? null);
    /** @type {Entry} */
    const edited = { session, question, value, base, n: 0, state: "unsent", tag: null, urgent, late: false };
    // Shown at once; the device says which number it has.
    this.#entries.set(question, { ...edited, n: (known?.n ?? 0) + 1 });
    this.#typedAt = performance.now();
    this.#tabs?.want();
    this.#show([question]);
    const stored = this.#change(question, (kept) => ({
      ...edited,
      base: kept ? kept.base : base,
      urgent: urgent || (kept?.state === "unsent" && kept.urgent),
      n: (kept?.n ?? 0) + 1,
    }));
    this.#saving = Promise.allSettled([this.#saving, stored]).then(() => {});
    this.#wake();
    return /** @type {Promise<Entry>} */ (stored);
  }

  /**
   * Change an entry on the device, here, and in the other tabs.
   *
   * @param {string} question
   * @param {(known: Entry | undefined) => Entry | undefined} change
   */
  async #change(question, change) {
    const wasDurable = this.#store.isDurable;
    const entry = await this.#store.update(`answer ${this.session.id} ${question}`, change);
    const shown = this.#entries.get(question);
    // What was typed since is about to be stored.
    if (!shown || !entry || entry.n >= shown.n) this.#place(question, entry);
    this.#tabs?.tell({ kind: "entry", question, entry });
    this.#show([question], wasDurable !== this.#store.isDurable);
    return entry;
  }

  /**
   * @param {string} question
   * @param {Entry | undefined} entry
   */
  #place(question, entry) {
    if (entry) this.#entries.set(question, entry);
    else this.#entries.delete(question);
  }

  // What replies say

  /**
   * @param {Session} session
   * @param {{sentAt: number, receivedAt: number}} [times] of the reply that told it
   */
  async #apply(session, times) {
    if (!session?.id || Date.parse(session.server_time) < Date.parse(this.session.server_time)) return;
    const before = this.session;
    this.session = session;
    if (times) {
      this.#clock.sync(session.server_time, times.sentAt, times.receivedAt);
      this.#tabs?.tell({ kind: "session", session, roundTrip: times.receivedAt - times.sentAt });
    }
    if (session.expires_at !== before.expires_at) this.#emit("deadline", { expiresAt: session.expires_at, moved: true });
    if (session.paused !== before.paused) this.#emit("paused", { paused: session.paused });
    const changed = await this.#reconcile();
    this.#show([...changed, ...Object.keys(session.answers ?? {})]);
    if (!OPEN.includes(session.status)) await this.#ended();
    else if (times) await this.#remember();
    if (session.unread_notices > 0 && times) await this.#readNotices();
  }

  /** Compare what is thought to be on the server with what is there. */
  async #reconcile() {
    const { answer_tags: tags = {}, buffered_questions: buffered = [] } = this.session;
    const changed = [];
    for (const [question, { n, state, tag }] of this.#entries) {
      if (state !== "buffered" || tag === null) continue;
      const there = tags[question];
      const isThere = there === tag || (there && moment(there) > moment(tag));
      if (isThere && (there !== tag || !buffered.includes(question))) {
        await this.#change(question, (known) => (known?.n === n ? undefined : known));
      } else if (!isThere) {
        // The server has lost what it had not committed: it is sent again.
        await this.#change(question, (known) =>
          known?.n === n ? { ...known, state: "unsent", base: there ?? null, tag: null } : known,
        );
      }
      changed.push(question);
    }
    return changed;
  }

  async #remember() {
    const { session, paper } = this;
    await this.#store.update(this.#openKey, (known) => ({ ...known, session, paper }));
  }

  async #readNotices() {
    const { body } = await this.#api.request("GET", `${this.#path}/notices`);
    for (const notice of body.notices) {
      if (notice.read_at !== null || this.#notices.has(notice.id)) continue;
      this.#notices.add(notice.id);
      this.#emit("notice", notice);
    }
  }

  async #ended() {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#sendLate();
    await this.#store.update(this.#openKey, () => undefined);
    if (this.#options.storage === "wipe") await this.#wipe();
    this.#show([]);
    this.#handIn?.resolve(this.session);
    this.#handIn = null;
    this.#emit("ended", { session: this.session, late: this.late });
  }

  /** Send what the end came before, so that staff have it. */
  async #sendLate() {
    const left = [...this.#entries.values()].filter((entry) => entry.state === "unsent");
    if (!left.length || !this.#tabs?.isSender) return;
    const answers = Object.fromEntries(left.map((entry) => [entry.question, entry.value]));
    const isExpired = this.session.status === "expired";
    for (let wait = 500; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      try {
        if (isExpired) await this.#api.request("PATCH", `${this.#path}/progress`, { answers });
        else await this.#api.request("POST", `${this.#path}/complete`, { answers });
      } catch (error) {
        if (error instanceof Unreachable || (error instanceof Refusal && error.isTransient)) {
          if (this.#isClosed) return;
          await new Promise((resolve) => setTimeout(resolve, jittered(wait)));
          continue;
        }
      }
      break;
    }
    for (const { question, n } of left) await this.#refuse(question, n, true);
  }

  async #wipe() {
    const kept = [...this.#entries.keys()].map((question) => `answer ${this.session.id} ${question}`);
    for (const key of [...kept, `receipts ${this.session.id}`]) await this.#store.update(key, () => undefined);
  }

  // Sending: one tab does

  async #work() {
    while (!this.#isClosed && !this.#isEnded) {
      const woken = new Promise((resolve) => (this.#wake = () => resolve(undefined)));
      const now = performance.now();
      let due = Infinity;
      if (this.#tabs?.isSender) {
        const isWaiting = now < this.#retryFrom;
        if (this.#handIn && !isWaiting) {
          await this.#complete(this.#handIn);
          continue;
        }
        const sendFrom = Math.max(this.#sendFrom, this.#retryFrom);
        const isPollDue = !isWaiting && now >= this.#pollFrom;
        // Neither keeps the other from being tried where it fails.
        if (now >= sendFrom && !(isPollDue && this.#failures % 2)) {
          await this.#attempt(() => this.#save());
          continue;
        }
        if (isPollDue) {
          await this.#attempt(() => this.#poll());
          continue;
        }
        due = Math.min(sendFrom, Math.max(this.#pollFrom, this.#retryFrom));
        if (this.#handIn) due = Math.min(due, this.#retryFrom);
      }
      const timer = setTimeout(this.#wake, Math.min(due - now, LONGEST_WAIT_MS));
      await woken;
      clearTimeout(timer);
    }
  }

  /** The answers that are to be sent. */
  get #unsent() {
    return [...this.#entries.values()].filter((e) => e.state === "unsent" && !this.#conflicts.has(e.question));
  }

  get #sendFrom() {
    const unsent = this.#unsent;
    if (!unsent.length || this.session.paused) return Infinity;
    if (unsent.some((entry) => entry.urgent)) return 0;
    return Math.max(this.#typedAt + TYPING_MS, this.#autosaveFrom);
  }

  /** @param {() => Promise<void>} request */
  async #attempt(request) {
    try {
      await request();
      this.#failures = 0;
      this.problem = null;
      this.#isLoggedOut = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    if (!(error instanceof Refusal || error instanceof Unreachable)) throw error;
    this.#failures += 1;
    const backoff = Math.min(500 * 2 ** this.#failures, LONGEST_WAIT_MS) * (0.5 + Math.random() / 2);
    const asked = error instanceof Refusal ? (error.retryAfterMs ?? 0) : 0;
    this.#retryFrom = performance.now() + Math.max(backoff, asked);
    this.problem = error instanceof Refusal ? error : null;
    if (this.problem?.status === 401 && !this.#isLoggedOut) {
      this.#isLoggedOut = true;
      this.#emit("login", {});
    }
    this.#show([]);
  }

  async #poll() {
    const reply = await this.#api.request("GET", this.#path);
    this.#nextPoll(reply.body);
    await this.#apply(reply.body, reply);
  }

  /** @param {Session} session */
  #nextPoll(session) {
    this.#pollFrom = performance.now() + jittered(session.paused ? PAUSED_POLL_MS : POLL_MS);
  }

  async #save() {
    /** @type {Entry[]} */
    const batch = [];
    for (const entry of this.#unsent) {
      if (batch.length && bytes([...batch, entry]) > BODY_BYTES) break;
      batch.push(entry);
    }
    const urgent = batch.some((entry) => entry.urgent);
    const body = {
      answers: Object.fromEntries(batch.map((entry) => [entry.question, entry.value])),
      based_on: Object.fromEntries(batch.map((entry) => [entry.question, entry.base])),
      ...(!urgent && { autosave: true }),
    };
    try {
      const reply = await this.#api.request("PATCH", `${this.#path}/progress`, body);
      this.#autosaveFrom = performance.now() + (reply.body.next_autosave_after_ms ?? 0);
      this.#nextPoll(reply.body);
      await this.#accepted(batch, reply.body);
      await this.#apply(reply.body, reply);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      await this.#refused(error, batch);
    }
  }

  /**
   * @param {Entry[]} batch
   * @param {Session} session
   */
  async #accepted(batch, session) {
    const { receipt, answers } = session;
    if (receipt) {
      this.receipts = [{ receipt, answers }, ...this.receipts].slice(0, RECEIPTS);
      await this.#store.update(`receipts ${session.id}`, () => this.receipts);
    }
    for (const { question, n } of batch) {
      const tag = session.answer_tags?.[question] ?? null;
      const isBuffered = session.buffered_questions?.includes(question);
      await this.#change(question, (known) => {
        if (!known) return undefined;
        if (known.n !== n) return { ...known, base: tag };
        return isBuffered ? { ...known, state: "buffered", tag, base: tag, urgent: false } : undefined;
      });
    }
    this.#settleCommits(session);
  }

  /**
   * Tell those who wait for a commit.
   *
   * @param {Session} session
   */
  #settleCommits({ receipt }) {
    for (const waiting of this.#commits) {
      const entry = this.#entries.get(waiting.question);
      if (entry && entry.state === "unsent") continue;
      this.#commits.delete(waiting);
      const durability = entry ? "buffered" : "committed";
      waiting.resolve({ durability, ...(receipt && { receipt }) });
    }
  }

  /**
   * What becomes of a write that was not accepted: nothing of it was, so that the rest is sent at once.
   *
   * @param {Refusal} error
   * @param {Entry[]} batch
   */
  async #refused(error, batch) {
    const { code, problem } = error;
    if (error.isTransient) throw error;
    switch (code) {
      case "answer_conflict":
        for (const [question, { answer }] of Object.entries(problem.conflicts)) {
          const tag = problem.session.answer_tags[question] ?? null;
          this.#meet(question, answer, tag);
          this.#tabs?.tell({ kind: "conflict", question, theirs: answer, tag });
        }
        break;
      case "deadline_moved":
      case "session_closed":
      case "session_expired":
      case "session_paused":
        if (problem.session) break;
        await this.#poll();
        return;
      case "other_device":
        await this.#apply(problem.session);
        throw error;
      default:
        await this.#refuseOne(error, batch);
        return;
    }
    await this.#apply(problem.session);
  }

  /**
   * Find out which answer it is that can't be accepted, and leave it on the device.
   *
   * @param {Refusal} error
   * @param {Entry[]} batch
   */
  async #refuseOne(error, batch) {
    const isAnswer = ANSWER_CODES.includes(error.code) || [413, 422].includes(error.status);
    const named = batch.find((entry) => entry.question === String(error.problem.question_id)) ?? (batch.length === 1 && batch[0]);
    if (!isAnswer || !named) throw error;
    this.problem = error;
    // Answers to a section that is over were kept for staff.
    await this.#refuse(named.question, named.n, error.code === "section_expired");
    if (error.problem.session) await this.#apply(error.problem.session);
  }

  /**
   * @param {string} question
   * @param {number} n
   * @param {boolean} late
   */
  async #refuse(question, n, late) {
    await this.#change(question, (known) => (known?.n === n ? { ...known, state: "refused", late } : known));
  }

  /**
   * @param {string} question
   * @param {unknown} theirs
   * @param {string | null} tag
   */
  #meet(question, theirs, tag) {
    this.#conflicts.set(question, { theirs, tag });
    this.#emit("conflict", { question, mine: this.#entries.get(question)?.value, theirs });
  }

  // The end

  /**
   * @param {boolean} auto
   * @returns {Promise<Session>}
   */
  #end(auto) {
    if (this.#isEnded) return Promise.resolve(this.session);
    return new Promise((resolve, reject) => {
      this.#handIn?.reject(new Error("handed in again"));
      this.#handIn = { auto, resolve, reject };
      this.#retryFrom = 0;
      // The one who hands in does so itself.
      this.#tabs?.want(true);
      this.#wake();
    });
  }

  /** @param {HandIn} handIn */
  async #complete(handIn) {
    await this.#saving;
    const batch = [...this.#entries.values()].filter((entry) => entry.state === "unsent");
    const body = {
      answers: Object.fromEntries(batch.map((entry) => [entry.question, entry.value])),
      // At the deadline nobody is there to choose between two texts.
      ...(handIn.auto
        ? { expires_at: this.session.expires_at }
        : { based_on: Object.fromEntries(batch.map((entry) => [entry.question, entry.base])) }),
    };
    try {
      const reply = await this.#api.request("POST", `${this.#path}/complete`, body);
      await this.#accepted(batch, reply.body);
      await this.#apply(reply.body, reply);
    } catch (error) {
      if (error instanceof Unreachable || (error instanceof Refusal && error.isTransient)) {
        this.#failed(error);
        // There is little time.
        this.#retryFrom = Math.min(this.#retryFrom, performance.now() + jittered(1_000));
        return;
      }
      if (!(error instanceof Refusal)) throw error;
      const isAgain = ANSWER_CODES.includes(error.code);
      if (!isAgain) this.#handIn = null;
      await this.#attempt(() => this.#refused(error, batch));
      if (this.#isEnded) handIn.resolve(this.session);
      else if (!isAgain) handIn.reject(error);
    }
  }

  #tick = () => {
    if (this.#isEnded) return;
    if (this.#clock.hasJumped()) {
      this.#isOver = false;
      this.#look();
      return;
    }
    const remaining = this.remainingMs;
    const second = Math.ceil(remaining / 1000);
    if (second !== this.#lastSecond) {
      const minutes = WARNING_MINUTES.find((each) => second <= each * 60 && this.#lastSecond > each * 60);
      this.#lastSecond = second;
      this.#emit("tick", { remainingMs: remaining });
      if (minutes) this.#emit("deadline", { expiresAt: this.session.expires_at, moved: false, minutes });
    }
    const isNear = !this.session.paused && remaining <= this.#clock.leadMs;
    if (isNear && !this.#isOver && !this.#handIn && this.#tabs?.isSender) {
      this.#isOver = true;
      this.#end(true).catch(() => {
        // It goes on: with more time, or after a pause.
        this.#isOver = false;
      });
    }
  };

  /** Look how things stand, as after a sleep. */
  #look = () => {
    if (document.visibilityState === "hidden") {
      // It may be closed without another word: on phones it mostly is.
      this.#typedAt = 0;
      this.#autosaveFrom = 0;
    } else {
      this.#tabs?.want();
      this.#pollFrom = 0;
      this.#retryFrom = 0;
    }
    this.#wake();
  };

  /** Send what is typed while the page goes. */
  #leave = () => {
    if (this.#isEnded || this.session.paused) return;
    /** @type {Entry[]} */
    const batch = [];
    for (const entry of this.#unsent.reverse()) {
      if (bytes([...batch, entry]) < KEEPALIVE_BYTES) batch.push(entry);
    }
    if (!batch.length) return;
    const body = {
      answers: Object.fromEntries(batch.map((entry) => [entry.question, entry.value])),
      based_on: Object.fromEntries(batch.map((entry) => [entry.question, entry.base])),
    };
    if (CAN_KEEP_ALIVE) {
      this.#api.send("PATCH", `${this.#path}/progress`, { ...body, autosave: true });
    } else if (this.#beaconToken) {
      this.#api.beacon(`${this.#path}/beacon`, { ...body, token: this.#beaconToken });
      this.#beaconToken = "";
    }
  };

  // Other tabs

  /** @param {any} told */
  #hear = (told) => {
    switch (told.kind) {
      case "entry": {
        const known = this.#entries.get(told.question);
        if (told.entry && known && known.n > told.entry.n) return;
        this.#place(told.question, told.entry);
        if (told.entry?.state === "unsent") this.#typedAt = performance.now();
        this.#settleCommits(this.session);
        this.#show([told.question]);
        break;
      }
      case "session": {
        const now = performance.now();
        this.#clock.sync(told.session.server_time, now - told.roundTrip, now);
        this.#apply(told.session);
        break;
      }
      case "conflict":
        this.#meet(told.question, told.theirs, told.tag);
        break;
      case "resolved":
        this.#conflicts.delete(told.question);
    }
    this.#wake();
  };

  // Telling the page

  /**
   * @param {string[]} questions that may have changed
   * @param {boolean} anyway
   */
  #show(questions, anyway = false) {
    const { saveState, problem, isDurable } = this;
    const state = JSON.stringify([saveState, problem?.code, isDurable]);
    if (!questions.length && state === this.#lastState && !anyway) return;
    this.#lastState = state;
    this.#emit("state", { saveState, questions, problem, isDurable });
  }

  /**
   * @param {QuizEvent} event
   * @param {any} detail
   */
  #emit(event, detail) {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        listener(detail);
      } catch (error) {
        // A page's mistake must not keep answers from being sent.
        reportError(error);
      }
    }
  }
}

/**
 * Start a quiz, or go on with it.
 *
 * @param {QuizOptions} options
 * @returns {Promise<Quiz>}
 * @throws {Refusal} it can't be started: `quiz_not_open` with `retryAfterMs`, `quiz_closed` and so on
 * @throws {Unreachable} the service can't be reached, and this device knows nothing of the session
 */
export async function openQuiz(options) {
  const quiz = new Quiz(options);
  await quiz.open();
  return quiz;
}
