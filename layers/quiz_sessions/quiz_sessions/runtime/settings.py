"""The settings, which are read from environment variables once per process."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from .scope_rules import BY_SCOPE, SCOPES, ScopeRules


class SettingsError(Exception):
    """A setting is missing from the environment or invalid; the message says what to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process.

    Attributes:
        database_url: libpq URL of PostgreSQL; None if the secret has everything.
        database_secret_arn: Secrets Manager secret in the format of RDS. Its username, password, host, port
            and dbname, as far as present, complete the URL.
        redis_url: redis://, rediss:// (with TLS) or unix://.
        redis_cluster: whether redis_url names a node of a cluster.
        default_time_limit_seconds: the time limit of quizzes that set none.
        session_cache_ttl_seconds: how long a session stays in the cache after it was last written there.
        jwt: whether the gateway's authorizer authenticates callers; if not, every caller may do everything.
        scope_rules: how the scopes of callers are read from their claims.
        refuse_unknown_quizzes: whether a quiz can be started only once it is registered.
        starts_per_minute, writes_per_second, write_burst: how much one caller may do: starts of attempts,
            and writes to one session, of which so many may come at once. 0 for any number.
        allowed_origins: the origins whose pages may call the API; "*" stands for all of them.
        base_path: what stands in front of the API's paths, such as the path of a custom domain's mapping.
        origin_secrets: what a CloudFront distribution in front sends in X-Origin-Secret, so that it is
            believed whose requests it passes on; two while it is changed.
        origin_only: whether requests without one of these secrets are refused.
        webhook_url: where domain events are sent to where there is no bus.
        webhook_secrets: what they are signed with, each `whsec_` and base64; two while it is changed.
        event_bus_name: EventBridge bus for domain events; without one they stay in the outbox.
        export_bucket, export_folder: the S3 bucket, or a folder of this machine, for the files of exports; at
            most one of them. Without one there are no exports.
        receipt_keys: the keys that sign receipts, as JSON; see `services.signing_keys`.
        receipt_keys_secret_arn: Secrets Manager secret that holds the keys instead.
        beacon_keys, beacon_keys_secret_arn: the same for the tokens of beacons, and for links to files of
            export_folder.
    """

    database_url: str | None
    database_secret_arn: str | None
    redis_url: str
    redis_cluster: bool = False
    default_time_limit_seconds: int = 1800
    session_cache_ttl_seconds: int = 1800
    jwt: bool = False
    scope_rules: ScopeRules = BY_SCOPE
    refuse_unknown_quizzes: bool = False
    starts_per_minute: int = 0
    writes_per_second: int = 0
    write_burst: int = 0
    allowed_origins: tuple[str, ...] = ("*",)
    base_path: str = ""
    origin_secrets: tuple[str, ...] = field(default=(), repr=False)
    origin_only: bool = False
    webhook_url: str | None = field(default=None, repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    event_bus_name: str | None = None
    export_bucket: str | None = None
    export_folder: Path | None = None
    receipt_keys: str | None = field(default=None, repr=False)
    receipt_keys_secret_arn: str | None = None
    beacon_keys: str | None = field(default=None, repr=False)
    beacon_keys_secret_arn: str | None = None

    @property
    def required_secrets(self) -> tuple[str, ...]:
        """The secrets of which every request has to know one; none where anybody may send it."""
        return self.origin_secrets if self.origin_only else ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings from environment variables.

        Raises:
            SettingsError: a setting is missing or invalid.
        """
        database_url = environment.get("DATABASE_URL") or None
        database_secret_arn = environment.get("DATABASE_SECRET_ARN") or None
        if database_url is None and database_secret_arn is None:
            raise SettingsError(
                "Set DATABASE_URL (postgresql://user:password@host:5432/quiz) or DATABASE_SECRET_ARN; "
                "`make run` starts a database of its own."
            )
        if database_url is not None and not re.match(r"postgres(ql)?://|(?!\w+://)", database_url):
            # The message must not have it, for there is a password in it.
            raise SettingsError("DATABASE_URL must start with postgresql://, as PostgreSQL's addresses do.")
        redis_url = environment.get("REDIS_URL") or "redis://127.0.0.1:6379"
        if not redis_url.startswith(("redis://", "rediss://", "unix://")):
            raise SettingsError("REDIS_URL starts with redis://, or with rediss:// for TLS.")
        if (cluster := (environment.get("REDIS_CLUSTER") or "false").lower()) not in ("true", "false"):
            raise SettingsError(f"REDIS_CLUSTER is true or false, not {cluster!r}.")
        if (mode := environment.get("AUTH_MODE") or "none") not in ("none", "jwt"):
            raise SettingsError(f"AUTH_MODE is none or jwt, not {mode!r}.")
        jwt = mode == "jwt"
        default = "refuse" if jwt else "accept"
        if (unknown := environment.get("UNKNOWN_QUIZZES") or default) not in ("accept", "refuse"):
            raise SettingsError(f"UNKNOWN_QUIZZES is accept or refuse, not {unknown!r}.")
        bucket, folder = environment.get("EXPORT_BUCKET") or None, environment.get("EXPORT_FOLDER") or None
        if bucket and folder:
            raise SettingsError("Set EXPORT_BUCKET or EXPORT_FOLDER, not both.")
        base_path = (environment.get("BASE_PATH") or "").rstrip("/")
        if not re.fullmatch(r"(/[^/\s]+)*", base_path):
            raise SettingsError(f"BASE_PATH is a path such as /exams, not {base_path!r}.")
        webhook_url = _webhook_url(environment)
        if webhook_url is not None and environment.get("EVENT_BUS_NAME"):
            raise SettingsError(
                "Set EVENT_BUS_NAME or WEBHOOK_URL: where there is a bus, a rule of it calls the URL."
            )
        webhook_secrets = _webhook_secrets(environment)
        if (webhook_url is None) != (webhook_secrets == ()):
            raise SettingsError("Set WEBHOOK_URL and WEBHOOK_SECRET, or neither.")
        origin_secrets = _secrets(environment, "ORIGIN_SECRET")
        if (only := environment.get("ORIGIN_ONLY") or "false") not in ("true", "false"):
            raise SettingsError(f"ORIGIN_ONLY is true or false, not {only!r}.")
        if only == "true" and not origin_secrets:
            # Nobody could get in, or, worse, everybody.
            raise SettingsError("ORIGIN_ONLY=true needs ORIGIN_SECRET.")
        return cls(
            database_url=database_url,
            database_secret_arn=database_secret_arn,
            redis_url=redis_url,
            redis_cluster=cluster == "true",
            default_time_limit_seconds=_positive(environment, "DEFAULT_TIME_LIMIT_SECONDS", 1800),
            session_cache_ttl_seconds=_positive(environment, "SESSION_CACHE_TTL_SECONDS", 1800),
            jwt=jwt,
            scope_rules=_scope_rules(environment),
            refuse_unknown_quizzes=unknown == "refuse",
            starts_per_minute=_count(environment, "STARTS_PER_MINUTE", 60 if jwt else 0),
            writes_per_second=_count(environment, "WRITES_PER_SECOND", 20 if jwt else 0),
            write_burst=_count(environment, "WRITE_BURST", 100 if jwt else 0),
            allowed_origins=_origins(environment, () if jwt else ("*",)),
            base_path=base_path,
            origin_secrets=origin_secrets,
            origin_only=only == "true",
            webhook_url=webhook_url,
            webhook_secrets=webhook_secrets,
            event_bus_name=environment.get("EVENT_BUS_NAME") or None,
            export_bucket=bucket,
            export_folder=Path(folder) if folder else None,
            receipt_keys=environment.get("RECEIPT_KEYS") or None,
            receipt_keys_secret_arn=environment.get("RECEIPT_KEYS_SECRET_ARN") or None,
            beacon_keys=environment.get("BEACON_KEYS") or None,
            beacon_keys_secret_arn=environment.get("BEACON_KEYS_SECRET_ARN") or None,
        )


def _scope_rules(environment: Mapping[str, str]) -> ScopeRules:
    roles: dict[str, frozenset[str]] = {}
    for entry in environment.get("JWT_SCOPE_MAP", "").split():
        role, _, names = entry.rpartition("=")
        if not re.fullmatch(r"[^\s\[\],]+", role):
            raise SettingsError(
                f"JWT_SCOPE_MAP has roles such as teachers={SCOPES[0]},{SCOPES[1]}, not {entry!r}."
            )
        for name in names.split(","):
            if name not in SCOPES:
                raise SettingsError(f"JWT_SCOPE_MAP leads to one of {', '.join(SCOPES)}, not to {name!r}.")
        roles[role] = roles.get(role, frozenset()).union(names.split(","))
    return ScopeRules(tuple(environment.get("JWT_SCOPE_CLAIMS", "").split()) or BY_SCOPE.claims, roles)


def _origins(environment: Mapping[str, str], default: tuple[str, ...]) -> tuple[str, ...]:
    origins = tuple(filter(None, map(str.strip, environment.get("ALLOWED_ORIGINS", "").split(","))))
    for origin in origins:
        # RFC 6454, 6.2: a scheme, a host and perhaps a port; a browser compares it letter by letter.
        if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
            raise SettingsError(
                f"ALLOWED_ORIGINS has origins such as https://exam.example.org, not {origin!r}."
            )
    return origins or default


def _secrets(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    secrets = tuple(filter(None, map(str.strip, environment.get(name, "").split(","))))
    if not all(re.fullmatch("[!-+.-~-]{16,256}", secret, re.ASCII) for secret in secrets):
        # The message must not have it.
        raise SettingsError(f"{name} has 16 to 256 characters of ASCII, or is two of them with a comma.")
    return secrets


def _webhook_url(environment: Mapping[str, str]) -> str | None:
    url = environment.get("WEBHOOK_URL") or None
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    # The query may have a secret, so no message has the URL.
    if host is None or not re.fullmatch("[!-~]{1,2048}", url) or "@" in parts.netloc or "#" in url:
        raise SettingsError("WEBHOOK_URL is a URL such as https://lms.example.org/events, without a user.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise SettingsError("WEBHOOK_URL starts with https://; with http:// only on this machine.")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _webhook_secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    secrets = tuple(filter(None, map(str.strip, environment.get("WEBHOOK_SECRET", "").split(","))))
    for secret in secrets:
        try:
            key = b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not (secret.startswith("whsec_") and 24 <= len(key) <= 64):
            # The message must not have it.
            raise SettingsError(
                "WEBHOOK_SECRET is whsec_ and 24 to 64 bytes in base64, or two of them with a comma."
            )
    return secrets


def _positive(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not re.fullmatch("[0-9]{1,10}", text) or not 0 < int(text) < 2**31:
        raise SettingsError(f"{name} is a whole number of seconds above 0, not {text!r}.")
    return int(text)


def _count(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not re.fullmatch("[0-9]{1,6}", text):
        raise SettingsError(f"{name} is a whole number, or 0 for no limit, not {text!r}.")
    return int(text)
