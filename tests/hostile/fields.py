"""Who may see which field of a reply: a row for every field of every schema that replies are made of.

A field that is in no row has been decided by nobody, and fails `test_hidden.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Rule(Enum):
    """Who sees a field of an object; whoever may not see the object sees none of them."""

    ANYONE = "whoever may see the object"
    RESULTS = "its owner only when the quiz shows results: null, or pending, till then"
    KEYS = "who may write quizzes; for all others the field is left out"
    STAFF = "staff; no route that a student may use has it in a reply"


_ANYONE, _RESULTS, _KEYS, _STAFF = Rule
_SUMMARY = (
    "id user_id quiz_id attempt_no status version time_remaining started_at expires_at paused last_updated "
    "completed_at group label late_ms"
)
_STATE = (
    f"{_SUMMARY} server_time accepts_until pause_seconds sections metadata unread_notices "
    "current_question answers durability buffered_questions answer_tags receipt next_autosave_after_ms"
)
_SCORE = "score max_score grading"
_QUIZ = (
    "quiz_id revision time_limit_seconds grace_seconds opens_at closes_at max_attempts when_active "
    "show_results unknown_questions questions access one_device admission_seconds common_start paper "
    "paused_at updated_at"
)
_ACCOMMODATION = "user_id quiz_id extra_seconds reason granted_by granted_at"
_STANDING = "user_id time_factor extra_seconds closes_later_seconds reason granted_by granted_at"
_PROBLEM = "type title status detail code request_id"

FIELDS: Mapping[str, Mapping[Rule, str]] = {
    # Sessions
    "SessionSummary": {_ANYONE: _SUMMARY, _RESULTS: _SCORE},
    "SessionsReply": {_ANYONE: "sessions next_cursor"},
    "SessionState": {_ANYONE: _STATE, _RESULTS: _SCORE},
    "SessionReply": {_ANYONE: _STATE, _RESULTS: _SCORE},
    "StartReply": {_ANYONE: f"{_STATE} resumed", _RESULTS: _SCORE},
    "DeadlineReply": {
        _ANYONE: "session_id status started_at time_limit_seconds accommodation_seconds extension_seconds "
        "pause_seconds paused_at closes_at closes_later_seconds cut_seconds grace_seconds expires_at "
        "accepts_until binding server_time time_remaining sections"
    },
    "SectionProgress": {_ANYONE: "section entered_at expires_at time_remaining locked"},
    "SectionDeadline": {
        _ANYONE: "section title time_limit_seconds accommodation_seconds moved_seconds entered_at expires_at "
        "accepts_until time_remaining"
    },
    # Papers
    "PaperReply": {_ANYONE: "session_id seed quiz_revision server_time sections"},
    "AskedSection": {
        _ANYONE: "title navigation time_limit_seconds entered_at expires_at time_remaining shown locked "
        "questions"
    },
    "AskedQuestion": {_ANYONE: "id points content"},
    "ConflictingAnswer": {_ANYONE: "answer at durability"},
    "BeaconTokenReply": {_ANYONE: "token expires_at"},
    # Scores
    "ResultsReply": {_ANYONE: "session_id late_ms", _RESULTS: f"{_SCORE} questions"},
    "QuestionResult": {_RESULTS: "points max_points correct marked_by comment"},
    "QueuedReply": {_STAFF: "session_id question answer points held_by held_until etag cursor"},
    "QueueReply": {_STAFF: "waiting questions items next_after"},
    "ClaimedReply": {_STAFF: "item"},
    "RegradeReply": {_STAFF: "regraded changed complete"},
    # Exports
    "ExportReply": {
        _STAFF: "id quiz_id format what status rows requested_at taken_at finished_at bytes sha256 url"
    },
    "StatisticsReply": {_STAFF: "attempts pending complete mean deviation alpha questions"},
    "QuestionStatistics": {
        _STAFF: "asked answered facility discrimination answers others first_answer_seconds",
    },
    "AnswerStatistics": {_STAFF: "answer count mean_points mean_score"},
    "FirstAnswerSeconds": {_STAFF: "median p90"},
    # Quizzes
    "QuizReply": {_ANYONE: _QUIZ},
    "QuizSummaryReply": {_STAFF: "quiz_id revision opens_at closes_at paused_at open"},
    "QuizzesReply": {_STAFF: "quizzes next_after"},
    "QuizWritten": {
        _STAFF: f"{_QUIZ} dry_run created changed open rescheduled abandoned moved to_regrade",
    },
    "ChangedFields": {_STAFF: "count fields"},
    "FieldChangeReply": {_KEYS: "path before after shortened"},
    "MovedDeadlines": {_STAFF: "count deadlines"},
    "MovedDeadlineReply": {_STAFF: "session_id before after"},
    "QuestionReply": {
        _ANYONE: "points",
        _KEYS: "grading key tolerance decimal partial content shuffle_options",
    },
    "PaperRules": {_KEYS: "sections"},
    "SectionRules": {_KEYS: "title questions pick shuffle time_limit_seconds navigation"},
    "AccessReply": {_KEYS: "password networks seb_config_keys"},
    # What staff do
    "RescheduledReply": {_STAFF: f"{_STATE} {_SCORE} results_read_at binding closes_at cut_seconds"},
    "AcceptedReply": {_STAFF: f"{_STATE} {_SCORE} results_read_at"},
    "AccommodationReply": {_STAFF: _ACCOMMODATION},
    "AccommodationWritten": {_STAFF: f"{_ACCOMMODATION} cut"},
    "StandingAccommodationReply": {_STAFF: _STANDING},
    "StandingAccommodationWritten": {_STAFF: f"{_STANDING} cut"},
    "StandingAccommodationsReply": {_STAFF: "accommodations next_after"},
    "Cut": {_STAFF: "count session_ids"},
    "Unchanged": {_STAFF: "reason count session_ids"},
    "CohortExtensionReply": {_STAFF: "extended cut unchanged"},
    "CompletedReply": {_STAFF: "completed remaining unchanged"},
    "PausedReply": {_STAFF: "paused unchanged"},
    "ResumedReply": {_STAFF: "resumed unchanged"},
    "NoticeReply": {_ANYONE: "id kind text expires_at pause_seconds at read_at"},
    "NoticesReply": {_ANYONE: "notices next_after"},
    "QuizNoticeReply": {_STAFF: "id text at by notified read"},
    "QuizNoticesReply": {_STAFF: "notices next_after"},
    "NotifiedReply": {_STAFF: "notified unchanged"},
    "IncidentReply": {_STAFF: "id type detail source at"},
    "IncidentsReply": {_STAFF: "incidents next_after"},
    "LiveRowReply": {
        _STAFF: "session_id user_id group status answered questions section buffered time_remaining "
        "expires_at paused last_seen_at devices incidents extra_seconds unread_notices"
    },
    "LiveTotalsReply": {_STAFF: "open paused completed expired abandoned silent"},
    "LiveReply": {_STAFF: "rows totals presence server_time after next"},
    "LateAnswerReply": {_STAFF: "event answers received_at accepted"},
    "LateAnswersReply": {_STAFF: "late_answers next_after"},
    "StaffActionReply": {
        _STAFF: "id at by action session_id revision quiz_id user_id reason before after key payload_hash"
    },
    "StaffActionsReply": {_STAFF: "actions next_after"},
    # The audit log
    "WebhookReply": {_STAFF: "url state waiting dead last_error next_try_at dead_letters"},
    "DeadLetterReply": {_STAFF: "event_id type tries last_error died_at"},
    "EventReply": {_STAFF: "revision version type at changes nonce digest hash erased_by"},
    "EventsReply": {_STAFF: "events next_after"},
    "MomentReply": {_STAFF: "at kind until revision questions device by reason detail"},
    "TimelineReply": {_STAFF: "session_id user_id quiz_id status moments left_out next_after"},
    "VerificationReply": {_STAFF: "intact events broken differs erased erased_by paper_as_drawn"},
    "ProofReply": {
        _ANYONE: "genuine recorded answers_match session_id version answers_sha256 committed_at",
    },
    "PublicKeyReply": {_ANYONE: "kty crv kid use alg x"},
    "JwksReply": {_ANYONE: "keys"},
    # The service itself
    "Health": {_ANYONE: "status"},
    "Readiness": {_ANYONE: "status database cache"},
    "StatusReply": {
        _STAFF: "version status started_at server_time database cache sessions last_flush errors_minutes "
        "errors receipt_keys token_keys webhook"
    },
    "StoreReply": {
        _STAFF: "state latency_ms away_seconds connections connections_in_use connections_limit disk"
    },
    "DiskReply": {_STAFF: "free_bytes total_bytes"},
    "SessionsUnderWayReply": {_STAFF: "open dirty oldest_dirty_seconds quarantined"},
    "FlushReply": {_STAFF: "began_at ended_at did"},
    "TroubleReply": {_STAFF: "level what count last_at"},
    "KeysReply": {_STAFF: "state current ids read_at"},
    "DeliveryReply": {_STAFF: "state waiting dead last_error"},
    # Refusals
    **{f"Problem{status}": {_ANYONE: _PROBLEM} for status in (400, 403, 404, 415, 500, 503)},
    **{f"Problem{status}": {_ANYONE: f"{_PROBLEM} message"} for status in (401, 429)},
    "Problem409": {
        _ANYONE: f"{_PROBLEM} current_version changed_questions conflicts session takeover session_id "
        "opens_at closes_at question_id held_by held_until"
    },
    "Problem410": {_ANYONE: f"{_PROBLEM} question_id session"},
    "Problem412": {_ANYONE: f"{_PROBLEM} session revision"},
    "Problem413": {_ANYONE: f"{_PROBLEM} question_id"},
    "Problem422": {_ANYONE: f"{_PROBLEM} errors question_id"},
    "FieldError": {_ANYONE: "location message"},
}
RULE_OF = {
    (schema, name): rule
    for schema, rules in FIELDS.items()
    for rule, names in rules.items()
    for name in names.split()
}


@dataclass(frozen=True)
class Shown:
    """A field in a reply, and its value there."""

    schema: str
    field: str
    value: Any


class Document:
    """The API's document, as far as it tells what is in replies."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._schemas: Mapping[str, Any] = document["components"]["schemas"]
        self._replies = {
            (method.upper(), path): operation["responses"]
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }

    @property
    def operations(self) -> set[tuple[str, str]]:
        return set(self._replies)

    def schemas_of(self, method: str, path: str) -> set[str]:
        """The schemas of objects that the replies of an operation may hold."""
        found: set[str] = set()
        pending = list(_references(self._replies[method, path]))
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending += _references(self._schemas[name])
        return {name for name in found if "properties" in self._schemas[name]}

    def fields(self) -> set[tuple[str, str]]:
        """Every schema and field of an object in a reply."""
        names = {name for operation in self._replies for name in self.schemas_of(*operation)}
        return {(name, field) for name in names for field in self._schemas[name]["properties"]}

    def shown(self, method: str, path: str, status: int, value: Any) -> Iterator[Shown]:
        """Every field in a reply of this status; one that the document does not have is of no schema."""
        (content,) = {
            str(media["schema"]): media["schema"]
            for media in self._replies[method, path][str(status)]["content"].values()
        }.values()
        yield from self._walk(content, value)

    def _walk(self, schema: Mapping[str, Any], value: Any, name: str = "") -> Iterator[Shown]:
        for option in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
            yield from self._walk(option, value)
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            yield from self._walk(self._schemas[name], value, name)
        if isinstance(value, list):
            for each in value:
                yield from self._walk(schema.get("items", {}), each)
        elif isinstance(value, dict):
            known = schema.get("properties", {})
            members = schema.get("additionalProperties")
            for field, inner in value.items():
                if field in known:
                    yield Shown(name, field, inner)
                    yield from self._walk(known[field], inner)
                elif known:
                    yield Shown("", field, inner)
                elif isinstance(members, dict):
                    yield from self._walk(members, inner)


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)
