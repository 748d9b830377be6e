/**
 * Start a quiz, or go on with it.
 *
 * @param {QuizOptions} options
 * @returns {Promise<Quiz>}
 * @throws {Refusal} it can't be started: `quiz_not_open` with `retryAfterMs`, `quiz_closed` and so on
 * @throws {Unreachable} the service can't be reached, and this device knows nothing of the session
 */
export function openQuiz(options: QuizOptions): Promise<Quiz>;
export class Quiz {
    /** @param {QuizOptions} options */
    constructor(options: QuizOptions);
    /** @type {Session} */
    session: Session;
    /** The session's paper (`GET /sessions/{id}/paper`), or null. @type {any} */
    paper: any;
    /** What the service said last, where it let nothing in. @type {Refusal | null} */
    problem: Refusal | null;
    /** Receipts of committed writes with the answers that they are about, the last one first.
     * @type {{receipt: string, answers: Record<string, unknown>}[]} */
    receipts: {
        receipt: string;
        answers: Record<string, unknown>;
    }[];
    /**
     * The answer to a question as the student has it, sent or not.
     *
     * @param {string | number} id
     */
    answer(id: string | number): any;
    /**
     * How safe an answer is: `committed` and `buffered` ones are on the server, an `unsent` one is on the device.
     *
     * @param {string | number} id
     * @returns {SaveState}
     */
    stateOf(id: string | number): SaveState;
    /** That of the answer which is the least safe. @returns {SaveState} */
    get saveState(): SaveState;
    /** Whether answers survive this page; they do not where the browser forbids it, or has no room. */
    get isDurable(): boolean;
    /** What came too late and was kept for staff, by question. @returns {Record<string, unknown>} */
    get late(): Record<string, unknown>;
    /** Both texts of each question that was answered elsewhere meanwhile. */
    get conflicts(): {
        [k: string]: {
            mine: unknown;
            theirs: unknown;
        };
    };
    /** Milliseconds until the deadline, by the server's clock. */
    get remainingMs(): number;
    /**
     * @param {QuizEvent} event
     * @param {(detail: any) => void} listener
     * @returns {() => void} what takes it off again
     */
    on(event: QuizEvent, listener: (detail: any) => void): () => void;
    /**
     * Answer a question, as while typing: it is shown at once, kept on the device, and autosaved.
     *
     * @param {string | number} id
     * @param {unknown} value any JSON
     * @returns {Promise<void>} once it is kept on the device
     */
    set(id: string | number, value: unknown): Promise<void>;
    /**
     * Answer a question for good, as with a click on a choice.
     *
     * @param {string | number} id
     * @param {unknown} value any JSON
     * @returns {Promise<{durability: 'committed' | 'buffered', receipt?: string}>} once the server has it
     */
    commit(id: string | number, value: unknown): Promise<{
        durability: "committed" | "buffered";
        receipt?: string;
    }>;
    /**
     * Choose between two texts of a question that was answered elsewhere.
     *
     * @param {string | number} id
     * @param {unknown} choice 'mine', 'theirs', or another value
     */
    resolve(id: string | number, choice: unknown): Promise<void>;
    /**
     * Hand in, with all that is typed.
     *
     * @returns {Promise<Session>} the ended session
     * @throws {Refusal} it was not accepted: `answer_conflict` where a question was answered elsewhere
     */
    handIn(): Promise<Session>;
    /**
     * Say that a notice was read.
     *
     * @param {number} id
     */
    acknowledge(id: number): Promise<void>;
    /** Enter a section of the paper: its time runs, and its contents are in `paper`. @param {number} number */
    enter(number: number): Promise<void>;
    /** Go on with this device, where the quiz lets the student choose. */
    takeOver(): Promise<void>;
    /** Send what is typed, and leave the rest to another tab, or to the next opening. */
    close(): void;
    open(): Promise<void>;
    #private;
}
export type Entry = import("./store.js").Entry;
/**
 * as the service shows it (`SessionReply` in its OpenAPI document)
 */
export type Session = Record<string, any>;
export type SaveState = "committed" | "buffered" | "unsent" | "conflict" | "refused";
export type HandIn = {
    auto: boolean;
    resolve: (session: Session) => void;
    reject: (error: unknown) => void;
};
export type QuizEvent = "state" | "tick" | "deadline" | "notice" | "conflict" | "paused" | "ended" | "login";
export type QuizOptions = {
    /**
     * of the service
     */
    baseUrl: string;
    /**
     * the caller's token; an empty one where the service asks for none
     */
    token: () => string | Promise<string>;
    quizId: string;
    /**
     * whose session it is, where the service asks for no tokens
     */
    userId?: string | undefined;
    /**
     * whether to remove what is kept on the device after the end, or to keep
     * nothing there
     */
    storage?: "keep" | "memory" | "wipe" | undefined;
};
import { Refusal } from "./api.js";
