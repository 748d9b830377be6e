// Rows of the live view: what they say, which are shown, and in which order.

import { isOpen } from "../../browser/answers.js";

/** @import { Row } from "../../browser/types.js" */

/**
 * @typedef {object} Filter
 * @property {string} text in the student's id
 * @property {string} state of `STATES`, or none
 * @property {string | null} group empty: those without a group; null: all
 * @property {boolean} incidents those alone that have any
 */

/** @typedef {{column: string, isDown: boolean}} Sort */

/** What is known of the room when rows are judged. @typedef {{now: number, presence: boolean}} Known */

const SILENT_MS = 90_000;

export { isOpen };

/**
 * In milliseconds, by the server's clock.
 *
 * @param {number} seconds that were left at most when it was looked at
 * @param {number | null} until the deadline, in milliseconds; null where the clock stands
 * @param {number} now
 */
export function leftUntil(seconds, until, now) {
  const most = seconds * 1000;
  // It stands at the limit as well until a common start.
  return until === null ? most : Math.max(0, Math.min(most, until - now));
}

/** When the time of an open one is over; null where its clock stands. @param {Row} row */
export const deadlineOf = (row) => (row.paused ? null : Date.parse(row.expires_at));

/** When this page first saw a session as never heard, by the server's clock. @type {Map<string, number>} */
const unheard = new Map();

/** Open, its clock runs, and not heard for 90 seconds. @param {Row} row @param {Known} known */
export function isSilent(row, { now, presence }) {
  if (!presence || !isOpen(row) || row.paused) return false;
  if (Date.parse(row.expires_at) - now > row.time_remaining * 1000 + 2000) return false;
  if (row.last_seen_at !== null) return now - Date.parse(row.last_seen_at) > SILENT_MS;
  const since = unheard.get(row.session_id) ?? now;
  unheard.set(row.session_id, since);
  return now - since > SILENT_MS;
}

const STATUS = {
  started: "No answer yet",
  in_progress: "Writing",
  paused: "Paused",
  completed: "Handed in",
  expired: "Time over",
  abandoned: "Given up",
};

/** A status, or `paused`, by which words and colours are found. @param {Row} row */
export const stateOf = (row) => (isOpen(row) && row.paused ? "paused" : row.status);

/** @param {Row} row */
export const statusOf = (row) => /** @type {Record<string, string>} */ (STATUS)[stateOf(row)] ?? row.status;

/** Those who are in it. @param {keyof typeof STATUS} state */
const all = (state) => ({ title: STATUS[state], has: (/** @type {Row} */ row) => stateOf(row) === state });

/** @type {Record<string, {title: string, has: (row: Row, known: Known) => boolean}>} */
export const STATES = {
  open: { title: "Open", has: isOpen },
  paused: all("paused"),
  silent: { title: "Silent", has: isSilent },
  completed: all("completed"),
  expired: all("expired"),
  abandoned: all("abandoned"),
};

const collator = new Intl.Collator(undefined, { numeric: true });
const last = Number.MAX_SAFE_INTEGER;

/**
 * `isDown`: how it is sorted first.
 *
 * @type {Record<string, {title: string, isDown?: boolean, isNumber?: boolean, value: (row: Row, known: Known) => string | number}>}
 */
export const COLUMNS = {
  student: { title: "Student", value: (row) => row.user_id },
  group: { title: "Group", value: (row) => row.group ?? "" },
  status: { title: "Status", value: statusOf },
  answered: { title: "Answered", value: (row) => row.answered },
  section: { title: "Section", isNumber: true, value: (row) => row.section ?? -1 },
  drafts: { title: "Drafts", isDown: true, isNumber: true, value: (row) => row.buffered ?? -1 },
  left: { title: "Time left", isNumber: true, value: (row, { now }) => (isOpen(row) ? leftUntil(row.time_remaining, deadlineOf(row), now) : last) },
  seen: { title: "Last seen", isNumber: true, value: (row) => Date.parse(row.last_seen_at ?? "") || 0 },
  devices: { title: "Devices", isDown: true, isNumber: true, value: (row) => row.devices ?? -1 },
  incidents: { title: "Incidents", isDown: true, isNumber: true, value: (row) => row.incidents ?? -1 },
  extra: { title: "Extra time", isDown: true, isNumber: true, value: (row) => row.extra_seconds },
  unread: { title: "Unread notices", isDown: true, isNumber: true, value: (row) => row.unread_notices },
};

/** @param {Row} row @param {Filter} filter @param {Known} known */
function isShown(row, { text, state, group, incidents }, known) {
  if (state && !STATES[state]?.has(row, known)) return false;
  if (group !== null && (row.group ?? "") !== group) return false;
  if (incidents && !row.incidents) return false;
  return !text || row.user_id.toLowerCase().includes(text);
}

/** Where each of some texts comes, among them. @param {Iterable<string>} texts */
const ranked = (texts) => new Map([...new Set(texts)].sort(collator.compare).map((text, rank) => [text, rank]));

/** Of students, who are many and stay who they are. @type {WeakMap<Map<string, Row>, {of: number, ranks: Map<string, number>}>} */
const students = new WeakMap();

/** @param {Map<string, Row>} rows */
function ranksOf(rows) {
  const known = students.get(rows);
  if (known?.of === rows.size) return known.ranks;
  const ranks = ranked(Array.from(rows.values(), (row) => row.user_id));
  students.set(rows, { of: rows.size, ranks });
  return ranks;
}

/**
 * The sessions that a filter shows, in their order.
 *
 * @param {Map<string, Row>} rows
 * @param {Filter} filter
 * @param {Sort} sort
 * @param {Known} known
 * @returns {string[]}
 */
export function ordered(rows, filter, sort, known) {
  const small = { ...filter, text: filter.text.trim().toLowerCase() };
  const names = ranksOf(rows);
  const valueOf = COLUMNS[sort.column]?.value ?? (() => 0);
  const shown = [...rows.values()].filter((row) => isShown(row, small, known));
  const values = shown.map((row) => valueOf(row, known));
  const texts = sort.column === "student" ? names : ranked(values.filter((value) => typeof value === "string"));
  const found = shown.map((row, n) => {
    const value = values[n];
    return { id: row.session_id, value: Number(typeof value === "string" ? texts.get(value) : value), name: names.get(row.user_id) ?? 0 };
  });
  const sign = sort.isDown ? -1 : 1;
  found.sort((one, other) => sign * (one.value - other.value) || one.name - other.name);
  return found.map(({ id }) => id);
}

/** The groups that there are, with how many sessions each has. @param {Iterable<Row>} rows @returns {[string, number][]} */
export function groupsOf(rows) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { group } of rows) counts.set(group ?? "", (counts.get(group ?? "") ?? 0) + 1);
  return [...counts].sort(([one], [other]) => collator.compare(one, other));
}
