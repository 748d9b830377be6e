import { html } from "../common/view.js";

/** @import { TabProps } from "./page.js" */

/** @param {TabProps} props */
export function RoomView({ quizId }) {
  return html`<p>${quizId}</p>`;
}
