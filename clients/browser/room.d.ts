/**
 * Watch a room. Its rows come with the first 'change'.
 *
 * @param {RoomOptions} options
 * @returns {Room}
 */
export function watchQuiz(options: RoomOptions): Room;
export class Room {
    /** @param {RoomOptions} options */
    constructor({ baseUrl, token, quizId }: RoomOptions);
    /** The rows by session, in the order in which they were started. @type {Map<string, Row>} */
    rows: Map<string, Row>;
    /** How many are open, paused, completed, expired, abandoned and silent. @type {Record<string, number>} */
    totals: Record<string, number>;
    /** Whether it is known who was heard; not while the service's cache is away. */
    presence: boolean;
    /** Why nothing was seen at the last look. @type {Refusal | Unreachable | null} */
    problem: Refusal | Unreachable | null;
    /**
     * @param {'change'} event
     * @param {(change: {changed: Row[], gone: string[]}) => void} listener
     * @returns {() => void} what takes it off again
     */
    on(event: "change", listener: (change: {
        changed: Row[];
        gone: string[];
    }) => void): () => void;
    /**
     * Give time, or with a negative number take it.
     *
     * @param {string[] | 'all'} ids
     * @param {number} seconds
     * @param {string} reason
     */
    extend(ids: string[] | "all", seconds: number, reason: string): Promise<any>;
    /**
     * Stop the clock.
     *
     * @param {string[] | 'all'} ids
     * @param {string} reason
     */
    pause(ids: string[] | "all", reason: string): Promise<any>;
    /**
     * Let it run again.
     *
     * @param {string[] | 'all'} ids
     * @param {string} reason
     */
    resume(ids: string[] | "all", reason: string): Promise<any>;
    /**
     * @param {string[] | 'all'} ids
     * @param {string} text
     */
    notify(ids: string[] | "all", text: string): Promise<any>;
    /**
     * @param {string[] | 'all'} ids
     * @param {string} reason
     */
    handIn(ids: string[] | "all", reason: string): Promise<any>;
    close(): void;
    #private;
}
/**
 * of the live view (`LiveRow` in the service's OpenAPI document)
 */
export type Row = Record<string, any>;
export type RoomOptions = {
    baseUrl: string;
    token: () => string | Promise<string>;
    quizId: string;
};
import { Refusal } from "./api.js";
import { Unreachable } from "./api.js";
