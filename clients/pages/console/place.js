// Where in the console one is: `#/physics/room/31bb95d0-…`.

import { useEffect, useState } from "../common/view.js";

/** @typedef {{quizId: string, tab: string, sessionId: string}} Place */

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    // Half an escape, as of an address that was cut off.
    return part;
  }
}

/** @returns {Place} */
export function place() {
  const [quizId = "", tab = "", sessionId = ""] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  return { quizId, tab, sessionId };
}

/** @param {string} [quizId] @param {string} [tab] @param {string} [sessionId] */
export const href = (quizId, tab, sessionId) =>
  `#/${[quizId, tab, sessionId].flatMap((part) => (part ? [encodeURIComponent(part)] : [])).join("/")}`;

/** The place, as it is now. */
export function usePlace() {
  const [now, setNow] = useState(place);
  useEffect(() => {
    const moved = () => setNow(place());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return now;
}
