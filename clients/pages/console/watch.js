// The room as the page holds it: how it was seen last, in an order that does not jump.

import { watchQuiz } from "../../browser/quiz-sessions.js";
import { useEffect, useMemo, useRef, useState } from "../common/view.js";
import { ordered } from "./rows.js";

/** @import { Room } from "../../browser/types.js" */
/** @import { Filter, Known, Sort } from "./rows.js" */
/** @import { TabProps } from "./page.js" */

/**
 * @typedef {object} View
 * @property {Room} room
 * @property {number} looks grows with each look that came to something
 * @property {number} lookedAt when that was, by `performance.now()`; 0 before the first
 * @property {number} offset what has to be added to `performance.now()` for the server's clock
 * @property {any} problem
 */

/** The server's clock, in milliseconds since 1970. @param {View} view */
export const serverNow = ({ offset }) => offset + performance.now();

/**
 * @param {TabProps} props
 * @returns {View | null} null before the first reply
 */
export function useRoom({ config, login, quizId }) {
  const [view, setView] = useState(/** @type {View | null} */ (null));
  useEffect(() => {
    const room = watchQuiz({ baseUrl: config.api, token: login.token, quizId });
    room.on("change", () => {
      const at = performance.now();
      const { problem } = room;
      setView((before) => {
        const { looks = 0, lookedAt = 0, offset = 0 } = before ?? {};
        if (problem) return { room, looks, lookedAt, offset, problem };
        return { room, looks: looks + 1, lookedAt: at, offset: Date.parse(room.serverTime) - at, problem: null };
      });
    });
    return () => room.close();
  }, []);
  return view;
}

/**
 * The sessions that are shown, in their order. While `isHeld()`, rows stay where they are, also those that the
 * filter would not show any more; new ones come last.
 *
 * @param {View} view
 * @param {Filter} filter
 * @param {Sort} sort
 * @param {number} asked grows when the order is asked for
 * @param {() => boolean} isHeld
 * @returns {{ids: string[], isOld: boolean}} `isOld`: another order would be right by now
 */
export function useOrder(view, filter, sort, asked, isHeld) {
  const kept = useRef(/** @type {{choice: unknown[], ids: string[]}} */ ({ choice: [], ids: [] }));
  return useMemo(() => {
    /** @type {Known} */
    const known = { now: serverNow(view), presence: view.room.presence };
    const fresh = ordered(view.room.rows, filter, sort, known);
    const choice = [filter, sort, asked];
    const isSame = choice.every((each, index) => each === kept.current.choice[index]);
    if (!isSame || !isHeld()) {
      kept.current = { choice, ids: fresh };
      return { ids: fresh, isOld: false };
    }
    const before = kept.current.ids;
    const those = new Set(before);
    const added = fresh.filter((id) => !those.has(id));
    const ids = added.length ? [...before, ...added] : before;
    kept.current = { choice, ids };
    return { ids, isOld: ids.length !== fresh.length || ids.some((id, index) => id !== fresh[index]) };
  }, [view.looks, filter, sort, asked]);
}

/** Calls once a second, and after each drawing. @param {() => void} tick */
export function useSeconds(tick) {
  const now = useRef(tick);
  now.current = tick;
  useEffect(() => {
    const timer = setInterval(() => now.current(), 1000);
    return () => clearInterval(timer);
  }, []);
}
