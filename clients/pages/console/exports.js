// Exports: what came of a quiz as a file.

import { unique } from "../../browser/api.js";
import { counted, moment } from "../common/format.js";
import { quizPath } from "../common/requests.js";
import { keep, kept } from "../common/tab.js";
import { html, useEffect, useRef, useState } from "../common/view.js";
import { Problem, inWords } from "./problems.js";

/** @import { TabProps } from "./page.js" */

/** An export as the service shows it. @typedef {Record<string, any>} Export */

const SOON_MS = 1000;
const LATER_MS = 5000;
const OFTEN = 20;

/** @type {Record<string, [string, string]>} */
const KINDS = {
  attempts: ["Attempts", "who took it, when, and the score"],
  answers: ["Answers", "those that count"],
  results: ["Results", "the points of each question, and comments"],
  trail: ["Audit logs", "every change, with its hash"],
};
/** @type {Record<string, [string, string]>} */
const FORMATS = {
  csv: ["CSV", "a zip with a file for each kind, for spreadsheets"],
  ndjson: ["NDJSON", "one gzipped file, a JSON object a line, for programs"],
};

/** `1.8 MB`. @param {number} bytes */
function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let [at, value] = [0, bytes];
  for (; value >= 1000 && at < units.length - 1; at += 1) value /= 1000;
  return `${value.toLocaleString(undefined, { maximumFractionDigits: at ? 1 : 0 })} ${units[at]}`;
}

/** @param {TabProps} props */
export function Exports({ config, login, api, quizId }) {
  // The API has no list of those that somebody asked for.
  const slot = `quiz-sessions/exports/${quizId}`;
  const [ids, setIds] = useState(/** @type {() => string[]} */ (() => kept(slot) ?? []));
  const [format, setFormat] = useState("csv");
  const [what, setWhat] = useState(Object.keys(KINDS).filter((kind) => kind !== "trail"));
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [isNone, setIsNone] = useState(false);
  const first = useRef(/** @type {Record<string, Export>} */ ({})).current;
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  const sending = useRef({ isBusy: false, of: "", key: "" }).current;

  const others = (/** @type {string} */ id) => (kept(slot) ?? []).filter((/** @type {string} */ each) => each !== id);
  const list = (/** @type {string[]} */ all) => {
    keep(slot, all);
    setIds(all);
  };
  const start = async (/** @type {Event | undefined} */ event) => {
    event?.preventDefault();
    setIsNone(!what.length);
    if (sending.isBusy || !what.length) return;
    sending.isBusy = true;
    const of = JSON.stringify([format, what]);
    // Sent again after a lost reply it finds the export that was begun.
    if (sending.of !== of) Object.assign(sending, { of, key: unique() });
    setFailure(null);
    try {
      const { body } = await api.request("POST", `${quizPath(quizId)}/exports`, { format, what }, { "Idempotency-Key": sending.key });
      sending.of = "";
      first[body.id] = body;
      list([body.id, ...others(body.id)]);
    } catch (error) {
      setFailure(error);
    } finally {
      sending.isBusy = false;
    }
  };
  const forget = (/** @type {string} */ id) => {
    list(others(id));
    title.current?.focus();
  };

  return html`<div class="results">
    <h2>Exports</h2>
    <form class="card" onSubmit=${start}>
      <div class="choices">
        <fieldset>
          <legend>Form</legend>
          ${Object.entries(FORMATS).map(
            ([value, [name, about]]) => html`<label class="choice"><input type="radio" name="format" value=${value} checked=${format === value} onChange=${() => setFormat(value)} />
              <span>${name}: <span class="quiet">${about}</span></span></label>`,
          )}
        </fieldset>
        <fieldset aria-describedby=${isNone ? "no-kind" : undefined}>
          <legend>What is in it</legend>
          ${Object.entries(KINDS).map(
            ([value, [name, about]]) => html`<label class="choice"><input type="checkbox" checked=${what.includes(value)}
              onChange=${() => setWhat(Object.keys(KINDS).filter((kind) => (kind === value) !== what.includes(kind)))} />
              <span>${name}: <span class="quiet">${about}</span></span></label>`,
          )}
        </fieldset>
      </div>
      ${isNone && !what.length && html`<p id="no-kind" class="wrong" role="alert">Choose at least one of them.</p>`}
      ${failure && html`<${Refused} failure=${failure} login=${login} again=${() => start(undefined)} />`}
      <button class="main">Start the export</button>
      <p class="quiet">All of it is the state of one moment. Keep the file safe: it has names, answers and scores.</p>
    </form>
    <h3 tabindex="-1" ref=${title}>Asked for in this browser tab</h3>
    ${ids.length ? "" : html`<p class="quiet" data-state="none">None yet.</p>`}
    ${ids.map((id) => html`<${Item} key=${id} id=${id} first=${first[id]} config=${config} login=${login} api=${api} onForget=${() => forget(id)} />`)}
  </div>`;
}

/** @param {{failure: any, login: any, again: () => void}} props */
function Refused({ failure, login, again }) {
  if (failure.code === "too_many_requests")
    return html`<p class="banner warn" role="alert">Three exports that you asked for are running already. Wait until one is done, then start this one.</p>`;
  return html`<${Problem} problem=${failure} what="No export was started." login=${login} onRetry=${failure.isTransient ? again : undefined} />`;
}

/** @param {{id: string, first?: Export, config: import("../common/config.js").Config, login: any, api: import("../../browser/api.js").Api, onForget: () => void}} props */
function Item({ id, first, config, login, api, onForget }) {
  const [shown, setShown] = useState(/** @type {Export | null} */ (first ?? null));
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [hasFailed, setHasFailed] = useState("");
  const [said, setSaid] = useState("");
  const [turn, setTurn] = useState(0);
  const path = `/exports/${encodeURIComponent(id)}`;
  const isOver = shown !== null && shown.status !== "running";

  useEffect(() => {
    if (isOver) return;
    let [timer, looks] = [0, 0];
    const look = async () => {
      try {
        const { body } = await api.request("GET", path);
        if (timer < 0) return;
        setShown(body);
        setFailure(null);
        if (body.status !== "running") return;
      } catch (error) {
        if (timer < 0) return;
        setFailure(error);
        setHasFailed("How far it is can’t be told.");
        if (!(/** @type {any} */ (error).isTransient)) return;
      }
      looks += 1;
      timer = setTimeout(look, looks < OFTEN ? SOON_MS : LATER_MS);
    };
    void look();
    return () => {
      clearTimeout(timer);
      timer = -1;
    };
  }, [turn]);

  const download = async () => {
    setFailure(null);
    setSaid("");
    try {
      // A link is good for ten minutes.
      const { body } = await api.request("GET", path);
      setShown(body);
      if (body.url === null) return;
      const link = document.createElement("a");
      link.href = new URL(body.url, config.api + path).href;
      link.download = "";
      link.click();
      setSaid("The download has been started.");
    } catch (error) {
      setFailure(error);
      setHasFailed("The download was not started.");
    }
  };

  const title = shown ? `${FORMATS[shown.format]?.[0] ?? shown.format}: ${shown.what.map((/** @type {string} */ kind) => KINDS[kind]?.[0] ?? kind).join(", ")}` : "An export";
  // The reply to the request has none yet.
  const isRemoved = shown?.status === "done" && shown.url === null;
  const isGone = failure?.code === "export_not_found";
  return html`<article class="card" data-export=${id} aria-label=${title}>
    <h4>${title}</h4>
    ${shown && html`<p class="quiet">Asked for ${moment(shown.requested_at)}</p>`}
    <div role="status">
      ${!shown && !failure && html`<p>It is being looked up …</p>`}
      ${
        shown?.status === "running" &&
        html`<p>${shown.taken_at === null ? "It has not begun yet." : `Under way: ${counted(shown.rows, "record")} so far.`}</p>`
      }
      ${shown?.status === "done" && html`<p><strong>Done:</strong> ${counted(shown.rows, "record")}, ${size(shown.bytes)}.</p>`}
      ${isRemoved && html`<p>${inWords({ name: "Refusal", code: "export_file_gone" })}</p>`}
      ${shown?.status === "failed" && html`<p class="wrong"><strong>It failed</strong> three times, and is not tried again. There is no file. Whoever runs the service is told; ask for another export later, or for fewer kinds at a time.</p>`}
    </div>
    ${shown?.status === "running" && html`<progress aria-label=${`${title}: under way`}></progress>`}
    ${failure && (isGone ? html`<p role="alert">${inWords(failure)}</p>` : html`<${Problem} problem=${failure} what=${hasFailed} login=${login} onRetry=${isOver ? download : () => setTurn(turn + 1)} />`)}
    ${
      shown?.status === "done" &&
      html`<dl class="facts">
          <dt>State of</dt><dd>${moment(shown.taken_at)}</dd>
          <dt>SHA-256</dt><dd><code>${shown.sha256}</code></dd>
        </dl>
        <p role="status">${said}</p>`
    }
    <div class="row">
      ${shown?.status === "done" && !isRemoved && html`<button type="button" class="main" onClick=${download}>Download<span class="unseen"> ${title}</span></button>`}
      ${(isOver || isGone) && html`<button type="button" onClick=${onForget}>Remove from this list<span class="unseen">: ${title}</span></button>`}
    </div>
  </article>`;
}
