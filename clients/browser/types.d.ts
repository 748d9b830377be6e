// What the modules of this library and the pages on it share.

import type { Refusal, Unreachable } from "./api.js";

/** A session as the service shows it (`SessionReply` in its OpenAPI document). */
export type Session = Record<string, any>;

/** How safe an answer is: `committed` and `buffered` ones are on the server, the others on the device. */
export type SaveState = "committed" | "buffered" | "unsent" | "conflict" | "refused";

export type QuizEvent = "state" | "tick" | "deadline" | "notice" | "conflict" | "paused" | "ended" | "login";

/** Gives the caller's token; an empty one where the service asks for none. */
export type Token = () => string | Promise<string>;

/** A receipt of a committed write, with the answers that it is about. */
export interface Kept {
  receipt: string;
  answers: Record<string, unknown>;
}

export interface QuizOptions {
  /** Of the service. */
  baseUrl: string;
  token: Token;
  quizId: string;
  /** Whose session it is, where the service asks for no tokens. */
  userId?: string;
  /** Of the room, where the quiz asks for one; it is not kept. */
  password?: string;
  /** `wipe` removes what is kept on the device after the end, `memory` keeps nothing there; else it is kept. */
  storage?: "keep" | "wipe" | "memory";
  /** Whether to start the next attempt where the last one has ended; else that is shown. */
  again?: boolean;
}

/** A student's session. */
export interface Quiz {
  /** As the service showed it last. */
  readonly session: Session;
  /** The session's paper (`GET /sessions/{id}/paper`), or null. */
  readonly paper: any;
  /** Why the last request came to nothing, where the service said so. */
  readonly problem: Refusal | null;
  /** The last one first. */
  readonly receipts: Kept[];
  /** The state of the answer that is the least safe. */
  readonly saveState: SaveState;
  /** Whether answers survive this page; they do not where the browser forbids it, or has no room. */
  readonly isDurable: boolean;
  /** What came too late and was kept for staff, by question. */
  readonly late: Record<string, unknown>;
  /** Both texts of each question that was answered elsewhere meanwhile. */
  readonly conflicts: Record<string, { mine: unknown; theirs: unknown }>;
  /** Milliseconds until the deadline, by the server's clock. */
  readonly remainingMs: number;

  /** The answer to a question as the student has it, sent or not. */
  answer(id: string | number): any;
  /** How safe it is. */
  stateOf(id: string | number): SaveState;

  /**
   * Answer a question, as while typing: it is shown at once, kept on the device, and autosaved.
   *
   * @param value any JSON
   * @returns once it is kept on the device
   */
  set(id: string | number, value: unknown): Promise<void>;
  /**
   * Answer a question for good, as with a click on a choice.
   *
   * @param value any JSON
   * @returns once the server has it
   * @throws {Error} it is not accepted, or came too late
   */
  commit(id: string | number, value: unknown): Promise<{ durability: "committed" | "buffered"; receipt?: string }>;
  /**
   * Choose between two texts of a question that was answered elsewhere.
   *
   * @param choice 'mine', 'theirs', or another value
   */
  resolve(id: string | number, choice: unknown): Promise<void>;
  /**
   * Hand in, with all that is typed. At the deadline it happens by itself.
   *
   * @returns the ended session
   * @throws {Refusal} it was not accepted: `answer_conflict` where a question was answered elsewhere
   */
  handIn(): Promise<Session>;
  /** Say that a notice was read. */
  acknowledge(notice: number): Promise<void>;
  /** Enter a section of the paper: its time runs, and its contents are in `paper`. */
  enter(section: number): Promise<void>;
  /** Go on with this device, where the quiz lets the student choose. */
  takeOver(): Promise<void>;

  /** @returns what takes the listener off again */
  on(event: QuizEvent, listener: (detail: any) => void): () => void;
  /** Send what is typed, and leave the rest to another tab, or to the next opening. */
  close(): void;
}

export interface RoomOptions {
  baseUrl: string;
  token: Token;
  quizId: string;
}

/**
 * A proctor's view of who takes a quiz. Acts are done once, however often their replies are lost; one that has failed
 * is the same act again with the same `key`. `isUnsure`, in what is
 * returned as in what is thrown, says that a reply to an earlier try was lost: the act may have been done by that one.
 */
export interface Room {
  /** By session, in the order in which they were started. */
  readonly rows: Map<string, Row>;
  /** How many are open, paused, completed, expired, abandoned and silent. */
  readonly totals: Record<string, number>;
  /** Whether it is known who was heard; not while the service's cache is away. */
  readonly presence: boolean;
  /** That of the service at the last look; empty before the first. */
  readonly serverTime: string;
  /** Why nothing was seen at the last look. */
  readonly problem: Failure | null;

  /** @returns what takes the listener off again */
  on(event: "change", listener: (change: { changed: Row[] }) => void): () => void;
  /** Give time, or with a negative number take it; returns what the service says of it, as all that follow. */
  extend(ids: string[] | "all", seconds: number, reason: string, key?: string): Promise<any>;
  /** Stop the clock. */
  pause(ids: string[] | "all", reason: string, key?: string): Promise<any>;
  /** Let it run again. */
  resume(ids: string[] | "all", reason: string, key?: string): Promise<any>;
  notify(ids: string[] | "all", text: string, key?: string): Promise<any>;
  /** Hand in on their behalf. */
  handIn(ids: string[] | "all", reason: string, key?: string): Promise<any>;
  close(): void;
}

/** A row of the live view (`LiveRow` in the service's OpenAPI document). */
export type Row = Record<string, any>;

/** By `performance.now()`. */
export interface Times {
  sentAt: number;
  receivedAt: number;
}

export interface Reply extends Times {
  status: number;
  /** Null where it is no JSON. */
  body: any;
  retryAfterMs?: number;
}

export interface HandIn {
  /** Whether the student asked for it. */
  isWanted?: boolean;
  /** The deadline that it is handed in at, if it is. */
  expiresAt: string | null;
  done: Promise<Session>;
  resolve(session: Session): void;
  reject(error: unknown): void;
}

/** A request that came to nothing. */
export type Failure = Refusal | Unreachable;

/** An answer that the server has not committed, as far as is known. */
export interface Entry {
  session: string;
  question: string;
  value: unknown;
  /** The tag of the answer that was shown when this one was begun. */
  base: string | null;
  /** Grows with each edit. */
  n: number;
  state: "unsent" | "buffered" | "refused" | "conflict";
  /** Of the answer on the server, where this is buffered or in conflict with it. */
  tag: string | null;
  /** What was answered elsewhere, in conflict with this. */
  theirs?: unknown;
  /** Whether it is to be committed. */
  urgent: boolean;
  /** Whether it came after the end, and was kept for staff. */
  late: boolean;
}

/** `answersMatch` is null where JavaScript can't tell, or the receipt is not genuine. */
export interface Verified {
  genuine: boolean;
  answersMatch: boolean | null;
  sessionId: string | null;
  version: number | null;
  committedAt: string | null;
}

/**
 * Start a quiz, or go on with it; without network too, where this device knows the session.
 *
 * @throws {Refusal} it can't be started: `quiz_not_open` with `retryAfterMs`, `quiz_closed` and so on
 * @throws {Unreachable} neither the service nor this device can say anything of it, or `token` gives none
 */
export type OpenQuiz = (options: QuizOptions) => Promise<Quiz>;

/** Watch a room. Its rows come with the first 'change'. */
export type WatchQuiz = (options: RoomOptions) => Room;

/**
 * Verify a receipt by the public keys (`/.well-known/jwks.json`), which may have been read at another time.
 *
 * @param answers all committed answers of the session, as the reply had them
 * @throws {Error} this browser can't tell: it has no Ed25519, or the page came by plain HTTP
 */
export type VerifyReceipt = (
  receipt: string,
  answers: Record<string, unknown>,
  jwks: { keys: any[] },
) => Promise<Verified>;
