"""What is read from the environment, and what is said when it can't be used."""

from pathlib import Path

import pytest

from quiz_sessions.runtime.settings import Settings, SettingsError

DATABASE = {"DATABASE_URL": "postgresql://quiz@db/quiz"}
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:quiz"


def test_a_database_url_is_enough() -> None:
    assert Settings.from_environment(DATABASE) == Settings(
        database_url="postgresql://quiz@db/quiz",
        database_secret_arn=None,
        redis_url="redis://127.0.0.1:6379",
        default_time_limit_seconds=1800,
        session_cache_ttl_seconds=1800,
        jwt=False,
        event_bus_name=None,
        webhook_url=None,
        webhook_secrets=(),
        receipt_keys=None,
        receipt_keys_secret_arn=None,
        beacon_keys=None,
        beacon_keys_secret_arn=None,
    )


def test_a_secret_takes_the_place_of_the_url() -> None:
    settings = Settings.from_environment({"DATABASE_SECRET_ARN": SECRET})
    assert (settings.database_url, settings.database_secret_arn) == (None, SECRET)


def test_other_variables_are_left_alone() -> None:
    assert Settings.from_environment({**DATABASE, "HOME": "/root"}) == Settings.from_environment(DATABASE)


@pytest.mark.parametrize("environment", [{}, {"DATABASE_URL": "", "DATABASE_SECRET_ARN": ""}])
def test_without_a_database_it_says_what_to_set(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"Set DATABASE_URL .* or DATABASE_SECRET_ARN"):
        Settings.from_environment(environment)


@pytest.mark.parametrize("url", ["redis://cache:6380/1", "rediss://cache:6379", "unix:///run/valkey.sock"])
def test_redis_url_is_taken_as_it_is(url: str) -> None:
    assert Settings.from_environment({**DATABASE, "REDIS_URL": url}).redis_url == url


def test_an_empty_redis_url_is_none() -> None:
    assert Settings.from_environment({**DATABASE, "REDIS_URL": ""}).redis_url == "redis://127.0.0.1:6379"


@pytest.mark.parametrize("url", ["cache:6379", "http://cache", "REDIS", "valkey://cache"])
def test_another_kind_of_redis_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(SettingsError, match=r"REDIS_URL starts with redis://.*rediss://"):
        Settings.from_environment({**DATABASE, "REDIS_URL": url})


@pytest.mark.parametrize("mode", ["", "none"])
def test_auth_mode_none_is_the_default(mode: str) -> None:
    assert Settings.from_environment({**DATABASE, "AUTH_MODE": mode}) == Settings.from_environment(DATABASE)


def test_auth_mode_jwt_knows_callers_by_their_claims() -> None:
    assert Settings.from_environment({**DATABASE, "AUTH_MODE": "jwt"}).jwt


def test_with_tokens_what_nobody_configured_is_closed() -> None:
    closed = Settings.from_environment({**DATABASE, "AUTH_MODE": "jwt"})
    assert (closed.allowed_origins, closed.refuse_unknown_quizzes) == ((), True)
    assert (closed.starts_per_minute, closed.writes_per_second, closed.write_burst) == (60, 20, 100)


def test_an_unknown_auth_mode_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="AUTH_MODE is none or jwt, not 'basic'"):
        Settings.from_environment({**DATABASE, "AUTH_MODE": "basic"})


@pytest.mark.parametrize(("text", "seconds"), [("", 1800), ("1", 1), ("60", 60), ("2147483647", 2**31 - 1)])
def test_default_time_limit_seconds(text: str, seconds: int) -> None:
    settings = Settings.from_environment({**DATABASE, "DEFAULT_TIME_LIMIT_SECONDS": text})
    assert settings.default_time_limit_seconds == seconds


@pytest.mark.parametrize(("text", "seconds"), [("", 1800), ("1", 1), ("60", 60), ("2147483647", 2**31 - 1)])
def test_session_cache_ttl_seconds(text: str, seconds: int) -> None:
    settings = Settings.from_environment({**DATABASE, "SESSION_CACHE_TTL_SECONDS": text})
    assert settings.session_cache_ttl_seconds == seconds


@pytest.mark.parametrize("name", ["DEFAULT_TIME_LIMIT_SECONDS", "SESSION_CACHE_TTL_SECONDS"])
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "30m", " 30", "1_000", "٣", "²", "2147483648", "9" * 30])
def test_what_is_no_number_of_seconds_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is a whole number of seconds above 0"):
        Settings.from_environment({**DATABASE, name: text})


@pytest.mark.parametrize("name", ["DEFAULT_TIME_LIMIT_SECONDS", "SESSION_CACHE_TTL_SECONDS"])
def test_an_absurdly_long_number_is_refused_by_name(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({**DATABASE, name: "9" * 5000})


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("EVENT_BUS_NAME", "event_bus_name"),
        ("EXPORT_BUCKET", "export_bucket"),
        ("RECEIPT_KEYS", "receipt_keys"),
        ("RECEIPT_KEYS_SECRET_ARN", "receipt_keys_secret_arn"),
        ("BEACON_KEYS", "beacon_keys"),
        ("BEACON_KEYS_SECRET_ARN", "beacon_keys_secret_arn"),
    ],
)
def test_what_may_be_left_out_is_taken_as_it_is_and_empty_is_none(name: str, field: str) -> None:
    assert getattr(Settings.from_environment({**DATABASE, name: "given"}), field) == "given"
    assert Settings.from_environment({**DATABASE, name: ""}) == Settings.from_environment(DATABASE)


def test_exports_are_in_a_bucket_or_a_folder() -> None:
    settings = Settings.from_environment({**DATABASE, "EXPORT_FOLDER": "exports"})
    assert (settings.export_bucket, settings.export_folder) == (None, Path("exports"))
    with pytest.raises(SettingsError, match="Set EXPORT_BUCKET or EXPORT_FOLDER, not both"):
        Settings.from_environment({**DATABASE, "EXPORT_BUCKET": "given", "EXPORT_FOLDER": "exports"})


@pytest.mark.parametrize("name", ["RECEIPT_KEYS", "BEACON_KEYS"])
def test_settings_do_not_show_the_keys(name: str) -> None:
    assert "a-key" not in repr(Settings.from_environment({**DATABASE, name: "a-key"}))


@pytest.mark.parametrize(
    ("text", "secrets"),
    [("", ()), (" , ", ()), ("x" * 16, ("x" * 16,)), (f"{'x' * 256}, {'y' * 16}", ("x" * 256, "y" * 16))],
)
def test_the_secret_of_a_distribution(text: str, secrets: tuple[str, ...]) -> None:
    settings = Settings.from_environment({**DATABASE, "ORIGIN_SECRET": text})
    assert settings.origin_secrets == secrets
    assert not secrets or secrets[0] not in repr(settings)


@pytest.mark.parametrize("text", ["x" * 15, "x" * 257, f"{'x' * 16} x", "ä" * 16])
def test_what_is_no_secret_of_a_distribution_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(SettingsError, match="ORIGIN_SECRET") as caught:
        Settings.from_environment({**DATABASE, "ORIGIN_SECRET": text})
    assert text not in str(caught.value)


def test_a_secret_is_required_only_where_the_settings_say_so() -> None:
    given = {**DATABASE, "ORIGIN_SECRET": "x" * 16}
    assert Settings.from_environment(given).required_secrets == ()
    assert Settings.from_environment({**given, "ORIGIN_ONLY": "false"}).required_secrets == ()
    assert Settings.from_environment({**given, "ORIGIN_ONLY": "true"}).required_secrets == ("x" * 16,)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ORIGIN_ONLY": "true"}, "needs ORIGIN_SECRET"),
        ({"ORIGIN_ONLY": "true", "ORIGIN_SECRET": " , "}, "needs ORIGIN_SECRET"),
        ({"ORIGIN_ONLY": "yes", "ORIGIN_SECRET": "x" * 16}, "ORIGIN_ONLY is true or false"),
    ],
)
def test_nobody_is_let_in_by_a_secret_that_is_missing(settings: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_environment({**DATABASE, **settings})


WEBHOOK = "https://lms.example.org/events?token=t0ken"
SIGNING = f"whsec_{'QUJD' * 8}"


@pytest.mark.parametrize(
    "url",
    [WEBHOOK, "https://[2001:db8::1]:8443/", "http://127.0.0.1:9/x", "http://localhost", "http://[::1]/"],
)
def test_a_webhook_has_a_url_and_a_secret(url: str) -> None:
    settings = Settings.from_environment({**DATABASE, "WEBHOOK_URL": url, "WEBHOOK_SECRET": SIGNING})
    assert (settings.webhook_url, settings.webhook_secrets) == (url, (SIGNING,))
    assert "t0ken" not in repr(settings)
    assert SIGNING not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "lms.example.org",
        "http://lms.example.org/",
        "http://10.0.0.1/",
        "http://127.0.0.1.example.org/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "https://",
        "https://user:t0ken@lms.example.org/",
        "https://lms.example.org/#t0ken",
        "https://lms.example.org/t0ken x",
        "https://lms.example.org/t0ken\r\nHost: x",
        "https://lms.example.org:t0ken/",
        "https://ä.example.org/t0ken",
        "https://[t0ken/",
        f"https://lms.example.org/t0ken{'x' * 2048}",
    ],
)
def test_what_is_no_url_of_a_webhook_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="WEBHOOK_URL") as caught:
        Settings.from_environment({**DATABASE, "WEBHOOK_URL": url, "WEBHOOK_SECRET": SIGNING})
    assert "t0ken" not in str(caught.value)


def test_two_secrets_sign_while_one_is_changed() -> None:
    two = {**DATABASE, "WEBHOOK_URL": WEBHOOK, "WEBHOOK_SECRET": f"{SIGNING}, {SIGNING}QUJD"}
    assert Settings.from_environment(two).webhook_secrets == (SIGNING, f"{SIGNING}QUJD")


@pytest.mark.parametrize("text", ["QUJD" * 8, "whsec_QUJD", "whsec_?" + "QUJD" * 8, "whsec_" + "QUJD" * 22])
def test_what_is_no_secret_of_a_webhook_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET") as caught:
        Settings.from_environment({**DATABASE, "WEBHOOK_URL": WEBHOOK, "WEBHOOK_SECRET": text})
    assert text not in str(caught.value)


@pytest.mark.parametrize("given", [{"WEBHOOK_URL": WEBHOOK}, {"WEBHOOK_SECRET": SIGNING}])
def test_a_webhook_without_a_secret_or_the_other_way_round_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="Set WEBHOOK_URL and WEBHOOK_SECRET, or neither"):
        Settings.from_environment({**DATABASE, **given})


def test_events_go_one_way() -> None:
    both = {"EVENT_BUS_NAME": "bus", "WEBHOOK_URL": WEBHOOK, "WEBHOOK_SECRET": SIGNING}
    with pytest.raises(SettingsError, match="Set EVENT_BUS_NAME or WEBHOOK_URL"):
        Settings.from_environment({**DATABASE, **both})


@pytest.mark.parametrize("url", ["mysql://quiz:secret@db/quiz", "http://db", "sqlite:///quiz"])
def test_the_address_of_another_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL must start with postgresql://") as refused:
        Settings.from_environment({"DATABASE_URL": url})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["postgres://db/quiz", "postgresql:///quiz?host=/run", "host=db dbname=quiz"])
def test_an_address_in_any_form_of_postgresql_is_taken(url: str) -> None:
    assert Settings.from_environment({"DATABASE_URL": url}).database_url == url
