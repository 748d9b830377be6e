"""What each code of a problem means: its title, why it comes, and what to do about it."""

from __future__ import annotations

from typing import Final, NamedTuple


class ProblemKind(NamedTuple):
    """What /docs/problems says of a code."""

    title: str
    cause: str
    remedy: str


KINDS: Final[dict[str, ProblemKind]] = {
    "accommodation_not_found": ProblemKind(
        "No such accommodation",
        "The user has no accommodation there.",
        "Nothing is to be removed. GET /users/{user_id}/accommodations shows what the user has.",
    ),
    "answer_conflict": ProblemKind(
        "A question was answered elsewhere",
        "A question of this write has an answer by another device or tab that its `based_on` does not name. "
        "Nothing of the write was kept.",
        "Show both texts, let the student choose, and send the choice with the tag of the answer that was shown. "
        "Send the other questions at once.",
    ),
    "attempt_active": ProblemKind(
        "An attempt is open",
        "The quiz has `when_active: reject`, and the user has an attempt that has not ended.",
        "Go on with `session_id`, or hand it in before another start.",
    ),
    "attempts_exhausted": ProblemKind(
        "No attempt is left",
        "The user has had as many attempts as the quiz's `max_attempts`; abandoned ones count.",
        "Raise `max_attempts`, or reopen an attempt (POST /sessions/{id}/reopen).",
    ),
    "attempts_open": ProblemKind(
        "Attempts are open",
        "The change would have refused attempts that are open, or takes away what `rules` names. Nothing changed.",
        "PATCH /quizzes/{id} leaves alone what is left out. Or say with `open_attempts` that it is meant so.",
    ),
    "bad_request": ProblemKind(
        "Bad request",
        "The gateway's event could not be read as an HTTP request.",
        "Send plain HTTP. If it was a client of yours, compare what it sends with an example of /docs.",
    ),
    "content_too_large": ProblemKind(
        "Content too large",
        "The body, an answer, or the session with it would pass a limit in bytes. Nothing was stored.",
        "Make it smaller: 64 KiB an answer, 1 MiB a session, 4 MiB a body. Files belong elsewhere, their address here.",
    ),
    "deadline_moved": ProblemKind(
        "The deadline has moved",
        "The hand-in names a deadline, and the session has been given more time since.",
        "Show the new `expires_at` and go on; hand in again when the student wants it or the time is over.",
    ),
    "events_erased": ProblemKind(
        "Erased",
        "Staff have erased what the audit log says of this session.",
        "GET /sessions/{id}/verify names the action.",
    ),
    "export_file_gone": ProblemKind(
        "The file is gone",
        "Files of exports are removed after seven days.",
        "Ask for another export.",
    ),
    "export_not_found": ProblemKind(
        "No such export",
        "Nobody, or somebody else, has asked for it.",
        "Use the `Location` of your own request.",
    ),
    "exports_off": ProblemKind(
        "No place for exports", "The service has no place for files.", "Set EXPORT_BUCKET or EXPORT_FOLDER."
    ),
    "forbidden": ProblemKind(
        "Not allowed", "The token does not allow this.", "`detail` names the scope, or what to leave out."
    ),
    "graded_by_key": ProblemKind(
        "Graded by its questions",
        "The score is the sum of the quiz's questions.",
        "Mark the questions (PUT /sessions/{id}/grades), or correct the key and regrade.",
    ),
    "idempotency_key_reused": ProblemKind(
        "The key was used before",
        "Another request was carried out with this Idempotency-Key.",
        "Make a new key for each thing that is to be done once, and keep it for repetitions of that alone.",
    ),
    "internal_error": ProblemKind(
        "A fault of the service",
        "Something went wrong that nobody foresaw.",
        "Try again later. Operators find it in the log by `request_id`.",
    ),
    "invalid_input": ProblemKind(
        "Something in the request can't be accepted",
        "`errors` names each member and what it must be. Nothing was stored.",
        "Change these members, and send the request again.",
    ),
    "invalid_json": ProblemKind(
        "The body is not JSON",
        "The text is no JSON (RFC 8259), names a member twice, or has NaN or Infinity.",
        "`detail` has line and column. Let a library write the text.",
    ),
    "late_answer_not_found": ProblemKind(
        "No such late answer",
        "The session has none of this number.",
        "GET /sessions/{id}/late-answers lists them.",
    ),
    "method_not_allowed": ProblemKind(
        "Another method", "The path exists, and this method of it does not.", "`Allow` names those that do."
    ),
    "network_refused": ProblemKind(
        "Another network",
        "The quiz is taken in the networks of its `access` alone, and the request came from another.",
        "Take it there. Staff: look whether a proxy stands before the service (docs/deploy.md).",
    ),
    "no_paper": ProblemKind(
        "No paper",
        "The quiz had none when the session was started.",
        "Give the quiz a paper before it starts.",
    ),
    "no_time_left": ProblemKind(
        "No time is left", "There is no time that could be taken away.", "Hand the session in instead."
    ),
    "no_webhook": ProblemKind("No webhook", "None is set.", "Set WEBHOOK_URL and WEBHOOK_SECRET."),
    "not_found": ProblemKind(
        "No such path", "The API has no such path.", "`detail` names the nearest; /docs has them all."
    ),
    "notice_not_found": ProblemKind(
        "No such notice", "The session has none of this number.", "GET /sessions/{id}/notices lists them."
    ),
    "other_device": ProblemKind(
        "Open on another device",
        "The quiz allows one device at a time. What was sent is recorded for staff.",
        "Where `takeover` is true the student may go on here; else a proctor lets the device in.",
    ),
    "password_required": ProblemKind(
        "A password", "The quiz is started with one.", "Ask for it, and send it as `password`."
    ),
    "password_wrong": ProblemKind(
        "Another password", "This is not the quiz's password.", "Ask again; capitals and spaces count."
    ),
    "precondition_failed": ProblemKind(
        "Changed meanwhile",
        "The session, or the quiz, is not as If-Match says. Nothing was changed.",
        "Look at `session`, or read the quiz, and send the change again with its ETag.",
    ),
    "question_held": ProblemKind(
        "Somebody marks it",
        "Another marker has taken this answer (`held_by`, until `held_until`).",
        "Take the next one, or mark it all the same with `held=take`.",
    ),
    "question_locked": ProblemKind(
        "A locked question",
        "The section goes forward alone, and a question behind this one was answered. Nothing was kept.",
        "Send the others without it.",
    ),
    "quiz_closed": ProblemKind(
        "The quiz has closed", "It can't be started after `closes_at`.", "Staff may move `closes_at`."
    ),
    "quiz_closes_first": ProblemKind(
        "The quiz closes first",
        "The extension would move no deadline.",
        "Move the quiz's `closes_at`, or let it close later for this user.",
    ),
    "quiz_in_use": ProblemKind(
        "Attempts are open", "A quiz is not deleted under them.", "Delete it when they have ended."
    ),
    "quiz_not_found": ProblemKind(
        "No such quiz",
        "Nobody has registered it.",
        "GET /quizzes?prefix= finds it; PUT /quizzes/{id} registers it.",
    ),
    "quiz_not_open": ProblemKind(
        "Not open yet", "It opens at `opens_at`.", "Start again after `Retry-After` seconds, not before."
    ),
    "quiz_paused": ProblemKind(
        "The quiz is paused", "A proctor has stopped it.", "Look again after `Retry-After` seconds."
    ),
    "results_hidden": ProblemKind(
        "Results are not shown",
        "The quiz does not show them, or not yet (`show_results`).",
        "Ask later; staff may read them with `sessions:grade`.",
    ),
    "safe_exam_browser_refused": ProblemKind(
        "Another configuration",
        "This Safe Exam Browser has another configuration than the quiz asks for.",
        "Open the quiz by its own .seb file.",
    ),
    "safe_exam_browser_required": ProblemKind(
        "Safe Exam Browser", "The quiz is taken in it alone.", "Open the quiz by its .seb file."
    ),
    "secret_unavailable": ProblemKind(
        "A key can't be read",
        "The service can't read a key of its own at the moment.",
        "Try again. Operators: docs/runbook.md.",
    ),
    "section_expired": ProblemKind(
        "The section's time is over",
        "The answer came after the time of its section. It is kept as a late answer, up to 1 MiB a session; "
        "answers to other sections that came with it were not kept.",
        "Send the others without it. Staff may accept the late answer.",
    ),
    "section_not_found": ProblemKind(
        "No such section", "The paper has none with this number.", "Count from 0."
    ),
    "session_busy": ProblemKind(
        "Busy", "Others held the session for too long. Nothing was stored.", "Send the same request again."
    ),
    "session_closed": ProblemKind(
        "The session has ended",
        "It is completed or abandoned. Answers of a second hand-in are kept as late ones.",
        "Show `session`. Staff may reopen it (POST /sessions/{id}/reopen).",
    ),
    "session_expired": ProblemKind(
        "The time is over",
        "The request came after the deadline and the grace. Answers that came before count; these are kept as late "
        "answers, up to 1 MiB a session.",
        "Tell the student so. Staff may accept late answers, or reopen the session.",
    ),
    "session_not_found": ProblemKind(
        "No such session",
        "There is none with this id, or it is somebody else's.",
        "Look at the id and the token.",
    ),
    "session_open": ProblemKind("Still open", "This can be done once it has ended.", "Wait, or hand it in."),
    "session_paused": ProblemKind(
        "The clock stands",
        "A proctor has paused the session or its quiz. Nothing was kept.",
        "Keep the answers, and send them when it goes on; look again after `Retry-After` seconds.",
    ),
    "session_state": ProblemKind(
        "Another state", "The session is not in the state for this.", "See `detail`."
    ),
    "store_unavailable": ProblemKind(
        "A store is away",
        "PostgreSQL, Valkey or the place of files can't be reached, or refuses. Nothing is known to be stored.",
        "Send the same request again after `Retry-After` seconds; keep answers until a reply says that they are kept.",
    ),
    "too_many_requests": ProblemKind(
        "Too many requests",
        "The caller goes faster than one caller may. Nothing was stored.",
        "Wait `Retry-After` seconds, then send the latest state alone.",
    ),
    "trail_damaged": ProblemKind(
        "The history is damaged",
        "The audit log was changed in the database, and can't be replayed.",
        "GET /sessions/{id}/verify says where. Operators: docs/runbook.md.",
    ),
    "unauthenticated": ProblemKind(
        "No valid token",
        "The request has no bearer token, or one that has ended or is not this service's.",
        "Sign in again, and send `Authorization: Bearer …`.",
    ),
    "unknown_question": ProblemKind(
        "No such question",
        "The session, or the quiz, has no such question.",
        "Look at the id: GET /sessions/{id}/paper, or the quiz's `questions`.",
    ),
    "unknown_quiz": ProblemKind(
        "No such quiz",
        "Nobody has registered it, and others are not started.",
        "Register it: PUT /quizzes/{id}.",
    ),
    "unsupported_media_type": ProblemKind(
        "Not JSON",
        "The body is not sent as JSON in UTF-8, or is compressed.",
        "Content-Type: application/json.",
    ),
    "version_conflict": ProblemKind(
        "Another version",
        "Somebody has committed since the `version` that was sent. Nothing was kept.",
        "Look at `session` and `changed_questions`, and send the change with the new version.",
    ),
    "version_not_found": ProblemKind(
        "No such version", "The session has not reached it.", "Name one from 0 to its `version`."
    ),
}
"""By code."""
