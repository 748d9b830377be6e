// Times and numbers as persons read them.

const two = (/** @type {number} */ n) => String(n).padStart(2, "0");

/** `1:02:03`, `4:05`. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `1 point`, `3 points`. @param {number} n @param {string} one */
export const counted = (n, one, many = `${one}s`) => `${n.toLocaleString()} ${n === 1 ? one : many}`;

/** The moment in the reader's own time zone and form. @param {string | null | undefined} moment ISO 8601 */
export const moment = (moment) =>
  moment ? new Date(moment).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }) : "";

/** @param {string | null | undefined} moment ISO 8601 */
export const timeOfDay = (moment) => (moment ? new Date(moment).toLocaleTimeString() : "");

/** An answer as text. @param {unknown} value any JSON */
export const asText = (value) =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
