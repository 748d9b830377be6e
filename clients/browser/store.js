// What is kept on the device: answers until the server has committed them, and what a page needs to go on without it.

/**
 * An answer that the server has not committed, as far as is known.
 *
 * @typedef {object} Entry
 * @property {string} session
 * @property {string} question
 * @property {unknown} value
 * @property {string | null} base the tag of the answer that was shown when this one was begun
 * @property {number} n grows with each edit
 * @property {'unsent' | 'buffered' | 'refused'} state
 * @property {string | null} tag of the answer on the server, where it is buffered
 * @property {boolean} urgent whether it is to be committed
 * @property {boolean} late whether it came after the end, and was kept for staff
 */

/**
 * @param {IDBRequest<any>} request
 * @returns {Promise<any>}
 */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** In IndexedDB; where that is forbidden or full, in this page alone. */
export class Store {
  /** Whether what was put here survives the page. */
  isDurable = true;
  /** @type {Promise<IDBDatabase> | null} */
  #database = null;
  /** @type {Map<string, any>} */
  #memory = new Map();

  /** @param {boolean} inMemory whether to keep nothing on the device */
  constructor(inMemory) {
    if (inMemory) this.isDurable = false;
  }

  /**
   * Change the value of a key in one transaction; what `change` returns for undefined is stored, and undefined removes it.
   *
   * @template T
   * @param {string} key
   * @param {(known: any) => T} change
   * @returns {Promise<T>}
   */
  async update(key, change) {
    // The page's own copy is first: it goes on without a device that takes nothing.
    const known = this.#memory.get(key);
    if (this.isDurable) {
      try {
        return await this.#inTransaction(async (all) => {
          const value = change(await done(all.get(key)));
          await done(value === undefined ? all.delete(key) : all.put(value, key));
          this.#remember(key, value);
          return value;
        });
      } catch {
        this.isDurable = false;
      }
    }
    const value = change(known);
    this.#remember(key, value);
    return value;
  }

  /**
   * All values whose key begins with `prefix`.
   *
   * @param {string} prefix
   * @returns {Promise<any[]>}
   */
  async all(prefix) {
    if (this.isDurable) {
      try {
        const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
        return await this.#inTransaction((all) => done(all.getAll(range)), "readonly");
      } catch {
        this.isDurable = false;
      }
    }
    return [...this.#memory].filter(([key]) => key.startsWith(prefix)).map(([, value]) => value);
  }

  /**
   * @param {string} key
   * @returns {Promise<any>}
   */
  async get(key) {
    if (this.isDurable) {
      try {
        return await this.#inTransaction((all) => done(all.get(key)), "readonly");
      } catch {
        this.isDurable = false;
      }
    }
    return this.#memory.get(key);
  }

  close() {
    this.#database?.then((database) => database.close(), () => {});
  }

  /**
   * @param {string} key
   * @param {any} value
   */
  #remember(key, value) {
    if (value === undefined) this.#memory.delete(key);
    else this.#memory.set(key, value);
  }

  /**
   * @template T
   * @param {(all: IDBObjectStore) => Promise<T>} work
   * @param {IDBTransactionMode} mode
   * @returns {Promise<T>} once it is stored
   */
  async #inTransaction(work, mode = "readwrite") {
    this.#database ??= new Promise((resolve, reject) => {
      const opening = indexedDB.open("quiz-sessions", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
      opening.onblocked = () => reject(new Error("blocked"));
    });
    const transaction = (await this.#database).transaction("kept", mode);
    const ended = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
    const value = await work(transaction.objectStore("kept"));
    await ended;
    return value;
  }
}
