// The answer that a marker holds: it is asked for, held while its marker is at work, and marked (docs/marking.md).

import { useEffect, useRef, useState } from "../common/view.js";
import { HELD_MS } from "./queue.js";

/** @import { About, Item, Mark, Queue } from "./queue.js" */
/** @import { Trouble } from "./trouble.js" */

const LOOK_MS = 5000;
const TRIES = 3;

const isSame = (/** @type {Item | null | undefined} */ one, /** @type {Item | null | undefined} */ other) =>
  one?.session_id === other?.session_id && one?.question === other?.question;
const isAsRead = (/** @type {Item} */ one, /** @type {Item} */ other) =>
  JSON.stringify(one.answer) === JSON.stringify(other.answer) && one.points === other.points;

/**
 * @param {Queue} queue
 * @param {string | undefined} question answers to this one alone
 * @param {(item: Item | null) => void} onShown another answer is there, or none
 */
export function useHeld(queue, question, onShown) {
  const [item, setItem] = useState(/** @type {Item | null | undefined} */ (undefined));
  const [about, setAbout] = useState(/** @type {About | null | undefined} */ (undefined));
  const [front, setFront] = useState(/** @type {Item[]} */ ([]));
  const [trouble, setTrouble] = useState(/** @type {Trouble | null} */ (null));
  const desk = useRef({ isHere: true, isBusy: false, hasSkipped: false, heldAt: 0, renewedAt: 0, shown: /** @type {Item | null | undefined} */ (undefined) }).current;
  /** Changes with the answer that is shown. */
  const name = item ? `${item.session_id}/${item.question}` : item;

  /** One act at a time; what it fails of is told. @param {() => Promise<void>} done @param {string} what @param {() => void} [again] */
  const act = async (done, what, again) => {
    if (desk.isBusy) return;
    desk.isBusy = true;
    try {
      await done();
    } catch (failure) {
      if (desk.isHere) setTrouble({ kind: "failed", failure, what, again });
    } finally {
      desk.isBusy = false;
    }
  };

  /** @param {Item} of */
  const readAbout = async (of) => {
    const told = (/** @type {About | null} */ found) => desk.isHere && isSame(desk.shown, of) && setAbout(found);
    told(await queue.about(of.session_id, of.question, told).catch(() => null));
  };

  /** @param {Item | null} next @param {number} [since] when it was asked for */
  const show = (next, since = 0) => {
    desk.shown = next;
    desk.heldAt = since;
    setItem(next);
    setTrouble(null);
    setAbout(undefined);
    onShown(next);
    if (next) void readAbout(next);
  };

  /** @param {string} [after] */
  const takeNow = async (after) => {
    const since = Date.now();
    const next = await queue.next(question, after);
    if (!desk.isHere) return queue.letGo();
    if (!next) setFront(await queue.first(question));
    show(next, since);
  };
  /** @param {string} [after] */
  const take = (after) => act(() => takeNow(after), "The next answer could not be had.", () => take(after));
  /** Those that were skipped do not come again by themselves. */
  const behind = () => (desk.hasSkipped && item ? item.cursor : undefined);
  const next = () => take(behind());
  const skip = () => {
    desk.hasSkipped = true;
    void take(item?.cursor);
  };
  const startAgain = () => {
    desk.hasSkipped = false;
    void take();
  };

  /** @param {Item} now the answer that is shown, held anew @param {number} since */
  const holds = (now, since) => {
    desk.heldAt = since;
    desk.shown = now;
    setItem(now);
  };
  /** What is held by now in the place of the answer that is shown. @returns {Promise<Item | null>} the same answer, or null */
  const hold = async () => {
    const since = Date.now();
    const now = await queue.next(question);
    if (!isSame(now, item) || !now) return null;
    holds(now, since);
    return now;
  };
  /** @param {() => void} onHeld */
  const holdAgain = (onHeld) =>
    act(
      async () => {
        const now = item && (await hold());
        setTrouble(!now ? { kind: "taken" } : isAsRead(now, item) ? null : { kind: "changed" });
        onHeld();
      },
      "This answer could not be held for you.",
      () => holdAgain(onHeld),
    );

  // In the background: nothing waits for it, and it is in the way of nothing.
  const renew = async () => {
    const since = (desk.renewedAt = Date.now());
    const now = await queue.next(question).catch(() => undefined);
    if (now === undefined || !desk.isHere || desk.isBusy || !item || !isSame(desk.shown, item)) return;
    if (!now || !isSame(now, item)) return setTrouble({ kind: "taken" });
    holds(now, since);
    if (!isAsRead(now, item)) setTrouble({ kind: "changed" });
  };
  /** The marker is at work. */
  const moved = () => {
    const isOld = Date.now() - desk.heldAt > HELD_MS / 3 && Date.now() - desk.renewedAt > HELD_MS / 30;
    if (item && !trouble && isOld) void renew();
  };

  /** @param {Item} of @param {Mark} mark @param {boolean} isForced @returns {Promise<Trouble | null>} null: it is saved */
  const send = async (of, mark, isForced) => {
    for (let tries = 1; ; tries += 1) {
      try {
        await queue.mark(isForced ? { ...of, etag: undefined } : of, mark, { take: isForced });
        return null;
      } catch (error) {
        const failure = /** @type {any} */ (error);
        if (failure.code === "question_held") return { kind: "held", by: failure.problem.held_by, until: failure.problem.held_until };
        if (failure.code !== "precondition_failed" || tries === TRIES) throw failure;
        // Something of the session has changed: another question may have been marked, which is nothing to this one.
        const now = await hold();
        if (!now) {
          const result = await queue.result(of.session_id, of.question);
          const isMarked = result?.marked_by === "person";
          return isMarked ? { kind: "marked", points: result.points, comment: result.comment } : { kind: "taken" };
        }
        if (!isAsRead(now, of)) return { kind: "changed" };
        of = now;
      }
    }
  };
  /**
   * Marks the answer that is shown, and goes on with the next one.
   *
   * @param {Mark} mark
   * @param {object} options
   * @param {boolean} options.isForced also where another has marked it, or holds it
   * @param {() => void} options.onSaved
   * @param {() => void} options.again
   */
  const save = (mark, { isForced, onSaved, again }) =>
    act(
      async () => {
        if (!item) return;
        const came = await send(item, mark, isForced);
        if (came) return setTrouble(came);
        onSaved();
        if (!desk.isHere) return;
        try {
          await takeNow(behind());
        } catch (failure) {
          show(null);
          setItem(undefined);
          setTrouble({ kind: "failed", failure, what: "Your mark is saved. The next answer could not be had.", again: next });
        }
      },
      "Your mark was not saved; what you typed is kept here.",
      again,
    );

  useEffect(() => {
    void take();
    const gone = () => void queue.leave().catch(() => {});
    addEventListener("pagehide", gone);
    return () => {
      desk.isHere = false;
      removeEventListener("pagehide", gone);
      queue.letGo().catch(() => {});
    };
  }, []);
  useEffect(() => {
    // Also after a sleep, and after the browser has brought the page back.
    const look = () => item && Date.now() - desk.heldAt > HELD_MS - 2 * LOOK_MS && setTrouble((now) => now ?? { kind: "lapsed" });
    const back = (/** @type {PageTransitionEvent} */ event) => event.persisted && void renew();
    const timer = setInterval(look, LOOK_MS);
    addEventListener("pageshow", back);
    return () => {
      clearInterval(timer);
      removeEventListener("pageshow", back);
    };
  }, [name]);

  return { item, name, about, front, trouble, save, skip, next, startAgain, holdAgain, moved };
}
