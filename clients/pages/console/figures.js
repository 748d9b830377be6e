// What the figures of a quiz say, and how scores are put in classes.

/** @import { Api } from "../../browser/api.js" */

/** @typedef {{answer: unknown, count: number, mean_points: number, mean_score: number}} AnswerFigures */
/**
 * @typedef {object} QuestionFigures
 * @property {number} asked
 * @property {number} answered
 * @property {number | null} facility
 * @property {number | null} discrimination
 * @property {AnswerFigures[]} answers
 * @property {number} others
 * @property {{median: number, p90: number} | null} first_answer_seconds
 */
/** @typedef {{text: string, isGrave: boolean}} Note */
/** @typedef {{score: number, max_score: number}} Score */
/** @typedef {{label: string, from: number, count: number}} Class */

export const FEW = 30;
const TOO_FEW = 10;
const MAX_CLASSES = 12;
const PAGE = 200;

/** @param {number | null | undefined} value */
export const figure = (value, decimals = 2) =>
  value === null || value === undefined ? "–" : value.toLocaleString(undefined, { maximumFractionDigits: decimals }).replace("-", "−");
export const percent = (/** @type {number} */ part, /** @type {number} */ whole) => (whole ? `${Math.round((100 * part) / whole)} %` : "–");

/** What to look at. @param {QuestionFigures} question @param {(answer: unknown) => string} written @returns {Note[]} */
export function notesOf({ asked, answered, facility, discrimination, answers }, written) {
  if (asked < TOO_FEW) return [];
  const notes = [];
  if (facility === 0 && answered > 0) notes.push({ text: "Nobody earned a point: look at the key.", isGrave: true });
  if (discrimination !== null && discrimination < 0)
    notes.push({ text: "Those who did well in the rest did worse here: look at the key.", isGrave: true });
  const best = answers.filter((each) => each.mean_points > 0).sort((one, other) => other.mean_points - one.mean_points)[0];
  const better = best && answers.find((each) => each.mean_points === 0 && each.count >= Math.max(3, asked / 20) && each.mean_score > best.mean_score);
  if (better) notes.push({ text: `“${written(better.answer)}” earned nothing, but those who gave it have better scores in all: look at the key.`, isGrave: true });
  if (facility !== null && facility > 0 && facility < 0.2) notes.push({ text: "Hard: less than a fifth of the points was earned.", isGrave: false });
  if (facility !== null && facility > 0.95) notes.push({ text: "Easy: nearly everybody has all points.", isGrave: false });
  else if (discrimination !== null && discrimination >= 0 && discrimination < 0.1)
    notes.push({ text: "It hardly tells students apart.", isGrave: false });
  if (answered < asked / 2) notes.push({ text: "Fewer than half answered it.", isGrave: false });
  return notes;
}

/** @param {number[]} values @returns {number | null} */
export function median(values) {
  if (!values.length) return null;
  const sorted = values.toSorted((one, other) => one - other);
  const half = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2;
}

/** How many scores there are in each class. @param {number[]} scores @param {number} max @returns {Class[]} */
export function classesOf(scores, max) {
  const isWhole = Number.isInteger(max) && scores.every(Number.isInteger);
  const last = Math.max(max, ...scores);
  const steps = [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((power) => [1, 2, 2.5, 5].map((n) => n * 10 ** power));
  const number = (/** @type {number} */ step) => (isWhole ? Math.floor(last / step) + 1 : Math.max(1, Math.ceil(last / step - 1e-9)));
  const step = steps.find((each) => (!isWhole || Number.isInteger(each)) && number(each) <= MAX_CLASSES) ?? last;
  const classes = Array.from({ length: number(step) }, (_, place) => {
    const from = Number((place * step).toPrecision(12));
    const to = Number(((place + 1) * step).toPrecision(12));
    const isLast = place === number(step) - 1;
    const end = isWhole ? Math.min(to - 1, last) : isLast ? Math.min(to, last) : to;
    const label = from === end ? figure(from) : `${figure(from)} to ${isWhole || isLast ? "" : "under "}${figure(end)}`;
    return { label, from, count: 0 };
  });
  for (const score of scores) classes[Math.min(classes.length - 1, Math.floor(score / step + 1e-9))].count += 1;
  return classes;
}

/**
 * The complete scores of the sessions of a quiz, from their list.
 *
 * @param {Api} api @param {string} quizId @param {string} group @param {(n: number) => boolean} onPage whether to go on
 * @returns {Promise<Score[]>}
 */
export async function readScores(api, quizId, group, onPage) {
  /** @type {Score[]} */
  const scores = [];
  const query = new URLSearchParams({ quiz_id: quizId, limit: String(PAGE), ...(group && { group }) });
  for (const status of ["completed", "expired"]) query.append("status", status);
  for (let cursor = ""; ; ) {
    const { body } = await api.request("GET", `/sessions?${query}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    for (const { score, max_score, grading } of body.sessions) if (score !== null && grading === "done") scores.push({ score, max_score });
    if (body.next_cursor === null || !onPage(scores.length)) return scores;
    cursor = body.next_cursor;
  }
}
