/** @import { VerifyReceipt } from "./types.js" */
/** The text of a JSON value in RFC 8785. @param {any} value @returns {string} */
export function canonical(value: any): string;
/** @param {unknown} answers */
export function answersSha256(answers: unknown): Promise<string>;
export function parsed(part: string): any;
/** @type {VerifyReceipt} */
export const verifyReceipt: VerifyReceipt;
import type { VerifyReceipt } from "./types.js";
