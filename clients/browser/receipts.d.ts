/**
 * Verify a receipt by the public keys (`/.well-known/jwks.json`), which may have been read at another time.
 *
 * @param {string} receipt
 * @param {Record<string, unknown>} answers all committed answers of the session
 * @param {{keys: any[]}} jwks
 * @returns {Promise<Verified>} `answersMatch` is null where JavaScript can't tell, or the receipt is not genuine
 */
export function verifyReceipt(receipt: string, answers: Record<string, unknown>, jwks: {
    keys: any[];
}): Promise<Verified>;
export type Verified = {
    genuine: boolean;
    answersMatch: boolean | null;
    sessionId: string | null;
    version: number | null;
    committedAt: string | null;
};
