"""Computes the tables of docs/scaling.md from its figures, and as a program writes them anew."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = Path("docs/scaling.md")
MILLION = 1_000_000
HOUR = 3600
MONTH_HOURS = 730
CORES = (2, 4, 8, 16, 32, 64)
_FIGURE = re.compile(r"^\| `(\w+)` \| ([\d.,]+) \|", re.MULTILINE)
_COMPUTED = re.compile(r"(<!-- computed: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Use:
    """One way to use the service, by what a session of an hour sends."""

    name: str
    committed: int
    autosaves: int

    @property
    def requests(self) -> int:
        """With a start, five reads and a completion."""
        return self.committed + self.autosaves + 7

    @property
    def flushes(self) -> int:
        """A session with autosaves has drafts at every flush, one in half a minute."""
        return 120 if self.autosaves else 0


USES = (
    Use("committed only: each answer as it is given", 40, 0),
    Use("mixed: the same, and an autosave every 30 s", 40, 120),
    Use("mostly autosaves: one every 10 s, and a commit at the end of each of five pages", 5, 360),
)
SHORT = [use.name.partition(":")[0] for use in USES]


class Figures(dict[str, float]):
    """The figures by their names, and what follows from them."""

    @classmethod
    def of(cls, text: str) -> Figures:
        """Read them from the page."""
        return cls({name: float(value.replace(",", "")) for name, value in _FIGURE.findall(text)})

    def function(self) -> dict[str, float]:
        """Dollars for a million requests to the function."""
        return {
            "API Gateway, HTTP API": self["gateway_million"],
            "Lambda requests": self["lambda_million"],
            "Lambda time, arm64, 1 GB": self["request_ms"] * 1000 * self["lambda_gb_second"],
            "SnapStart restores": self["restores_in_1000"] * 1000 * self["restore_gb"],
            "access log in CloudWatch": self["access_log_kb"] * self["log_gb"],
            "X-Ray": self["xray_percent"] / 100 * self["xray_million"],
            **self._traffic(),
        }

    def containers(self) -> dict[str, float]:
        """Dollars for a million requests to containers."""
        return {
            "firewall (WAF)": self["waf_million"],
            "load balancer, a new connection for each": (
                MILLION / self["lcu_connections"] / HOUR * self["lcu_hour"]
            ),
            "tasks": MILLION / self["task_requests"] / HOUR * self.task_hour,
            **self._traffic(),
        }

    def _traffic(self) -> dict[str, float]:
        return {
            "answers to the internet": self["reply_kb"] * self["internet_gb"],
            "traffic between zones": self["crossing_kb"] * self["zone_gb"],
        }

    @property
    def task_hour(self) -> float:
        return self["vcpu_hour"] + 2 * self["memory_gb_hour"]

    def rest(self) -> dict[str, float]:
        """Dollars a month for containers that nobody uses, beyond the function that nobody uses."""
        return {
            "two tasks, arm64, 1 vCPU and 2 GB": 2 * self.task_hour * MONTH_HOURS,
            "load balancer": self["alb_hour"] * MONTH_HOURS,
            "two NAT gateways": 2 * self["nat_hour"] * MONTH_HOURS,
            "four public addresses": 4 * self["ipv4_hour"] * MONTH_HOURS,
            "firewall, four rules": self["waf_acl"] + 4 * self["waf_rule"],
            "no snapshot of the function": -self["snapshot_month"],
        }

    def events(self, use: Use) -> int:
        """Rows in the audit log of one session: its start and its end, commits, flushes."""
        return 2 + use.committed + use.flushes

    def stored_kb(self, use: Use) -> float:
        return (self["attempt_bytes"] + self.events(use) * self["event_bytes"]) / 1000

    def commit_ms(self, together: float) -> float:
        """PostgreSQL's processor time of a commit, where so many share a statement."""
        return self["commit_row_ms"] + self["commit_trip_ms"] / together

    def together(self, use: Use) -> float:
        """How many commits gather in a task, at its share of requests, while a trip is under way."""
        commits = self["task_requests"] * use.committed / use.requests
        return max(1.0, commits * self["trip_ms"] / 1000)

    def cores(self, use: Use, together: float) -> float:
        """Processors of PostgreSQL that one student keeps busy."""
        commits = use.committed * self.commit_ms(together)
        return (commits + use.flushes * self["flush_ms"]) / 1000 / HOUR

    def wal(self, use: Use) -> float:
        """Bytes a second of the write-ahead log for one student."""
        return (use.committed * self["commit_wal"] + use.flushes * self["flush_wal"]) / HOUR

    def images(self, use: Use) -> float:
        """Bytes a second of whole pages for one student: each page once after a checkpoint."""
        return (use.committed * self["commit_images"] + use.flushes * self["flush_images"]) / HOUR

    def commands(self, use: Use) -> float:
        """Valkey's commands a second for one student."""
        ends = self["valkey_start"] + self["valkey_commit"]
        reads, commits = 5 * self["valkey_read"], use.committed * self["valkey_commit"]
        drafts = use.autosaves * self["valkey_autosave"] + use.flushes * self["valkey_flush"]
        return (ends + reads + commits + drafts) / HOUR


def about(value: float) -> str:
    """Two digits that count, written out."""
    if value == 0:
        return "0"
    digits = 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}"


def dollars(value: float) -> str:
    """With cents."""
    return f"{value:,.2f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _uses(figures: Figures) -> str:
    rows = []
    for use in USES:
        stored = figures.stored_kb(use)
        by = [
            use.requests * math.fsum(costs.values()) for costs in (figures.function(), figures.containers())
        ]
        counts = [str(use.committed), str(use.autosaves), str(use.requests)]
        rows.append(
            [use.name, *counts, *map(about, by), about(stored), about(stored * figures["storage_gb"])]
        )
    head = [
        "",
        "committed",
        "autosaves",
        "requests",
        "Lambda",
        "containers",
        "stored, KB",
        "a month of storage",
    ]
    return _table(head, rows)


def _request(figures: Figures) -> str:
    function, containers = figures.function(), figures.containers()
    rows = [
        [name, *(dollars(costs[name]) if name in costs else "" for costs in (function, containers))]
        for name in function | containers
    ]
    together = [f"**{dollars(math.fsum(costs.values()))}**" for costs in (function, containers)]
    return _table(["", "Lambda", "containers"], [*rows, ["**together**", *together]])


def _rest(figures: Figures) -> str:
    rest = figures.rest()
    rows = [[name, dollars(value)] for name, value in rest.items()]
    return _table(["", "a month"], [*rows, ["**together**", f"**{dollars(math.fsum(rest.values()))}**"]])


def _break_even(figures: Figures) -> str:
    def row(name: str, left_out: str | None = None) -> list[str]:
        rest, theirs = (
            math.fsum(
                value for item, value in costs.items() if left_out is None or not item.startswith(left_out)
            )
            for costs in (figures.rest(), figures.containers())
        )
        saved = math.fsum(figures.function().values()) - theirs
        requests = rest / saved * MILLION
        rate = requests / MONTH_HOURS / HOUR
        sessions = [about(requests / use.requests) for use in USES]
        return [name, dollars(saved), about(requests / MILLION), about(rate), *sessions]

    head = ["", "saved by a million requests", "million requests a month", "a second, on average"]
    rows = [row("as in infra/service.yaml"), row("without the firewall, as the function is", "firewall")]
    return _table([*head, *(f"sessions: {name}" for name in SHORT)], rows)


def _million(figures: Figures) -> str:
    def row(name: str, of: Callable[[Use], float]) -> list[str]:
        return [name, *(about(of(use)) for use in USES)]

    def rate(use: Use) -> float:
        return MILLION * use.requests / HOUR

    def commits(use: Use) -> float:
        return MILLION * use.committed / HOUR

    def flushed(use: Use) -> float:
        return MILLION * use.flushes / HOUR

    def tasks(use: Use) -> float:
        return rate(use) / figures["task_requests"]

    rows = [
        row("requests a second", rate),
        row("Lambda environments, a connection each", lambda use: rate(use) * figures["request_ms"] / 1000),
        row("or tasks", tasks),
        row("with so many connections", lambda use: tasks(use) * figures["task_connections"]),
        row("commits a second by requests", commits),
        row("sessions flushed a second", flushed),
        row(
            "PostgreSQL's cores for commits, each alone",
            lambda use: commits(use) * figures.commit_ms(1) / 1000,
        ),
        row("commits that gather in a task", figures.together),
        row(
            "cores, as they gather",
            lambda use: commits(use) * figures.commit_ms(figures.together(use)) / 1000,
        ),
        row("cores, twenty in a statement", lambda use: commits(use) * figures.commit_ms(20) / 1000),
        row("cores for flushes", lambda use: flushed(use) * figures["flush_ms"] / 1000),
        # Bytes of one are megabytes of a million.
        row("write-ahead log, MB/s", figures.wal),
        row("and whole pages after checkpoints, MB/s", figures.images),
        row("audit log, GB an hour", lambda use: figures.events(use) * figures["event_bytes"] / 1000),
        row("commands to Valkey a second", lambda use: MILLION * figures.commands(use)),
    ]
    return _table(["", *SHORT], rows)


def _writer(figures: Figures) -> str:
    share = figures["busy_percent"] / 100
    rows = [
        [
            str(cores),
            about(cores * share * 1000 / figures.commit_ms(1)),
            about(cores * share * 1000 / figures.commit_ms(20)),
            *(about(cores * share / figures.cores(use, 20)) for use in USES),
        ]
        for cores in CORES
    ]
    disk = figures["disk_mb"] * 1e6 * share
    log = [about(disk / (figures.wal(use) + figures.images(use))) for use in USES]
    head = [
        "cores",
        "commits a second, each alone",
        "twenty in a statement",
        *(f"students: {n}" for n in SHORT),
    ]
    return _table(head, [*rows, ["the log's disk", "", "", *log]])


TABLES: dict[str, Callable[[Figures], str]] = {
    "uses": _uses,
    "request": _request,
    "rest": _rest,
    "break_even": _break_even,
    "million": _million,
    "writer": _writer,
}


def computed(text: str) -> str:
    """The page with its tables as its figures have them."""
    figures = Figures.of(text)
    return _COMPUTED.sub(lambda found: f"{found[1]}{TABLES[found[2]](figures)}{found[3]}", text)


def places(text: str) -> Iterator[str]:
    """The names of the tables that the page has."""
    return (name for _, name, _ in _COMPUTED.findall(text))


if __name__ == "__main__":
    PAGE.write_text(computed(PAGE.read_text()))
