// The answers on this device, until the server has committed them.

import { own } from "./api.js";
import { canonical } from "./receipts.js";

/** @import { Entry, SaveState, Session } from "./types.js" */
/** @import { Store } from "./device.js" */

// From the worst to the best.
const STATES = /** @type {const} */ (["conflict", "refused", "unsent", "buffered", "committed"]);

export const isOpen = (/** @type {Session} */ { status }) => ["started", "in_progress"].includes(status);
export const isLeft = (/** @type {Entry} */ { state }) => ["unsent", "conflict"].includes(state);
const moment = (/** @type {string} */ tag) => Number(tag.split(".")[0]);
const writer = (/** @type {string} */ tag) => tag.split(".")[1];
// No two edits of a question have the same number.
const next = (/** @type {Entry | undefined} */ known) => Math.max(Date.now(), (known?.n ?? 0) + 1);

export class Answers {
  /** @type {Session} */ session = {};
  saved = Promise.resolve();
  #store;
  #tell;
  #changed;
  /** @type {Map<string, Entry>} */ #entries = new Map();
  // A request that was held up on its way may come in after a newer one.
  /** @type {Map<string, {value: unknown, tag: string}>} */
  #held = new Map();

  /** @param {Store} store @param {(message: object) => void} tell
   * @param {(questions: string[], anyway?: boolean) => void} changed */
  constructor(store, tell, changed) {
    this.#store = store;
    this.#tell = tell;
    this.#changed = changed;
  }

  async load() {
    this.#entries.clear();
    this.#held.clear();
    for (const entry of await this.#store.all(`answer ${this.session.id} `)) {
      // Staff may have given more time since.
      const isBack = entry.late && isOpen(this.session);
      this.#entries.set(entry.question, isBack ? { ...entry, state: "unsent", late: false } : entry);
    }
  }

  /** @param {string} question */
  of(question) {
    const entry = this.#entries.get(question);
    const counts = !entry || entry.late || (entry.state === "refused" && !isOpen(this.session));
    return counts ? own(this.session.answers, question) : entry.value;
  }

  /** @param {string} question @returns {SaveState} */
  stateOf(question) {
    const isBuffered = this.session.buffered_questions?.includes(question);
    return this.#entries.get(question)?.state ?? (isBuffered ? "buffered" : "committed");
  }

  /** @returns {SaveState} */
  get state() {
    const all = [...this.#entries.keys(), ...(this.session.buffered_questions ?? [])].map((each) => this.stateOf(each));
    return STATES.find((state) => all.includes(state)) ?? "committed";
  }

  get late() {
    return Object.fromEntries([...this.#entries.values()].filter((e) => e.late).map((e) => [e.question, e.value]));
  }

  get conflicts() {
    const all = this.#inState("conflict").map(({ question, value, theirs }) => [question, { mine: value, theirs }]);
    return Object.fromEntries(all);
  }

  get unsent() {
    return this.#inState("unsent");
  }

  get left() {
    return [...this.#entries.values()].filter(isLeft);
  }

  /** @param {string} question @param {unknown} value @param {boolean} urgent */
  edit(question, value, urgent) {
    const { id: session, answer_tags } = this.session;
    const known = this.#entries.get(question);
    const base = known ? known.base : (own(answer_tags, question) ?? null);
    const n = next(known);
    this.#held.delete(question);
    /** @type {Entry} */
    const edited = { session, question, value, base, n, state: "unsent", tag: null, urgent, late: false };
    // Shown at once; another tab may have got ahead on the device.
    this.#entries.set(question, known?.state === "conflict" ? { ...known, value, n } : edited);
    this.#changed([question]);
    const stored = this.#change(question, n, (kept) => {
      const latest = { ...edited, n: Math.max(n, (kept?.n ?? 0) + 1) };
      if (!kept) return latest;
      if (kept.state === "conflict") return { ...kept, value, n: latest.n };
      return { ...latest, base: kept.base, urgent: urgent || (kept.state === "unsent" && kept.urgent) };
    });
    this.saved = Promise.allSettled([this.saved, stored]).then(() => {});
    return /** @type {Promise<Entry>} */ (stored);
  }

  /** @param {Entry[]} batch @param {Session} session */
  async accepted(batch, { answers, answer_tags, buffered_questions }) {
    for (const { question, n, value } of batch) {
      const tag = own(answer_tags, question) ?? null;
      // Another device's may count by now.
      const isOurs = tag !== null && canonical(own(answers, question)) === canonical(value);
      await this.#change(question, n, (known) => {
        if (!known) return undefined;
        if (isOurs && known.n === n) this.#held.set(question, { value, tag });
        if (known.n !== n) return isOurs ? { ...known, base: tag } : known;
        const isBuffered = isOurs && buffered_questions?.includes(question);
        return isBuffered ? { ...known, state: "buffered", tag, base: tag, urgent: false } : undefined;
      });
    }
  }

  /** What an ended session holds needs no more. */
  async end() {
    await this.saved;
    const { answers = {} } = this.session;
    const held = this.left.filter(({ question, value }) => canonical(own(answers, question)) === canonical(value));
    await this.accepted(held, this.session);
  }

  /** Compare what is thought to be on the server with what is there. */
  async reconcile() {
    const { answers = {}, answer_tags: tags = {}, buffered_questions: buffered = [] } = this.session;
    for (const [question, { value, tag }] of this.#held) {
      const there = own(tags, question);
      if (this.#entries.get(question)?.state === "unsent" || !there || there === tag) continue;
      if (moment(there) < moment(tag)) continue;
      this.#held.delete(question);
      if (writer(there) !== writer(tag) || canonical(own(answers, question)) === canonical(value)) continue;
      await this.#change(question, 0, (known) => (known && known.state !== "buffered" ? known : this.#entryOf(question, value, there, known)));
    }
    const questions = [...this.#entries.keys()];
    for (const [question, { n, state, tag, value }] of this.#entries) {
      // Staff have accepted what came too late.
      const isAccepted = state === "refused" && canonical(own(answers, question)) === canonical(value);
      if (isAccepted) await this.#change(question, n, (known) => (known?.n === n ? undefined : known));
      const there = own(tags, question) ?? null;
      if (state === "conflict" && there !== tag) await this.meet({ question, n }, own(answers, question), there);
      if (state !== "buffered" || tag === null) continue;
      const isThere = there && moment(there) >= moment(tag);
      if (isThere && buffered.includes(question)) continue;
      // What the server has lost before it was committed is sent again.
      await this.#change(question, n, (known) => {
        if (known?.n !== n) return known;
        return isThere ? undefined : { ...known, state: "unsent", base: there, tag: null };
      });
    }
    return [...questions, ...Object.keys(answers)];
  }

  /** @param {Entry} entry @param {boolean} late */
  async refuse({ question, n }, late) {
    await this.#change(question, n, (known) => (known?.n === n ? { ...known, state: "refused", late } : known));
  }

  /** @param {Pick<Entry, "question" | "n">} entry @param {unknown} theirs @param {string | null} tag */
  async meet({ question, n }, theirs, tag) {
    await this.#change(question, n, (known) => known && { ...known, state: "conflict", theirs, tag });
  }

  /** @param {string} question @param {unknown} choice */
  async resolve(question, choice) {
    await this.#change(question, 0, (known) => {
      if (known?.state !== "conflict" && known?.state !== "refused") return known;
      if (choice === "theirs") return undefined;
      const value = choice === "mine" ? known.value : choice;
      const base = known.state === "conflict" ? known.tag : known.base;
      return { ...known, value, base, n: next(known), state: "unsent", late: false };
    });
  }

  /** @param {any} told */
  hear({ question, entry, n }) {
    this.#held.delete(question);
    this.#place(question, entry, n);
    this.#changed([question]);
  }

  async wipe() {
    for (const question of this.#entries.keys()) {
      await this.#store.update(`answer ${this.session.id} ${question}`, () => undefined);
    }
  }

  /** @param {string} question @param {unknown} value @param {string} base @param {Entry | undefined} known
   * @returns {Entry} */
  #entryOf(question, value, base, known) {
    const n = next(known);
    return { session: this.session.id, question, value, base, n, state: "unsent", tag: null, urgent: false, late: false };
  }

  /** @param {Entry["state"]} state */
  #inState(state) {
    return [...this.#entries.values()].filter((entry) => entry.state === state);
  }

  /** @param {string} question @param {number} n of what it is about, where the device has nothing
   * @param {(known: Entry | undefined) => Entry | undefined} change */
  async #change(question, n, change) {
    const wasDurable = this.#store.isDurable;
    const shown = this.#entries.get(question);
    const entry = await this.#store.update(`answer ${this.session.id} ${question}`, (kept) => {
      // Another tab may have what this one's storage did not take.
      const known = kept ?? (wasDurable ? undefined : shown);
      const changed = change(known);
      n = (changed ?? known)?.n ?? n;
      return changed;
    });
    this.#place(question, entry, n);
    this.#tell({ question, entry, n });
    this.#changed([question], wasDurable !== this.#store.isDurable);
    return entry;
  }

  /** @param {string} question @param {Entry | undefined} entry @param {number} n */
  #place(question, entry, n) {
    // What was typed since is about to be stored.
    if (n < (this.#entries.get(question)?.n ?? 0)) return;
    if (entry) this.#entries.set(question, entry);
    else this.#entries.delete(question);
  }
}
