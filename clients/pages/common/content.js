// What a question asks, and how its answer is written. docs/pages.md describes the format.

import { asText } from "./format.js";

/** @typedef {{value: unknown, text: string}} Option `value` is what an answer has */

/**
 * @typedef {object} Question
 * @property {string} id
 * @property {number} number from 1 on, through the whole paper
 * @property {number} section its number, from 0 on
 * @property {number | null} points
 * @property {string} text
 * @property {Kind} kind
 * @property {Option[]} options
 * @property {Option[]} left
 * @property {Option[]} right
 * @property {string} unit
 * @property {number | undefined} maxLength
 * @property {Image[]} images
 */

/** @typedef {{src: string, alt: string}} Image its `src` is a data address */

/** @typedef {"choice" | "multiple" | "number" | "short" | "essay" | "order" | "match"} Kind */

/**
 * @typedef {object} Section
 * @property {number} number from 0 on
 * @property {string} title
 * @property {boolean} isForward
 * @property {number | null} limitSeconds
 * @property {boolean} isShown whether its contents are known
 * @property {Question[]} questions
 */

const KINDS = ["choice", "multiple", "number", "short", "essay", "order", "match"];
const WITH_OPTIONS = ["choice", "multiple", "order"];

const isObject = (/** @type {any} */ it) => it !== null && typeof it === "object" && !Array.isArray(it);

/** @param {any} it @returns {Option} */
function optionOf(it) {
  if (!isObject(it)) return { value: it, text: asText(it) };
  const text = asText(it.text ?? it.id ?? it);
  return { value: it.id ?? text, text };
}

const optionsOf = (/** @type {any} */ list) => (Array.isArray(list) ? list.map(optionOf) : []);

const IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,/u;

/** No other address: who takes a quiz asks no other site for anything. @param {any} list @returns {Image[]} */
const imagesOf = (list) =>
  (Array.isArray(list) ? list : [])
    .filter((each) => isObject(each) && IMAGE.test(each.src))
    .map(({ src, alt }) => ({ src, alt: asText(alt) }));

/** @param {any} content @param {Pick<Question, "id" | "number" | "section" | "points">} about @returns {Question} */
export function readQuestion(content, about) {
  const given = isObject(content) ? content : { text: content };
  const [options, left, right] = [given.options, given.left, given.right].map(optionsOf);
  // What is not understood is shown as it is, and answered by a text.
  const text = asText(isObject(content) && content.text === undefined ? content : given.text);
  let kind = KINDS.includes(given.kind) ? given.kind : given.kind === undefined && options.length ? "choice" : "essay";
  if (WITH_OPTIONS.includes(kind) && !options.length) kind = "essay";
  if (kind === "match" && (!left.length || !right.length)) kind = "essay";
  const maxLength = Number.isInteger(given.maxLength) && given.maxLength > 0 ? given.maxLength : undefined;
  return { ...about, text, kind, options, left, right, unit: asText(given.unit), maxLength, images: imagesOf(given.images) };
}

/** One outside its paper. @param {any} content @param {string} id */
export const questionOf = (content, id) => readQuestion(content ?? "", { id, number: 0, section: 0, points: null });

/**
 * A session's paper as the page shows it.
 *
 * @param {any} paper null where the quiz has none
 * @param {Record<string, {points?: number}>} known the quiz's questions, which are asked where there is no paper
 * @returns {Section[]} none where nothing is known of what is asked
 */
export function readPaper(paper, known) {
  let number = 0;
  if (!paper) {
    const questions = Object.entries(known).map(([id, { points = null }]) =>
      readQuestion("", { id, number: (number += 1), section: 0, points }),
    );
    if (!questions.length) return [];
    return [{ number: 0, title: "", isForward: false, limitSeconds: null, isShown: true, questions }];
  }
  return paper.sections.map((/** @type {any} */ section, /** @type {number} */ place) => ({
    number: place,
    title: section.title,
    isForward: section.navigation === "forward",
    limitSeconds: section.time_limit_seconds,
    isShown: section.shown,
    questions: section.questions.map((/** @type {any} */ { id, points, content }) =>
      readQuestion(content ?? "", { id, number: (number += 1), section: place, points }),
    ),
  }));
}

/** @param {Section} section @param {Section[]} all */
export const titleOf = (section, all) =>
  section.title || (all.length > 1 ? `Section ${section.number + 1}` : "Questions");

const written = (/** @type {unknown} */ value) => JSON.stringify(value);
export const isSame = (/** @type {unknown} */ one, /** @type {unknown} */ other) => written(one) === written(other);

/** @param {unknown} answer */
export const isAnswered = (answer) =>
  answer !== undefined &&
  answer !== null &&
  answer !== "" &&
  !(typeof answer === "object" && Object.keys(answer).length === 0);

/** How an answer to `match` names what is on the left. @param {Option} option */
export const nameOf = ({ value }) => asText(value);

/** An answer in the words that its student saw. @param {Question} question @param {any} answer @returns {string} */
export function describe({ kind, options, left, right, unit }, answer) {
  if (!isAnswered(answer)) return "No answer";
  const named = (/** @type {Option[]} */ among, /** @type {unknown} */ value) =>
    among.find((option) => isSame(option.value, value))?.text ?? asText(value);
  if (isObject(answer) && kind === "match") {
    const names = left.map(nameOf);
    // Those that the question does not have were answered all the same.
    const others = Object.keys(answer).filter((name) => !names.includes(name));
    const pairs = [...left, ...others.map(optionOf)].filter((each) => Object.hasOwn(answer, nameOf(each)));
    return pairs.map((each) => `${each.text}: ${named(right, answer[nameOf(each)])}`).join("\n");
  }
  if (Array.isArray(answer)) {
    return answer.map((each, place) => `${kind === "order" ? `${place + 1}. ` : ""}${named(options, each)}`).join("\n");
  }
  return kind === "number" && unit ? `${asText(answer)} ${unit}` : named(options, answer);
}
