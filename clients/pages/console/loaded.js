// What is read for a screen: once, again when it may have changed, and page by page.

import { html, useEffect, useRef, useState } from "../common/view.js";
import { Problem } from "./problems.js";

/** @import { Api } from "../../browser/api.js" */

/** Characters of a list that are read at a time. */
const MOST = 1_000_000;

/**
 * @param {() => Promise<any>} load
 * @param {unknown[]} changes when they change, it is read again
 */
export function useLoaded(load, changes) {
  const [value, setValue] = useState(/** @type {any} */ (undefined));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [turn, setTurn] = useState(0);
  const own = useRef({ load, isHere: true, isRunning: false, isOld: false }).current;
  own.load = load;
  const run = async () => {
    // One at a time: what has changed meanwhile is read afterwards.
    own.isOld = true;
    if (own.isRunning) return;
    own.isRunning = true;
    while (own.isOld && own.isHere) {
      own.isOld = false;
      try {
        const found = await own.load();
        if (!own.isHere) return;
        setValue(found);
        setProblem(null);
      } catch (error) {
        if (own.isHere) setProblem(error);
      }
    }
    own.isRunning = false;
  };
  useEffect(() => void run(), [...changes, turn]);
  useEffect(() => () => void (own.isHere = false), []);
  return { value, problem, again: () => setTurn((now) => now + 1) };
}

/** What is there, or null where there is none. @param {Api} api @param {string} path */
export const found = (api, path) =>
  api.request("GET", path).then(
    ({ body }) => body,
    (error) => {
      if (error.status === 404) return null;
      throw error;
    },
  );

/**
 * A list in pages. Read again, as many are read as there were; fewer where they are long.
 *
 * @param {Api} api
 * @param {string} path
 * @param {string} member of the reply, which has the list
 * @param {number} limit
 * @param {unknown[]} changes
 * @returns also the `last` page as it was replied
 */
export function usePages(api, path, member, limit, changes) {
  const [list, setList] = useState(/** @type {{items: any[], next: any, length: number, last: any} | null} */ (null));
  const wanted = useRef({ items: limit, length: MOST });
  const { problem, again } = useLoaded(async () => {
    const items = [];
    let next = null;
    let length = 0;
    let last = null;
    do {
      const query = `${path.includes("?") ? "&" : "?"}limit=${limit}${next === null ? "" : `&after=${encodeURIComponent(next)}`}`;
      const { body } = await api.request("GET", path + query);
      last = body;
      items.push(...body[member]);
      length += JSON.stringify(body[member]).length;
      // The list of staff actions ends with an empty page.
      next = body[member].length ? body.next_after : null;
    } while (next !== null && items.length < wanted.current.items && length < wanted.current.length);
    setList({ items, next, length, last });
  }, changes);
  const more = () => {
    wanted.current = { items: (list?.items.length ?? 0) + limit, length: (list?.length ?? 0) + MOST };
    again();
  };
  return { items: list?.items ?? null, next: list?.next ?? null, last: list?.last ?? null, problem, again, more };
}

/** What stands below a list. @param {{list: ReturnType<typeof usePages>, none: string}} props */
export const Rest = ({ list, none }) =>
  html`<${Problem} problem=${list.problem} onRetry=${list.again} />
    ${!list.items && !list.problem && html`<p class="quiet">Reading …</p>`}
    ${list.items?.length === 0 && html`<p class="quiet">${none}</p>`}
    ${list.next !== null && html`<p><button type="button" onClick=${list.more}>Show more</button></p>`}`;
