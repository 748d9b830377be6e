/** @import { Reply, Token } from "./types.js" */
/** The service does not accept a request; `problem` says why (RFC 9457). */
export class Refusal extends Error {
    /** @param {Reply} reply */
    constructor({ status, body, retryAfterMs, sentAt, receivedAt }: Reply);
    status: number;
    /** @type {Record<string, any>} */
    problem: Record<string, any>;
    /** @type {string} */
    code: string;
    retryAfterMs: number | undefined;
    isTransient: boolean;
    sentAt: number;
    receivedAt: number;
}
/** The service can't be reached, or somebody else answers for it. */
export class Unreachable extends Error {
    /** @param {string} message @param {number} [status] */
    constructor(message: string, status?: number);
    isTransient: boolean;
    retryAfterMs: undefined;
    status: number;
}
export function unique(): string;
export function hex(byte: number): string;
export function own(of: any, key: string): any;
export function jittered(ms: number): number;
export function after(ms: number): Promise<any>;
export class Api {
    /** @param {string} baseUrl @param {Token} token */
    constructor(baseUrl: string, token: Token);
    clientId: string;
    /** @param {string} method @param {string} path @param {object} [body] @param {Record<string, string>} [headers] @returns {Promise<Reply>} */
    request(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Reply>;
    token(): Promise<string>;
    /** From a page that goes. @param {string} path @param {object} body */
    send(path: string, body: object): void;
    /** @param {string} path @param {object} body */
    beacon(path: string, body: object): void;
    #private;
}
import type { Reply } from "./types.js";
import type { Token } from "./types.js";
