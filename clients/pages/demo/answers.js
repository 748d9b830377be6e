// What became of the answers, in numbers and by student.

import { html } from "../common/view.js";

/** @import { Exam } from "./exam.js" */
/** @import { Ledger } from "./ledger.js" */
/** @import { Student } from "./student.js" */

/** @param {{ledger: Ledger}} props */
export function Numbers({ ledger }) {
  const { acknowledged, server, device, checking, lost, times } = ledger.counts;
  /** @type {[string, number, string][]} */
  const numbers = [
    ["answers acknowledged", acknowledged, ""],
    ["on the server", server, ""],
    ["still on a device", device, ""],
    ["being checked", checking, ""],
    ["lost", lost, lost ? "bad" : "good"],
  ];
  return html`<section class="card" aria-labelledby="ledger">
    <h2 id="ledger">Answers</h2>
    <dl class="ledger">
      ${numbers.map(([name, number, tone]) => html`<div class=${tone} key=${name}><dt>${name}</dt><dd>${number}</dd></div>`)}
    </dl>
    <details>
      <summary>How this is counted</summary>
      <p>
        An answer is acknowledged once its student was told that the server has it. Since then this was so ${times} times, for
        ${acknowledged} answers. Each of them, or what the same student has written since, is looked for over and over: on the
        server, as staff see it, and on the student's device. It is lost when it is in neither place for 45 seconds; pages look
        for what the server has lost every half a minute.
      </p>
    </details>
  </section>`;
}

const WORDS = /** @type {const} */ ({
  committed: "saved",
  buffered: "arrived",
  unsent: "on the device",
  conflict: "answered twice",
  refused: "not accepted",
  late: "too late, kept for staff",
});

/** @param {{student: Student, ledger: Ledger, isCut: boolean}} props */
function Tile({ student, ledger, isCut }) {
  const { phase, answers, quiz } = student;
  const isPaused = phase === "writing" && quiz?.session.paused;
  const parts = Object.entries(WORDS).flatMap(([state, word]) => {
    const count = answers[/** @type {keyof typeof WORDS} */ (state)];
    return count ? [`${count} ${word}`] : [];
  });
  const tone = isCut || answers.refused || answers.conflict ? "bad" : answers.unsent ? "warn" : phase === "writing" ? "" : "done";
  const { at, missing } = ledger.lastLook(quiz?.session.id ?? "");
  return html`<li class=${`tile ${tone}`} data-looked-at=${at} data-missing=${missing.join(" ")}>
    <strong>${student.name}</strong>
    <span class="what">${isCut ? "network cut" : isPaused ? "clock stopped" : phase}</span>
    <span class="parts">${parts.join(", ") || "no answer yet"}</span>
  </li>`;
}

/** @param {{exam: Exam}} props */
export function Students({ exam }) {
  return html`<section aria-labelledby="devices">
    <h2 id="devices">On the students' devices</h2>
    <p class="quiet">Saved: committed to PostgreSQL. Arrived: a draft in Valkey, kept on the device too until it is saved.</p>
    <ul class="tiles">
      ${exam.students.map((student) => html`<${Tile} key=${student.name} student=${student} ledger=${exam.ledger} isCut=${exam.network.isCut(student.name)} />`)}
    </ul>
  </section>`;
}
