// Storage, other tabs and a clock: none of them can be relied on.

import { after } from "./api.js";

const STORE_MS = 3_000;
const HUNG_MS = 100;
const HANGS = new Error("The device's storage hangs.");
const DRIFT = 1 / 5000;
const JUMP_MS = 2_000;
const ROUND_TRIPS = 10;

/** @param {IDBRequest<any>} request @returns {Promise<any>} */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** In IndexedDB; what that does not take, in this page alone. */
export class Store {
  #inMemory;
  #patience = STORE_MS;
  /** @type {Map<string, any>} */ #memory = new Map();
  /** @type {Promise<IDBDatabase> | null} */ #database = null;

  /** @param {boolean} inMemory */
  constructor(inMemory) {
    this.#inMemory = inMemory;
  }

  get isDurable() {
    return !this.#inMemory && !this.#memory.size;
  }

  /** In one transaction; undefined removes it. @template T @param {string} key @param {(known: any) => T} change @returns {Promise<T>} */
  async update(key, change) {
    const memory = this.#memory;
    try {
      const value = await this.#inTransaction("readwrite", async (all) => {
        const changed = change(memory.has(key) ? memory.get(key) : await done(all.get(key)));
        await done(changed === undefined ? all.delete(key) : all.put(changed, key));
        return changed;
      });
      memory.delete(key);
      return value;
    } catch {
      const value = change(memory.get(key) ?? (await this.get(key)));
      memory.set(key, value);
      // What is older must not come back with the next page.
      const isGone = await this.#inTransaction("readwrite", (all) => done(all.delete(key))).then(() => true, () => false);
      if (isGone && value === undefined) memory.delete(key);
      return value;
    }
  }

  /** @param {string} key @returns {Promise<any>} */
  async get(key) {
    return (await this.all(key, key))[0];
  }

  /** @param {string} prefix @param {string} [last] @returns {Promise<any[]>} */
  async all(prefix, last = `${prefix}\uffff`) {
    const range = IDBKeyRange.bound(prefix, last);
    const stored = await this.#inTransaction("readonly", (all) => done(all.getAll(range))).catch(() => []);
    const inPage = [...this.#memory].filter(([key, value]) => range.includes(key) && value !== undefined);
    return [...stored, ...inPage.map(([, value]) => value)];
  }

  close() {
    this.#database?.then((database) => database.close(), () => {});
  }

  /** @template T @param {IDBTransactionMode} mode @param {(all: IDBObjectStore) => Promise<T>} work
   * @param {boolean} [isAgain] @returns {Promise<T>} */
  async #inTransaction(mode, work, isAgain) {
    if (this.#inMemory) throw new Error("nothing is kept on the device");
    const stored = async () => {
      this.#database ??= new Promise((resolve, reject) => {
        const opening = indexedDB.open("quiz-sessions", 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error);
      });
      const transaction = (await this.#database).transaction("kept", mode);
      const ended = new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
      });
      ended.catch(() => {});
      const value = await work(transaction.objectStore("kept"));
      await ended;
      this.#patience = STORE_MS;
      return value;
    };
    try {
      return await Promise.race([stored(), after(this.#patience).then(() => Promise.reject(HANGS))]);
    } catch (error) {
      // Some browsers lose the database of a page out of sight, or let it hang.
      this.#database = null;
      if (error === HANGS) this.#patience = HUNG_MS;
      if (isAgain) throw error;
      return this.#inTransaction(mode, work, true);
    }
  }
}

export class Tabs {
  isSender = false;
  #name;
  #woken;
  #channel;
  #isClosed = false;
  #waiting = new AbortController();
  #release = () => {};

  /** @param {string} name @param {(told: any) => void} hear @param {() => void} woken */
  constructor(name, hear, woken) {
    this.#name = name;
    this.#woken = woken;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => hear(data);
    if (navigator.locks) this.#stand();
    // Without locks all send: more requests, no conflict.
    else this.isSender = true;
  }

  /** @param {any} message */
  tell(message) {
    if (!this.#isClosed) this.#channel.postMessage(message);
  }

  // Timers of hidden tabs are late, and frozen ones send nothing.
  /** @param {boolean} [anyway] */
  want(anyway) {
    if (this.isSender || this.#isClosed) return;
    if (anyway || document.visibilityState === "visible") this.#stand(true);
  }

  close() {
    this.#isClosed = true;
    this.isSender = false;
    this.#waiting.abort();
    this.#release();
    this.#channel.close();
  }

  #stand(steal = false) {
    this.#waiting.abort();
    const waiting = (this.#waiting = new AbortController());
    const isPast = () => this.#isClosed || this.#waiting !== waiting;
    const held = () =>
      new Promise((resolve) => {
        if (isPast()) return resolve(0);
        this.#release = () => resolve(0);
        this.isSender = true;
        this.#woken();
      });
    navigator.locks.request(this.#name, steal ? { steal } : { signal: waiting.signal }, held).catch(() => {
      if (isPast()) return;
      // Another tab has taken it.
      this.isSender = false;
      this.#stand();
    });
  }
}

/** The server's, as far as replies tell it. */
export class ServerClock {
  #origin = NaN;
  #error = Infinity;
  #measuredAt = 0;
  /** @type {number[]} */ #roundTrips = [];
  #ahead = Date.now() - performance.now();

  /** @param {string} serverTime @param {number} sentAt @param {number} receivedAt */
  sync(serverTime, sentAt, receivedAt) {
    const roundTrip = receivedAt - sentAt;
    this.#roundTrips = [...this.#roundTrips, roundTrip].slice(-ROUND_TRIPS);
    // The more exact one of two measurements is kept, until it is old.
    if (roundTrip / 2 > this.#error + (receivedAt - this.#measuredAt) * DRIFT) return;
    this.#origin = Date.parse(serverTime) - (sentAt + receivedAt) / 2;
    this.#error = roundTrip / 2;
    this.#measuredAt = receivedAt;
  }

  /** Take the device's own clock, until the server is heard. */
  guess() {
    this.#origin = Date.now() - performance.now();
  }

  /** Whether the server was heard, and the device has not slept since. */
  get isTold() {
    return this.#error < Infinity;
  }

  get now() {
    return this.#origin + performance.now();
  }

  get leadMs() {
    return Math.min(5_000, 400 + 2 * Math.max(0, ...this.#roundTrips));
  }

  // `performance.now()` may stand still while a device sleeps.
  hasJumped() {
    const ahead = Date.now() - performance.now();
    const hasJumped = Math.abs(ahead - this.#ahead) > JUMP_MS;
    this.#ahead = ahead;
    if (hasJumped) this.#error = Infinity;
    return hasJumped;
  }
}
