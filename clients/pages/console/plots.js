// Plots in SVG, as wide as their place. Each has its figures as a table, too.

import { html, useLayoutEffect, useRef, useState } from "../common/view.js";
import { figure, percent } from "./figures.js";

/** @import { AnswerFigures, Class, QuestionFigures } from "./figures.js" */

const LETTER = 7.5;

/**
 * @param {object} props
 * @param {string} props.title
 * @param {string} props.text what is seen, for those who do not see it
 * @param {any} [props.note]
 * @param {number} props.height
 * @param {(width: number) => any} props.draw
 * @param {any} props.table
 */
function Plot({ title, text, note, height, draw, table }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [width, setWidth] = useState(600);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => setWidth(Math.max(200, Math.floor(contentRect.width))));
    if (place.current) observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return html`<figure>
    <figcaption><strong>${title}</strong>${note && html`<br /><span class="quiet">${note}</span>`}</figcaption>
    <div ref=${place}>
      <svg class="plot" role="img" aria-label=${text} width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`}>${draw(width)}</svg>
    </div>
    <details>
      <summary>These figures as a table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${`${title}: table`}>${table}</div>
    </details>
  </figure>`;
}

/** @param {{classes: Class[], unit: string, unitOfAll: string}} props `unit` is that of the scores */
export function Histogram({ classes, unit, unitOfAll }) {
  const height = 300;
  const [left, right, top, bottom] = [36, 8, 20, 44];
  const most = Math.max(1, ...classes.map(({ count }) => count));
  const fullest = classes.reduce((one, other) => (other.count > one.count ? other : one));
  const total = classes.reduce((sum, { count }) => sum + count, 0);
  const floor = height - bottom;
  const y = (/** @type {number} */ count) => floor - (count / most) * (floor - top);
  const draw = (/** @type {number} */ width) => {
    const each = (width - left - right) / classes.length;
    const longest = Math.max(...classes.map(({ from }) => figure(from).length));
    const every = Math.max(1, Math.ceil((longest * LETTER + 8) / each));
    const ticks = most === 1 ? [0, 1] : [0, Math.round(most / 2), most];
    return html`${ticks.map(
        (count) => html`<line class="grid" x1=${left} x2=${width - right} y1=${y(count)} y2=${y(count)} /><text x=${left - 6} y=${y(count) + 4} text-anchor="end">${count}</text>`,
      )}
      ${classes.map(({ count, from }, place) => {
        const x = left + place * each;
        return html`<rect class="fill" x=${x + each * 0.08} width=${each * 0.84} y=${y(count)} height=${floor - y(count)} />
          ${count > 0 && String(count).length * LETTER < each && html`<text x=${x + each / 2} y=${y(count) - 5} text-anchor="middle">${count}</text>`}
          ${place % every === 0 && html`<text x=${x + each / 2} y=${floor + 16} text-anchor="middle">${figure(from)}</text>`}`;
      })}
      <text x=${(left + width) / 2} y=${height - 6} text-anchor="middle">${unit}${classes.every(({ label, from }) => label === figure(from)) ? "" : ", from"}</text>`;
  };
  return html`<${Plot} title="Distribution of the scores" height=${height} draw=${draw} note=${`${figure(total)} ${unitOfAll}`}
    text=${`Histogram of ${total} scores in ${classes.length} classes. Most, ${fullest.count}, have ${fullest.label} (${unit.toLowerCase()}).`}
    table=${html`<table data-table="scores">
      <thead><tr><th scope="col">${unit}</th><th scope="col" class="number">Sessions</th></tr></thead>
      <tbody>${classes.map(({ label, count }) => html`<tr><th scope="row">${label}</th><td class="number">${count}</td></tr>`)}</tbody>
    </table>`} />`;
}

/** @typedef {{name: string, label: string, figures: QuestionFigures, isGrave: boolean}} Point `label` is short */

/** @param {{points: Point[]}} props */
export function Scatter({ points }) {
  const height = 320;
  const [left, right, top, bottom] = [44, 16, 12, 44];
  const shown = points.filter(({ figures }) => figures.facility !== null && figures.discrimination !== null);
  const low = Math.min(-0.2, ...shown.map(({ figures }) => Math.floor(Number(figures.discrimination) * 5) / 5));
  const y = (/** @type {number} */ value) => top + ((1 - value) / (1 - low)) * (height - top - bottom);
  const draw = (/** @type {number} */ width) => {
    const x = (/** @type {number} */ value) => left + value * (width - left - right);
    const rows = [];
    for (let value = 1; value > low - 0.01; value -= 0.2) rows.push(Number(value.toFixed(1)));
    return html`${rows.map(
        (value) => html`<line class=${Math.abs(value) < 0.01 ? "zero" : "grid"} x1=${left} x2=${width - right} y1=${y(value)} y2=${y(value)} />
          <text x=${left - 6} y=${y(value) + 4} text-anchor="end">${figure(Math.abs(value) < 0.01 ? 0 : value)}</text>`,
      )}
      ${[0, 0.25, 0.5, 0.75, 1].map(
        (value) => html`<line class="grid" x1=${x(value)} x2=${x(value)} y1=${top} y2=${height - bottom} /><text x=${x(value)} y=${height - bottom + 16} text-anchor="middle">${figure(value)}</text>`,
      )}
      ${shown.map(({ label, figures, isGrave }) => {
        const [cx, cy] = [x(Number(figures.facility)), y(Number(figures.discrimination))];
        const isRight = cx > width - right - 24;
        return html`${isGrave ? html`<path class="grave" d=${`M${cx} ${cy - 8}l8 8l-8 8l-8 -8z`} />` : html`<circle class="dot" cx=${cx} cy=${cy} r="6" />`}
          <text class="name" x=${isRight ? cx - 11 : cx + 11} y=${cy + 4} text-anchor=${isRight ? "end" : "start"}>${label}</text>`;
      })}
      <text x=${(left + width) / 2} y=${height - 6} text-anchor="middle">Facility (1 is easy)</text>`;
  };
  const missing = points.length - shown.length;
  return html`<${Plot} title="Facility and discrimination" height=${height} draw=${draw}
    note=${`The further right a question is the easier, the higher the better it tells students apart.${shown.some(({ isGrave }) => isGrave) ? " A diamond: look at the key." : ""}${missing ? ` ${missing} without these figures ${missing === 1 ? "is" : "are"} not shown.` : ""}`}
    text=${`Plot of ${shown.length} questions, facility from left to right, discrimination upwards. ${shown.filter(({ figures }) => Number(figures.discrimination) < 0).length} below zero.`}
    table=${html`<table data-table="questions">
      <thead><tr><th scope="col">Question</th><th scope="col" class="number">Facility</th><th scope="col" class="number">Discrimination</th></tr></thead>
      <tbody>
        ${points.map(({ name, figures }) => html`<tr><th scope="row">${name}</th><td class="number">${figure(figures.facility)}</td><td class="number">${figure(figures.discrimination)}</td></tr>`)}
      </tbody>
    </table>`} />`;
}

/**
 * What was answered, right or wrong.
 *
 * @param {object} props
 * @param {string} props.id
 * @param {string} props.name of the question
 * @param {QuestionFigures} props.figures
 * @param {number | undefined} props.points what the question is worth, where it is known
 * @param {(answer: unknown) => string} props.answerText
 */
export function Answers({ id, name, figures, points, answerText }) {
  const { asked, answered, answers, others } = figures;
  const isFull = (/** @type {AnswerFigures} */ each) => points !== undefined && points > 0 && each.mean_points >= points;
  /** @type {{label: string, count: number, of?: AnswerFigures}[]} */
  const rows = [
    ...answers.map((of) => ({ label: answerText(of.answer), count: of.count, of })),
    ...(others ? [{ label: "Other answers", count: others }] : []),
    ...(asked > answered ? [{ label: "No answer", count: asked - answered }] : []),
  ];
  const row = 42;
  const draw = (/** @type {number} */ width) =>
    rows.map(({ label, count, of }, place) => {
      const said = `${count} (${percent(count, asked)})`;
      const written = `${of && isFull(of) ? "✓ " : ""}${label.replaceAll("\n", ", ")}`;
      const room = Math.floor((width - said.length * LETTER - 12) / LETTER);
      const kind = !of ? "fill none" : isFull(of) ? "fill full" : "fill";
      return html`<text x="0" y=${place * row + 14}>${written.length > room ? `${written.slice(0, room - 1)}…` : written}</text>
        <text x=${width} y=${place * row + 14} text-anchor="end">${said}</text>
        <rect class="track" x="0" y=${place * row + 20} width=${width} height="12" />
        <rect class=${kind} x="0" y=${place * row + 20} width=${(width * count) / Math.max(1, asked)} height="12" />`;
    });
  return html`<${Plot} title=${`Answers to ${name}`} height=${rows.length * row} draw=${draw}
    note=${answers.some(isFull) ? "✓ earns all points." : undefined}
    text=${`Bars of ${rows.length} kinds of answers. ${rows[0] ? `The first, “${rows[0].label}”, was given ${rows[0].count} times of ${asked}.` : ""}`}
    table=${html`<table data-table=${`answers-${id}`}>
      <thead>
        <tr>
          <th scope="col">Answer</th><th scope="col" class="number">Sessions</th><th scope="col" class="number">Share</th>
          <th scope="col" class="number">Points</th><th scope="col" class="number">Mean score</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ label, count, of }) => html`<tr>
            <th scope="row" dir="auto">${label}</th><td class="number">${count}</td><td class="number">${percent(count, asked)}</td>
            <td class="number">${figure(of?.mean_points)}</td><td class="number">${figure(of?.mean_score)}</td>
          </tr>`,
        )}
      </tbody>
    </table>`} />`;
}
