"""Running: the worker, one round of reconciling, and the demonstration."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer
from msgspec.structs import asdict

from remit.app.single_proposals import BATCH
from remit.app.upkeep import Reconciled
from remit.core.errors import InvalidInput
from remit.entrypoints.cli import output
from remit.entrypoints.cli.exports import KeptExport
from remit.entrypoints.cli.functions import imported_functions
from remit.entrypoints.cli.options import AsJson, By, Db, Imports, existing, opened, url_of
from remit.entrypoints.server import worker as worker_door
from remit.entrypoints.server import worker_processes
from remit.entrypoints.server.logs import set_up_logs
from remit.entrypoints.server.process import settle
from remit.entrypoints.server.telemetry import traced
from remit.flow.recover import Recovered
from remit.wiring import Remit

MOST_FINDINGS_SHOWN = 20


def register(app: typer.Typer) -> None:
    for command in (worker, reconcile, recover, demo):
        app.command()(command)


def worker(
    ctx: typer.Context,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is due, reserved, queued or leased.")
    ] = False,
    concurrency: Annotated[
        int,
        typer.Option(
            "--concurrency",
            metavar="N",
            min=1,
            max=1000,
            help="Calls of one tool at once, of this worker.",
        ),
    ] = worker_door.CONCURRENCY,
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", min=1, max=64, help="So many workers, each a process of its own.")
    ] = 1,
    imports: Imports = None,
    one_of_many: Annotated[bool, typer.Option("--one-of-many", hidden=True)] = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Execute what is approved, and look after what nobody waits for, until it is told to end.

    SIGTERM or Ctrl-C lets it finish what it began; a second one ends it at once, and another worker takes over.

    Example: remit worker --until-idle
    """
    if not set_up_logs(os.environ):
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if processes > 1:
        arguments = _arguments(concurrency, imports or [], until_idle=until_idle)
        _report(_work_in_processes(ctx, db, processes, arguments), as_json=as_json)
        return
    done: Counter[str] = Counter()
    with (
        opened(ctx, db, imported_functions(imports or [])) as remit,
        output.progress("executed") as advance,
        _told_to_end() as stop,
    ):

        def count(status: str) -> None:
            done[status] += 1
            advance()

        if not until_idle and not as_json:
            output.note("working; Ctrl-C ends it after what it has begun")
        settle()
        if one_of_many:
            worker_processes.end_with_parent(stop)
        with traced(remit, os.environ):
            worker_door.work(remit, until_idle=until_idle, stop=stop, concurrency=concurrency, on_done=count)
    _report(done, as_json=as_json)


def _report(done: Counter[str], *, as_json: bool) -> None:
    if as_json:
        output.print_json({"executed": done.total(), "by_status": dict(done)})
    else:
        named = ", ".join(f"{count} {status}" for status, count in done.items())
        output.say(f"executed {done.total()}" + (f": {named}" if named else ""))


def _arguments(concurrency: int, imports: Sequence[str], *, until_idle: bool) -> list[str]:
    """The options of each of several workers. Raises `InvalidInput` for functions that are not there."""
    imported_functions(imports)
    named = [each for module in imports for each in ("--import", module)]
    return ["--concurrency", str(concurrency), *named, *(["--until-idle"] if until_idle else [])]


def _work_in_processes(ctx: typer.Context, db: str | None, processes: int, arguments: Sequence[str]) -> Counter[str]:
    url = url_of(ctx, db)
    if url.startswith("memory:"):
        raise InvalidInput("--processes", "shares a database, and memory:// is one process's own", "name another --db")
    with opened(ctx, db):
        # What is wrong with it is said once, and it is brought up to date before anybody works.
        pass
    with _told_to_end() as stop:
        return worker_processes.run(processes, url, arguments, stop)


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """An event that the first SIGTERM or SIGINT sets; the second acts as usual."""
    stop = threading.Event()
    signals = (signal.SIGTERM, signal.SIGINT)

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()
        for name, usual in before.items():
            signal.signal(name, usual)

    before = {name: signal.signal(name, end) for name in signals}
    try:
        yield stop
    finally:
        for name, usual in before.items():
            signal.signal(name, usual)


def reconcile(ctx: typer.Context, as_json: AsJson = False, db: Db = None) -> None:
    """
    Look after what nobody waits for, once: gate, publish and expire what is due.

    Example: remit reconcile
    """
    with opened(ctx, db) as remit:
        moved = _all_due(remit)
    if as_json:
        output.print_json(moved)
    else:
        output.say(", ".join(f"{count} {name}" for name, count in moved.items()))


def _all_due(remit: Remit) -> dict[str, int]:
    moved: Counter[str] = Counter(asdict(Reconciled()))
    while True:
        one_round = remit.reconcile()
        moved.update(asdict(one_round))
        # A full round may have left some; one that moved less has nothing left that can be moved now. Results go a few
        # at a time.
        if one_round.total < BATCH and not one_round.erased:
            return dict(moved)


def recover(
    ctx: typer.Context,
    by: By,
    against: Annotated[
        list[str],
        typer.Option("--against", metavar="EXPORT", help="An export, maybe newer than the backup. Repeat."),
    ] = [],  # noqa: B006
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    After a restore from a backup: stop autonomy, say what is found, and end what may have run since.

    Run it before any server or worker is started. What is open ends UNKNOWN: look at the far sides, resolve it, and
    then 'remit resume'. Ends with exit code 1 if something contradicts the ledger, or an export that you name.

    Example: remit recover --by ann
    """
    kept = {export.tenant_id: export for export in map(KeptExport.read, against)}
    with existing(ctx, db) as remit:
        found = remit.recover(by=by, kept={tenant_id: export.heads() for tenant_id, export in kept.items()})
    for one in found:
        if as_json:
            output.print_json(one.wire())
        else:
            _tell_recovered(one)
    if not as_json:
        output.say("autonomy is stopped everywhere, until: remit resume --by NAME --reason TEXT")
    broken = any(one.findings or one.failed for one in found)
    raise typer.Exit(output.BROKEN if broken else output.DONE)


def _tell_recovered(found: Recovered) -> None:
    output.print_fields(
        {
            "tenant": found.tenant_id,
            "running": _names(found.attempts),
            "published": _names(found.published),
            "reserved": _names(found.reserved),
            "not decided": _names(found.proposed),
            "waiting": found.waiting,
            "contradicted": len(found.findings) or "nothing",
            "not ended": _names(found.failed),
        }
    )
    for finding in found.findings[:MOST_FINDINGS_SHOWN]:
        output.say(finding)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_FINDINGS_SHOWN])
    more = len(names) - MOST_FINDINGS_SHOWN
    return f"{shown} and {more} more (--json shows all)" if more > 0 else shown or "none"


def demo(
    full: Annotated[bool, typer.Option("--full", help="Every decision, every check, and the tables.")] = False,
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="End with the story, as it does without a terminal.")
    ] = False,
) -> None:
    """
    Watch Remit decide, execute, ask and prove, against a small CRM of its own; then look at it in its console.

    Example: remit demo --full
    """
    serves = not no_serve and sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")
    # By name: the demonstration stands above the doors and uses them.
    raise typer.Exit(importlib.import_module("remit.demo.story").main(full=full, serves=serves))
