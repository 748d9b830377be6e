// What the service has signed: shown, taken away, and verified without asking the service.

import { verifyReceipt } from "../../browser/quiz-sessions.js";
import { moment } from "../common/format.js";
import { html, useState } from "../common/view.js";
import { isSame } from "../common/content.js";

/** @import { Api } from "../../browser/api.js" */
/** @import { Kept, Session } from "../../browser/types.js" */

/** @typedef {{isGood: boolean, text: string}} Verdict */

/** @param {Api} api @param {Kept} kept @param {string | null} claimed whose it is said to be
 * @param {string} here the session that is shown @returns {Promise<Verdict>} */
async function judge(api, { receipt, answers }, claimed, here) {
  const bad = (/** @type {string} */ text) => ({ isGood: false, text });
  let keys;
  try {
    keys = (await api.request("GET", "/.well-known/jwks.json")).body;
  } catch {
    return bad("The keys of the service can't be read just now. That says nothing of the receipt: please try again.");
  }
  try {
    const verified = await verifyReceipt(receipt, answers, keys);
    if (!verified.genuine) return bad("This receipt is not genuine: the service has not signed it.");
    if (verified.answersMatch === null) return bad("The receipt is genuine. Whether it is about these answers can't be told in a browser.");
    if (!verified.answersMatch) return bad("The receipt is genuine, but about other answers than these.");
    const { sessionId } = verified;
    if (claimed !== null && sessionId !== claimed)
      return bad(`The receipt is genuine, but of session ${sessionId}, not of the one that is named with it.`);
    const whose = sessionId === here ? "this attempt" : "another attempt than this one";
    const text = `Genuine: the service signed on ${moment(verified.committedAt)} that it has these answers of session ${sessionId}, which is ${whose}.`;
    return { isGood: true, text };
  } catch (/** @type {any} */ error) {
    return bad(`This browser can't verify it. ${error.message}`);
  }
}

/** @param {string} name @param {object} content */
function download(name, content) {
  const address = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2)], { type: "application/json" }));
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** @param {{verdict: Verdict | null}} props */
const Said = ({ verdict }) =>
  html`<div role="status">${verdict && html`<p class=${`banner ${verdict.isGood ? "good" : "bad"}`} data-verdict=${String(verdict.isGood)}>${verdict.text}</p>`}</div>`;

/** @param {{api: Api, session: Session, receipts: Kept[]}} props */
export function Receipt({ api, session, receipts }) {
  const [verdict, setVerdict] = useState(/** @type {Verdict | null} */ (null));
  const [kept] = receipts;
  if (!kept) {
    return html`<section class="card">
      <h2>Receipt</h2>
      <p>This device has no receipt of this attempt.</p>
      <${FromFile} api=${api} here=${session.id} />
    </section>`;
  }
  const { receipt } = kept;
  const file = { quiz_id: session.quiz_id, session_id: session.id, ...kept };
  return html`<section class="card" aria-labelledby="receipt">
    <h2 id="receipt">Receipt</h2>
    <p>The service has signed what it holds of your answers. Keep the file if you want to prove it later; it contains your answers.</p>
    <p><span class="unseen">The receipt begins and ends with </span><code>${receipt.slice(0, 8)}…${receipt.slice(-12)}</code></p>
    ${!isSame(kept.answers, session.answers) && html`<p class="quiet">It is about your answers as they were before the last changes.</p>`}
    <p class="row">
      <button type="button" onClick=${() => download(`receipt-${session.id}.json`, file)}>Save the receipt as a file</button>
      <button type="button" onClick=${async () => setVerdict(await judge(api, kept, session.id, session.id))}>Verify this receipt</button>
    </p>
    <${Said} verdict=${verdict} />
    <${FromFile} api=${api} here=${session.id} />
  </section>`;
}

/** @param {{api: Api, here: string}} props `here`: the session that is shown */
function FromFile({ api, here }) {
  const [verdict, setVerdict] = useState(/** @type {Verdict | null} */ (null));
  const read = async (/** @type {any} */ { target }) => {
    const [file] = target.files;
    if (!file) return;
    setVerdict(null);
    try {
      const kept = JSON.parse(await file.text());
      if (typeof kept.receipt !== "string" || !kept.answers) throw new Error("no receipt");
      setVerdict(await judge(api, kept, kept.session_id === undefined ? null : String(kept.session_id), here));
    } catch {
      setVerdict({ isGood: false, text: "This file has no receipt of this service." });
    }
    target.value = "";
  };
  return html`<details>
    <summary>Verify a receipt from a file</summary>
    <label>A file that was saved here <input type="file" accept=".json,application/json" onChange=${read} /></label>
    <${Said} verdict=${verdict} />
  </details>`;
}
