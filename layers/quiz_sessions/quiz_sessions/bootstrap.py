"""The factory: builds the stores and the services of a process.

Building opens no connection; each store connects on first use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .domain.timestamps import Micros
from .runtime.clock import current_micros
from .runtime.recent import Recent
from .runtime.scope_rules import ScopeRules
from .runtime.settings import Settings
from .runtime.telemetry import Telemetry, Watcher
from .services.administration import ExamAdministration
from .services.audit import Audit
from .services.beacons import Beacons
from .services.cached_reads import CachedSessions
from .services.devices import Devices
from .services.disclosure import Disclosure
from .services.exports import Exporter, Exports
from .services.flush import Flusher, FlushLimits
from .services.grading import Grader
from .services.grading_queue import GradingQueue
from .services.health import Health
from .services.incidents import Incidents
from .services.jws import Jws
from .services.labels import Labelling
from .services.live import Live
from .services.notices import Notices
from .services.outbox_relay import BusRelay, Relay
from .services.papers import Papers
from .services.quiz_statistics import Statistics
from .services.receipts import Receipts
from .services.refusals import Refusals
from .services.room import Room
from .services.scores import Scores
from .services.sessions import CallerLimits, SessionManager
from .services.settlement import Settler
from .services.signing_keys import HS256
from .services.silence import Silence
from .services.staff_actions import StaffActions
from .services.standing_accommodations import StandingAccommodations
from .services.status import Status, Surroundings
from .services.timeline import Timeline
from .services.webhook_relay import WebhookRelay
from .services.webhooks import Webhooks
from .stores.administration import AdministrationStore
from .stores.attempts import AttemptStore
from .stores.audit import AuditStore
from .stores.best_effort_cache import BestEffortCache
from .stores.devices import DeviceStore
from .stores.event_bus import EventBus
from .stores.export_files import ExportBucket, ExportFolder
from .stores.exports import ExportStore, Snapshots
from .stores.grading_queue import GradingQueueStore
from .stores.incidents import IncidentStore
from .stores.labels import LabelStore
from .stores.live import LiveStore
from .stores.notices import NoticeStore
from .stores.outbox import OutboxStore
from .stores.papers import PaperStore
from .stores.postgres import Postgres
from .stores.quiz_statistics import StatisticsStore
from .stores.refusals import RefusalStore
from .stores.room import RoomStore
from .stores.secrets_manager import DatabaseAddress, beacon_keys, receipt_keys
from .stores.standing_accommodations import StandingAccommodationStore
from .stores.timeline import TimelineStore
from .stores.valkey import ValkeyStore
from .stores.webhook import Webhook
from .stores.webhook_outbox import WebhookOutbox

POOL_SIZE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The stores of a process, and through them its connections."""

    postgres: Postgres
    attempts: AttemptStore
    administration: AdministrationStore
    room: RoomStore
    notices: NoticeStore
    papers: PaperStore
    grading_queue: GradingQueueStore
    statistics: StatisticsStore
    incidents: IncidentStore
    devices: DeviceStore
    live: LiveStore
    standing_accommodations: StandingAccommodationStore
    labels: LabelStore
    audit: AuditStore
    refusals: RefusalStore
    timeline: TimelineStore
    outbox: OutboxStore
    exports: ExportStore
    snapshots: Snapshots
    valkey: ValkeyStore

    async def close(self) -> None:
        await self.valkey.close()
        await self.postgres.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services of a process, with the stores that they share.

    Attributes:
        cached: serves reads that need the cache alone.
        exporter: makes exports; None where there is no place for their files.
    """

    sessions: SessionManager
    beacons: Beacons
    administration: ExamAdministration
    room: Room
    notices: Notices
    papers: Papers
    grading_queue: GradingQueue
    statistics: Statistics
    incidents: Incidents
    silence: Silence
    devices: Devices
    live: Live
    standing_accommodations: StandingAccommodations
    labelling: Labelling
    scores: Scores
    audit: Audit
    refusals: Refusals
    timeline: Timeline
    receipts: Receipts
    exports: Exports
    exporter: Exporter | None
    flusher: Flusher
    webhooks: Webhooks
    health: Health
    status: Status
    cached: CachedSessions
    stores: Stores
    settings: Settings
    telemetry: Telemetry
    clock: Callable[[], Micros]
    webhook: Webhook | None

    @property
    def jwt(self) -> bool:
        """Whether callers are authenticated by verified claims; see `Settings`."""
        return self.cached.jwt

    @property
    def scope_rules(self) -> ScopeRules:
        """How the scopes of callers are read from verified claims."""
        return self.cached.scope_rules

    async def close(self) -> None:
        if self.webhook is not None:
            self.webhook.close()
        await self.stores.close()


def open_stores(
    settings: Settings, telemetry: Telemetry, *, pool_size: int = POOL_SIZE, valkey: ValkeyStore | None = None
) -> Stores:
    """Build the stores of one process, with at most `pool_size` connections to PostgreSQL."""
    address = DatabaseAddress(settings)
    postgres = Postgres(address, pool_size, address.forget, telemetry)
    valkey = valkey or CachedSessions.of(settings).valkey
    valkey.watched_by(telemetry.cache)
    return Stores(
        postgres=postgres,
        attempts=AttemptStore(postgres),
        administration=AdministrationStore(postgres),
        room=RoomStore(postgres),
        notices=NoticeStore(postgres),
        papers=PaperStore(postgres),
        grading_queue=GradingQueueStore(postgres),
        statistics=StatisticsStore(postgres),
        incidents=IncidentStore(postgres),
        devices=DeviceStore(postgres),
        live=LiveStore(postgres),
        standing_accommodations=StandingAccommodationStore(postgres),
        labels=LabelStore(postgres),
        audit=AuditStore(postgres),
        refusals=RefusalStore(postgres),
        timeline=TimelineStore(postgres),
        outbox=OutboxStore(postgres),
        exports=ExportStore(postgres),
        snapshots=Snapshots(address),
        valkey=valkey,
    )


def build_services(
    settings: Settings,
    *,
    pool_size: int = POOL_SIZE,
    cached: CachedSessions | None = None,
    stores: Stores | None = None,
    bus: EventBus | None = None,
    webhook: Webhook | None = None,
    clock: Callable[[], Micros] = current_micros,
    flush_limits: FlushLimits | None = None,
    watchers: Sequence[Watcher] = (),
    surroundings: Surroundings | None = None,
) -> Services:
    """Build the services of one process.


    Args:
        pool_size: the maximum number of connections to PostgreSQL. A Lambda environment serves one request at
            a time and needs one.
        cached: the cached reads that the process already uses, to share their connection.
        stores: the stores of another build, to share their connections.
        bus, webhook: replace those that the settings name.
        clock: the time of the flush, and of requests that do not say when the gateway received them.
        watchers: are told of what is counted and what goes wrong.
        surroundings: what the process knows of where it runs.
    """
    recent = Recent()
    telemetry = Telemetry([recent, *watchers])
    if cached is None:
        cached = CachedSessions.of(settings, stores.valkey if stores else None)
    if stores is None:
        stores = open_stores(settings, telemetry, pool_size=pool_size, valkey=cached.valkey)
    if bus is None and settings.event_bus_name:
        bus = EventBus(settings.event_bus_name)
    if webhook is None and settings.webhook_url:
        webhook = Webhook(settings.webhook_url, settings.webhook_secrets, clock)
    # The outbox as who takes its events sees it.
    outbox, webhook_outbox = stores.outbox, None
    relay: Relay | None = BusRelay(outbox, bus, telemetry) if bus else None
    if webhook is not None:
        outbox = webhook_outbox = WebhookOutbox(stores.postgres, webhook.fingerprint, clock)
        relay = WebhookRelay(webhook_outbox, webhook, telemetry)
    time_limit_seconds = settings.default_time_limit_seconds
    cache = BestEffortCache(stores.valkey, telemetry)
    grader = Grader(stores.administration)
    settler = Settler(attempts=stores.attempts, cache=cache, grader=grader, telemetry=telemetry)
    disclosure = Disclosure(
        administration=stores.administration, cache=cache, settler=settler, telemetry=telemetry
    )
    staff_actions = StaffActions(settler=settler, disclosure=disclosure, clock=clock)
    limits = CallerLimits.of(settings)
    incidents = Incidents(
        incidents=stores.incidents,
        attempts=stores.attempts,
        settler=settler,
        disclosure=disclosure,
        telemetry=telemetry,
        clock=clock,
        pace=limits.writes,
    )
    devices = Devices(
        devices=stores.devices,
        cache=cache,
        settler=settler,
        disclosure=disclosure,
        incidents=incidents,
        staff_actions=staff_actions,
        telemetry=telemetry,
        clock=clock,
        pace=limits.writes,
    )
    receipts = Receipts(receipt_keys(settings), telemetry)
    sessions = SessionManager(
        attempts=stores.attempts,
        valkey=stores.valkey,
        cache=cache,
        settler=settler,
        receipts=receipts,
        backpressure=cached.backpressure,
        disclosure=disclosure,
        devices=devices,
        incidents=incidents,
        telemetry=telemetry,
        clock=clock,
        time_limit_seconds=time_limit_seconds,
        refuse_unknown_quizzes=settings.refuse_unknown_quizzes,
        limits=limits,
    )
    files = _export_files(settings)
    refusals = Refusals(refusals=stores.refusals, valkey=stores.valkey, telemetry=telemetry, clock=clock)
    silence = Silence(live=stores.live, valkey=stores.valkey, incidents=incidents, clock=clock)
    flusher = Flusher(
        attempts=stores.attempts,
        valkey=stores.valkey,
        cache=cache,
        grader=grader,
        outbox=outbox,
        exports=stores.exports,
        room=stores.room,
        silence=silence,
        refusals=refusals,
        relay=relay,
        bus=bus,
        telemetry=telemetry,
        clock=clock,
        limits=flush_limits or FlushLimits(),
    )
    webhooks = Webhooks(
        outbox=outbox,
        webhook=webhook_outbox,
        url=webhook.shown if webhook else None,
        staff_actions=staff_actions,
        clock=clock,
    )
    health = Health(postgres=stores.postgres, valkey=stores.valkey)
    return Services(
        sessions=sessions,
        beacons=Beacons(sessions, beacon_keys(settings), telemetry),
        administration=ExamAdministration(
            administration=stores.administration,
            attempts=stores.attempts,
            cache=cache,
            settler=settler,
            staff_actions=staff_actions,
            clock=clock,
            time_limit_seconds=time_limit_seconds,
        ),
        room=Room(
            room=stores.room,
            attempts=stores.attempts,
            cache=cache,
            settler=settler,
            staff_actions=staff_actions,
        ),
        notices=Notices(
            notices=stores.notices,
            attempts=stores.attempts,
            settler=settler,
            staff_actions=staff_actions,
            clock=clock,
        ),
        papers=Papers(
            papers=stores.papers,
            administration=stores.administration,
            settler=settler,
            disclosure=disclosure,
            clock=clock,
        ),
        grading_queue=GradingQueue(
            queue=stores.grading_queue, administration=stores.administration, clock=clock
        ),
        statistics=Statistics(
            statistics=stores.statistics, administration=stores.administration, clock=clock
        ),
        incidents=incidents,
        silence=silence,
        devices=devices,
        live=Live(live=stores.live, cache=cache, clock=clock),
        standing_accommodations=StandingAccommodations(
            accommodations=stores.standing_accommodations,
            settler=settler,
            clock=clock,
            time_limit_seconds=time_limit_seconds,
        ),
        labelling=Labelling(labels=stores.labels, staff_actions=staff_actions),
        scores=Scores(
            administration=stores.administration,
            cache=cache,
            settler=settler,
            disclosure=disclosure,
            staff_actions=staff_actions,
            clock=clock,
        ),
        audit=Audit(
            attempts=stores.attempts,
            audit=stores.audit,
            administration=stores.administration,
            cache=cache,
            receipts=receipts,
            disclosure=disclosure,
            clock=clock,
        ),
        refusals=refusals,
        timeline=Timeline(
            attempts=stores.attempts,
            timeline=stores.timeline,
            refusals=stores.refusals,
            valkey=stores.valkey,
            telemetry=telemetry,
            clock=clock,
        ),
        receipts=receipts,
        exports=Exports(
            exports=stores.exports,
            files=files,
            tokens=Jws("export+jws", HS256, beacon_keys(settings), telemetry),
            clock=clock,
        ),
        exporter=Exporter(
            exports=stores.exports, snapshots=stores.snapshots, files=files, telemetry=telemetry
        )
        if files
        else None,
        flusher=flusher,
        webhooks=webhooks,
        health=health,
        status=Status(
            health=health,
            postgres=stores.postgres,
            valkey=stores.valkey,
            attempts=stores.attempts,
            flusher=flusher,
            receipts=receipts,
            webhooks=webhooks,
            recent=recent,
            surroundings=surroundings or Surroundings(),
            clock=clock,
        ),
        cached=cached,
        stores=stores,
        settings=settings,
        telemetry=telemetry,
        clock=clock,
        webhook=webhook,
    )


def _export_files(settings: Settings) -> ExportBucket | ExportFolder | None:
    if settings.export_bucket:
        return ExportBucket(settings.export_bucket)
    return ExportFolder(settings.export_folder) if settings.export_folder else None
