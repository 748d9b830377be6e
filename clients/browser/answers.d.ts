export function isOpen({ status }: Session): boolean;
export function isLeft({ state }: Entry): boolean;
export class Answers {
    /** @param {Store} store @param {(message: object) => void} tell
     * @param {(questions: string[], anyway?: boolean) => void} changed */
    constructor(store: Store, tell: (message: object) => void, changed: (questions: string[], anyway?: boolean) => void);
    /** @type {Session} */ session: Session;
    saved: Promise<void>;
    load(): Promise<void>;
    /** @param {string} question */
    of(question: string): any;
    /** @param {string} question @returns {SaveState} */
    stateOf(question: string): SaveState;
    /** @returns {SaveState} */
    get state(): SaveState;
    get late(): {
        [k: string]: unknown;
    };
    get conflicts(): any;
    get unsent(): Entry[];
    get left(): Entry[];
    /** @param {string} question @param {unknown} value @param {boolean} urgent */
    edit(question: string, value: unknown, urgent: boolean): Promise<Entry>;
    /** @param {Entry[]} batch @param {Session} session */
    accepted(batch: Entry[], { answers, answer_tags, buffered_questions }: Session): Promise<void>;
    /** What an ended session holds needs no more. */
    end(): Promise<void>;
    /** Compare what is thought to be on the server with what is there. */
    reconcile(): Promise<string[]>;
    /** @param {Entry} entry @param {boolean} late */
    refuse({ question, n }: Entry, late: boolean): Promise<void>;
    /** @param {Pick<Entry, "question" | "n">} entry @param {unknown} theirs @param {string | null} tag */
    meet({ question, n }: Pick<Entry, "question" | "n">, theirs: unknown, tag: string | null): Promise<void>;
    /** @param {string} question @param {unknown} choice */
    resolve(question: string, choice: unknown): Promise<void>;
    /** @param {any} told */
    hear({ question, entry, n }: any): void;
    wipe(): Promise<void>;
    #private;
}
import type { Session } from "./types.js";
import type { Entry } from "./types.js";
import type { SaveState } from "./types.js";
import type { Store } from "./device.js";
