// One key for as long as the same is asked for: sent again after a lost reply, it is done once.

import { unique } from "../../browser/api.js";

export class Once {
  #of = "";
  #key = "";

  /** @param {unknown} asked any JSON: all that is sent under the key @returns {string} */
  keyFor(asked) {
    const of = JSON.stringify(asked);
    if (of !== this.#of || !this.#key) {
      this.#of = of;
      this.#key = unique();
    }
    return this.#key;
  }

  /** It was answered: the same is another act from now on. */
  forget() {
    this.#key = "";
  }
}
