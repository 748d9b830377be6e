// What more than one page asks the service for.

/** @import { Api } from "../../browser/api.js" */

const EVENTS = 200;

/** Whether an id can stand in a path: browsers take `..` for what is above, whatever is escaped. @param {string} id */
export const isPart = (id) => id !== "." && id !== "..";

/** An id as a part of a path; it may come from the page's address, and must lead nowhere else. @param {string} id */
export function part(id) {
  if (!isPart(id)) throw new Error(`“${id}” can’t be asked for from a browser.`);
  return encodeURIComponent(id);
}

export const quizPath = (/** @type {string} */ quizId) => `/quizzes/${part(quizId)}`;
export const sessionPath = (/** @type {string} */ sessionId) => `/sessions/${part(sessionId)}`;

/** The quiz; null where it is not registered, or can't be had just now. @param {Api} api @param {string} quizId @returns {Promise<any>} */
export const quizOrNull = (api, quizId) =>
  api.request("GET", quizPath(quizId)).then(
    ({ body }) => body,
    () => null,
  );

/**
 * A session's events by pages, from the first one on, each with whether there are more.
 *
 * @param {Api} api @param {string} sessionId
 * @returns {AsyncGenerator<{events: any[], isMore: boolean}>}
 */
export async function* eventPages(api, sessionId) {
  for (let after = -1; after !== null; ) {
    const { body } = await api.request("GET", `${sessionPath(sessionId)}/events?limit=${EVENTS}&after=${after}`);
    after = body.next_after;
    yield { events: body.events, isMore: after !== null };
  }
}

/** A session's events, from the first one on. @param {Api} api @param {string} sessionId @returns {AsyncGenerator<any>} */
export async function* events(api, sessionId) {
  for await (const page of eventPages(api, sessionId)) yield* page.events;
}
