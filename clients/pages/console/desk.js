// One answer after the other: read, marked, and the next one.

import { own } from "../../browser/api.js";
import { counted, timeOfDay } from "../common/format.js";
import { html, useLayoutEffect, useRef, useState } from "../common/view.js";
import { Answer, pointsText } from "./answer.js";
import { useHeld } from "./held.js";
import { MarkFields, readMark } from "./mark.js";
import { useShortcuts } from "./shortcuts.js";
import { TroubleBanner } from "./trouble.js";

/** @import { Login } from "../common/login.js" */
/** @import { Drafts } from "./drafts.js" */
/** @import { Item, Mark, Queue } from "./queue.js" */

const EMPTY = { points: "", comment: "" };

/** @typedef {Item & {mark: Mark}} Marked */

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
  const [draft, setDraft] = useState(EMPTY);
  const [wrong, setWrong] = useState(/** @type {{points?: string, comment?: string}} */ ({}));
  const [said, setSaid] = useState("");
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  const held = useHeld(queue, question, (next) => {
    setDraft(next ? drafts.of(next) : EMPTY);
    setWrong({});
  });
  const { item, name, trouble } = held;
  useLayoutEffect(() => title.current?.focus(), [name]);

  const save = (isForced = false) => {
    if (!item) return;
    const { mark, wrong: found } = readMark(draft, item.points);
    setWrong(found ?? {});
    if (!mark) return void document.getElementById(found.points ? "desk-points" : "desk-comment")?.focus();
    const onSaved = () => {
      drafts.put(item);
      onMarked({ ...item, mark });
      setSaid(`Saved: ${pointsText(mark.points)} of ${counted(item.points, "point")}.`);
    };
    void held.save(mark, { isForced, onSaved, again: () => latest.current(isForced) });
  };
  // Tried again, what stands in the fields by then is saved.
  const latest = useRef(save);
  latest.current = save;

  const skip = () => {
    setSaid("Skipped.");
    held.skip();
  };
  const holdAgain = () => held.holdAgain(() => title.current?.focus());

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
  const banner = trouble && html`<${TroubleBanner} trouble=${trouble} queue=${queue} login=${login} onForce=${() => save(true)} onNext=${held.next} onHold=${holdAgain} />`;
  const status = html`<p role="status" class="quiet" data-part="said">${said} ${waiting !== null && `${counted(waiting, "answer")} ${waiting === 1 ? "waits" : "wait"}${item ? ", with this one" : ""}.`}</p>`;
  const key = (/** @type {string} */ letter) => isOn && html` <kbd aria-hidden="true">${letter}</kbd>`;

  if (item === undefined)
    return html`<h2 tabindex="-1" ref=${title}>${question ?? "All questions"}</h2>${banner ?? html`<p>The next answer is being fetched …</p>`}${said && status}
      <button type="button" onClick=${onLeave}>Back to the overview</button>`;
  if (item === null)
    return html`<${End} title=${title} front=${held.front} question=${question} queue=${queue} status=${status} banner=${banner}
      onAgain=${held.startAgain} onLeave=${onLeave} />`;
  return html`<div onInput=${held.moved} onPointerDown=${held.moved} onKeyDown=${held.moved}>
    <div class="row spread">
      <h2 tabindex="-1" ref=${title}>${item.question} <span class="quiet">${counted(item.points, "point")}</span></h2>
      <div class="row">
        <button type="button" onClick=${onHelp}>Keyboard shortcuts${key("?")}</button>
        <button type="button" onClick=${onLeave}>Stop marking</button>
      </div>
    </div>
    ${status}
    <div class="desk">
      <div><${Answer} item=${item} about=${held.about} rules=${own(rules, item.question)} queue=${queue} /></div>
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
