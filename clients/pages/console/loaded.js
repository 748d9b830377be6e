// What is read for a screen: once, again when it may have changed, and page by page.

import { html, useEffect, useRef, useState } from "../common/view.js";
import { Problem } from "./problems.js";

/** @import { Api } from "../../browser/api.js" */

/**
 * @param {() => Promise<any>} load
 * @param {unknown[]} changes when they change, it is read again
 */
export function useLoaded(load, changes) {
  const [value, setValue] = useState(/** @type {any} */ (undefined));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let isWanted = true;
    load().then(
      (found) => {
        if (!isWanted) return;
        setValue(found);
        setProblem(null);
      },
      (error) => isWanted && setProblem(error),
    );
    return () => {
      isWanted = false;
    };
  }, [...changes, turn]);
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
 * A list in pages. Read again, as many are read as there were.
 *
 * @param {Api} api
 * @param {string} path
 * @param {string} member of the reply, which has the list
 * @param {number} limit
 * @param {unknown[]} changes
 */
export function usePages(api, path, member, limit, changes) {
  const [list, setList] = useState(/** @type {{items: any[], next: any} | null} */ (null));
  const wanted = useRef(limit);
  const { problem, again } = useLoaded(async () => {
    const items = [];
    let next = null;
    do {
      const query = `${path.includes("?") ? "&" : "?"}limit=${limit}${next === null ? "" : `&after=${encodeURIComponent(next)}`}`;
      const { body } = await api.request("GET", path + query);
      items.push(...body[member]);
      // The list of staff actions ends with an empty page.
      next = body[member].length ? body.next_after : null;
    } while (next !== null && items.length < wanted.current);
    setList({ items, next });
  }, changes);
  const more = () => {
    wanted.current = (list?.items.length ?? 0) + limit;
    again();
  };
  return { items: list?.items ?? null, next: list?.next ?? null, problem, again, more };
}

/** What stands below a list. @param {{list: ReturnType<typeof usePages>, none: string}} props */
export const Rest = ({ list, none }) =>
  html`<${Problem} problem=${list.problem} onRetry=${list.again} />
    ${!list.items && !list.problem && html`<p class="quiet">Reading …</p>`}
    ${list.items?.length === 0 && html`<p class="quiet">${none}</p>`}
    ${list.next !== null && html`<p><button type="button" onClick=${list.more}>Show more</button></p>`}`;
