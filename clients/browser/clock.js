// The server's time, without the device's: that may be wrong, and may be changed while the page is open.

const DRIFT = 1 / 5000; // by which a clock may run fast or slow
const JUMP_MS = 2_000;
const ROUND_TRIPS = 10;

/** The server's clock, as far as replies tell it. */
export class ServerClock {
  /** The server's time at `performance.now()` 0, in milliseconds since 1970. */
  #origin = NaN;
  #error = Infinity;
  #measuredAt = 0;
  /** @type {number[]} */
  #roundTrips = [];
  #ahead = Date.now() - performance.now();

  /**
   * @param {string} serverTime of a reply, RFC 3339
   * @param {number} sentAt by `performance.now()`
   * @param {number} receivedAt
   */
  sync(serverTime, sentAt, receivedAt) {
    const roundTrip = receivedAt - sentAt;
    this.#roundTrips = [...this.#roundTrips, roundTrip].slice(-ROUND_TRIPS);
    const grown = this.#error + (receivedAt - this.#measuredAt) * DRIFT;
    if (roundTrip / 2 > grown) return;
    this.#origin = Date.parse(serverTime) - (sentAt + receivedAt) / 2;
    this.#error = roundTrip / 2;
    this.#measuredAt = receivedAt;
  }

  /** The server's time in milliseconds since 1970; NaN before the first reply. */
  get now() {
    return this.#origin + performance.now();
  }

  /** How long before a deadline something has to be sent to be there in time. */
  get leadMs() {
    return Math.min(5_000, 400 + 2 * Math.max(0, ...this.#roundTrips));
  }

  /**
   * Whether the device slept, or its clock was set, since this was asked last: `performance.now()` stands still in some
   * browsers while a device sleeps. What was known of the server's time may be wrong then.
   */
  hasJumped() {
    const ahead = Date.now() - performance.now();
    const jumped = Math.abs(ahead - this.#ahead) > JUMP_MS;
    this.#ahead = ahead;
    if (jumped) this.#error = Infinity;
    return jumped;
  }
}
