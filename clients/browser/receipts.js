// What the service has signed.

import { hex } from "./api.js";

/** @import { VerifyReceipt } from "./types.js" */

/** The text of a JSON value in RFC 8785. @param {any} value @returns {string} */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
    return `{${members}}`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError("beyond the range of doubles");
  return JSON.stringify(value);
}

const encoded = (/** @type {string} */ text) => new TextEncoder().encode(text);

/** @param {unknown} answers */
export async function answersSha256(answers) {
  const digest = await crypto.subtle.digest("SHA-256", encoded(canonical(answers)));
  return Array.from(new Uint8Array(digest), hex).join("");
}

const decoded = (/** @type {string} */ text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
export const parsed = (/** @type {string} */ part) => JSON.parse(new TextDecoder().decode(decoded(part)));

/** Null if it was not signed with one of the keys. @param {string} receipt
 * @param {{keys: any[]}} jwks */
async function payloadOf(receipt, jwks) {
  const [head, body, signature, ...more] = receipt.trim().split(".");
  try {
    const { alg, kid, typ } = parsed(head);
    const { x } = jwks.keys.find((each) => each.kid === kid && each.crv === "Ed25519");
    if (alg !== "EdDSA" || typ !== "receipt+jws" || more.length) return null;
    const key = await crypto.subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x }, "Ed25519", false, ["verify"]);
    const isSigned = await crypto.subtle.verify("Ed25519", key, decoded(signature), encoded(`${head}.${body}`));
    return isSigned ? parsed(body) : null;
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") throw error;
    return null;
  }
}

/** @type {VerifyReceipt} */
export const verifyReceipt = async (receipt, answers, jwks) => {
  if (!crypto.subtle) throw new Error("Receipts can be verified on pages that come by HTTPS.");
  const payload = await payloadOf(receipt, jwks);
  if (!payload) return { genuine: false, answersMatch: null, sessionId: null, version: null, committedAt: null };
  const hash = await answersSha256(answers).catch(() => null);
  return {
    genuine: true,
    answersMatch: hash === null ? null : hash === payload.answers_sha256,
    sessionId: payload.session_id,
    version: payload.version,
    committedAt: new Date(payload.committed_at * 1000).toISOString(),
  };
};
