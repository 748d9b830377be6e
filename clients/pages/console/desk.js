// One answer after the other: read, marked, and the next one.

import { own as ownOf } from "../../browser/api.js";
import { timeOfDay } from "../common/format.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../common/view.js";
import { Answer, counted, pointsText } from "./answer.js";
import { MarkFields, readMark } from "./mark.js";
import { HELD_MS } from "./queue.js";
import { useShortcuts } from "./shortcuts.js";
import { TroubleBanner } from "./trouble.js";

/** @import { Login } from "../common/login.js" */
/** @import { Drafts } from "./drafts.js" */
/** @import { About, Item, Mark, Queue } from "./queue.js" */
/** @import { Trouble } from "./trouble.js" */

const LOOK_MS = 5000;
const TRIES = 3;
const EMPTY = { points: "", comment: "" };

/** @typedef {Item & {mark: Mark}} Marked */

const isSame = (/** @type {Item | null | undefined} */ one, /** @type {Item | null | undefined} */ other) =>
  one?.session_id === other?.session_id && one?.question === other?.question;
const isAsRead = (/** @type {Item} */ one, /** @type {Item} */ other) =>
  JSON.stringify(one.answer) === JSON.stringify(other.answer) && one.points === other.points;

/**
 * @param {object} props
 * @param {Queue} props.queue
 * @param {Drafts} props.drafts
 * @param {string | undefined} props.question answers to this one alone
 * @param {Record<string, any>} props.rules of the quiz's questions
 * @param {number | null} props.waiting null: it is not known
 * @param {Login} props.login
 * @param {boolean} props.isOn whether single keys work
 * @param {() => void} props.onHelp
 * @param {() => void} props.onChangeLast
 * @param {(marked: Marked) => void} props.onMarked
 * @param {() => void} props.onLeave
 */
export function Desk({ queue, drafts, question, rules, waiting, login, isOn, onHelp, onChangeLast, onMarked, onLeave }) {
  const [item, setItem] = useState(/** @type {Item | null | undefined} */ (undefined));
  const [about, setAbout] = useState(/** @type {About | null | undefined} */ (undefined));
  const [draft, setDraft] = useState(EMPTY);
  const [wrong, setWrong] = useState(/** @type {{points?: string, comment?: string}} */ ({}));
  const [trouble, setTrouble] = useState(/** @type {Trouble | null} */ (null));
  const [said, setSaid] = useState("");
  const [front, setFront] = useState(/** @type {Item[]} */ ([]));
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  const own = useRef({ isHere: true, isBusy: false, hasSkipped: false, heldAt: 0, renewedAt: 0, shown: /** @type {Item | null | undefined} */ (undefined) }).current;
  const name = item ? `${item.session_id}/${item.question}` : item;

  /** One act at a time; what it fails of is told. @param {() => Promise<void>} done @param {string} what @param {() => void} [again] */
  const act = async (done, what, again) => {
    if (own.isBusy) return;
    own.isBusy = true;
    try {
      await done();
    } catch (failure) {
      if (own.isHere) setTrouble({ kind: "failed", failure, what, again });
    } finally {
      own.isBusy = false;
    }
  };

  /** @param {Item} of */
  const readAbout = async (of) => {
    const told = (/** @type {About | null} */ found) => own.isHere && isSame(own.shown, of) && setAbout(found);
    told(await queue.about(of.session_id, of.question, told).catch(() => null));
  };

  /** @param {Item | null} next @param {number} [since] when it was asked for */
  const show = (next, since = 0) => {
    own.shown = next;
    own.heldAt = since;
    setItem(next);
    setDraft(next ? drafts.of(next) : EMPTY);
    setWrong({});
    setTrouble(null);
    setAbout(undefined);
    if (next) void readAbout(next);
  };

  /** @param {string} [after] */
  const takeNow = async (after) => {
    const since = Date.now();
    const next = await queue.next(question, after);
    if (!own.isHere) return queue.letGo();
    if (!next) setFront(await queue.first(question));
    show(next, since);
  };
  /** @param {string} [after] */
  const take = (after) => act(() => takeNow(after), "The next answer could not be had.", () => take(after));
  const go = () => take(own.hasSkipped && item ? item.cursor : undefined);

  /** What is held by now in the place of the answer that is shown. @returns {Promise<Item | null>} the same answer, or null */
  const hold = async () => {
    const since = Date.now();
    const now = await queue.next(question);
    if (!isSame(now, item) || !now) return null;
    own.heldAt = since;
    own.shown = now;
    setItem(now);
    return now;
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

  const save = (isForced = false) => {
    if (!item) return;
    const { mark, wrong: found } = readMark(draft, item.points);
    setWrong(found ?? {});
    if (!mark) return void document.getElementById(found.points ? "desk-points" : "desk-comment")?.focus();
    void act(
      async () => {
        const came = await send(item, mark, isForced);
        if (came) return setTrouble(came);
        drafts.put(item);
        onMarked({ ...item, mark });
        setSaid(`Saved: ${pointsText(mark.points)} of ${counted(item.points, "point")}.`);
        if (!own.isHere) return;
        try {
          await takeNow(own.hasSkipped ? item.cursor : undefined);
        } catch (failure) {
          show(null);
          setItem(undefined);
          setTrouble({ kind: "failed", failure, what: "Your mark is saved. The next answer could not be had.", again: () => take(own.hasSkipped ? item.cursor : undefined) });
        }
      },
      "Your mark was not saved; what you typed is kept here.",
      () => save(isForced),
    );
  };

  const skip = () => {
    if (!item) return;
    own.hasSkipped = true;
    setSaid("Skipped.");
    void take(item.cursor);
  };

  // In the background: nothing waits for it, and it is in the way of nothing.
  const renew = async () => {
    const since = (own.renewedAt = Date.now());
    const now = await queue.next(question).catch(() => undefined);
    if (now === undefined || !own.isHere || own.isBusy || !item || !isSame(own.shown, item)) return;
    if (!now || !isSame(now, item)) return setTrouble({ kind: "taken" });
    own.heldAt = since;
    own.shown = now;
    setItem(now);
    if (!isAsRead(now, item)) setTrouble({ kind: "changed" });
  };
  const moved = () => {
    const isOld = Date.now() - own.heldAt > HELD_MS / 3 && Date.now() - own.renewedAt > HELD_MS / 30;
    if (item && !trouble && isOld) void renew();
  };
  const holdAgain = () =>
    act(
      async () => {
        const now = item && (await hold());
        setTrouble(!now ? { kind: "taken" } : isAsRead(now, item) ? null : { kind: "changed" });
        title.current?.focus();
      },
      "This answer could not be held for you.",
      holdAgain,
    );

  useEffect(() => {
    void take();
    const gone = () => void queue.leave().catch(() => {});
    addEventListener("pagehide", gone);
    return () => {
      own.isHere = false;
      removeEventListener("pagehide", gone);
      queue.letGo().catch(() => {});
    };
  }, []);
  useEffect(() => {
    // Also after a sleep, and after the browser has brought the page back.
    const look = () => item && Date.now() - own.heldAt > HELD_MS - 2 * LOOK_MS && setTrouble((now) => now ?? { kind: "lapsed" });
    const back = (/** @type {PageTransitionEvent} */ event) => event.persisted && void renew();
    const timer = setInterval(look, LOOK_MS);
    addEventListener("pageshow", back);
    return () => {
      clearInterval(timer);
      removeEventListener("pageshow", back);
    };
  }, [name]);
  useLayoutEffect(() => title.current?.focus(), [name]);

  useShortcuts(isOn, (key) => {
    if (key === "?") onHelp();
    else if (key.toLowerCase() === "u") onChangeLast();
    else if (!item) return false;
    else if (/^[0-9]$/.test(key)) {
      // The key is typed there.
      /** @type {HTMLInputElement} */ (document.getElementById("desk-points")).select();
      return false;
    } else if (key.toLowerCase() === "f") type({ ...draft, points: String(item.points) });
    else if (key.toLowerCase() === "z") type({ ...draft, points: "0" });
    else if (key.toLowerCase() === "c") document.getElementById("desk-comment")?.focus();
    else if (key.toLowerCase() === "n") save();
    else if (key.toLowerCase() === "s") skip();
    else return false;
    return true;
  });

  const type = (/** @type {typeof EMPTY} */ typed) => {
    setDraft(typed);
    if (item) drafts.put(item, typed);
  };

  const isHeld = !trouble || trouble.kind === "changed" || trouble.kind === "failed";
  const banner = trouble && html`<${TroubleBanner} trouble=${trouble} queue=${queue} login=${login} onForce=${() => save(true)} onNext=${go} onHold=${holdAgain} />`;
  const status = html`<p role="status" class="quiet" data-part="said">${said} ${waiting !== null && `${counted(waiting, "answer")} ${waiting === 1 ? "waits" : "wait"}${item ? ", with this one" : ""}.`}</p>`;
  const key = (/** @type {string} */ letter) => isOn && html` <kbd aria-hidden="true">${letter}</kbd>`;

  if (item === undefined)
    return html`<h2 tabindex="-1" ref=${title}>${question ?? "All questions"}</h2>${banner ?? html`<p>The next answer is being fetched …</p>`}${said && status}
      <button type="button" onClick=${onLeave}>Back to the overview</button>`;
  if (item === null)
    return html`<${End} title=${title} front=${front} question=${question} queue=${queue} status=${status} banner=${banner}
      onAgain=${() => { own.hasSkipped = false; void take(); }} onLeave=${onLeave} />`;
  return html`<div onInput=${moved} onPointerDown=${moved} onKeyDown=${moved}>
    <div class="row spread">
      <h2 tabindex="-1" ref=${title}>${item.question} <span class="quiet">${counted(item.points, "point")}</span></h2>
      <div class="row">
        <button type="button" onClick=${onHelp}>Keyboard shortcuts${key("?")}</button>
        <button type="button" onClick=${onLeave}>Stop marking</button>
      </div>
    </div>
    ${status}
    <div class="desk">
      <div><${Answer} item=${item} about=${about} rules=${ownOf(rules, item.question)} queue=${queue} /></div>
      <form class="card" aria-label="Mark" noValidate
        onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); save(); }}
        onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && title.current?.focus()}>
        ${banner}
        <${MarkFields} id="desk" draft=${draft} put=${type} max=${item.points} wrong=${wrong} withKeys=${isOn} />
        <div class="row">
          <button class="main">Save and next${key("N")}</button>
          <button type="button" onClick=${skip}>Skip${key("S")}</button>
        </div>
        ${isHeld && html`<p class="quiet">Held for you until ${timeOfDay(item.held_until)}. Nobody else is given this answer before.</p>`}
      </form>
    </div>
  </div>`;
}

/** @param {any} props */
function End({ title, front, question, queue, status, banner, onAgain, onLeave }) {
  const held = front.filter((/** @type {Item} */ each) => each.held_by);
  const isDone = front.length === 0;
  const isHeld = !isDone && held.length === front.length;
  return html`<h2 tabindex="-1" ref=${title}>${isDone ? "Nothing to mark" : isHeld ? "Others mark the rest" : "End of the queue"}</h2>
    ${banner}
    ${isDone && html`<p>${question === undefined ? "No answer waits for a mark." : `No answer to ${question} waits for a mark.`}</p>`}
    ${
      isHeld &&
      html`<p>Each answer that waits is held by somebody:</p>
        <ul>${held.map((/** @type {Item} */ each) => html`<li>${queue.nameOf(each.held_by)}: ${each.question}, until ${timeOfDay(each.held_until)}</li>`)}</ul>`
    }
    ${!isDone && !isHeld && html`<p>No other answer follows. Those that you skipped still wait.</p>`}
    ${status}
    <div class="row">
      <button type="button" class="main" onClick=${onAgain}>${isDone || isHeld ? "Look again" : "Start again from the first"}</button>
      <button type="button" onClick=${onLeave}>Back to the overview</button>
    </div>`;
}
