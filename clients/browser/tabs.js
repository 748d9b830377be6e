// The tabs that show one session: they tell each other what happens, and one of them sends.

export class Tabs {
  /** Whether this tab sends. */
  isSender = false;

  #name;
  #woken;
  #channel;
  #isClosed = false;
  #waiting = new AbortController();
  /** @type {() => void} */
  #release = () => {};

  /**
   * @param {string} name
   * @param {(told: any) => void} hear what other tabs tell
   * @param {() => void} woken when this tab begins to send
   */
  constructor(name, hear, woken) {
    this.#name = name;
    this.#woken = woken;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => hear(data);
    if (!navigator.locks) {
      // All send, as one client: that is no conflict, only more requests.
      this.isSender = true;
      return;
    }
    this.#stand();
  }

  /** @param {any} message */
  tell(message) {
    if (!this.#isClosed) this.#channel.postMessage(message);
  }

  /**
   * Send from this tab, which is the one in sight: timers of hidden ones are late, and frozen ones send nothing.
   *
   * @param {boolean} [anyway] also where it is hidden
   */
  want(anyway = false) {
    if (this.isSender || !navigator.locks || this.#isClosed) return;
    if (anyway || document.visibilityState === "visible") this.#stand(true);
  }

  close() {
    this.#isClosed = true;
    this.isSender = false;
    this.#waiting.abort();
    this.#release();
    this.#channel.close();
  }

  /** @param {boolean} [steal] */
  #stand(steal = false) {
    this.#waiting.abort();
    const waiting = (this.#waiting = new AbortController());
    const isPast = () => this.#isClosed || this.#waiting !== waiting;
    const held = () =>
      new Promise((resolve) => {
        if (isPast()) return resolve(undefined);
        this.#release = () => resolve(undefined);
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
