// A mark that was saved is changed, or taken back.

import { Dialog } from "../common/dialog.js";
import { describe, isAnswered, questionOf } from "../common/content.js";
import { counted } from "../common/format.js";
import { html, useEffect, useState } from "../common/view.js";
import { Problem, isUnsure } from "./problems.js";
import { MarkFields, readMark } from "./mark.js";

/** @import { Login } from "../common/login.js" */
/** @import { Marked } from "./desk.js" */
/** @import { Mark, Queue } from "./queue.js" */

/**
 * @param {object} props
 * @param {Marked} props.marked
 * @param {any} props.content of its question, where it is known
 * @param {Queue} props.queue
 * @param {Login} props.login
 * @param {(mark: Mark | null) => void} props.onDone null: it was taken back
 * @param {() => void} props.onClose
 */
export function ChangeMark({ marked, content, queue, login, onDone, onClose }) {
  const { session_id, question, mark, points: max } = marked;
  const [draft, setDraft] = useState({ points: String(mark.points), comment: mark.comment ?? "" });
  const [reason, setReason] = useState("");
  const [wrong, setWrong] = useState(/** @type {{points?: string, comment?: string}} */ ({}));
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [now, setNow] = useState(/** @type {any} */ (null));
  const [isBusy, setIsBusy] = useState(false);

  useEffect(() => {
    let isHere = true;
    Promise.all([queue.answer(session_id, question), queue.result(session_id, question)]).then(
      ([answer, result]) => isHere && setNow({ answer, result }),
      (error) => isHere && setFailure(error),
    );
    return () => void (isHere = false);
  }, []);

  /** @param {Mark | null} wanted */
  const send = async (wanted) => {
    if (isBusy) return;
    setIsBusy(true);
    setFailure(null);
    try {
      // What its marker has just read is marked, whatever else of the session has changed.
      await queue.mark({ session_id, question }, wanted, { reason: reason.trim() });
      onDone(wanted);
    } catch (error) {
      setFailure(error);
      setIsBusy(false);
    }
  };
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    const { mark: typed, wrong: found } = readMark(draft, max);
    setWrong(found ?? {});
    if (typed) void send(typed);
    else document.getElementById(found?.points ? "change-points" : "change-comment")?.focus();
  };

  const answer = now ? now.answer : marked.answer;
  const result = now?.result;
  const isOther = result && (result.marked_by !== "person" || result.points !== mark.points || result.comment !== mark.comment);
  const isNew = now && JSON.stringify(now.answer ?? null) !== JSON.stringify(marked.answer);
  return html`<${Dialog} title=${`Change the mark of ${question}`} onClose=${onClose}>
    <form noValidate onSubmit=${save}>
      <p class="answer-text" dir="auto" tabindex="0" role="region" aria-label="Answer">${isAnswered(answer) ? describe(questionOf(content, question), answer) : ""}</p>
      ${isNew && html`<p class="banner warn" role="alert">This is another answer than the one that you marked.</p>`}
      ${
        isOther &&
        html`<p class="banner warn" role="alert">
          ${result.marked_by === "person" ? `Somebody has changed your mark since: it is ${counted(result.points, "point")} now${result.comment ? `, “${result.comment}”` : ""}.` : "Your mark does not count any more: the answer waits for a mark again."}
        </p>`
      }
      <${MarkFields} id="change" draft=${draft} put=${setDraft} max=${max} wrong=${wrong} />
      <label>Reason, which is kept on record (may be left out)
        <input class="whole" maxlength="1000" autocomplete="off" value=${reason} onInput=${(/** @type {any} */ event) => setReason(event.target.value)} /></label>
      ${failure && html`<${Problem} problem=${failure} what=${isUnsure(failure) ? "It is not known whether it was changed." : "Nothing was changed."} login=${login} />`}
      <div class="row">
        <button class="main">Save</button>
        <button type="button" onClick=${() => send(null)}>Take the mark back</button>
        <button type="button" onClick=${onClose}>Cancel</button>
      </div>
      <p class="quiet">Taken back, the answer waits for a mark again.</p>
    </form>
  <//>`;
}
