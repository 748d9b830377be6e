// Receipts: what the service has signed of committed answers, verified without asking it.

/** @typedef {{genuine: boolean, answersMatch: boolean | null, sessionId: string | null, version: number | null, committedAt: string | null}} Verified */

/**
 * The text of a JSON value in RFC 8785. Beyond the range of doubles JSON.parse has left Infinity: then it throws.
 *
 * @param {any} value
 * @returns {string}
 */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)}}`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError("beyond the range of doubles");
  return JSON.stringify(value);
}

/** @param {unknown} answers */
async function sha256(answers) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical(answers)));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} text */
const decoded = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
/** @param {string} part */
const parsed = (part) => JSON.parse(new TextDecoder().decode(decoded(part)));

/**
 * Verify a receipt by the public keys (`/.well-known/jwks.json`), which may have been read at another time.
 *
 * @param {string} receipt
 * @param {Record<string, unknown>} answers all committed answers of the session
 * @param {{keys: any[]}} jwks
 * @returns {Promise<Verified>} `answersMatch` is null where JavaScript can't tell, or the receipt is not genuine
 */
export async function verifyReceipt(receipt, answers, jwks) {
  const [head, body, signature, ...more] = receipt.split(".");
  let payload;
  try {
    if (more.length) throw new Error("not three parts");
    const { alg, kid, typ } = parsed(head);
    const jwk = jwks.keys.find((each) => each.kid === kid && each.crv === "Ed25519");
    if (alg !== "EdDSA" || typ !== "receipt+jws" || !jwk) throw new Error("not by one of these keys");
    const { x } = jwk;
    const key = await crypto.subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x }, "Ed25519", false, ["verify"]);
    const signed = new TextEncoder().encode(`${head}.${body}`);
    if (!(await crypto.subtle.verify("Ed25519", key, decoded(signature), signed))) throw new Error("not signed by it");
    payload = parsed(body);
  } catch {
    return { genuine: false, answersMatch: null, sessionId: null, version: null, committedAt: null };
  }
  const hash = await sha256(answers).catch(() => null);
  return {
    genuine: true,
    answersMatch: hash === null ? null : hash === payload.answers_sha256,
    sessionId: payload.session_id,
    version: payload.version,
    committedAt: new Date(payload.committed_at * 1000).toISOString(),
  };
}
