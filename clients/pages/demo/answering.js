// How a simulated student comes to an answer: what is clicked and typed, and after how long.

import { nameOf, questionOf } from "../common/content.js";
import { ESSAYS, OTHER_ESSAY } from "./texts.js";

/** @typedef {() => number} Random from 0 to 1, by a seed */

/**
 * @typedef {object} Step
 * @property {number} wait in milliseconds, at an average pace
 * @property {unknown} value the answer from then on
 * @property {boolean} typed whether it was typed, not clicked
 */

/** The same numbers for the same text (Mulberry32). @param {string} text @returns {Random} */
export function seeded(text) {
  let state = 2166136261;
  for (const character of text) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const KNOWS = 0.7;
const between = (/** @type {Random} */ random, /** @type {number} */ low, /** @type {number} */ high) =>
  low + random() * (high - low);
/** @template T @param {Random} random @param {T[]} list */
const oneOf = (random, list) => list[Math.floor(random() * list.length)];
/** What a question's answers may be. @param {any} content @param {string} id */
const valuesOf = (content, id) => questionOf(content, id).options.map(({ value }) => value);
const typing = (/** @type {Random} */ random) => between(random, 120, 350);

/** A character after the other. @param {Random} random @param {string} text @returns {Step[]} */
const typed = (random, text) =>
  Array.from(text, (_, at) => ({ wait: at ? typing(random) : between(random, 3_000, 8_000), value: text.slice(0, at + 1), typed: true }));

/** In bursts: word after word, and a thought after each sentence. @param {Random} random @param {string} text
 * @param {string} begun what is there already */
function* written(random, text, begun) {
  const words = text.split(/(?<= )/);
  for (let at = 1; at <= words.length; at += 1) {
    const value = words.slice(0, at).join("");
    const before = words[at - 2] ?? "";
    const wait = between(random, 350, 1_100) + (at === 1 || /[.?!] $/.test(before) ? between(random, 2_000, 9_000) : 0);
    if (value.length > begun.length) yield { wait, value, typed: true };
  }
}

/** @param {Random} random @param {string} id @param {number} sentences */
function essay(random, id, sentences) {
  const all = Object.hasOwn(ESSAYS, id) ? ESSAYS[id] : OTHER_ESSAY;
  const left = Math.max(0, all.length - sentences);
  const dropped = new Set(Array.from({ length: left }, () => Math.floor(random() * all.length)));
  return all.filter((_, at) => !dropped.has(at)).join(" ");
}

/**
 * @param {any} question of the paper
 * @param {any} key of the quiz, which a student may know
 * @param {any} begun the answer that is there already
 * @param {Random} random
 * @returns {Iterable<Step>}
 */
export function answering({ id, content }, key, begun, random) {
  const think = () => between(random, 3_000, 9_000);
  const knows = random() < KNOWS;
  const options = valuesOf(content, id);
  if (content?.kind !== "essay" && begun !== undefined && begun !== null) return [];
  switch (content?.kind) {
    case "choice": {
      const value = knows ? key : oneOf(random, options);
      const first = { wait: think(), value: oneOf(random, options), typed: false };
      const last = { wait: think(), value, typed: false };
      return random() < 0.3 ? [first, last] : [last];
    }
    case "multiple": {
      const right = options.filter((/** @type {any} */ each) => key.includes(each) === (random() < (knows ? 0.95 : 0.5)));
      return right.map((/** @type {any} */ _, /** @type {number} */ at) => ({
        wait: at ? between(random, 700, 2_500) : think(), value: right.slice(0, at + 1), typed: false,
      }));
    }
    case "number":
      return typed(random, String(knows ? key : Math.round(between(random, 1, 60))));
    case "short":
      return typed(random, knows ? [key].flat()[0] : oneOf(random, ["I do not know", "Andromeda", "the Galaxy"]));
    case "order": {
      const order = [...options];
      /** @type {Step[]} */
      const steps = [];
      for (let place = 0; place < order.length - (knows ? 0 : 2); place += 1) {
        const at = order.indexOf(key[place]);
        if (at === place) continue;
        order.splice(place, 0, ...order.splice(at, 1));
        steps.push({ wait: between(random, 2_000, 6_000), value: [...order], typed: false });
      }
      return steps.length ? steps : [{ wait: think(), value: order, typed: false }];
    }
    case "match": {
      /** @type {Record<string, unknown>} */
      const pairs = {};
      const { left, right } = questionOf(content, id);
      return left.map(nameOf).map((name) => {
        pairs[name] = knows ? key[name] : oneOf(random, right).value;
        return { wait: between(random, 3_000, 8_000), value: { ...pairs }, typed: false };
      });
    }
    default:
      return written(random, essay(random, id, 4 + Math.floor(random() * 5)), String(begun ?? ""));
  }
}

/** Another look at a choice. @param {any} question @param {Random} random @returns {Step} */
export const reconsidered = ({ id, content }, random) => ({
  wait: between(random, 4_000, 10_000), value: oneOf(random, valuesOf(content, id)), typed: false,
});

/** One more sentence. @param {string} id @param {string} begun @param {Random} random @returns {Iterable<Step>} */
export function continued(id, begun, random) {
  const all = Object.hasOwn(ESSAYS, id) ? ESSAYS[id] : OTHER_ESSAY;
  return written(random, `${begun}${begun ? " " : ""}${oneOf(random, all)}`, begun);
}
