// Acts on many: sent a thousand at a time, and what became of them.

import { Once } from "./once.js";
import { isUnsure } from "./problems.js";

/** @import { Room } from "../../browser/types.js" */

/** @typedef {"extend" | "pause" | "resume" | "notices" | "complete"} Kind */
/** @typedef {{seconds: number, text: string}} Words what is said of it: for how long, and the reason or the notice */
/** @typedef {{count: number, ids: string[]}} Those */

/**
 * What was done so far.
 *
 * @typedef {object} Done
 * @property {number} changed
 * @property {number} remaining open ones for which there was no time
 * @property {Those} cut
 * @property {Record<string, Those>} unchanged by reason
 * @property {Those} perhaps as wanted by now: by a try whose reply was lost, or before it
 * @property {boolean} isUnsure whether such a try of what is left may have been done
 * @property {number} known how many of the first of these are as wanted, by the last reply
 * @property {(string[] | "all")[]} left what has not been done yet
 * @property {number} round how often the first of these was sent, for want of time
 * @property {Once} once the key of what was sent last: a repeat of it is the same act
 */

const MOST = 1000;
const ROUNDS = 30;
/** @type {Record<Kind, string>} */
const CHANGED = { extend: "extended", pause: "paused", resume: "resumed", notices: "notified", complete: "completed" };
/** Done by the same request, sent before. @type {Record<string, string>} */
const BEFORE = { extend: "extended already", resume: "resumed already", notices: "notified already" };
/** Done by it or by another one, which the service does not tell apart. @type {Record<string, string>} */
const PERHAPS = { pause: "paused already", complete: "completed" };

/** @returns {Those} */
const nobody = () => ({ count: 0, ids: [] });

/** @param {string[] | "all"} ids @returns {Done} */
export function nothingYet(ids) {
  /** @type {(string[] | "all")[]} */
  const left = ids === "all" ? ["all"] : [];
  if (ids !== "all") for (let at = 0; at < ids.length; at += MOST) left.push(ids.slice(at, at + MOST));
  return { changed: 0, remaining: 0, cut: nobody(), unchanged: {}, perhaps: nobody(), isUnsure: false, known: 0, left, round: 0, once: new Once() };
}

/** @param {Room} room @param {Kind} kind @param {string[] | "all"} ids @param {Words} words @param {string} key @returns {Promise<any>} */
function sent(room, kind, ids, { seconds, text }, key) {
  switch (kind) {
    case "extend":
      return room.extend(ids, seconds, text, key);
    case "pause":
      return room.pause(ids, text, key);
    case "resume":
      return room.resume(ids, text, key);
    case "notices":
      return room.notify(ids, text, key);
    case "complete":
      return room.handIn(ids, text, key);
  }
}

/**
 * Does what is left. Where it fails, `done` says how far it came, and may be given again.
 *
 * @param {Room} room
 * @param {Kind} kind
 * @param {Words} words
 * @param {Done} done
 */
export async function act(room, kind, words, done) {
  while (done.left[0] !== undefined) {
    const ids = done.left[0];
    const reply = await sent(room, kind, ids, words, done.once.keyFor([ids, words, done.round])).catch((error) => {
      done.isUnsure ||= isUnsure(error);
      throw error;
    });
    const isAgain = done.isUnsure || reply.isUnsure;
    const changed = reply[CHANGED[kind]];
    done.changed += changed;
    done.remaining = reply.remaining ?? 0;
    note(done, kind, reply, isAgain);
    done.isUnsure = false;
    done.round += 1;
    if (done.remaining && (changed || isAgain) && done.round < ROUNDS) continue;
    done.left.shift();
    done.round = done.known = 0;
  }
}

/** @param {Those} before @param {number} count @param {string[]} ids */
const more = (before, count, ids) => ({ count: before.count + count, ids: [...before.ids, ...ids] });

/** @param {Done} done @param {Kind} kind @param {any} reply @param {boolean} isAgain whether the same may have been done before */
function note(done, kind, reply, isAgain) {
  const { cut, unchanged } = reply;
  const known = done.known;
  done.known += reply[CHANGED[kind]];
  if (cut) done.cut = more(done.cut, cut.count, cut.session_ids);
  for (const { reason, count, session_ids } of unchanged) {
    const isPerhaps = reason === PERHAPS[kind];
    if (isPerhaps) done.known = count + reply[CHANGED[kind]];
    if (reason === BEFORE[kind]) done.changed += count;
    else if (isPerhaps && isAgain) done.perhaps = more(done.perhaps, Math.max(0, count - known), session_ids);
    // Those of the round before are no news.
    else if (done.round === 0) done.unchanged[reason] = more(done.unchanged[reason] ?? nobody(), count, session_ids);
  }
}
