/** What the service said to a request that it did not accept. */
export class Refusal extends Error {
    /**
     * @param {number} status
     * @param {Record<string, any>} problem the reply: `code`, `detail` and more (RFC 9457)
     * @param {number | null} retryAfterMs
     */
    constructor(status: number, problem: Record<string, any>, retryAfterMs: number | null);
    status: number;
    code: string;
    problem: Record<string, any>;
    retryAfterMs: number | null;
    /** Whether the same request may be accepted later, without anything else being changed. */
    get isTransient(): boolean;
}
/** No reply came, or none that the service wrote: it can't be reached, is cut off, or somebody else answers for it. */
export class Unreachable extends Error {
}
export class Api {
    /**
     * @param {string} baseUrl
     * @param {() => string | Promise<string>} token
     */
    constructor(baseUrl: string, token: () => string | Promise<string>);
    /** Sent with each request, as X-Client-Id. */
    clientId: string;
    /**
     * @param {string} method
     * @param {string} path
     * @param {object} [body]
     * @param {Record<string, string>} [headers]
     * @returns {Promise<Reply>}
     * @throws {Refusal | Unreachable}
     */
    request(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Reply>;
    /**
     * Send something from a page that is being closed, with the last token; nobody waits for the reply.
     *
     * @param {string} method
     * @param {string} path
     * @param {object} body
     */
    send(method: string, path: string, body: object): void;
    /**
     * @param {string} path
     * @param {object} body
     * @returns {boolean} whether the browser takes it
     */
    beacon(path: string, body: object): boolean;
    #private;
}
export type Reply = {
    body: any;
    /**
     * by `performance.now()`
     */
    sentAt: number;
    receivedAt: number;
};
