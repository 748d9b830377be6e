// What this tab keeps for itself: it survives a reload and the way to an issuer, and is gone with the tab.
//
// Tokens lie here, and not in localStorage, where they would outlive the student on a shared machine and be in
// every tab. A script could read either: the policy for content (CSP) lets no other script in. A tab that is
// duplicated begins with a copy, and an issuer may then refuse the second use of a refresh token: that tab has
// its token until it ends, and signs in again.

/** @type {Map<string, string>} */
const memory = new Map();

/** @param {string} key @returns {any} JSON, or null */
export function kept(key) {
  try {
    // What could not be stored is newer than what is.
    return JSON.parse(memory.get(key) ?? sessionStorage.getItem(key) ?? "null");
  } catch {
    // Storage is forbidden, or somebody else's.
    return null;
  }
}

/** @param {string} key @param {unknown} value JSON; undefined takes it away @returns {boolean} whether it survives this page */
export function keep(key, value) {
  const text = JSON.stringify(value);
  try {
    memory.delete(key);
    if (text === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, text);
    return true;
  } catch {
    if (text !== undefined) memory.set(key, text);
    return false;
  }
}
