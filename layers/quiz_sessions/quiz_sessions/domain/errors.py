"""Every error that a use case raises.

Each interface (HTTP, Lambda) maps them to its replies in one place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final
from uuid import UUID

if TYPE_CHECKING:
    from .sessions import Session


KEPT_LATE: Final = "Late answers are kept for staff, who may accept them (1 MiB of a session at most)."
"""What becomes of what came too late (`MAX_SESSION_BYTES`)."""


class QuizSessionsError(Exception):
    """Base of this package's errors. The message is meant for the caller and never quotes an answer."""


class SecretUnavailableError(QuizSessionsError):
    """A secret can't be read from Secrets Manager, or there is none."""

    def __init__(self, message: str = "A key of the service can't be read. Try again.") -> None:
        super().__init__(message)


class EventBusUnavailableError(QuizSessionsError):
    """EventBridge can't be reached or refuses events."""


class WebhookRefusedError(QuizSessionsError):
    """The receiver of a webhook can't be reached or does not accept an event."""


class NoWebhookError(QuizSessionsError):
    """No webhook is set, so there is nothing to send again."""

    def __init__(self) -> None:
        super().__init__("No webhook is set (WEBHOOK_URL).")


class InvalidInputError(QuizSessionsError):
    """The request contains something that can't be accepted; the message says what to change.

    Attributes:
        question: the question at fault, if it is one question's.
        member: the name of what is at fault, as callers of the API know it.
    """

    def __init__(self, message: str, question: str | None = None, *, member: str | None = None) -> None:
        super().__init__(message)
        self.question = question
        self.member = member


class UnknownQuestionError(InvalidInputError):
    """There is no such question where one was named.

    Attributes:
        known: those that there are.
    """

    def __init__(
        self,
        question: str,
        known: Collection[str] = (),
        *,
        what: str = "The session asks",
        member: str = "answers",
    ) -> None:
        """`what` has no such question."""
        super().__init__(f"{what} no question {question!r}.", question, member=member)
        self.known = known


class ContentTooLargeError(QuizSessionsError):
    """An answer, or the session with it, would exceed a size limit in bytes; nothing was stored.

    Attributes:
        question: the question at fault, if it is one question's.
    """

    def __init__(self, message: str, question: str | None = None) -> None:
        super().__init__(message)
        self.question = question


class IdempotencyKeyReusedError(QuizSessionsError):
    """Another request was carried out with this key.

    Attributes:
        member: what the request has the key in.
    """

    def __init__(
        self,
        message: str = "This Idempotency-Key came with another request before. Use a new one for each.",
        *,
        member: str = "Idempotency-Key",
    ) -> None:
        super().__init__(message)
        self.member = member


class SessionNotFoundError(QuizSessionsError):
    """No attempt has this id, or it belongs to a user whose attempts the caller may not see."""

    def __init__(self, message: str = "No session has this id.") -> None:
        super().__init__(message)


class SessionExpiredError(QuizSessionsError):
    """The request came after the session's end (deadline and grace).

    Answers received after the end do not count. They are recorded as late answers, unless PostgreSQL can't be
    reached.
    """

    def __init__(self, *, too_late: bool = False) -> None:
        """`too_late`: whether answers came with the request that do not count."""
        counted = "The session's time is over; its answers up to the deadline are kept."
        late = f"The session's time is over, and these answers came too late to count. {KEPT_LATE}"
        super().__init__(late if too_late else counted)


class SessionClosedError(QuizSessionsError):
    """The session is completed or abandoned.

    Attributes:
        session: the session as it is now.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(f"The session is {session.status} and takes no more changes.")
        self.session = session


class VersionConflictError(QuizSessionsError):
    """The caller named a version that is not the session's current one.

    Attributes:
        session: the session as it is now.
        changed_questions: the questions whose answers were committed after the caller's version.
    """

    def __init__(self, session: Session, changed_questions: Sequence[str]) -> None:
        super().__init__(f"The session is at version {session.version}. Read it, then send the change again.")
        self.session = session
        self.changed_questions = list(changed_questions)


class PreconditionFailedError(QuizSessionsError):
    """The session is not as If-Match says.

    Attributes:
        session: the session as it is now.
    """

    def __init__(self, session: Session) -> None:
        super().__init__("The session has changed. Read it, then send the change again.")
        self.session = session


class AnswerConflictError(QuizSessionsError):
    """The write would replace answers of others that its `based_on` does not know. Nothing of it was kept.

    Attributes:
        session: the session as it is now.
        questions: the questions of those answers, sorted.
    """

    def __init__(self, session: Session, questions: Sequence[str]) -> None:
        named = ", ".join(map(repr, sorted(questions)[:3]))
        super().__init__(
            f"Question {named} has been answered elsewhere meanwhile. Show that answer, then send the change "
            "again, based on it."
        )
        self.session = session
        self.questions = sorted(questions)


class TooManyRequestsError(QuizSessionsError):
    """The caller goes faster than is allowed to one. Nothing was stored."""

    def __init__(
        self, message: str = "Too many requests by you. Wait, then send the latest state alone."
    ) -> None:
        super().__init__(message)


class BusyError(QuizSessionsError):
    """The session's row, or a connection, was not free in time; retrying at once may succeed."""

    def __init__(self) -> None:
        super().__init__("The session is busy. Try again.")


class DatabaseUnavailableError(QuizSessionsError):
    """PostgreSQL can't be reached, did not answer in time or accepts no writes.

    Attributes:
        store: which store is away; None where it may serve others.
    """

    store: ClassVar[str | None] = "database"

    def __init__(self) -> None:
        super().__init__("The database can't be reached. Try again.")


class StatementFailedError(DatabaseUnavailableError):
    """PostgreSQL failed to carry out this statement, but may still serve others."""

    store = None


class CacheUnavailableError(QuizSessionsError):
    """Valkey can't be reached, did not answer in time or accepts no writes.

    Attributes:
        store: which store is away.
    """

    store: ClassVar[str] = "cache"

    def __init__(self) -> None:
        super().__init__("The cache can't be reached. Try again.")


class PoisonedError(QuizSessionsError):
    """PostgreSQL refused the data of a session; sending it again will not help."""

    def __init__(self) -> None:
        super().__init__("The database refuses this data.")


class StartRefusedError(QuizSessionsError):
    """The rules of the quiz do not allow this start; each subclass is one reason."""


class QuizNotOpenError(StartRefusedError):
    """The quiz has not opened yet.

    Attributes:
        opens_at: when it opens.
        retry_after: in how many seconds to try; not everybody is asked to come at the same moment.
    """

    def __init__(self, opens_at: datetime | None, retry_after: int) -> None:
        super().__init__("The quiz has not opened yet.")
        self.opens_at = opens_at
        self.retry_after = retry_after


class QuizClosedError(StartRefusedError):
    """The quiz has closed: it can't be started, and its attempts can't be reopened.

    Attributes:
        closes_at: when it closed.
    """

    def __init__(self, closes_at: datetime | None) -> None:
        super().__init__("The quiz has closed.")
        self.closes_at = closes_at


class QuizClosesFirstError(QuizSessionsError):
    """The extension would move nothing, because the quiz closes before the deadline that it would make.

    Attributes:
        closes_at: when it closes.
    """

    def __init__(self, closes_at: datetime | None) -> None:
        super().__init__("The quiz closes first, so this moves no deadline. Change its closes_at.")
        self.closes_at = closes_at


class NoTimeLeftError(QuizSessionsError):
    """The extension would move nothing, because the session has no time left that could be taken away."""

    def __init__(self) -> None:
        super().__init__("The session has no time left that could be taken away.")


class QuizPausedError(StartRefusedError):
    """The quiz is paused: it can't be started, and a session of it can't be resumed alone.

    Attributes:
        retry_after: after how many seconds to look whether it goes on.
    """

    retry_after = 10

    def __init__(self) -> None:
        super().__init__("The quiz is paused. It goes on when a proctor resumes it.")


class SessionPausedError(QuizSessionsError):
    """The clock of the session stands, and nothing is written meanwhile.

    Attributes:
        session: the session as it is now.
        retry_after: after how many seconds to look whether it goes on.
    """

    retry_after = 10

    def __init__(self, session: Session) -> None:
        super().__init__("The session is paused. Keep the answers, and send them when it goes on.")
        self.session = session


class QuestionLockedError(QuizSessionsError):
    """A question behind it was answered, and its section goes forward alone. Nothing of the write was kept.

    Attributes:
        session: the session as it is now.
        question: the question at fault, the first of them.
    """

    def __init__(self, session: Session, question: str) -> None:
        super().__init__(
            f"Question {question!r} is locked: one behind it was answered. Send the others without it."
        )
        self.session = session
        self.question = question


class SectionExpiredError(QuizSessionsError):
    """The answer came after the time of its section and the grace.

    It does not count, and is recorded as a late answer, unless PostgreSQL can't be reached. Answers to other
    sections that came with it were not kept.

    Attributes:
        session: the session as it is now.
        question: the question at fault, the first of them.
    """

    def __init__(self, session: Session, question: str) -> None:
        super().__init__(
            f"The time of the section that question {question!r} is in is over. {KEPT_LATE} "
            "Send the others without it."
        )
        self.session = session
        self.question = question


class QuestionHeldError(QuizSessionsError):
    """Somebody else is about to mark the answer. Nothing was marked.

    Attributes:
        question: the first that is held.
        held_by: who holds it.
        held_until: until when, unless it is marked before.
    """

    def __init__(self, question: str, held_by: str, held_until: datetime) -> None:
        super().__init__(
            f"Question {question!r} is held by another marker. Take the next one, or mark with held=take."
        )
        self.question = question
        self.held_by = held_by
        self.held_until = held_until


class NoPaperError(QuizSessionsError):
    """The session's quiz had no paper when it was started."""

    def __init__(self) -> None:
        super().__init__("The session has no paper: its quiz had none when it was started.")


class SectionNotFoundError(QuizSessionsError):
    """The paper has no section with this number."""

    def __init__(self) -> None:
        super().__init__("The paper has no section with this number. The first one is 0.")


class OtherDeviceError(QuizSessionsError):
    """The session is taken on another device, and the quiz allows one at a time.

    Attributes:
        session: the session as it is now.
        takeover: whether the student may go on with this one; if not, only a proctor lets it in.
    """

    def __init__(self, session: Session, *, takeover: bool) -> None:
        super().__init__("The session is open on another device, and this quiz allows one at a time.")
        self.session = session
        self.takeover = takeover


class AccessRefusedError(QuizSessionsError):
    """The quiz is not taken in this way; each subclass is one reason."""


class PasswordRequiredError(AccessRefusedError):
    def __init__(self) -> None:
        super().__init__("This quiz is started with a password.")


class PasswordWrongError(AccessRefusedError):
    def __init__(self) -> None:
        super().__init__("The password is another one.")


class NetworkRefusedError(AccessRefusedError):
    def __init__(self) -> None:
        super().__init__("This quiz is taken in other networks than this one.")


class SafeExamBrowserRequiredError(AccessRefusedError):
    def __init__(self) -> None:
        super().__init__("This quiz is taken in Safe Exam Browser.")


class SafeExamBrowserRefusedError(AccessRefusedError):
    def __init__(self) -> None:
        super().__init__("This Safe Exam Browser has another configuration than the quiz asks for.")


class AttemptsExhaustedError(StartRefusedError):
    """The user has used every attempt that the quiz allows.

    Attributes:
        session_id: the last of them that is open; None if none is.
    """

    def __init__(self, session_id: UUID | None) -> None:
        super().__init__("The user has used every attempt that this quiz allows.")
        self.session_id = session_id


class ActiveAttemptError(StartRefusedError):
    """The quiz allows one open attempt at a time, and the user has one.

    Attributes:
        session_id: the open attempt; None where it is not known.
    """

    def __init__(self, session_id: UUID | None) -> None:
        super().__init__("An attempt at this quiz is open; hand it in first, or go on with it.")
        self.session_id = session_id


class DeadlineMovedError(QuizSessionsError):
    """The client wanted to complete the session at its deadline, but the deadline has moved to a later time.

    Attributes:
        session: the session as it is now.
    """

    def __init__(self, session: Session) -> None:
        super().__init__("The session has been given more time since; it goes on.")
        self.session = session


class SessionOpenError(QuizSessionsError):
    """The request needs a session that has ended."""

    def __init__(self) -> None:
        super().__init__("The session is still open; this can be done once it has ended.")


class SessionStateError(QuizSessionsError):
    """The session is in the wrong state for this request; the message says what to do instead."""


class QuizNotFoundError(QuizSessionsError):
    def __init__(self) -> None:
        super().__init__("No quiz is registered under this id.")


class UnknownQuizError(StartRefusedError):
    """Nobody registered the quiz, and the service starts no attempts at such quizzes."""

    def __init__(self) -> None:
        super().__init__("No quiz is registered under this id.")


class AttemptsOpenError(QuizSessionsError):
    """New rules would have refused attempts that are open, or take a rule or a key away from them.

    Attributes:
        attempts: how many open attempts are concerned.
        rules: the rules that would be taken away or weakened, if any.
    """

    def __init__(self, attempts: int, rules: Sequence[str]) -> None:
        what, remedy = (
            (
                f"take away or weaken {', '.join(rules)}",
                "Send what was left out, or PATCH what is to change; open_attempts says that it is meant so.",
            )
            if rules
            else (
                "would have refused them",
                "open_attempts says whether to keep or to abandon those.",
            )
        )
        super().__init__(f"Attempts are open ({attempts}), and the new rules {what}. {remedy}")
        self.attempts = attempts
        self.rules = list(rules)


class QuizChangedError(QuizSessionsError):
    """The quiz is not as If-Match says.

    Attributes:
        revision: at which it is; None if none is registered under its id.
    """

    def __init__(self, revision: int | None) -> None:
        super().__init__(
            "No quiz is registered under this id, so there is none to be changed."
            if revision is None
            else "The quiz has changed. Read it, then send the change again."
        )
        self.revision = revision


class QuizInUseError(QuizSessionsError):
    """The quiz can't be deleted while attempts at it are open."""

    def __init__(self) -> None:
        super().__init__("Attempts at this quiz are open. Delete it when they have ended.")


class AccommodationNotFoundError(QuizSessionsError):
    def __init__(self, message: str = "The user has no extra time for this quiz.") -> None:
        super().__init__(message)


class LateAnswerNotFoundError(QuizSessionsError):
    def __init__(self) -> None:
        super().__init__("The session has no late answer of this number.")


class NoticeNotFoundError(QuizSessionsError):
    def __init__(self) -> None:
        super().__init__("The session has no notice of this number.")


class VersionNotFoundError(QuizSessionsError):
    """The session has no such version: it has not reached it yet, or nothing is recorded for it."""

    def __init__(self) -> None:
        super().__init__("The session has no such version.")


class AuditLogDamagedError(QuizSessionsError):
    """The audit log was tampered with in the database and can't be replayed."""

    def __init__(self) -> None:
        super().__init__("The history of this session was damaged; /sessions/{id}/verify says where.")


class EventsErasedError(QuizSessionsError):
    """The audit log can't be replayed, because staff erased what it says."""

    def __init__(self) -> None:
        super().__init__("What this session held was erased; /sessions/{id}/verify says by which action.")


class GradedByKeyError(QuizSessionsError):
    """A score can't be set by hand because it is the sum of the quiz's questions."""

    def __init__(self) -> None:
        super().__init__(
            "The score is the sum of the quiz's questions. Mark them with PUT /sessions/{id}/grades, or "
            "correct the key and regrade."
        )


class ExportNotFoundError(QuizSessionsError):
    """There is no such export, or it is another one's."""

    def __init__(self) -> None:
        super().__init__("You have asked for no export with this id.")


class ExportFileGoneError(QuizSessionsError):
    """The file of an export was removed."""

    def __init__(self) -> None:
        super().__init__("The file of this export is gone. Ask for another export.")


class ExportsOffError(QuizSessionsError):
    """The service has no place for files."""

    def __init__(self) -> None:
        super().__init__("This service has no place for exports: EXPORT_BUCKET or EXPORT_FOLDER names one.")


class ExportFilesUnavailableError(QuizSessionsError):
    """The place for exports does not take or give a file at the moment.

    Attributes:
        reason: what the system calls it, such as ENOSPC or AccessDenied.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__("The files of exports can't be reached.")
        self.reason = reason


class ExportTakenOverError(QuizSessionsError):
    """Another process makes this export by now."""


class ResultsHiddenError(QuizSessionsError):
    def __init__(self) -> None:
        super().__init__("The quiz does not show its results, or not yet.")


class UnauthenticatedError(QuizSessionsError):
    def __init__(self, message: str = "Send a token: Authorization: Bearer …") -> None:
        super().__init__(message)


class InvalidSubjectError(UnauthenticatedError):
    """The token is good, but nobody's. The message is fit for WWW-Authenticate too."""

    def __init__(self) -> None:
        super().__init__("The token has no sub that can be the id of a user, which has 1 to 128 characters.")


class ForbiddenError(QuizSessionsError):
    """The caller's token does not allow this request."""
