/** The server's clock, as far as replies tell it. */
export class ServerClock {
    /**
     * @param {string} serverTime of a reply, RFC 3339
     * @param {number} sentAt by `performance.now()`
     * @param {number} receivedAt
     */
    sync(serverTime: string, sentAt: number, receivedAt: number): void;
    /** The server's time in milliseconds since 1970; NaN before the first reply. */
    get now(): number;
    /** How long before a deadline something has to be sent to be there in time. */
    get leadMs(): number;
    /**
     * Whether the device slept, or its clock was set, since this was asked last: `performance.now()` stands still in some
     * browsers while a device sleeps. What was known of the server's time may be wrong then.
     */
    hasJumped(): boolean;
    #private;
}
