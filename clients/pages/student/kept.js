// What the library keeps of a quiz on this device: read, and removed, without opening the quiz, which might start it.

import { Store } from "../../browser/device.js";

/** @import { Entry, Session } from "../../browser/types.js" */

export class Device {
  #key;

  /** @param {string} api @param {string} quizId @param {string | undefined} userId */
  constructor(api, quizId, userId) {
    // As `openQuiz` calls it.
    this.#key = `open ${api} ${quizId} ${userId}`;
  }

  /** The last session that is kept. @returns {Promise<Session | undefined>} */
  async session() {
    const store = new Store(false);
    const known = await store.get(this.#key);
    store.close();
    return known?.session;
  }

  /**
   * Removes an ended session.
   *
   * @param {string} id
   * @param {boolean} wasKept whether this browser has kept it at all
   * @returns {Promise<boolean>} whether a later one is kept
   * @throws {Error} the browser's storage does not say that it is gone
   */
  async forget(id, wasKept) {
    const store = new Store(false);
    try {
      const answers = /** @type {Entry[]} */ (await store.all(`answer ${id} `));
      for (const { question } of answers) await store.update(`answer ${id} ${question}`, () => undefined);
      await store.update(`receipts ${id}`, () => undefined);
      const known = await store.update(this.#key, (kept) => (kept?.session?.id === id ? undefined : kept));
      if (wasKept && !store.isDurable) throw new Error("The device's storage does not answer.");
      return Boolean(known?.session);
    } finally {
      store.close();
    }
  }
}
