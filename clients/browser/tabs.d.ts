export class Tabs {
    /**
     * @param {string} name
     * @param {(told: any) => void} hear what other tabs tell
     * @param {() => void} woken when this tab begins to send
     */
    constructor(name: string, hear: (told: any) => void, woken: () => void);
    /** Whether this tab sends. */
    isSender: boolean;
    /** @param {any} message */
    tell(message: any): void;
    /**
     * Send from this tab, which is the one in sight: timers of hidden ones are late, and frozen ones send nothing.
     *
     * @param {boolean} [anyway] also where it is hidden
     */
    want(anyway?: boolean): void;
    close(): void;
    #private;
}
