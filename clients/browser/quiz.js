// A student's session: answers are kept on the device first, and sent until the server has them.

import { Answers, isLeft, isOpen } from "./answers.js";
import { Api, Refusal, Unreachable, after, jittered, own, unique } from "./api.js";
import { ServerClock, Store, Tabs } from "./device.js";
import { parsed } from "./receipts.js";

/** @import { Entry, Failure, HandIn, Kept, OpenQuiz, Quiz, QuizEvent, QuizOptions, Reply, Session, Times } from "./types.js" */

const TYPING_MS = 700;
const LONG_TYPING_MS = 5_000;
const POLL_MS = 30_000;
const PAUSED_POLL_MS = 10_000;
const LONGEST_WAIT_MS = 30_000;
const LAST_MS = 60_000;
const END_MS = 8_000;
const OPENINGS = 6;
const KEEPALIVE_BYTES = 60_000;
const BODY_BYTES = 200_000;
const WARNING_MINUTES = [1, 5, 30];
const RECEIPTS = 20;
const ANSWER_CODES = ["question_locked", "section_expired"];
const LATE_CODES = ["session_expired", "session_closed", "section_expired"];
const OTHER_CODES = ["attempt_active", "other_device"];
const CAN_KEEP_ALIVE = "keepalive" in Request.prototype;

/** Something on the way does not let it through. @param {any} error */
const isBlocked = (error) => error instanceof Unreachable && error.status >= 400 && error.status !== 401;

/** @param {Entry[]} batch */
const written = (batch) => ({
  answers: Object.fromEntries(batch.map(({ question, value }) => [question, value])),
  based_on: Object.fromEntries(batch.map(({ question, base }) => [question, base])),
});

/** Those that fit. @param {number} left @param {Entry[]} entries */
const within = (left, entries) =>
  entries.filter((entry) => {
    const { size } = new Blob([JSON.stringify(written([entry]))]);
    if (size > left) return false;
    left -= size;
    return true;
  });

class OpenedQuiz {
  /** @type {any} */ paper = null;
  /** @type {Refusal | null} */ problem = null;
  /** @type {Kept[]} */ receipts = [];

  #options;
  #api;
  #store;
  #answers;
  #clock = new ServerClock();
  /** @type {Tabs | undefined} */ #tabs;
  /** @type {Map<string, Set<(detail: any) => void>>} */ #listeners = new Map();
  /** In conflict, of which the page was told. @type {Set<string>} */ #asked = new Set();
  /** @type {HandIn | null} */ #handIn = null;
  #notices = new Set();
  #unread = 0;
  #openKey = "";
  #beaconToken = "";
  #isClosed = false;
  #isEnded = false;
  #isOver = false;
  #isLoggedOut = false;
  // Something on the way refuses a write for what is in it: each answer is sent alone.
  #isAlone = false;
  /** @type {Set<string>} */ #blocked = new Set();
  #failures = 0;
  #turn = 1;
  #typedAt = 0;
  #begunAt = 0;
  #autosaveFrom = 0;
  #retryFrom = 0;
  #pollFrom = 0;
  #wake = () => {};
  #lastSecond = NaN;
  #lastState = "";
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;

  /** @param {QuizOptions} options */
  constructor(options) {
    this.#options = options;
    this.#api = new Api(options.baseUrl, options.token);
    this.#store = new Store(options.storage === "memory");
    this.#answers = new Answers(this.#store, (message) => this.#tabs?.tell(message), this.#show);
  }

  get session() {
    return this.#answers.session;
  }
  get saveState() {
    return this.#answers.state;
  }
  get isDurable() {
    return this.#store.isDurable;
  }
  get late() {
    return this.#answers.late;
  }
  get conflicts() {
    return this.#answers.conflicts;
  }
  /** @type {Quiz["answer"]} */
  answer = (id) => this.#answers.of(String(id));
  /** @type {Quiz["stateOf"]} */
  stateOf = (id) => this.#answers.stateOf(String(id));

  get remainingMs() {
    const { paused, time_remaining, expires_at, started_at } = this.session;
    if (!isOpen(this.session)) return 0;
    if (paused) return time_remaining * 1000;
    return Math.max(0, Date.parse(expires_at) - Math.max(this.#clock.now, Date.parse(started_at)));
  }

  /** @type {Quiz["on"]} */
  on = (event, listener) => {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  };

  /** @type {(...edit: [...Parameters<Quiz["set"]>, isUrgent?: boolean]) => Promise<void>} */
  set = async (id, value, isUrgent = false) => {
    if (!isOpen(this.session)) throw new Error("The session has ended.");
    this.#typedAt = performance.now();
    if (!this.#answers.unsent.length) this.#begunAt = this.#typedAt;
    this.#tabs?.want();
    const stored = this.#answers.edit(String(id), JSON.parse(JSON.stringify(value)), isUrgent);
    this.#wake();
    await stored;
  };

  /** @type {Quiz["commit"]} */
  commit = async (id, value) => {
    await this.set(id, value, true);
    return new Promise((resolve, reject) => {
      const judge = () => {
        const state = this.stateOf(id);
        if (!this.#isEnded && (state === "unsent" || state === "conflict")) return;
        stop();
        // That of another tab is on its way.
        const receipt = this.#tabs?.isSender && this.session.receipt;
        if (state === "buffered" || state === "committed") resolve({ durability: state, ...(receipt && { receipt }) });
        else reject(this.problem ?? new Error("It came too late, or was not accepted."));
      };
      const stop = this.on("state", judge);
      judge();
    });
  };

  /** @type {Quiz["resolve"]} */
  resolve = async (id, choice) => {
    await this.#answers.resolve(String(id), choice);
    this.#wake();
  };

  /** @type {Quiz["handIn"]} */
  handIn = () => this.#end(null);

  /** @type {Quiz["acknowledge"]} */
  acknowledge = async (notice) => {
    await this.#api.request("POST", `${this.#path}/notices/${notice}/read`);
    this.#unread = 0;
  };

  /** @type {Quiz["enter"]} */
  enter = async (section) => {
    this.paper = (await this.#api.request("POST", `${this.#path}/sections/${section}/enter`)).body;
    await this.#poll();
  };

  /** @type {Quiz["takeOver"]} */
  takeOver = async () => {
    await this.#exchange("POST", "/device", { takeover: true });
    this.problem = null;
    this.#look();
  };

  close() {
    this.#leave();
    this.#isClosed = true;
    this.#wake();
    clearInterval(this.#timer);
    this.#listen(removeEventListener);
    this.#tabs?.close();
    // What is typed last is still being stored.
    this.#answers.saved.finally(() => this.#store.close());
  }

  // Opening

  async open() {
    const { baseUrl, quizId, userId } = this.#options;
    this.#api.clientId = await this.#store.update(`client ${baseUrl}`, (known) => known ?? unique());
    const [, claims] = (await this.#api.token()).split(".");
    this.#openKey = `open ${baseUrl} ${quizId} ${userId ?? (claims && parsed(claims).sub)}`;
    await this.#begin(await this.#store.get(this.#openKey));
    await this.#answers.load();
    this.receipts = (await this.#store.get(`receipts ${this.session.id}`)) ?? [];
    this.#tabs = new Tabs(`quiz-sessions ${baseUrl} ${this.session.id}`, this.#hear, () => this.#wake());
    this.#listen(addEventListener);
    this.#timer = setInterval(this.#tick, 200);
    this.#tabs.want();
    await this.#getBeacon();
    this.#work();
  }

  /** @param {any} known */
  async #begin(known) {
    for (let tries = 1; ; tries += 1) {
      try {
        const reply = await this.#find(known);
        this.#answers.session = reply.body;
        this.#clock.sync(reply.body.server_time, reply.sentAt, reply.receivedAt);
        this.#nextPoll();
        if (this.session.sections) this.paper = (await this.#api.request("GET", `${this.#path}/paper`)).body;
        return this.#remember();
      } catch (/** @type {any} */ error) {
        if (!error.isTransient) throw error;
        this.#failed(error);
        if (known?.session) {
          this.#answers.session = known.session;
          this.paper = known.paper;
          this.#clock.guess();
          return;
        }
        if (tries === OPENINGS) throw error;
        await after(this.#retryFrom - performance.now());
      }
    }
  }

  /** @param {any} known @returns {Promise<Reply>} */
  async #find(known) {
    const { quizId, userId, again, password } = this.#options;
    if (known?.session) {
      try {
        const reply = await this.#api.request("GET", `/sessions/${known.session.id}`);
        const kept = await this.#store.all(`answer ${known.session.id} `);
        if (!again || isOpen(reply.body) || kept.some(isLeft)) return reply;
      } catch (/** @type {any} */ error) {
        if (error.isTransient) throw error;
      }
    }
    // Sent again after a lost reply it starts nothing more.
    const { key } = await this.#store.update(this.#openKey, (kept) =>
      known?.session || !kept?.key ? { key: unique() } : kept,
    );
    try {
      const body = { quiz_id: quizId, ...(userId && { user_id: userId }), password, page_url: location.href };
      return await this.#api.request("POST", "/sessions/start", body, { "Idempotency-Key": key });
    } catch (/** @type {any} */ error) {
      const id = error.problem?.session_id ?? error.problem?.session?.id;
      if (!OTHER_CODES.includes(error.code) || !id) throw error;
      this.problem = error;
      return this.#api.request("GET", `/sessions/${id}`);
    }
  }

  // For a browser that drops a page's requests with it.
  async #getBeacon() {
    if (CAN_KEEP_ALIVE || this.#beaconToken || !isOpen(this.session)) return;
    await this.#attempt(async () => {
      this.#beaconToken = (await this.#api.request("POST", `${this.#path}/beacon-token`)).body.token;
    }, true);
  }

  /** @param {typeof addEventListener} change */
  #listen(change) {
    change("pagehide", this.#leave);
    change("beforeunload", this.#warn);
    for (const event of ["online", "pageshow", "visibilitychange"]) change(event, this.#look);
  }

  get #path() {
    return `/sessions/${this.session.id}`;
  }

  // What replies say

  /** @param {string} method @param {string} path @param {object} [body] @param {Entry[]} [batch] */
  async #exchange(method, path, body, batch) {
    const reply = await this.#api.request(method, this.#path + path, body);
    if (reply.body?.id !== this.session.id) throw new Unreachable("not about this session");
    await this.#apply(reply.body, reply, batch);
  }

  /** @param {Session | undefined} session @param {Times} times @param {Entry[]} [batch] */
  async #apply(session, times, batch = []) {
    if (!session) return;
    this.#autosaveFrom = performance.now() + (session.next_autosave_after_ms ?? 0);
    this.#clock.sync(session.server_time, times.sentAt, times.receivedAt);
    await this.#take(session, batch);
    this.#nextPoll();
    if (!this.#isEnded) await this.#remember();
    // Last, so that other tabs know first what has become of each answer.
    this.#tabs?.tell({ session, roundTrip: times.receivedAt - times.sentAt });
  }

  /** @param {Session} session @param {Entry[]} batch */
  async #take(session, batch) {
    const before = this.session;
    const isNews = !(session.version < before.version);
    if (isNews) this.#answers.session = session;
    if (session.receipt && session.receipt !== this.receipts[0]?.receipt) {
      this.receipts = [{ receipt: session.receipt, answers: session.answers }, ...this.receipts].slice(0, RECEIPTS);
      await this.#store.update(`receipts ${session.id}`, () => this.receipts);
    }
    await this.#answers.accepted(batch, session);
    if (!isNews) return;
    if (session.expires_at !== before.expires_at) {
      this.#isOver = false;
      if (this.#handIn?.isWanted) this.#handIn.expiresAt = null;
      else this.#giveUp(new Error("The deadline has moved."));
      this.#emit("deadline", { expiresAt: session.expires_at, moved: true });
    }
    if (session.paused !== before.paused) this.#emit("paused", { paused: session.paused });
    this.#show(await this.#answers.reconcile());
    if (!isOpen(this.session)) await this.#ended();
    if (session.unread_notices > this.#unread) {
      await this.#readNotices().catch(() => (this.#unread = 0)); // the next look tries again
    } else this.#unread = session.unread_notices;
  }

  async #remember() {
    const { session, paper } = this;
    await this.#store.update(this.#openKey, (known) => ({ ...known, session, paper }));
  }

  async #readNotices() {
    const { body } = await this.#api.request("GET", `${this.#path}/notices`);
    this.#unread = this.session.unread_notices;
    for (const notice of body.notices) {
      if (notice.read_at === null && !this.#notices.has(notice.id)) this.#emit("notice", notice);
      this.#notices.add(notice.id);
    }
  }

  async #ended() {
    if (this.#isEnded) return;
    await this.#answers.end();
    while (this.#answers.left.length) await this.#sendLate();
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearInterval(this.#timer);
    await this.#remember();
    if (this.#options.storage === "wipe") {
      await this.#answers.wipe();
      for (const key of [this.#openKey, `receipts ${this.session.id}`]) await this.#store.update(key, () => undefined);
    }
    this.#show([], true);
    this.#handIn?.resolve(this.session);
    this.#handIn = null;
    this.#emit("ended", { session: this.session, late: this.late });
  }

  // So that staff have it.
  async #sendLate() {
    const left = this.#answers.left.slice(0, this.#isAlone ? 1 : undefined);
    const { answers } = written(left);
    const isExpired = this.session.status === "expired";
    try {
      // After a hand-in by staff there is a moment in which they count.
      if (isExpired) await this.#api.request("PATCH", `${this.#path}/progress`, { answers });
      else await this.#exchange("POST", "/complete", { answers }, left);
    } catch (/** @type {any} */ error) {
      this.#pollFrom = 0; // which leads here again
      if (error.isTransient && !isBlocked(error)) throw error;
      const isLate = LATE_CODES.includes(error.code);
      if (!isLate && left.length > 1) this.#isAlone = true;
      else {
        // Some of them may have come in time.
        this.#answers.session = error.problem?.session ?? this.session;
        await this.#answers.end();
        for (const entry of left) await this.#answers.refuse(entry, isLate);
      }
    }
  }

  // Sending: one tab does

  async #work() {
    // The page begins to listen.
    await after(0);
    if (this.session.paused) this.#emit("paused", { paused: true });
    await this.#take(this.session, []).catch((error) => this.#failed(error));
    while (!this.#isClosed && !this.#isEnded) {
      const woken = new Promise((resolve) => (this.#wake = () => resolve(0)));
      const due = this.#tabs?.isSender ? await this.#next() : Infinity;
      if (due <= performance.now()) continue;
      const timer = setTimeout(this.#wake, Math.min(due - performance.now(), LONGEST_WAIT_MS));
      await woken;
      clearTimeout(timer);
    }
    this.#tabs?.close();
  }

  /** Do what is due; returns when to come again. */
  async #next() {
    const now = performance.now();
    const handIn = isOpen(this.session) ? this.#handIn : null;
    const sendFrom = isOpen(this.session) ? this.#sendFrom : Infinity;
    const pollFrom = handIn && this.#failures ? 0 : this.#pollFrom;
    const from = Math.max(handIn ? 0 : Math.min(sendFrom, pollFrom), this.#retryFrom);
    if (now < from) return from;
    const due = [];
    const look = () => this.#poll();
    if (handIn) due.push(() => this.#complete(handIn));
    if (now >= sendFrom) due.push(() => this.#save());
    if (now >= pollFrom) due.push(look);
    // Where one fails the others are tried.
    const todo = due[this.#failures ? this.#turn++ % due.length : 0];
    await this.#attempt(todo, todo === look && (due.length > 1 || this.problem?.code === "other_device"));
    return 0;
  }

  get #sendFrom() {
    const unsent = this.#answers.unsent;
    if (!unsent.length || this.session.paused) return Infinity;
    if (this.#handIn || unsent.some((entry) => entry.urgent)) return 0;
    // The last seconds are not left to the hand-in alone.
    const pacedFrom = Math.min(this.#autosaveFrom, performance.now() + this.remainingMs - END_MS);
    return Math.max(Math.min(this.#typedAt + TYPING_MS, this.#begunAt + LONG_TYPING_MS), pacedFrom);
  }

  /** @param {() => Promise<void>} request @param {boolean} [isLook] that says nothing of writes */
  async #attempt(request, isLook) {
    try {
      await request();
      if (isLook) return;
      this.#failures = 0;
      this.problem = null;
      this.#isLoggedOut = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {any} error */
  #failed(error) {
    if (!("isTransient" in error)) reportError(error);
    this.#failures += 1;
    const backoff = Math.min(500 * 2 ** this.#failures, LONGEST_WAIT_MS) * (0.5 + Math.random() / 2);
    // There is little time.
    const isNear = this.#handIn && this.remainingMs < LAST_MS && this.#clock.now < Date.parse(this.session.accepts_until);
    this.#retryFrom = performance.now() + Math.max(isNear ? Math.min(backoff, 1_000) : backoff, error.retryAfterMs ?? 0);
    this.#isAlone ||= isBlocked(error) || (error instanceof Refusal && !error.isTransient);
    this.problem = error instanceof Refusal ? error : null;
    if (error.status === 401 && !this.#isLoggedOut) {
      this.#isLoggedOut = true;
      this.#emit("login", {});
    }
    this.#show([]);
  }

  async #poll() {
    await this.#exchange("GET", "");
  }

  #nextPoll() {
    this.#pollFrom = performance.now() + jittered(this.session.paused ? PAUSED_POLL_MS : POLL_MS);
  }

  async #save() {
    const unsent = this.#answers.unsent;
    const first = this.#isAlone ? this.#failures % unsent.length : 0;
    const fitting = this.#isAlone ? [] : within(BODY_BYTES, unsent);
    const batch = fitting.length ? fitting : [unsent[first]];
    const isUrgent = batch.some((entry) => entry.urgent);
    try {
      await this.#exchange("PATCH", "/progress", { ...written(batch), ...(!isUrgent && { autosave: true }) }, batch);
      for (const { question } of batch) this.#blocked.delete(question);
    } catch (/** @type {any} */ error) {
      if (this.#isAlone && isBlocked(error)) this.#blocked.add(batch[0].question);
      await this.#refused(error, batch);
    }
    this.#isAlone &&= this.#answers.unsent.length > 0;
  }

  /** @param {Failure} error @param {Entry[]} batch */
  async #refused(error, batch) {
    if (!(error instanceof Refusal) || error.isTransient) throw error;
    const { code, problem } = error;
    switch (code) {
      case "answer_conflict":
        for (const entry of batch) {
          const conflict = own(problem.conflicts, entry.question);
          const tag = own(problem.session.answer_tags, entry.question) ?? null;
          if (conflict) await this.#answers.meet(entry, conflict.answer, tag);
        }
        await this.#apply(problem.session, error);
        this.#autosaveFrom = 0;
        return;
      case "deadline_moved":
      case "session_closed":
      case "session_expired":
      case "session_paused":
        return problem.session ? this.#apply(problem.session, error) : this.#poll();
    }
    const isAnswer = ANSWER_CODES.includes(code) || [413, 422].includes(error.status);
    const named = batch.length === 1 ? batch[0] : batch.find(({ question }) => question === String(problem.question_id));
    if (isAnswer && named) {
      this.problem = error;
      // Kept for staff.
      await this.#answers.refuse(named, code === "section_expired");
    }
    await this.#apply(problem.session, error);
    if (!isAnswer || !named) throw error;
  }

  // The end

  /** @param {string | null} expiresAt where the time has run out @returns {Promise<Session>} */
  #end(expiresAt) {
    if (this.#isEnded) return Promise.resolve(this.session);
    const handIn = (this.#handIn ??= /** @type {any} */ ({ expiresAt: null }));
    handIn.done ??= new Promise((resolve, reject) => Object.assign(handIn, { resolve, reject }));
    handIn.expiresAt ??= expiresAt;
    handIn.isWanted ||= !expiresAt;
    this.#retryFrom = 0;
    this.#tabs?.want(true);
    this.#wake();
    return handIn.done;
  }

  /** @param {unknown} error */
  #giveUp(error) {
    this.#handIn?.reject(error);
    this.#handIn = null;
  }

  /** @param {HandIn} handIn */
  async #complete(handIn) {
    await this.#answers.saved;
    if (!this.#failures && this.remainingMs > LAST_MS) await this.#poll();
    if (this.#handIn !== handIn) return;
    const isOver = handIn.expiresAt !== null;
    // At the deadline nobody is there to choose between two texts.
    const batch = this.#answers.left.filter(({ question }) => !isOver || !this.#blocked.has(question));
    const { answers, based_on } = written(batch);
    const body = isOver ? { answers, expires_at: handIn.expiresAt } : { answers, based_on };
    try {
      await this.#exchange("POST", "/complete", body, batch);
    } catch (/** @type {any} */ error) {
      // Without PostgreSQL there is no hand-in, but answers are buffered.
      if (error.isTransient && isOver && this.#answers.unsent.length) await this.#save();
      await this.#refused(error, batch);
      // Without an answer that is not accepted it is handed in all the same.
      const isLess = this.#answers.left.length < batch.length;
      if (this.#handIn !== handIn || (isLess && (isOver || ANSWER_CODES.includes(error.code)))) return;
      this.#giveUp(error);
    }
  }

  #tick = () => {
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
    // It is asked for in this tab.
    if (this.#handIn?.isWanted) this.#tabs?.want(true);
    if (!isNear || this.#isOver || !this.#clock.isTold) return;
    this.#tabs?.want();
    if (!this.#tabs?.isSender) return;
    this.#isOver = true;
    this.#end(this.session.expires_at)
      .catch(() => after(POLL_MS))
      .then(() => (this.#isOver = false));
  };

  /** @param {Event} [event] */
  #look = (event) => {
    if (document.visibilityState === "hidden") {
      // It may be closed without another word.
      this.#typedAt = 0;
      this.#autosaveFrom = 0;
    } else {
      this.#tabs?.want();
      this.#pollFrom = 0;
      this.#retryFrom = event?.type === "online" ? performance.now() + Math.random() * 1_000 : 0;
      this.#getBeacon();
    }
    if (event && "persisted" in event && event.persisted) this.#answers.load().then(() => this.#wake());
    else this.#wake();
  };

  #leave = () => {
    if (this.#isEnded || this.session.paused) return;
    const batch = within(KEEPALIVE_BYTES, this.#answers.unsent.reverse());
    if (!batch.length) return;
    if (CAN_KEEP_ALIVE) {
      this.#api.send(`${this.#path}/progress`, { ...written(batch), autosave: true });
    } else if (this.#beaconToken) {
      this.#api.beacon(`${this.#path}/beacon`, { ...written(batch), token: this.#beaconToken });
      this.#beaconToken = "";
    }
  };

  /** @param {Event} event */
  #warn = (event) => {
    if (!this.isDurable && this.#answers.unsent.length) event.preventDefault();
  };

  /** @param {any} told */
  #hear = (told) => {
    if (told.session) {
      const now = performance.now();
      this.#clock.sync(told.session.server_time, now - told.roundTrip, now);
      this.#attempt(() => this.#take(told.session, []), true);
    } else {
      if (told.entry?.state === "unsent") this.#typedAt = performance.now();
      this.#answers.hear(told);
    }
    this.#wake();
  };

  // Telling the page

  /** @param {string[]} questions @param {boolean} [anyway] */
  #show = (questions, anyway) => {
    const { conflicts, saveState, problem, isDurable } = this;
    const state = JSON.stringify([saveState, problem?.code, isDurable]);
    if (!questions.length && state === this.#lastState && !anyway) return;
    this.#lastState = state;
    for (const question of questions) {
      const conflict = own(conflicts, question);
      if (conflict && !this.#asked.has(question)) this.#emit("conflict", { question, ...conflict });
      this.#asked[conflict ? "add" : "delete"](question);
    }
    this.#emit("state", { saveState, questions, problem, isDurable });
  };

  /** @param {QuizEvent} event @param {any} detail */
  #emit(event, detail) {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        listener(detail);
      } catch (error) {
        reportError(error);
      }
    }
  }
}

/** @type {OpenQuiz} */
export const openQuiz = async (options) => {
  const quiz = new OpenedQuiz(options);
  await quiz.open();
  return quiz;
};
