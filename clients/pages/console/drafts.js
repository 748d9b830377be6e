// What a marker has typed and not saved, by answer: it outlives the page's reload, not the tab.

import { keep, kept } from "../common/tab.js";

/** @typedef {{points: string, comment: string}} Draft */

export class Drafts {
  #name;

  /** @param {string} quizId @param {string} marker of whom they are: others may sign in at the same tab */
  constructor(quizId, marker) {
    this.#name = `quiz-sessions/marking/${encodeURIComponent(marker)}/${quizId}`;
  }

  /** @returns {Record<string, Draft>} */
  #read() {
    return kept(this.#name) ?? {};
  }

  /** @param {{session_id: string, question: string}} item @returns {Draft} */
  of({ session_id, question }) {
    return this.#read()[`${session_id}/${question}`] ?? { points: "", comment: "" };
  }

  /** @param {{session_id: string, question: string}} item @param {Draft} [draft] none: it was saved */
  put({ session_id, question }, draft) {
    const all = this.#read();
    const isEmpty = !draft || (draft.points === "" && draft.comment === "");
    if (isEmpty) delete all[`${session_id}/${question}`];
    else all[`${session_id}/${question}`] = draft;
    keep(this.#name, all);
  }
}
