"""Devices: at quizzes that allow one at a time, which one may write, and how another takes over.

A device is what sends an X-Client-Id. That deters, and proves nothing: whoever has a student's token can send
any.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from ..domain.access import REFUSALS, UNKNOWN_SOURCE, Entry, RequestSource
from ..domain.attempts import Attempt, Owner, Staff, Status
from ..domain.errors import (
    InvalidInputError,
    OtherDeviceError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionStateError,
    TooManyRequestsError,
)
from ..domain.incidents import second_device
from ..domain.outcomes import ActionOutcome, EntryOutcome, EntryResult
from ..domain.pace import NO_PACE, Pace
from ..domain.presence import Heard
from ..domain.sessions import Session, view
from ..domain.tags import ANYBODY, writer_of
from ..domain.timestamps import Micros
from ..domain.validation import session_key
from ..runtime.telemetry import Telemetry
from ..stores.best_effort_cache import BestEffortCache
from ..stores.devices import DeviceStore
from .disclosure import Disclosure
from .incidents import Incidents
from .settlement import Current, Settler
from .staff_actions import StaffActions, found


class Devices:
    """Which device may write. Without PostgreSQL nothing changes: DatabaseUnavailableError."""

    def __init__(
        self,
        *,
        devices: DeviceStore,
        cache: BestEffortCache,
        settler: Settler,
        disclosure: Disclosure,
        incidents: Incidents,
        staff_actions: StaffActions,
        telemetry: Telemetry,
        clock: Callable[[], Micros],
        pace: Pace,
    ) -> None:
        """`pace` is how fast the owner of a session may write to it; changes of device and page count too."""
        self._devices = devices
        self._cache = cache
        self._settler = settler
        self._disclosure = disclosure
        self._incidents = incidents
        self._staff_actions = staff_actions
        self._telemetry = telemetry
        self._clock = clock
        self._pace = pace

    async def go_on(self, attempt: Attempt, entry: Entry, owner: Owner, at: Micros) -> None:
        """Let the device that has found an open attempt go on with it, where it may.

        Raises:
            OtherDeviceError: another device has it.
            AccessRefusedError: the quiz does not let the request in.
            InvalidInputError: the device is not named.
            TooManyRequestsError: the owner changes devices or pages too fast.
        """
        if attempt.access is None or not attempt.status.is_open:
            return
        subject = owner.subject if isinstance(owner, Staff) else owner
        since = await self._since(attempt, entry, subject, at, takeover=False)
        result = await self._devices.enter(
            attempt.id, entry, at, since=since, owner=subject, pace=self._pace_of(subject)
        )
        if result is not None:
            await self._entered(result, entry, at)

    async def take_over(
        self,
        session_id: str | UUID,
        *,
        client_id: str | None,
        source: RequestSource = UNKNOWN_SOURCE,
        owner: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Have an open session on this device from now on. What the other one sent before counts.

        Raises:
            SessionNotFoundError: there is no such session.
            SessionClosedError, SessionExpiredError: it has ended.
            OtherDeviceError: a proctor has to let the device have it.
            AccessRefusedError: the quiz does not let the request in.
            InvalidInputError: the device is not named.
            TooManyRequestsError: the owner changes devices too fast.
        """
        at = self._clock() if at is None else at
        entry = Entry(source, writer_of(client_id))
        attempt = await self._settler.load(session_key(session_id))
        since = await self._since(attempt, entry, owner, at, takeover=True)
        result = await self._devices.enter(
            attempt.id, entry, at, since=since, owner=owner, takeover=True, pace=self._pace_of(owner)
        )
        if result is None:
            raise SessionNotFoundError
        current = await self._entered(result, entry, at)
        if result.outcome is EntryOutcome.ENDED:
            if result.attempt.status in (Status.STARTED, Status.IN_PROGRESS, Status.EXPIRED):
                raise SessionExpiredError
            raise SessionClosedError(await self._disclosure.show(current, owner, at))
        return await self._disclosure.show(current, owner, at)

    async def unlock(
        self,
        session_id: str | UUID,
        reason: str,
        *,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Let the next device have an open session that is bound to one.

        Raises:
            SessionNotFoundError: there is no such session.
            SessionClosedError: it is completed or abandoned.
            SessionStateError: its time is over.
            IdempotencyKeyReusedError: the key came with another request for the session.
        """
        action = self._staff_actions.action("unlock-device", reason, idempotency_key, by, at)
        result = found(await self._devices.unlock(session_key(session_id), action))
        if result.outcome is ActionOutcome.EXPIRED:
            raise SessionStateError("The session's time is over. Reopen it to give it more.")
        return await self._staff_actions.session_after(result, action)

    async def _since(
        self, attempt: Attempt, entry: Entry, owner: str | None, at: Micros, *, takeover: bool
    ) -> Micros:
        """Until when what the other device sent counts, if the attempt goes to this one."""
        gives_way = attempt.device is None or (takeover and attempt.allows_takeover)
        if not (
            attempt.status.is_open
            and attempt.is_owned_by(owner)
            and attempt.one_device is not None
            and attempt.device != entry.writer != ANYBODY
            and gives_way
        ):
            return at
        # An autosave that comes now may be later than `at` and be judged by the row as it was. It would take
        # the place of an earlier one, which counts, and not count itself.
        # rule: what was put before a takeover counts, whenever it was sent
        return max(at, await self._cache.hold_off(attempt.id, entry.writer))

    def _pace_of(self, owner: str | None) -> Pace:
        return NO_PACE if owner is None else self._pace

    async def _entered(self, result: EntryResult, entry: Entry, at: Micros) -> Current:
        if result.outcome is EntryOutcome.TOO_FAST:
            self._telemetry.count("CallersLimited")
            raise TooManyRequestsError
        if result.is_forgotten:
            self._telemetry.count("IncidentsForgotten")
        heard = None if result.outcome is EntryOutcome.ENDED else Heard(entry.writer)
        # The cache before anything else: drafts are judged by what it says of the device.
        current = await self._settler.write_back(result.attempt, [], at, heard)
        # A takeover is an incident by itself.
        if current.is_second_device and not result.is_takeover:
            await self._incidents.observe(result.attempt.id, second_device(entry.writer), at)
        if result.outcome in REFUSALS:
            raise REFUSALS[result.outcome]()
        if result.outcome is EntryOutcome.DEVICE_UNNAMED:
            raise device_unnamed()
        if result.outcome is EntryOutcome.OTHER_DEVICE:
            raise OtherDeviceError(
                view(current.attempt, current.drafts, at), takeover=current.attempt.allows_takeover
            )
        return current


def device_unnamed() -> InvalidInputError:
    """Of a request that does not say which device it comes from."""
    return InvalidInputError(
        "This quiz is taken on one device at a time: name yours in X-Client-Id.", member="X-Client-Id"
    )
