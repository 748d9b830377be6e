"""What each code of a problem means: its title, why it comes, and what to do about it.

What calls things by their names of code has them in backticks.
"""

from __future__ import annotations

from typing import Final, NamedTuple

ADDRESS: Final = "/docs/problems"
"""Where the API says so, beneath what stands in front of it; each code is a section of that page."""


class ProblemKind(NamedTuple):
    """What the API's page of problems says of a code; the title is in the problem itself, too."""

    title: str
    cause: str
    remedy: str


KINDS: Final[dict[str, ProblemKind]] = {
    "accommodation_not_found": ProblemKind(
        "No such accommodation",
        "The user has none there.",
        "Nothing is to be removed. GET /users/{user_id}/accommodations shows what the user has.",
    ),
    "answer_conflict": ProblemKind(
        "A question was answered elsewhere",
        "A question of this write has an answer by another device or tab that its `based_on` does not name. "
        "Nothing of the write was kept.",
        "Send the other questions at once. Show both texts, let the student choose, and send the choice with "
        "the tag of the answer that was shown.",
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
        "The change would have refused attempts that are open, or takes away what `rules` names. Nothing "
        "changed.",
        "PATCH /quizzes/{id} leaves alone what is left out. Or say with `open_attempts` that it is meant so.",
    ),
    "bad_request": ProblemKind(
        "The request can't be read",
        "It is not HTTP, its head is too large, or one of its headers is not what it should be.",
        "Let a library make the request, and send less in its headers.",
    ),
    "content_too_large": ProblemKind(
        "The content is too large",
        "The body, an answer, or the session with it would pass a limit in bytes. Nothing was stored.",
        "Make it smaller: 64 KiB an answer, 1 MiB a session, 4 MiB a body. Files belong elsewhere, and their "
        "address here.",
    ),
    "deadline_moved": ProblemKind(
        "The deadline has moved",
        "The hand-in names a deadline, and the session has been given more time since.",
        "Show the new `expires_at` and go on; hand in again when the student wants it or the time is over.",
    ),
    "events_erased": ProblemKind(
        "What the session held was erased",
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
        "There is no place for exports",
        "The service was given none.",
        "Operators: set EXPORT_BUCKET or EXPORT_FOLDER.",
    ),
    "forbidden": ProblemKind(
        "The token does not allow this",
        "The caller is known, and may not do this; or the request came past the distribution in front.",
        "`detail` names the scope that is missing, or what to leave out.",
    ),
    "graded_by_key": ProblemKind(
        "Graded by its questions",
        "The score is the sum of the quiz's questions.",
        "Mark the questions (PUT /sessions/{id}/grades), or correct the key and regrade.",
    ),
    "idempotency_key_reused": ProblemKind(
        "The Idempotency-Key was used before",
        "Another request was carried out with this Idempotency-Key.",
        "Make a new key for each thing that is to be done once, and keep it for repetitions of that alone.",
    ),
    "internal_error": ProblemKind(
        "The service failed",
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
        "The path has no such method",
        "There is something at this path, but not with this method.",
        "The header `Allow` names its methods.",
    ),
    "network_refused": ProblemKind(
        "The quiz is taken in other networks",
        "The quiz is taken in the networks of its `access` alone, and the request came from another.",
        "Take it there. Staff: look whether a proxy stands before the service (docs/deploy.md).",
    ),
    "no_paper": ProblemKind(
        "The session has no paper",
        "The quiz had none when the session was started.",
        "Give the quiz a paper before it starts.",
    ),
    "no_time_left": ProblemKind(
        "No time is left", "There is no time that could be taken away.", "Hand the session in instead."
    ),
    "no_webhook": ProblemKind(
        "No webhook is set",
        "There is none, so that nothing is to be sent again.",
        "Operators: set WEBHOOK_URL and WEBHOOK_SECRET.",
    ),
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
        "The quiz is started with a password",
        "The start came without one.",
        "Ask for it, and send it as `password`.",
    ),
    "password_wrong": ProblemKind(
        "The password is another one",
        "What was sent is not the quiz's password.",
        "Ask again; capitals and spaces count.",
    ),
    "precondition_failed": ProblemKind(
        "The session, or the quiz, has changed",
        "It is not as If-Match says. Nothing was changed.",
        "Look at `session`, or read the quiz, and send the change again with its ETag.",
    ),
    "question_held": ProblemKind(
        "Somebody else marks it",
        "Another marker has taken this answer (`held_by`, until `held_until`).",
        "Take the next one, or mark it all the same with `held=take`.",
    ),
    "question_locked": ProblemKind(
        "The question is locked",
        "The section goes forward alone, and a question behind this one was answered. Nothing was kept.",
        "Send the others without it.",
    ),
    "quiz_closed": ProblemKind(
        "The quiz has closed",
        "It can't be started after `closes_at`, nor can its attempts be reopened.",
        "Staff may move `closes_at`.",
    ),
    "quiz_closes_first": ProblemKind(
        "The quiz closes first",
        "The extension would move no deadline.",
        "Move the quiz's `closes_at`, or let it close later for this user.",
    ),
    "quiz_in_use": ProblemKind(
        "The quiz is being taken",
        "Attempts are open, and a quiz is not deleted under them.",
        "Delete it when they have ended.",
    ),
    "quiz_not_found": ProblemKind(
        "No such quiz",
        "Nobody has registered it.",
        "GET /quizzes?prefix= finds it; PUT /quizzes/{id} registers it.",
    ),
    "quiz_not_open": ProblemKind(
        "The quiz has not opened yet",
        "It opens at `opens_at`.",
        "Start again after `Retry-After` seconds, not before.",
    ),
    "quiz_paused": ProblemKind(
        "The quiz is paused", "A proctor has stopped it.", "Look again after `Retry-After` seconds."
    ),
    "request_timeout": ProblemKind(
        "The request came too slowly",
        "It did not come to its end in 30 seconds.",
        "Send it again, over a better connection or in smaller parts.",
    ),
    "results_hidden": ProblemKind(
        "Results are not shown",
        "The quiz does not show them, or not yet (`show_results`).",
        "Ask later; staff may read them with `sessions:grade`.",
    ),
    "safe_exam_browser_refused": ProblemKind(
        "Safe Exam Browser has another configuration",
        "It is not the one that the quiz asks for.",
        "Open the quiz by its own .seb file.",
    ),
    "safe_exam_browser_required": ProblemKind(
        "The quiz is taken in Safe Exam Browser",
        "The request does not come from one.",
        "Open the quiz by its .seb file.",
    ),
    "secret_unavailable": ProblemKind(
        "A key of the service can't be read",
        "The service can't read what it signs with at the moment.",
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
        "The session is busy",
        "Others held it, or every connection to PostgreSQL, for too long. Nothing was stored.",
        "Send the same request again.",
    ),
    "session_closed": ProblemKind(
        "The session has ended",
        "It is completed or abandoned. Answers of a second hand-in are kept as late ones.",
        "Show `session`. Staff may reopen it (POST /sessions/{id}/reopen).",
    ),
    "session_expired": ProblemKind(
        "The time is over",
        "The request came after the deadline and the grace. Answers that came before count; those that came "
        "with it are kept as late answers, up to 1 MiB a session.",
        "Tell the student so. Staff may accept late answers, or reopen the session.",
    ),
    "session_not_found": ProblemKind(
        "No such session",
        "There is none with this id, or it is somebody else's.",
        "Look at the id and the token.",
    ),
    "session_open": ProblemKind(
        "The session is still open",
        "This can be done once it has ended.",
        "Wait, or hand it in.",
    ),
    "session_paused": ProblemKind(
        "The clock stands",
        "A proctor has paused the session or its quiz. Nothing was kept.",
        "Keep the answers, and send them when it goes on; look again after `Retry-After` seconds.",
    ),
    "session_state": ProblemKind(
        "The session is in another state",
        "This can't be done with a session as it is now.",
        "`detail` says what can be done instead.",
    ),
    "store_unavailable": ProblemKind(
        "A store can't be reached",
        "PostgreSQL, Valkey or the place of files is away, or does not take this. What was sent may have "
        "been stored all the same.",
        "Send the same request again after `Retry-After` seconds. Keep answers until a reply says that they "
        "are kept.",
    ),
    "too_many_requests": ProblemKind(
        "Too many requests",
        "The caller goes faster than one caller may. Nothing was stored.",
        "Wait `Retry-After` seconds, then send the latest state alone.",
    ),
    "trail_damaged": ProblemKind(
        "The audit log is damaged",
        "It was changed in the database, and can't be replayed.",
        "GET /sessions/{id}/verify says where. Operators: docs/runbook.md.",
    ),
    "unauthenticated": ProblemKind(
        "No token that is valid",
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
        "The body does not say that it is JSON",
        "Its `Content-Type` is missing or another one, its charset is not UTF-8, or it is compressed.",
        "Send `Content-Type: application/json`, and the body as it is.",
    ),
    "version_conflict": ProblemKind(
        "The session is at another version",
        "Somebody has committed something since the `version` that was sent. Nothing was kept.",
        "Look at `session` and `changed_questions`, and send the change with the new version.",
    ),
    "version_not_found": ProblemKind(
        "No such version", "The session has not reached it.", "Name one from 0 to its `version`."
    ),
}
"""By code."""
