/** @import { Verified } from "./types.js" */
/** The text of a JSON value in RFC 8785. @param {any} value @returns {string} */
export function canonical(value: any): string;
/** @param {unknown} answers */
export function answersSha256(answers: unknown): Promise<string>;
/** Verify a receipt by the public keys (`/.well-known/jwks.json`), which may have been read at another time.
 * @param {string} receipt @param {Record<string, unknown>} answers all committed answers of the session
 * @param {{keys: any[]}} jwks @returns {Promise<Verified>}
 * @throws {Error} this browser can't tell: it has no Ed25519, or the page came by plain HTTP */
export function verifyReceipt(receipt: string, answers: Record<string, unknown>, jwks: {
    keys: any[];
}): Promise<Verified>;
import type { Verified } from "./types.js";
