// Verifies a receipt without asking the service: in Node, or in a browser (then without the last lines).
//
//     node verify_receipt.mjs RECEIPT ANSWERS JWKS
//
// Three files: the receipt, the answers as JSON, and what GET /.well-known/jwks.json said. It prints what it found;
// the exit code is 0 if the receipt is genuine and for these answers.

/** The text of a JSON value in RFC 8785. Beyond the range of doubles JSON.parse has left Infinity: then it throws. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (value !== null && typeof value === "object") {
    return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)}}`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError("beyond the range of doubles");
  return JSON.stringify(value);
}

export async function answersSha256(answers) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical(answers)));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const parsed = (part) => JSON.parse(new TextDecoder().decode(bytes(part)));

/** `answersMatch` is null where JavaScript can't tell, or the receipt is not genuine. */
export async function verifyReceipt(receipt, answers, jwks) {
  const [head, body, signature, ...more] = receipt.split(".");
  let payload;
  try {
    if (more.length) throw new Error("not three parts");
    const { alg, kid, typ } = parsed(head);
    const jwk = jwks.keys.find((each) => each.kid === kid && each.crv === "Ed25519");
    if (alg !== "EdDSA" || typ !== "receipt+jws" || !jwk) throw new Error("not by one of these keys");
    const key = await crypto.subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x: jwk.x }, "Ed25519", false, ["verify"]);
    const signed = new TextEncoder().encode(`${head}.${body}`);
    if (!(await crypto.subtle.verify("Ed25519", key, bytes(signature), signed))) throw new Error("another signature");
    payload = parsed(body);
  } catch {
    return { genuine: false, answersMatch: null, sessionId: null, version: null, committedAt: null };
  }
  const hash = await answersSha256(answers).catch(() => null);
  return {
    genuine: true,
    answersMatch: hash === null ? null : hash === payload.answers_sha256,
    sessionId: payload.session_id,
    version: payload.version,
    committedAt: new Date(payload.committed_at * 1000).toISOString(),
  };
}

if (globalThis.process?.argv[1]?.endsWith("verify_receipt.mjs")) {
  const { readFileSync } = await import("node:fs");
  const [receipt, answers, jwks] = process.argv.slice(2).map((file) => readFileSync(file, "utf8"));
  const found = await verifyReceipt(receipt.trim(), JSON.parse(answers), JSON.parse(jwks));
  console.log(JSON.stringify(found));
  process.exitCode = found.genuine && found.answersMatch ? 0 : 1;
}
