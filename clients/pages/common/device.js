// What a page remembers on this device: a convenience, it works without. Tokens do not belong here (tab.js says why).

/** @param {string} prefix of its keys */
export function onDevice(prefix) {
  /** @param {string} key @returns {any} null where there is nothing, or the browser forbids it */
  const recall = (key) => {
    try {
      return JSON.parse(localStorage.getItem(prefix + key) ?? "null");
    } catch {
      return null;
    }
  };

  /** @param {string} key @param {unknown} value JSON; null forgets */
  const keep = (key, value) => {
    try {
      if (value === null) localStorage.removeItem(prefix + key);
      else localStorage.setItem(prefix + key, JSON.stringify(value));
    } catch {
      // Storage is forbidden, or full.
    }
  };

  /** Forgets all of it. */
  const clear = () => {
    try {
      for (const key of Object.keys(localStorage)) if (key.startsWith(prefix)) localStorage.removeItem(key);
    } catch {
      // Nothing was kept.
    }
  };

  /** What other tabs keep. @param {string} key @param {() => void} listener @returns what takes it off again */
  const onKept = (key, listener) => {
    const heard = (/** @type {StorageEvent} */ event) => event.key === prefix + key && listener();
    addEventListener("storage", heard);
    return () => removeEventListener("storage", heard);
  };

  return { recall, keep, clear, onKept };
}
