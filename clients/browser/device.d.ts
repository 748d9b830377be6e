/** In IndexedDB; what that does not take, in this page alone. */
export class Store {
    /** @param {boolean} inMemory */
    constructor(inMemory: boolean);
    get isDurable(): boolean;
    /** In one transaction; undefined removes it. @template T @param {string} key @param {(known: any) => T} change @returns {Promise<T>} */
    update<T>(key: string, change: (known: any) => T): Promise<T>;
    /** @param {string} key @returns {Promise<any>} */
    get(key: string): Promise<any>;
    /** @param {string} prefix @param {string} [last] @returns {Promise<any[]>} */
    all(prefix: string, last?: string): Promise<any[]>;
    close(): void;
    #private;
}
/** They tell each other what happens, and one of them sends. */
export class Tabs {
    /** @param {string} name @param {(told: any) => void} hear @param {() => void} woken */
    constructor(name: string, hear: (told: any) => void, woken: () => void);
    isSender: boolean;
    /** @param {any} message */
    tell(message: any): void;
    /** @param {boolean} [anyway] */
    want(anyway?: boolean): void;
    close(): void;
    #private;
}
/** The server's, as far as replies tell it. */
export class ServerClock {
    /** @param {string} serverTime of a reply, RFC 3339 @param {number} sentAt by `performance.now()`
     * @param {number} receivedAt */
    sync(serverTime: string, sentAt: number, receivedAt: number): void;
    get now(): number;
    /** How long before a deadline to send what has to be there in time. */
    get leadMs(): number;
    hasJumped(): boolean;
    #private;
}
