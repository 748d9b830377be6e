// A student's and an author's way through the API, on the functions and types that orval makes.
import {
  completeSession,
  extendQuiz,
  findSessions,
  getHealth,
  getReadiness,
  getResults,
  getSession,
  Problem409Code,
  putQuiz,
  saveProgress,
  startSession,
  Status,
  WhenActive,
} from "./generated.js";
import type {
  Answers,
  Problem409,
  ProgressRequest,
  QuestionRules,
  QuizRequest,
  SessionReply,
  SessionState,
} from "./generated.js";

// Compiles where A and B are the same type, which `any` and `unknown` are not.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const progress: {
  question: Same<NonNullable<ProgressRequest["question_id"]>, number | string>;
  autosave: Same<ProgressRequest["autosave"], boolean | undefined>;
  answers: Same<NonNullable<ProgressRequest["answers"]>, Answers>;
} = { question: true, autosave: true, answers: true };

async function take(user: string, quiz: string) {
  const started = await startSession({ user_id: user, quiz_id: quiz }, { "idempotency-key": "one" });
  if (started.status === 401) throw new Error(started.data.detail ?? started.data.message);
  if (started.status === 409 && started.data.code === "attempt_active") {
    const open: string | undefined = started.data.session_id;
    throw new Error(`go on with ${open ?? "it"}`);
  }
  if (started.status !== 200 && started.status !== 201) throw new Error(started.data.detail);
  const resumed: boolean = started.data.resumed;
  let session: SessionReply = started.data;

  const one = await saveProgress(
    session.id,
    { question_id: 0, answer: "A", version: session.version },
    { "x-client-id": "tab-1" },
  );
  switch (one.status) {
    case 200:
      session = one.data;
      break;
    case 409:
      merge(session, one.data);
      break;
    case 422:
      for (const { location, message } of one.data.errors ?? []) {
        console.error(location, message, one.data.question_id);
      }
      break;
    default:
      console.error(one.data.code);
  }

  const named = await saveProgress(session.id, {
    question_id: "essay",
    answer: { text: "It was a" },
    autosave: true,
  });
  if (named.status === 200 && named.data.durability === "buffered") {
    const wait: number | null = named.data.next_autosave_after_ms;
    console.info(named.data.buffered_questions.join(), wait);
  }

  const answers: Answers = { "0": "A", essay: { text: "It was a dark" } };
  const several = await saveProgress(session.id, { answers, version: session.version });
  if (several.status === 200) {
    const unanswered: unknown = several.data.answers["7"];
    console.info(unanswered, several.headers.get("etag"), resumed);
  }

  const read = await getSession(session.id);
  // `session` is older than that.
  const stale = await saveProgress(session.id, { question_id: "essay", answer: null, version: session.version });
  const conflict = stale.status === 409 ? merge(session, stale.data) : undefined;

  const completed = await completeSession(session.id, { answers: { essay: "The end." } });
  if (completed.status !== 200 || completed.data.status !== Status.completed) throw new Error("not completed");
  return {
    autosaved: named.status === 200 ? named.data.durability : undefined,
    read: read.status === 200 ? read.data.answers : undefined,
    conflict,
    completed: completed.data.status,
    answers: completed.data.answers,
  };
}

function merge(session: SessionReply, problem: Problem409): number {
  if (problem.code === Problem409Code.version_conflict) {
    const questions: string[] = problem.changed_questions ?? [];
    const version: number = problem.current_version ?? session.version;
    const now: SessionState = problem.session ?? session;
    console.warn(questions, now.answers);
    return version;
  }
  throw new Error(problem.detail);
}

async function oversee(user: string): Promise<void> {
  const found = await findSessions({ user_id: user, status: ["open", Status.completed], limit: 10 });
  if (found.status === 200) {
    for (const each of found.data.sessions) {
      const score: number | null = each.score;
      console.info(each.id, score);
    }
  }
  const questions: { [id: string]: QuestionRules } = {
    "0": { points: 1, grading: "exact", key: "B" },
    "1": { points: 2, grading: "numeric", key: 9.81, tolerance: 0.01 },
    "2": { grading: "set", key: ["a", "b"], partial: true },
    essay: { points: 5 },
  };
  const rules: QuizRequest = {
    closes_at: "2027-01-15T12:00:00Z",
    when_active: WhenActive.resume,
    questions,
  };
  const written = await putQuiz("physics", rules);
  if (written.status === 200 || written.status === 201) {
    const points: number | undefined = written.data.questions["0"]?.points;
    // What was read can be written again.
    const copy: QuizRequest["questions"] = written.data.questions;
    console.info(points, copy, written.data.rescheduled);
  }

  const results = await getResults("31bb95d0-5a1c-4b0e-9a39-0d4f1c1f3a55");
  if (results.status === 403 && results.data.code === "results_hidden") return;
  if (results.status === 200) {
    const correct: boolean | null | undefined = results.data.questions?.["0"]?.correct;
    console.info(correct);
  }
  const extended = await extendQuiz(
    "physics",
    { seconds: 600, reason: "the fire alarm" },
    { "idempotency-key": "two" },
  );
  if (extended.status === 200) {
    for (const { reason, session_ids } of extended.data.unchanged) console.info(reason, session_ids[0]);
  }
  const alive = await getHealth();
  const ready = await getReadiness();
  if (ready.status === 200 || ready.status === 503) console.info(ready.data.cache === "up", alive.status);
  console.info(progress);
}

// Is compiled, and not called.
export function mistakes(): void {
  // @ts-expect-error a member that there is not
  const misspelt: ProgressRequest = { question: 0, answer: "A" };
  // @ts-expect-error a question is named by a number or a string
  const unnamed: ProgressRequest = { question_id: true, answer: "A" };
  // @ts-expect-error no such status
  void findSessions({ status: ["opened"] });
  // @ts-expect-error a question has no such member
  const rules: QuestionRules = { points: 1, weight: 2 };
  // @ts-expect-error no such way to grade
  const graded: QuestionRules = { grading: "guess", key: 1 };
  // @ts-expect-error a conflict has no such code
  const code: Problem409Code = "version_conflct";
  console.info(misspelt, unnamed, rules, graded, code);
}

const taken = await take("student of orval", "quiz1");
await oversee("student of orval");
console.info(JSON.stringify(taken));
