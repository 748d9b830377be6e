// Acts on many: sent a thousand at a time, and what became of them.

import { Once } from "./once.js";

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
 * @property {(string[] | "all")[]} left what has not been done yet
 * @property {number} round how often the first of these was sent, for want of time
 * @property {Once} once the key of what was sent last: a repeat of it is the same act
 */

const MOST = 1000;
const ROUNDS = 30;
/** @type {Record<Kind, string>} */
const CHANGED = { extend: "extended", pause: "paused", resume: "resumed", notices: "notified", complete: "completed" };

/** @param {string[] | "all"} ids @returns {Done} */
export function nothingYet(ids) {
  /** @type {(string[] | "all")[]} */
  const left = ids === "all" ? ["all"] : [];
  if (ids !== "all") for (let at = 0; at < ids.length; at += MOST) left.push(ids.slice(at, at + MOST));
  return { changed: 0, remaining: 0, cut: { count: 0, ids: [] }, unchanged: {}, left, round: 0, once: new Once() };
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
    const reply = await sent(room, kind, ids, words, done.once.keyFor([ids, words, done.round]));
    const changed = reply[CHANGED[kind]];
    done.changed += changed;
    done.remaining = reply.remaining ?? 0;
    // Those of the round before are no news.
    if (done.round === 0) note(done, reply);
    done.round += 1;
    if (done.remaining && changed && done.round < ROUNDS) continue;
    done.left.shift();
    done.round = 0;
  }
}

/** @param {Done} done @param {any} reply */
function note(done, { cut, unchanged }) {
  if (cut) done.cut = { count: done.cut.count + cut.count, ids: [...done.cut.ids, ...cut.session_ids] };
  for (const { reason, count, session_ids } of unchanged) {
    const before = done.unchanged[reason] ?? { count: 0, ids: [] };
    done.unchanged[reason] = { count: before.count + count, ids: [...before.ids, ...session_ids] };
  }
}
