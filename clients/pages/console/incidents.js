// Incidents of a session, in plain words.

import { own } from "../../browser/api.js";
import { asText, moment } from "../common/format.js";
import { sessionPath } from "../common/requests.js";
import { html } from "../common/view.js";
import { Rest, usePages } from "./loaded.js";
import { lasting } from "./times.js";

/** @import { Api } from "../../browser/api.js" */

/** @type {Record<string, string>} */
const TYPES = {
  blur: "The page was left",
  focus: "The page was gone back to",
  offline: "The network was gone",
  online: "The network was back",
  fullscreen_exit: "Full screen was left",
  copy: "Something was copied",
  paste: "Something was pasted",
  print: "The page was printed",
  devtools: "The browser's tools were opened",
  second_device: "Heard from another device or tab",
  takeover: "The student went on with another device",
  silent: "Nothing was heard for a while",
  clock: "The device's clock is far from the right time",
  late_burst: "Many answers at once, late",
  other: "Something else",
};

// Whose `seconds` say for how long.
const LASTED = ["blur", "offline"];
const LASTED_UNTIL = ["focus", "online"];

/** @param {{type: string, detail: any}} incident `detail` may be any JSON where a student's page reports it */
export function incidentWords({ type, detail }) {
  const words = own(TYPES, type) ?? type;
  if (type === "late_burst" && Number.isFinite(detail?.answers)) {
    const { answers, seconds_left, seconds_before } = detail;
    if (Number.isFinite(seconds_left) && seconds_left <= 10) return `${answers} answers at once, ${seconds_left} s before the end`;
    if (Number.isFinite(seconds_before)) return `${answers} answers at once, ${lasting(Math.round(seconds_before))} after the answer before`;
  }
  if (Number.isFinite(detail?.seconds)) {
    if (LASTED.includes(type)) return `${words} for ${detail.seconds} s`;
    if (LASTED_UNTIL.includes(type)) return `${words}, after ${detail.seconds} s`;
  }
  if (type === "silent" && typeof detail?.since === "string") return `Nothing was heard since ${moment(detail.since)}`;
  return words;
}

/** @param {{api: Api, sessionId: string, change: unknown}} props */
export function Incidents({ api, sessionId, change }) {
  const list = usePages(api, `${sessionPath(sessionId)}/incidents`, "incidents", 50, [change]);
  return html`<section class="card" aria-labelledby="incidents">
    <h3 id="incidents">Incidents</h3>
    <ol class="entries">
      ${list.items?.map(
        (incident) => html`<li class="entry" key=${incident.id}>
          <p>${incidentWords(incident)}</p>
          <p class="quiet">${moment(incident.at)} · ${incident.source === "server" ? "seen by the service" : "reported by the student's page"}</p>
          ${incident.detail !== null && html`<details><summary>Details</summary><p class="said">${asText(incident.detail)}</p></details>`}
        </li>`,
      )}
    </ol>
    ${list.items?.length ? html`<p class="quiet">None of this proves anything by itself.</p>` : ""}
    <${Rest} list=${list} none="None." />
  </section>`;
}
