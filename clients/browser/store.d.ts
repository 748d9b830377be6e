/** In IndexedDB; where that is forbidden or full, in this page alone. */
export class Store {
    /** @param {boolean} inMemory whether to keep nothing on the device */
    constructor(inMemory: boolean);
    /** Whether what was put here survives the page. */
    isDurable: boolean;
    /**
     * Change the value of a key in one transaction; what `change` returns for undefined is stored, and undefined removes it.
     *
     * @template T
     * @param {string} key
     * @param {(known: any) => T} change
     * @returns {Promise<T>}
     */
    update<T>(key: string, change: (known: any) => T): Promise<T>;
    /**
     * All values whose key begins with `prefix`.
     *
     * @param {string} prefix
     * @returns {Promise<any[]>}
     */
    all(prefix: string): Promise<any[]>;
    /**
     * @param {string} key
     * @returns {Promise<any>}
     */
    get(key: string): Promise<any>;
    close(): void;
    #private;
}
/**
 * An answer that the server has not committed, as far as is known.
 */
export type Entry = {
    session: string;
    question: string;
    value: unknown;
    /**
     * the tag of the answer that was shown when this one was begun
     */
    base: string | null;
    /**
     * grows with each edit
     */
    n: number;
    state: "unsent" | "buffered" | "refused";
    /**
     * of the answer on the server, where it is buffered
     */
    tag: string | null;
    /**
     * whether it is to be committed
     */
    urgent: boolean;
    /**
     * whether it came after the end, and was kept for staff
     */
    late: boolean;
};
