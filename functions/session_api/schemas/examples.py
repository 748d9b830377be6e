"""What replies look like: the examples of the API's document."""

from __future__ import annotations

from typing import Any, Final

SIGNED: Final = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"
"""Of the token of a beacon."""
REQUEST_ID: Final = "Kq3xTgbFliAEJ5w="
_ID: Final = "31bb95d0-5a1c-4b0e-9a39-0d4f1c1f3a55"
_STARTED: Final = "2027-01-15T08:00:00Z"
_EXPIRES: Final = "2027-01-15T08:30:00Z"
_SUMMARY: Final[dict[str, Any]] = {
    "id": _ID,
    "user_id": "user1",
    "quiz_id": "physics",
    "attempt_no": 1,
    "status": "in_progress",
    "version": 3,
    "time_remaining": 1200,
    "started_at": _STARTED,
    "expires_at": _EXPIRES,
    "paused": False,
    "last_updated": "2027-01-15T08:10:00Z",
    "completed_at": None,
    "group": "Room 12",
    "label": "Physics, second term",
    "late_ms": 0,
    "score": None,
    "max_score": None,
    "grading": None,
}
_SESSION: Final[dict[str, Any]] = {
    **_SUMMARY,
    "server_time": "2027-01-15T08:10:00Z",
    "accepts_until": "2027-01-15T08:30:30Z",
    "pause_seconds": 0,
    "sections": [
        {
            "section": 1,
            "entered_at": "2027-01-15T08:05:00Z",
            "expires_at": "2027-01-15T08:15:00Z",
            "time_remaining": 300,
            "locked": ["2"],
        }
    ],
    "metadata": {"course": "PH-101"},
    "unread_notices": 0,
    "current_question": 1,
    "answers": {"0": "A", "essay": {"text": "It was a"}},
    "durability": "buffered",
    "buffered_questions": ["essay"],
    "answer_tags": {"0": "1800000060000000.9f86d081884c", "essay": "1800000590000000.9f86d081884c"},
    "receipt": None,
}
_REPLY: Final[dict[str, Any]] = {**_SESSION, "next_autosave_after_ms": 10_942}
_ACCESS: Final[dict[str, Any]] = {
    "password": "quiet please",
    "networks": ["192.0.2.0/24", "2001:db8::/32"],
    "seb_config_keys": None,
}
_QUIZ: Final[dict[str, Any]] = {
    "quiz_id": "physics",
    "revision": 1,
    "time_limit_seconds": 1800,
    "grace_seconds": 30,
    "opens_at": None,
    "closes_at": "2027-01-15T12:00:00Z",
    "max_attempts": 2,
    "when_active": "resume",
    "show_results": "after_end",
    "unknown_questions": "refuse",
    "questions": {"0": {"points": 1, "grading": "exact", "key": "B"}, "essay": {"points": 5}},
    "access": _ACCESS,
    "one_device": "takeover",
    "admission_seconds": 60,
    "common_start": False,
    "paper": {
        "sections": [
            {
                "title": "Mechanics",
                "questions": ["0", "essay"],
                "pick": None,
                "shuffle": True,
                "time_limit_seconds": None,
                "navigation": "free",
            }
        ]
    },
    "paused_at": None,
    "updated_at": "2027-01-01T08:00:00Z",
}
_FIELD_CHANGE: Final[dict[str, Any]] = {
    "path": "/questions/0/key",
    "before": "A",
    "after": "B",
    "shortened": False,
}
_MOVED_DEADLINE: Final[dict[str, Any]] = {
    "session_id": _SESSION["id"],
    "before": "2027-01-15T08:30:00Z",
    "after": "2027-01-15T09:00:00Z",
}
_KEYED: Final[dict[str, Any]] = {
    "points": 1,
    "max_points": 1,
    "correct": True,
    "marked_by": "key",
    "comment": None,
}
_COUNTED: Final[dict[str, Any]] = {"answer": "B", "count": 150, "mean_points": 1.0, "mean_score": 5.625}
_SECONDS: Final[dict[str, Any]] = {"median": 95, "p90": 240}
_ANALYSED: Final[dict[str, Any]] = {
    "asked": 240,
    "answered": 228,
    "facility": 0.625,
    "discrimination": 0.375,
    "answers": [_COUNTED],
    "others": 78,
    "first_answer_seconds": _SECONDS,
}
_QUEUED: Final[dict[str, Any]] = {
    "session_id": _ID,
    "question": "essay",
    "answer": {"text": "It was a dark night."},
    "points": 5,
    "held_by": "teacher2",
    "held_until": "2027-01-15T09:15:00Z",
    "etag": '"6-3f0a9c5d1b2e4f60"',
    "cursor": "MTgwMDAwMDAwMDAwMDAwMDozMWJiOTVkMDVhMWM0YjBlOWEzOTBkNGYxYzFmM2E1NTplc3NheQ",
}
_DEAD_LETTER: Final[dict[str, Any]] = {
    "event_id": f"{_ID}:5",
    "type": "session.completed",
    "tries": 10,
    "last_error": "status 500",
    "died_at": "2027-01-18T12:00:00Z",
}
_DISK: Final = {"free_bytes": 41_231_081_472, "total_bytes": 103_079_215_104}
_STORE: Final[dict[str, Any]] = {
    "state": "up",
    "latency_ms": 0.61,
    "away_seconds": 0.0,
    "connections": 4,
    "connections_in_use": 1,
    "connections_limit": 10,
    "disk": _DISK,
}
_UNDER_WAY: Final[dict[str, Any]] = {
    "open": 212,
    "dirty": 31,
    "oldest_dirty_seconds": 17.2,
    "quarantined": 0,
}
_FLUSH: Final[dict[str, Any]] = {
    "began_at": "2027-01-15T08:09:41.102331Z",
    "ended_at": "2027-01-15T08:09:41.230517Z",
    "did": {"sessions_flushed": 118, "sessions_expired": 2},
}
_TROUBLE: Final[dict[str, Any]] = {
    "level": "WARNING",
    "what": "cache not read",
    "count": 812,
    "last_at": "2027-01-15T08:09:58.741902Z",
}
_KEYS: Final[dict[str, Any]] = {
    "state": "ok",
    "current": "2026-11-22-9c41de",
    "ids": ["2026-11-22-9c41de", "2026-11-22-07b2fa"],
    "read_at": "2027-01-15T07:48:12.004119Z",
}
_DELIVERY: Final[dict[str, Any]] = {"state": "ok", "waiting": 0, "dead": 0, "last_error": None}
_LATE: Final[dict[str, Any]] = {
    "event": 7,
    "answers": {"0": "B"},
    "received_at": "2027-01-15T08:30:31Z",
    "accepted": False,
}
_LIVE: Final[dict[str, Any]] = {
    "session_id": _ID,
    "user_id": "user1",
    "group": "Room 12",
    "status": "in_progress",
    "answered": 11,
    "questions": 20,
    "section": 1,
    "buffered": 2,
    "time_remaining": 1200,
    "expires_at": _EXPIRES,
    "paused": False,
    "last_seen_at": "2027-01-15T08:09:55.040312Z",
    "devices": 1,
    "incidents": 0,
    "extra_seconds": 0,
    "unread_notices": 0,
}
_TIMED: Final[dict[str, Any]] = {
    "section": 1,
    "title": "Mechanics",
    "time_limit_seconds": 600,
    "accommodation_seconds": 0,
    "moved_seconds": 0,
    "entered_at": "2027-01-15T08:05:00Z",
    "expires_at": "2027-01-15T08:15:00Z",
    "accepts_until": "2027-01-15T08:15:30Z",
    "time_remaining": 300,
}
_TOTALS: Final = {"open": 27, "paused": 0, "completed": 2, "expired": 0, "abandoned": 1, "silent": 1}
_ACCOMMODATION: Final[dict[str, Any]] = {
    "user_id": "user1",
    "quiz_id": "physics",
    "extra_seconds": 900,
    "reason": "a broken arm",
    "granted_by": "proctor1",
    "granted_at": "2027-01-10T08:00:00Z",
}
_STANDING: Final[dict[str, Any]] = {
    "user_id": "user1",
    "time_factor": 1.5,
    "extra_seconds": 300,
    "closes_later_seconds": 3600,
    "reason": "reads slowly",
    "granted_by": "proctor1",
    "granted_at": "2027-01-10T08:00:00Z",
}
_QUIZ_SUMMARY: Final[dict[str, Any]] = {
    "quiz_id": "physics",
    "revision": 1,
    "opens_at": None,
    "closes_at": "2027-01-15T12:00:00Z",
    "paused_at": None,
    "open": 28,
}
_CUT: Final[dict[str, Any]] = {"count": 1, "session_ids": [_ID]}
_UNCHANGED: Final[dict[str, Any]] = {"reason": "completed", "count": 1, "session_ids": [_ID]}
_EVENT: Final[dict[str, Any]] = {
    "revision": 1,
    "version": 1,
    "type": "answered",
    "at": "2027-01-15T08:01:00Z",
    "changes": {"answers": {"0": "A"}, "current_question": 1},
    "nonce": "5d0c1c9e6a3f4b7f8c2e90d1a47b3e66",
    "digest": "9b74c9897bac770ffc029102a200c5de5f3f0b4f3b5c2b4e7c5e9a0d3c6e1f2a",
    "hash": "6f1ed002ab5595859014ebf0951522d9c86f4b1e3d2a5c7b8e9f0a1b2c3d4e5f",
    "erased_by": None,
}

_NOTICE: Final[dict[str, Any]] = {
    "id": 4,
    "kind": "message",
    "text": "In question 3 it must read 5 N, not 5 kg.",
    "expires_at": None,
    "pause_seconds": None,
    "at": "2027-01-15T08:10:00Z",
    "read_at": None,
}
_MOVED: Final[dict[str, Any]] = {
    **_NOTICE,
    "id": 6,
    "kind": "deadline",
    "text": None,
    "expires_at": "2027-01-15T08:40:00Z",
}
_TO_ALL: Final[dict[str, Any]] = {
    "id": 18,
    "text": _NOTICE["text"],
    "at": _NOTICE["at"],
    "by": "proctor1",
    "notified": 28,
    "read": 26,
}
_INCIDENT: Final[dict[str, Any]] = {
    "id": 5,
    "type": "blur",
    "detail": {"seconds": 12},
    "source": "client",
    "at": "2027-01-15T08:11:00Z",
}
_ACTION: Final = {
    "id": 17,
    "at": "2027-01-15T08:10:00Z",
    "by": "proctor1",
    "action": "extend",
    "session_id": _ID,
    "revision": 4,
    "quiz_id": "physics",
    "user_id": "user1",
    "reason": "the fire alarm",
    "before": {"status": "in_progress", "expires_at": _EXPIRES},
    "after": {"status": "in_progress", "expires_at": "2027-01-15T08:40:00Z"},
    "key": "alarm-1",
    "payload_hash": None,
}
_MOMENT: Final = {
    "at": "2027-01-15T08:10:00Z",
    "kind": "refused",
    "until": "2027-01-15T08:10:04Z",
    "revision": None,
    "questions": ["essay"],
    "device": "9f86d081884c",
    "by": None,
    "reason": None,
    "detail": {
        "operation": "saveProgress",
        "status": 409,
        "code": "answer_conflict",
        "count": 2,
        "request_id": "7b98ce0c-5a53-4a6c-a3c0-0a7a0c8a9a11",
    },
}

_PUBLIC_KEY: Final = {
    "kty": "OKP",
    "crv": "Ed25519",
    "kid": "2027-01-01-3f9a1c",
    "use": "sig",
    "alg": "EdDSA",
    # Of RFC 8037, A.2.
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
REPLIES: Final[dict[str, dict[str, Any]]] = {
    "SessionState": _REPLY,
    "SessionReply": _REPLY,
    "StartReply": {**_REPLY, "resumed": False},
    "SessionSummary": _SUMMARY,
    "SessionsReply": {"sessions": [_SUMMARY], "next_cursor": None},
    "DeadlineReply": {
        "session_id": _ID,
        "status": "in_progress",
        "started_at": _STARTED,
        "time_limit_seconds": 1800,
        "accommodation_seconds": 0,
        "extension_seconds": 0,
        "pause_seconds": 0,
        "paused_at": None,
        "closes_at": None,
        "closes_later_seconds": 0,
        "cut_seconds": 0,
        "grace_seconds": 30,
        "expires_at": _EXPIRES,
        "accepts_until": "2027-01-15T08:30:30Z",
        "binding": "time_limit",
        "server_time": "2027-01-15T08:10:00Z",
        "time_remaining": 1200,
        "sections": [_TIMED],
    },
    "PaperReply": {
        "session_id": _ID,
        "seed": "5f0c1c9e6a3f4b7f8c2e90d1a47b3e66",
        "quiz_revision": 1,
        "server_time": "2027-01-15T08:10:00Z",
        "sections": [
            {
                "title": "Mechanics",
                "navigation": "forward",
                "time_limit_seconds": 600,
                "entered_at": "2027-01-15T08:05:00Z",
                "expires_at": "2027-01-15T08:15:00Z",
                "time_remaining": 300,
                "shown": True,
                "locked": ["2"],
                "questions": [
                    {
                        "id": "2",
                        "points": 1,
                        "content": {"text": "How heavy is it?", "options": ["1 kg", "2 kg"]},
                    }
                ],
            }
        ],
    },
    "AccessReply": _ACCESS,
    "QuizReply": _QUIZ,
    "QuizSummaryReply": _QUIZ_SUMMARY,
    "QuizzesReply": {"quizzes": [_QUIZ_SUMMARY], "next_after": None},
    "QuizWritten": {
        **_QUIZ,
        "dry_run": False,
        "created": False,
        "changed": {"count": 1, "fields": [_FIELD_CHANGE]},
        "open": 12,
        "rescheduled": 0,
        "abandoned": 0,
        "moved": {"count": 1, "deadlines": [_MOVED_DEADLINE]},
        "to_regrade": 30,
    },
    "ChangedFields": {"count": 1, "fields": [_FIELD_CHANGE]},
    "FieldChangeReply": _FIELD_CHANGE,
    "MovedDeadlines": {"count": 1, "deadlines": [_MOVED_DEADLINE]},
    "MovedDeadlineReply": _MOVED_DEADLINE,
    "RescheduledReply": {
        **_REPLY,
        "binding": "closes_at",
        "closes_at": _EXPIRES,
        "cut_seconds": 300,
        "results_read_at": None,
    },
    "AcceptedReply": {**_REPLY, "results_read_at": None},
    "StaffActionReply": _ACTION,
    "StaffActionsReply": {"actions": [_ACTION], "next_after": 17},
    "AccommodationReply": _ACCOMMODATION,
    "AccommodationWritten": {**_ACCOMMODATION, "cut": []},
    "StandingAccommodationReply": _STANDING,
    "StandingAccommodationWritten": {**_STANDING, "cut": []},
    "StandingAccommodationsReply": {"accommodations": [_STANDING], "next_after": None},
    "Cut": _CUT,
    "Unchanged": _UNCHANGED,
    "CohortExtensionReply": {"extended": 28, "cut": _CUT, "unchanged": [_UNCHANGED]},
    "CompletedReply": {"completed": 28, "remaining": 0, "unchanged": [_UNCHANGED]},
    "PausedReply": {"paused": 28, "unchanged": [_UNCHANGED]},
    "ResumedReply": {"resumed": 28, "unchanged": [_UNCHANGED]},
    "NoticeReply": _NOTICE,
    "NoticesReply": {"notices": [_NOTICE, _MOVED], "next_after": None},
    "QuizNoticeReply": _TO_ALL,
    "QuizNoticesReply": {"notices": [_TO_ALL], "next_after": None},
    "NotifiedReply": {"notified": 28, "unchanged": [_UNCHANGED]},
    "MomentReply": _MOMENT,
    "TimelineReply": {
        "session_id": _ID,
        "user_id": "u1",
        "quiz_id": "physics",
        "status": "in_progress",
        "moments": [_MOMENT],
        "left_out": [],
        "next_after": None,
    },
    "IncidentReply": _INCIDENT,
    "IncidentsReply": {"incidents": [_INCIDENT], "next_after": None},
    "LiveRowReply": _LIVE,
    "LiveTotalsReply": _TOTALS,
    "LiveReply": {
        "rows": [_LIVE],
        "totals": _TOTALS,
        "presence": True,
        "server_time": "2027-01-15T08:10:00Z",
        "after": "MTgwMDAwMDU5NTAwMDAwMCAxODAwMDAwNTk1MDAwMDAw",
        "next": None,
    },
    "LateAnswerReply": _LATE,
    "LateAnswersReply": {"late_answers": [_LATE], "next_after": None},
    "QuestionResult": _KEYED,
    "ResultsReply": {
        "session_id": _ID,
        "score": 4.5,
        "max_score": 6,
        "grading": "done",
        "late_ms": 0,
        "questions": {
            "0": _KEYED,
            "essay": {
                "points": 3.5,
                "max_points": 5,
                "correct": None,
                "marked_by": "person",
                "comment": "Well argued.",
            },
        },
    },
    "QueuedReply": _QUEUED,
    "QueueReply": {"waiting": 12, "questions": {"essay": 12}, "items": [_QUEUED], "next_after": None},
    "ClaimedReply": {"item": _QUEUED},
    "RegradeReply": {"regraded": 30, "changed": 4, "complete": True},
    "AnswerStatistics": _COUNTED,
    "FirstAnswerSeconds": _SECONDS,
    "QuestionStatistics": _ANALYSED,
    "StatisticsReply": {
        "attempts": 240,
        "pending": 3,
        "complete": True,
        "mean": 5.125,
        "deviation": 1.25,
        "alpha": 0.75,
        "questions": {"0": _ANALYSED},
    },
    "BeaconTokenReply": {
        "token": SIGNED,
        "expires_at": "2027-01-15T20:00:00Z",
    },
    "EventReply": _EVENT,
    "EventsReply": {"events": [_EVENT], "next_after": None},
    "ExportReply": {
        "id": _ID,
        "quiz_id": "algebra-1",
        "format": "ndjson",
        "what": ["attempts", "answers", "results"],
        "status": "done",
        "rows": 61230,
        "requested_at": "2027-01-15T10:02:11Z",
        "taken_at": "2027-01-15T10:02:24.518331Z",
        "finished_at": "2027-01-15T10:02:27.003117Z",
        "bytes": 1830422,
        "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "url": f"{_ID}/file?token=eyJ",
    },
    "VerificationReply": {
        "intact": True,
        "events": 5,
        "broken": [],
        "differs": [],
        "erased": 0,
        "erased_by": [],
        "paper_as_drawn": True,
    },
    "ProofReply": {
        "genuine": True,
        "recorded": True,
        "answers_match": True,
        "session_id": _ID,
        "version": 3,
        "answers_sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "committed_at": "2027-01-15T08:10:00Z",
    },
    "PublicKeyReply": _PUBLIC_KEY,
    "JwksReply": {"keys": [_PUBLIC_KEY]},
    "DeadLetterReply": _DEAD_LETTER,
    "WebhookReply": {
        "url": "https://lms.example.org/events",
        "state": "failing",
        "waiting": 12,
        "dead": 1,
        "last_error": "status 503",
        "next_try_at": "2027-01-15T08:40:00Z",
        "dead_letters": [_DEAD_LETTER],
    },
    "Health": {"status": "ok"},
    "Readiness": {"status": "degraded", "database": "up", "cache": "down"},
    "DiskReply": _DISK,
    "StoreReply": _STORE,
    "SessionsUnderWayReply": _UNDER_WAY,
    "FlushReply": _FLUSH,
    "TroubleReply": _TROUBLE,
    "KeysReply": _KEYS,
    "DeliveryReply": _DELIVERY,
    "StatusReply": {
        "version": "1.0.0",
        "status": "degraded",
        "started_at": "2027-01-15T06:00:00Z",
        "server_time": "2027-01-15T08:10:00Z",
        "database": _STORE,
        "cache": {
            **_STORE,
            "state": "down",
            "latency_ms": None,
            "away_seconds": 12.4,
            "connections": 3,
            "connections_in_use": None,
            "connections_limit": 64,
        },
        "sessions": _UNDER_WAY,
        "last_flush": _FLUSH,
        "errors_minutes": 15,
        "errors": [_TROUBLE],
        "receipt_keys": _KEYS,
        "token_keys": None,
        "webhook": _DELIVERY,
    },
}
"""Class -> its example."""
PROBLEMS: Final[dict[int, dict[str, Any]]] = {
    400: {
        "code": "invalid_json",
        "detail": "The body is not a JSON text: Expecting value (line 1, column 1).",
    },
    401: {"code": "unauthenticated", "detail": "Send a token: Authorization: Bearer …"},
    403: {"code": "forbidden", "detail": "This needs the scope sessions:proctor."},
    404: {"code": "session_not_found", "detail": "No session has this id."},
    405: {"code": "method_not_allowed", "detail": "This path has no PUT, but POST."},
    409: {
        "code": "version_conflict",
        "detail": "The session is at version 3. Read it, then send the change again.",
        "current_version": 3,
        "changed_questions": ["0"],
        "session": _REPLY,
    },
    410: {
        "code": "session_expired",
        "detail": "The session's time is over; its answers up to the deadline are kept.",
    },
    412: {
        "code": "precondition_failed",
        "detail": "The session has changed. Read it, then send the change again.",
        "session": _REPLY,
    },
    413: {
        "code": "content_too_large",
        "detail": "An answer may have at most 65536 bytes.",
        "question_id": "essay",
    },
    415: {"code": "unsupported_media_type", "detail": "A body is not accepted with a Content-Encoding."},
    422: {
        "code": "invalid_input",
        "detail": "body.version: It must be a whole number.",
        "errors": [{"location": "body.version", "message": "It must be a whole number."}],
    },
    429: {
        "code": "too_many_requests",
        "detail": "Too many requests by you. Wait, then send the latest state alone.",
    },
    500: {"code": "internal_error", "detail": "Something went wrong on our side."},
    503: {"code": "store_unavailable", "detail": "The database can't be reached. Try again."},
}
"""Status -> what differs in its problems."""
