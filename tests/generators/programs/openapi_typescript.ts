// A student's and an author's way through the API, on the types that openapi-typescript makes.
import createClient from "openapi-fetch";

import { address } from "./address.js";
import type { components, operations, paths } from "./generated.js";

type Schemas = components["schemas"];
type Session = Schemas["SessionReply"];
type Conflict = operations["saveProgress"]["responses"][409]["content"]["application/problem+json"];

// Compiles where A and B are the same type, which `any` and `unknown` are not.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const progress: {
  question: Same<NonNullable<Schemas["ProgressRequest"]["question_id"]>, number | string>;
  autosave: Same<Schemas["ProgressRequest"]["autosave"], boolean | undefined>;
  answers: Same<NonNullable<Schemas["ProgressRequest"]["answers"]>, { [question: string]: unknown }>;
} = { question: true, autosave: true, answers: true };
const statuses: Same<
  NonNullable<NonNullable<operations["findSessions"]["parameters"]["query"]>["status"]>,
  (Schemas["Status"] | "open")[]
> = true;

const api = createClient<paths>({ baseUrl: address, headers: { Authorization: "Bearer token" } });

async function take(user: string, quiz: string) {
  const started = await api.POST("/sessions/start", {
    body: { user_id: user, quiz_id: quiz },
    params: { header: { "idempotency-key": "one" } },
  });
  if (started.error !== undefined) {
    if (started.error.code === "attempt_active") {
      // Of the 409, and of no other problem.
      const open: string | undefined = started.error.session_id;
      throw new Error(`go on with ${open ?? "it"}`);
    }
    throw new Error(started.error.detail);
  }
  const resumed: boolean = started.data.resumed;
  let session: Session = started.data;
  const path = { session_id: session.id };

  const one = await api.PATCH("/sessions/{session_id}/progress", {
    params: { path, header: { "x-client-id": "tab-1" } },
    body: { question_id: 0, answer: "A", version: session.version },
  });
  if (one.error === undefined) session = one.data;
  else merge(session, one.error);

  const named = await api.PATCH("/sessions/{session_id}/progress", {
    params: { path },
    body: { question_id: "essay", answer: { text: "It was a" }, autosave: true },
  });
  if (named.data?.durability === "buffered") {
    const wait: number | null = named.data.next_autosave_after_ms;
    console.info(named.data.buffered_questions.join(), wait);
  }

  const several = await api.PATCH("/sessions/{session_id}/progress", {
    params: { path },
    body: { answers: { "0": "A", essay: { text: "It was a dark" } }, version: session.version },
  });
  if (several.error?.code === "invalid_input") {
    for (const { location, message } of several.error.errors ?? []) {
      console.error(location, message, several.error.question_id);
    }
  }
  const unanswered: unknown = several.data?.answers["7"];
  console.info(unanswered, resumed, several.response.headers.get("etag"));

  const read = await api.GET("/sessions/{session_id}", { params: { path } });
  // `session` is older than that.
  const problem = await refused(session);
  const conflict = problem === undefined ? undefined : merge(session, problem);

  const completed = await api.POST("/sessions/{session_id}/complete", {
    params: { path },
    body: { answers: { essay: "The end." } },
  });
  return {
    autosaved: named.data?.durability,
    read: read.data?.answers,
    conflict,
    completed: completed.data?.status,
    answers: completed.data?.answers,
  };
}

function merge(session: Session, problem: NonNullable<Awaited<ReturnType<typeof refused>>>): number {
  if (problem.code === "version_conflict") {
    // `code` tells the problems of all statuses apart.
    const conflict: Conflict = problem;
    const questions: string[] = conflict.changed_questions ?? [];
    const version: number = conflict.current_version ?? session.version;
    const now: Schemas["SessionState"] = conflict.session ?? session;
    console.warn(questions, now.answers);
    return version;
  }
  throw new Error(problem.detail);
}

async function refused(session: Session) {
  const { error } = await api.PATCH("/sessions/{session_id}/progress", {
    params: { path: { session_id: session.id } },
    body: { question_id: "essay", answer: null, version: session.version },
  });
  return error;
}

async function oversee(user: string): Promise<void> {
  const found = await api.GET("/sessions", {
    params: { query: { user_id: user, status: ["open", "completed"], limit: 10 } },
  });
  for (const each of found.data?.sessions ?? []) {
    const score: number | null = each.score;
    console.info(each.status === "in_progress", score);
  }
  const questions: { [id: string]: Schemas["QuestionRules"] } = {
    "0": { points: 1, grading: "exact", key: "B" },
    "1": { points: 2, grading: "numeric", key: 9.81, tolerance: 0.01 },
    "2": { grading: "set", key: ["a", "b"], partial: true },
    essay: { points: 5 },
  };
  const rules: Schemas["QuizRequest"] = { closes_at: "2027-01-15T12:00:00Z", when_active: "resume", questions };
  const written = await api.PUT("/quizzes/{quiz_id}", { params: { path: { quiz_id: "physics" } }, body: rules });
  const points: number | undefined = written.data?.questions["0"]?.points;
  const moved: number | undefined = written.data?.rescheduled;
  // What was read can be written again.
  const copy: Schemas["QuizRequest"]["questions"] = written.data?.questions ?? {};

  const results = await api.GET("/sessions/{session_id}/results", {
    params: { path: { session_id: "31bb95d0-5a1c-4b0e-9a39-0d4f1c1f3a55" } },
  });
  if (results.error?.code === "results_hidden") return;
  const correct: boolean | null | undefined = results.data?.questions?.["0"]?.correct;
  const extended = await api.POST("/quizzes/{quiz_id}/extend", {
    params: { path: { quiz_id: "physics" }, header: { "idempotency-key": "two" } },
    body: { seconds: 600, reason: "the fire alarm" },
  });
  for (const { reason, session_ids } of extended.data?.unchanged ?? []) console.info(reason, session_ids[0]);
  console.info(points, moved, copy, correct, progress, statuses);
}

// Is compiled, and not called.
export function mistakes(): void {
  // @ts-expect-error a member that there is not
  const misspelt: Schemas["ProgressRequest"] = { question: 0, answer: "A" };
  // @ts-expect-error a question is named by a number or a string
  const unnamed: Schemas["ProgressRequest"] = { question_id: true, answer: "A" };
  // @ts-expect-error no such status
  void api.GET("/sessions", { params: { query: { status: ["opened"] } } });
  // @ts-expect-error a question has no such member
  const rules: Schemas["QuestionRules"] = { points: 1, weight: 2 };
  // @ts-expect-error no such way to grade
  const graded: Schemas["QuestionRules"] = { grading: "guess", key: 1 };
  // @ts-expect-error a conflict has no such code
  const code: Conflict["code"] = "version_conflct";
  console.info(misspelt, unnamed, rules, graded, code);
}

const taken = await take("student of openapi-typescript", "quiz1");
await oversee("student of openapi-typescript");
console.info(JSON.stringify(taken));
