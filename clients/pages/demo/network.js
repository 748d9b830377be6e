// A network for each simulated student, which can be cut.
//
// They share this page, and with it the visitor's network. So each is told an address of its own for the service, below
// `line/`, where nothing is. Here the student's name is taken out of it again: the request goes to the service as it is, or
// fails just as `fetch` fails without a network. What is under way is cut as well, and then the service may have done what it
// was asked while its reply is lost. The library is told nothing of all this.

export class Network {
  #prefix;
  /** @type {Map<string, AbortController>} */ #lines = new Map();
  /** @type {Set<string>} */ #cut = new Set();

  /** Stands between the page and `fetch` from now on. @param {string} api */
  constructor(api) {
    this.#prefix = `${api}/line/`;
    const { fetch, navigator } = globalThis;
    globalThis.fetch = async (input, options) => {
      const { name, address } = this.#found(input);
      if (!name) return fetch(input, options);
      if (this.#cut.has(name)) throw new TypeError("the network is cut");
      const signals = [this.#line(name).signal, ...(options?.signal ? [options.signal] : [])];
      return fetch(address, { ...options, signal: AbortSignal.any(signals) });
    };
    const sendBeacon = navigator.sendBeacon.bind(navigator);
    navigator.sendBeacon = (input, body) => {
      const { name, address } = this.#found(input);
      return !this.#cut.has(name) && sendBeacon(name ? address : input, body);
    };
  }

  /** Where a student finds the service. @param {string} name */
  addressOf(name) {
    return this.#prefix + encodeURIComponent(name);
  }

  /** @param {string} name */
  cut(name) {
    this.#cut.add(name);
    this.#line(name).abort(new TypeError("the network is cut"));
    this.#lines.delete(name);
  }

  /** @param {string} name */
  heal(name) {
    this.#cut.delete(name);
  }

  /** @param {string} name */
  isCut(name) {
    return this.#cut.has(name);
  }

  /** @param {string} name */
  #line(name) {
    const line = this.#lines.get(name) ?? new AbortController();
    this.#lines.set(name, line);
    return line;
  }

  /** Whose request it is, if a student's, and where it leads. @param {unknown} input */
  #found(input) {
    const asked = String(input);
    if (!asked.startsWith(this.#prefix)) return { name: "", address: asked };
    const [name, ...path] = asked.slice(this.#prefix.length).split("/");
    return { name: decodeURIComponent(name), address: [this.#prefix.slice(0, -"/line/".length), ...path].join("/") };
  }
}
