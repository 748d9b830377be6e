// The room: everybody who takes the quiz, live, and what is done about it.

import { html, useCallback, useEffect, useLayoutEffect, useRef, useState } from "../common/view.js";
import { ActDialog, sessions } from "./acts.js";
import { Toolbar, WholeQuiz } from "./bars.js";
import { ALL, Filters, Totals } from "./filters.js";
import { Age, Paused, Warnings, useQuiz } from "./freshness.js";
import { usePlace } from "./place.js";
import { Problem } from "./problems.js";
import { StudentPanel } from "./student.js";
import { Table } from "./table.js";
import { useOrder, useRoom } from "./watch.js";

/** @import { Act } from "./acts.js" */
/** @import { TabProps } from "./page.js" */
/** @import { Filter, Sort } from "./rows.js" */
/** @import { View } from "./watch.js" */

const PAGE = 100;
const IDLE_MS = 3000;

/** @param {TabProps} props */
export function RoomView(props) {
  const view = useRoom(props);
  if (!view) return html`<p role="status">Looking at the room …</p>`;
  if (!view.looks) {
    return html`<${Problem} problem=${view.problem} login=${props.login}>
      ${view.problem.status === 403 ? "The room can't be shown." : "The room can't be shown yet. It is asked again by itself."}
    <//>`;
  }
  return html`<${Seen} ...${props} view=${view} />`;
}

/** @param {{page: number, of: number, where?: string, onPage: (page: number) => void}} props */
function Pages({ page, of, where = "", onPage }) {
  if (of <= PAGE) return null;
  const last = Math.ceil(of / PAGE) - 1;
  return html`<nav class="row" aria-label=${`Pages of the table${where}`}>
    <button type="button" aria-disabled=${page ? "false" : "true"} onClick=${() => page && onPage(page - 1)}>Previous</button>
    <label class="row">Page
      <select value=${page} onChange=${(/** @type {any} */ event) => onPage(Number(event.target.value))}>
        ${Array.from({ length: last + 1 }, (_, n) => html`<option key=${n} value=${n}>${n + 1} of ${last + 1}</option>`)}
      </select>
    </label>
    <button type="button" aria-disabled=${page < last ? "false" : "true"} onClick=${() => page < last && onPage(page + 1)}>Next</button>
  </nav>`;
}

/** @param {TabProps & {view: View}} props */
function Seen({ login, api, quizId, view }) {
  const { sessionId } = usePlace();
  const [filter, setFilter] = useState(ALL);
  const [sort, setSort] = useState(/** @type {Sort} */ ({ column: "student", isDown: false }));
  const [asked, setAsked] = useState(0);
  const [page, setPage] = useState(0);
  const [picked, setPicked] = useState(/** @type {Set<string>} */ (new Set()));
  const [act, setAct] = useState(/** @type {Act | null} */ (null));
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const touched = useRef(-IDLE_MS);
  const { quiz, look } = useQuiz(api, quizId, view);
  const { room } = view;

  // Rows move only while nobody works on them.
  const isHeld = () =>
    picked.size > 0 ||
    performance.now() - touched.current < IDLE_MS ||
    Boolean(list.current?.querySelector("table")?.contains(document.activeElement));
  const { ids, isOld } = useOrder(view, filter, sort, asked, isHeld);
  const shown = Math.min(page, Math.max(0, Math.ceil(ids.length / PAGE) - 1));
  const onPage = ids.slice(shown * PAGE, (shown + 1) * PAGE);

  const choose = useCallback((/** @type {() => void} */ set) => (set(), setPage(0)), []);
  const pick = (/** @type {string[]} */ those, /** @type {boolean} */ isPicked) =>
    setPicked((before) => {
      const now = new Set(before);
      for (const id of those) isPicked ? now.add(id) : now.delete(id);
      return now;
    });
  const filterBy = (/** @type {Filter} */ now) => choose(() => setFilter(now));
  const isDone = () => {
    setAct(null);
    look();
  };
  useReturn(list, sessionId);

  return html`<${Paused} quiz=${quiz} view=${view} onResume=${() => setAct({ kind: "resume", ids: "all" })} />
    <${Warnings} view=${view} login=${login} />
    ${act && html`<${ActDialog} room=${room} act=${act} onClose=${isDone} />`}
    ${sessionId && html`<${StudentPanel} key=${sessionId} api=${api} login=${login} quizId=${quizId} quiz=${quiz} view=${view} sessionId=${sessionId} onAct=${setAct} />`}
    <div ref=${list} hidden=${Boolean(sessionId)}>
      <h2 class="unseen" tabindex="-1">Everybody</h2>
      <${WholeQuiz} api=${api} quizId=${quizId} quiz=${quiz} onAct=${setAct} />
      <div class="which">
        <${Totals} view=${view} filter=${filter} onFilter=${filterBy} />
        <${Filters} view=${view} filter=${filter} onFilter=${filterBy} />
      </div>
      <${Toolbar} picked=${picked} ids=${ids} onAct=${setAct} onPick=${pick} onClear=${() => setPicked(new Set())} />
      <div class="row spread above">
        <p><span>${sessions(ids.length)}${ids.length < room.rows.size ? ` of ${room.rows.size}` : ""} shown</span>, <span class="quiet age">as of <${Age} view=${view} /> ago</span></p>
        <button type="button" class="again" aria-disabled=${isOld ? "false" : "true"} onClick=${() => isOld && setAsked(asked + 1)}
          title="Rows stay where they are while one is selected or in use">${isOld ? "Sort again" : "Sorted"}</button>
        <${Pages} page=${shown} of=${ids.length} onPage=${setPage} />
      </div>
      ${ids.length
        ? html`<${Table} view=${view} quizId=${quizId} ids=${onPage} sort=${sort} onSort=${(/** @type {Sort} */ now) => choose(() => setSort(now))}
            picked=${picked} onPick=${pick} touched=${touched} />`
        : html`<p class="card">${room.rows.size ? "Nobody is as you have chosen." : "Nobody has started this quiz."}</p>`}
      ${onPage.length > 20 && html`<div class="row end"><${Pages} where=", below" page=${shown} of=${ids.length} onPage=${setPage} /></div>`}
    </div>`;
}

/** Back at the table it is as it was left: scrolled, with the focus on whom one looked at. @param {{current: HTMLElement | null}} list @param {string} sessionId */
function useReturn(list, sessionId) {
  const at = useRef({ sessionId: "", x: 0, y: 0, inner: 0 });
  const scroller = () => list.current?.querySelector(".scroll");
  useEffect(() => {
    const seen = () => {
      // Without the table the page is shorter, and scrolled by that.
      if (!at.current.sessionId) at.current = { sessionId: "", x: scrollX, y: scrollY, inner: scroller()?.scrollLeft ?? 0 };
    };
    addEventListener("scroll", seen, { passive: true, capture: true });
    return () => removeEventListener("scroll", seen, { capture: true });
  }, []);
  useLayoutEffect(() => {
    if (sessionId) {
      at.current.sessionId = sessionId;
      return scrollTo(0, 0);
    }
    if (!at.current.sessionId) return;
    // Who is on another page by now, or not shown, has no row.
    const link = list.current?.querySelector(`tr[data-id="${CSS.escape(at.current.sessionId)}"] a`) ?? list.current?.querySelector("h2");
    /** @type {HTMLElement | null | undefined} */ (link)?.focus({ preventScroll: true });
    scrollTo(at.current.x, at.current.y);
    const inner = scroller();
    if (inner) inner.scrollLeft = at.current.inner;
    at.current.sessionId = "";
  }, [sessionId]);
}
