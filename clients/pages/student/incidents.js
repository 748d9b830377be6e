// What proctors are told of the page: that it lost the focus, or the network. It is never in the student's way.

import { sessionPath } from "../common/requests.js";

/** @import { Api } from "../../browser/api.js" */

const PAUSE_MS = 3_000;
const MOST = 100;

/**
 * @param {Api} api
 * @param {string} sessionId
 * @returns what ends the reports
 */
export function reportIncidents(api, sessionId) {
  let left = MOST;
  let mayFrom = 0;
  /** @type {number | null} */ let awayFrom = null;
  /** @type {number | null} */ let offlineFrom = null;
  const seconds = (/** @type {number} */ from) => Math.round((performance.now() - from) / 1000);
  const report = (/** @type {string} */ type, /** @type {object} */ detail = {}) => {
    if (left <= 0) return;
    left -= 1;
    // Once: what is lost is lost.
    api.request("POST", `${sessionPath(sessionId)}/incidents`, { type, detail }).catch(() => {});
  };
  const leaves = () => {
    if (awayFrom !== null || performance.now() < mayFrom) return;
    awayFrom = performance.now();
    report("blur");
  };
  const back = () => {
    if (awayFrom === null || document.visibilityState === "hidden") return;
    report("focus", { seconds: seconds(awayFrom) });
    awayFrom = null;
    mayFrom = performance.now() + PAUSE_MS;
  };
  /** @type {[EventTarget, string, () => void][]} */
  const listeners = [
    [window, "blur", leaves],
    [window, "focus", back],
    [document, "visibilitychange", () => (document.visibilityState === "hidden" ? leaves() : back())],
    [window, "offline", () => (offlineFrom = performance.now())],
    [
      window,
      "online",
      () => {
        if (offlineFrom !== null) report("online", { seconds: seconds(offlineFrom) });
        offlineFrom = null;
      },
    ],
  ];
  for (const [target, event, listener] of listeners) target.addEventListener(event, listener);
  return () => {
    for (const [target, event, listener] of listeners) target.removeEventListener(event, listener);
  };
}
