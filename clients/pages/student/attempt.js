// A session as the screens see it: the library's, with what the page itself adds.

import { isOpen } from "../../browser/answers.js";
import { useEffect, useState } from "../common/view.js";
import { readPaper } from "../common/content.js";
import { forget, keep, onKept, recall } from "./memory.js";

/** @import { Api } from "../../browser/api.js" */
/** @import { Quiz, SaveState } from "../../browser/types.js" */
/** @import { Question, Section } from "../common/content.js" */

const PACE_MS = 10_000;
const PATIENCE_MS = 6_000;
const SILENT_MS = 60_000;
const SECTION_ENDS_MS = 8_000;
// Refusals of one answer, which are said at that answer.
const ANSWER_CODES = ["question_locked", "section_expired"];
const ANSWER_STATUS = [413, 422];

/** @typedef {"offline" | "busy" | "login" | "device" | "refused"} Trouble why answers do not get through */
/** @typedef {{id: number, kind: string, text: string | null, at: string, expires_at: string | null, pause_seconds: number | null}} Notice */
/** @typedef {SaveState | "none" | "locked"} Mark */

export class Attempt {
  /** Unread ones. @type {Notice[]} */ notices = [];
  /** Why answers were refused, by question. @type {Map<string, any>} */ reasons = new Map();
  /** What a screen reader is told. @type {{text: string, isUrgent: boolean} | null} */ said = null;
  /** @type {Trouble | null} */ trouble = null;
  /** Whether it has just got over one. */
  isBack = false;
  isOver = false;
  /** Whether the session has ended, and its last answers are where they can be. */
  isEnded = false;
  /** Of which the student looks through later. @type {string[]} */ flags;
  /** @type {Section[]} */ sections;
  #listeners = new Set();
  #isLoggedOut = false;
  #session;
  #heardAt = performance.now();
  /** @type {number | null} */ #unsentFrom = null;
  #isUrgent = false;
  #backAt = 0;
  #states = "";
  /** @type {(() => void)[]} */ #off;

  /** @param {Quiz} quiz @param {Api} api */
  constructor(quiz, api) {
    this.quiz = quiz;
    this.api = api;
    this.sections = readPaper(quiz.paper, {});
    this.#session = quiz.session;
    const { id, started_at, expires_at } = quiz.session;
    const readAt = quiz.paper?.server_time ?? quiz.session.server_time;
    const early = Date.parse(started_at) - Date.parse(readAt);
    /** Whether its contents were read before the start that is common to all, when nobody is shown them. */
    this.isEarly = early > 0;
    // What the device has kept may be old: the library's clock has gone on.
    const hasBegun = !quiz.session.paused && quiz.remainingMs < Date.parse(expires_at) - Date.parse(started_at);
    /** By `performance.now()`: where all start together that may still be to come. */
    this.startsAt = performance.now() + (hasBegun ? Math.min(0, early) : early);
    this.flags = recall(`flags/${id}`) ?? [];
    // A hand-in that was asked for before the page was left did not come to anything.
    if (isOpen(quiz.session)) keep(`handed-in/${id}`, null);
    const changed = () => this.#look();
    const awake = () => {
      // What was not heard while it slept says nothing.
      this.#heardAt = performance.now();
      changed();
    };
    for (const event of ["online", "offline"]) addEventListener(event, changed);
    addEventListener("visibilitychange", awake);
    this.#off = [
      quiz.on("state", ({ questions, problem }) => {
        for (const each of questions) if (problem && quiz.stateOf(each) === "refused") this.reasons.set(each, problem);
        this.#look();
        this.changed();
      }),
      quiz.on("tick", changed),
      quiz.on("ended", () => {
        this.isEnded = true;
        this.changed();
      }),
      quiz.on("paused", () => this.changed()),
      quiz.on("conflict", () => this.changed()),
      quiz.on("deadline", () => this.changed()),
      quiz.on("notice", (notice) => {
        if ((recall(`read/${id}`) ?? []).includes(notice.id)) return;
        this.notices = [...this.notices, notice];
        this.changed();
      }),
      quiz.on("login", () => {
        this.#isLoggedOut = true;
        this.#look();
      }),
      onKept(`flags/${id}`, () => {
        this.flags = recall(`flags/${id}`) ?? [];
        this.changed();
      }),
      onKept(`read/${id}`, () => this.#putAway(recall(`read/${id}`) ?? [])),
      () => {
        for (const event of ["online", "offline"]) removeEventListener(event, changed);
        removeEventListener("visibilitychange", awake);
      },
    ];
  }

  close() {
    for (const off of this.#off) off();
  }

  /** @param {() => void} listener @returns what takes it off again */
  on(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  changed() {
    for (const listener of this.#listeners) listener();
  }

  /** To who does not see it. @param {string} text */
  say(text, isUrgent = false) {
    this.said = { text, isUrgent };
    this.changed();
  }

  get questions() {
    return this.sections.flatMap((section) => section.questions);
  }

  get unsent() {
    return this.questions.filter(({ id }) => ["unsent", "conflict"].includes(this.quiz.stateOf(id)));
  }

  // Answers

  /** @param {Question} question @param {unknown} value @param {boolean} [isFinal] as a click on a choice */
  put({ id }, value, isFinal = false) {
    this.reasons.delete(id);
    this.#isUrgent ||= isFinal;
    const done = isFinal ? this.quiz.commit(id, value) : this.quiz.set(id, value);
    done.catch(() => {}); // its mark says what became of it
  }

  /** How safe an answer is. @param {Question} question @returns {Mark} */
  markOf(question) {
    const state = this.quiz.stateOf(question.id);
    if (state !== "committed") return state;
    if (this.isLocked(question)) return "locked";
    return this.quiz.answer(question.id) === undefined ? "none" : "committed";
  }

  /** @param {Question} question */
  isLocked({ id, section }) {
    return this.#progress(section)?.locked.includes(id) ?? false;
  }

  /** @param {string} id */
  flag(id) {
    this.flags = this.flags.includes(id) ? this.flags.filter((each) => each !== id) : [...this.flags, id];
    keep(`flags/${this.quiz.session.id}`, this.flags);
    this.changed();
  }

  /** @param {Notice[]} notices */
  async acknowledge(notices) {
    for (const { id } of notices) await this.quiz.acknowledge(id);
    const { id } = this.quiz.session;
    const read = notices.map((each) => each.id);
    keep(`read/${id}`, [...(recall(`read/${id}`) ?? []), ...read]);
    this.#putAway(read);
  }

  /** @param {number[]} read */
  #putAway(read) {
    this.notices = this.notices.filter(({ id }) => !read.includes(id));
    this.changed();
  }

  forget() {
    forget(this.quiz.session.id);
  }

  /** Milliseconds until all start together, as the service says it now. */
  async untilStart() {
    const { started_at, server_time } = (await this.api.request("GET", `/sessions/${this.quiz.session.id}`)).body;
    const until = Date.parse(started_at) - Date.parse(server_time);
    this.startsAt = performance.now() + until;
    return until;
  }

  // Sections

  /** @param {number} section @returns {any} */
  #progress(section) {
    return this.quiz.session.sections?.find((/** @type {any} */ each) => each.section === section);
  }

  /** Milliseconds until the section ends; null where it has no time of its own, or was not entered. @param {Section} section */
  remainingMs({ number }) {
    const progress = this.#progress(number);
    if (!progress?.expires_at) return null;
    const { session, remainingMs } = this.quiz;
    if (session.paused) return progress.time_remaining * 1000;
    return Math.max(0, remainingMs - (Date.parse(session.expires_at) - Date.parse(progress.expires_at)));
  }

  /** @param {Section} section @returns {"closed" | "open" | "over"} */
  stateOf(section) {
    if (this.remainingMs(section) === 0) return "over";
    return section.isShown ? "open" : "closed";
  }

  /** Whether another tab has begun it. @param {Section} section */
  isBegun({ number }) {
    return Boolean(this.#progress(number)?.entered_at);
  }

  /** Begins it, or shows what was begun elsewhere. @param {Section} section */
  async enter({ number }) {
    await this.quiz.enter(number);
    this.sections = readPaper(this.quiz.paper, {});
    this.changed();
  }

  /** Where there is no paper. @param {Record<string, any>} known the questions of the quiz */
  learn(known) {
    if (this.quiz.paper) return;
    this.sections = readPaper(null, known);
    this.changed();
  }

  // What goes wrong

  #look() {
    const { quiz } = this;
    const now = performance.now();
    if (quiz.session !== this.#session) {
      this.#session = quiz.session;
      this.#heardAt = now;
      if (quiz.problem?.status !== 401) this.#isLoggedOut = false;
      this.changed();
    }
    const isUnsent = !quiz.session.paused && this.questions.some(({ id }) => quiz.stateOf(id) === "unsent");
    this.#unsentFrom = isUnsent ? (this.#unsentFrom ?? now) : null;
    this.#isUrgent &&= isUnsent;
    this.#hurry();
    const trouble = this.#trouble(now);
    const isOver = quiz.remainingMs === 0;
    const states = this.sections.map((section) => this.stateOf(section)).join();
    if (!trouble && (this.trouble === "offline" || this.trouble === "busy")) this.#backAt = now;
    const isBack = !trouble && this.#backAt > 0 && now - this.#backAt < PACE_MS;
    const isSame = trouble === this.trouble && isBack === this.isBack && isOver === this.isOver;
    if (isSame && states === this.#states) return;
    this.#states = states;
    Object.assign(this, { trouble, isBack, isOver });
    this.changed();
  }

  /** @param {number} now @returns {Trouble | null} */
  #trouble(now) {
    const { problem, session } = this.quiz;
    if (this.#isLoggedOut || problem?.status === 401) return "login";
    if (problem?.code === "other_device") return "device";
    if (problem && (problem.status === 429 || problem.status >= 500)) return "busy";
    const isAboutOne = problem && (ANSWER_CODES.includes(problem.code) || ANSWER_STATUS.includes(problem.status));
    if (problem && !problem.isTransient && !isAboutOne) return "refused";
    if (!navigator.onLine || now - this.#heardAt > SILENT_MS) return "offline";
    const patience = PATIENCE_MS + (this.#isUrgent ? 0 : (session.next_autosave_after_ms ?? PACE_MS));
    const from = this.#unsentFrom;
    return from !== null && this.#heardAt < from && now - from > patience ? "offline" : null;
  }

  // The library hurries at the end of the session, not at that of a section.
  #hurry() {
    for (const section of this.sections) {
      const remaining = this.remainingMs(section) ?? 0;
      if (!remaining || remaining > SECTION_ENDS_MS || this.quiz.session.paused) continue;
      for (const question of section.questions) {
        if (this.quiz.stateOf(question.id) === "unsent") this.put(question, this.quiz.answer(question.id), true);
      }
    }
  }
}

/** Draws again whenever the attempt has changed. @param {Attempt} attempt */
export function useAttempt(attempt) {
  const [, setTurn] = useState(0);
  useEffect(() => {
    const draw = () => setTurn((turn) => turn + 1);
    // What came before it listened.
    draw();
    return attempt.on(draw);
  }, [attempt]);
}

/** Draws again with each second. @param {Attempt} attempt */
export function useTicks(attempt) {
  const [, setTurn] = useState(0);
  useEffect(() => attempt.quiz.on("tick", () => setTurn((turn) => turn + 1)), [attempt]);
}
