// A simulated student: the library does all that is said to the service, this only clicks and types.

import { isOpen } from "../../browser/answers.js";
import { after } from "../../browser/api.js";
import { openQuiz } from "../../browser/quiz-sessions.js";
import { answering, continued, reconsidered, seeded } from "./answering.js";

/** @import { Quiz } from "../../browser/types.js" */
/** @import { Step } from "./answering.js" */
/** @import { Ledger } from "./ledger.js" */

const AGAIN_MS = 2_000;
const PAUSED_MS = 300;
const ARRIVAL_MS = 600;
const READING_MS = 4_000;
const LONGEST_ANSWER = 1_500;

/** @typedef {"arriving" | "writing" | "handed in" | "time over"} Phase */

/** The student can do no more. */
class Over extends Error {}

export class Student {
  /** @type {Quiz | null} */ quiz = null;
  #name;
  #number;
  #random;
  #pace;
  #address;
  #quizId;
  #keys;
  #ledger;

  /**
   * @param {object} options
   * @param {number} options.number from 1 on
   * @param {string} options.name
   * @param {string} options.address where this student finds the service
   * @param {string} options.quizId
   * @param {Promise<Record<string, any>>} options.keys by question
   * @param {Ledger} options.ledger
   */
  constructor({ number, name, address, quizId, keys, ledger }) {
    this.#number = number;
    this.#name = name;
    this.#address = address;
    this.#quizId = quizId;
    this.#keys = keys;
    this.#ledger = ledger;
    this.#random = seeded(name);
    this.#pace = 0.6 + this.#random();
  }

  get name() {
    return this.#name;
  }

  /** @returns {Phase} */
  get phase() {
    const status = this.quiz?.session.status;
    if (!this.quiz) return "arriving";
    if (isOpen(this.quiz.session)) return "writing";
    return status === "completed" ? "handed in" : "time over";
  }

  /** The questions that this student was given. @returns {string[]} */
  get questions() {
    return this.quiz?.paper?.sections.flatMap((/** @type {any} */ { questions }) => questions.map((/** @type {any} */ { id }) => id)) ?? [];
  }

  /** How many answers are in each state. */
  get answers() {
    const quiz = this.quiz;
    const count = { committed: 0, buffered: 0, unsent: 0, conflict: 0, refused: 0, late: 0 };
    const late = quiz?.late ?? {};
    for (const id of quiz ? this.questions : []) {
      if (Object.hasOwn(late, id)) count.late += 1;
      else if (quiz?.answer(id) !== undefined) count[quiz.stateOf(id)] += 1;
    }
    return count;
  }

  /** Comes, writes, and hands in, or is still there when the time runs out. */
  async sits() {
    await after(this.#number * ARRIVAL_MS * (0.5 + this.#random() / 2));
    const quiz = await this.#opened();
    const told = (/** @type {string[]} */ questions) => {
      for (const id of questions) this.#ledger.told(quiz.session.id, this.#name, id, quiz.stateOf(id), quiz.answer(id));
    };
    this.#ledger.watch(quiz.session.id, quiz);
    told(this.questions);
    quiz.on("state", ({ questions }) => told(questions));
    quiz.on("conflict", ({ question }) => quiz.resolve(question, "mine"));
    quiz.on("notice", ({ id }) => after(READING_MS * this.#pace).then(() => quiz.acknowledge(id)).catch(() => {}));
    try {
      await this.#writes(quiz);
    } catch (error) {
      if (!(error instanceof Over)) throw error;
    }
  }

  /** @returns {Promise<Quiz>} */
  async #opened() {
    for (;;) {
      try {
        const options = { baseUrl: this.#address, quizId: this.#quizId, userId: this.#name, token: () => "" };
        return (this.quiz = await openQuiz(options));
      } catch (/** @type {any} */ error) {
        if (!error.isTransient && error.code !== "quiz_paused") throw error;
        await after(AGAIN_MS);
      }
    }
  }

  /** @param {Quiz} quiz */
  async #writes(quiz) {
    const leavesAt = this.#leavesAt(quiz.session);
    const keys = await this.#keys;
    for (const [number, section] of quiz.paper.sections.entries()) {
      if (section.time_limit_seconds !== null && !section.entered_at) await this.#enters(quiz, number);
      for (const question of quiz.paper.sections[number].questions) {
        if (this.#isClosed(quiz, number, question.id)) continue;
        const random = seeded(`${this.#name} ${question.id}`);
        await this.#does(quiz, question.id, answering(question, keys[question.id], quiz.answer(question.id), random));
      }
    }
    while (quiz.remainingMs > leavesAt) await this.#looksAgain(quiz);
    if (leavesAt > 0) await this.#handsIn(quiz);
  }

  /** @param {Quiz} quiz */
  async #handsIn(quiz) {
    for (;;) {
      try {
        await quiz.handIn();
        return;
      } catch (/** @type {any} */ error) {
        // While the room is paused nobody hands in what is not sent yet.
        if (!("isTransient" in error)) throw error;
      }
      await this.#waits(quiz, AGAIN_MS);
    }
  }

  /** With how much time left; some never do. @param {any} session */
  #leavesAt({ started_at, expires_at }) {
    const whole = Date.parse(expires_at) - Date.parse(started_at);
    const kind = this.#random();
    if (kind < 0.2) return whole * (0.6 + 0.2 * this.#random());
    return kind < 0.85 ? whole * (0.05 + 0.4 * this.#random()) : 0;
  }

  /** @param {Quiz} quiz @param {number} section */
  async #enters(quiz, section) {
    for (;;) {
      await this.#waits(quiz, 2_000);
      try {
        return await quiz.enter(section);
      } catch (/** @type {any} */ error) {
        // A second try finds it entered, or the session paused or over.
        if (!("isTransient" in error)) throw error;
      }
    }
  }

  /** Whether a question takes no answer any more. @param {Quiz} quiz @param {number} number @param {string} id */
  #isClosed(quiz, number, id) {
    const section = quiz.session.sections?.find((/** @type {any} */ each) => each.section === number);
    return Boolean(section && (section.locked.includes(id) || section.time_remaining === 0));
  }

  /** @param {Quiz} quiz */
  async #looksAgain(quiz) {
    const { sections } = quiz.paper;
    const isFree = (/** @type {any} */ section) => section.navigation === "free" && section.time_limit_seconds === null;
    const free = sections.filter(isFree).flatMap((/** @type {any} */ { questions }) => questions);
    const question = free[Math.floor(this.#random() * free.length)];
    await this.#waits(quiz, 3_000 + 9_000 * this.#random());
    if (!question) return;
    const { id, content } = question;
    const begun = quiz.answer(id) ?? "";
    if (content.kind === "choice") await this.#does(quiz, id, [reconsidered(question, this.#random)]);
    else if (content.kind === "essay" && begun.length < LONGEST_ANSWER) {
      await this.#does(quiz, id, continued(id, begun, this.#random));
    }
  }

  /** @param {Quiz} quiz @param {string} id @param {Iterable<Step>} steps */
  async #does(quiz, id, steps) {
    for (const { wait, value, typed } of steps) {
      await this.#waits(quiz, wait * this.#pace);
      this.#ledger.typed(quiz.session.id, id, value);
      // Nobody waits for the service before the next question. What it does not accept is seen as the answer's state.
      if (typed) await quiz.set(id, value);
      else quiz.commit(id, value).catch(() => {});
    }
  }

  /** @param {Quiz} quiz @param {number} ms */
  async #waits(quiz, ms) {
    await after(ms);
    while (isOpen(quiz.session) && quiz.session.paused) await after(PAUSED_MS);
    if (!isOpen(quiz.session)) throw new Over();
  }
}
