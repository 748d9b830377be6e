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
    /** @param {string} serverTime @param {number} sentAt @param {number} receivedAt */
    sync(serverTime: string, sentAt: number, receivedAt: number): void;
    /** Take the device's own clock, until the server is heard. */
    guess(): void;
    /** Whether the server was heard, and the device has not slept since. */
    get isTold(): boolean;
    get now(): number;
    get leadMs(): number;
    hasJumped(): boolean;
    #private;
}
