"""
The worker: carries approvals out, reconciles what nobody waits for, and follows the ledger beside it.

Several workers may share one database. Each has an executor id of its own, so that none runs what
another has in flight; what a dead one leaves behind is taken over when its lease has run out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from remit.core.errors import OutcomeUnknown, TryLater
from remit.entrypoints.server.notifications import notifying
from remit.flow.execute import run
from remit.wiring import Remit, uuid7

log = logging.getLogger(__name__)

TICK_S = 0.5
"""How often a worker reconciles."""
CONCURRENCY = 8
"""How many executions each worker carries at once. The newest worker's number holds for all."""
GRACE_S = 30
"""How long a worker that was asked to stop waits for the executions it has begun."""


def work(
    remit: Remit,
    *,
    until_idle: bool = False,
    stop: threading.Event | None = None,
    concurrency: int = CONCURRENCY,
    on_done: Callable[[str], None] = lambda _: None,
) -> None:
    """
    Work until `stop` is set; with `until_idle`, also end when nothing is due, reserved, queued or leased.

    `on_done` is told the status of each execution that this worker ended.
    """
    stop = stop or threading.Event()
    remit.keep_policies()
    with notifying(remit):
        if remit.local_queue is not None:
            _reconcile(remit, stop, until_idle, between=lambda: _drain(remit, on_done))
            return
        with _dbos(remit, concurrency, on_done):
            _reconcile(remit, stop, until_idle, between=lambda: None)


def _reconcile(remit: Remit, stop: threading.Event, until_idle: bool, between: Callable[[], None]) -> None:
    while not stop.is_set():
        try:
            moved = remit.reconcile().total
            between()
            if until_idle and not moved and not remit.busy():
                return
        except (TryLater, OutcomeUnknown) as error:
            log.warning("reconciling again in a moment: %s", error)
            moved = 0
        if not moved:
            stop.wait(TICK_S)


def _drain(remit: Remit, on_done: Callable[[str], None]) -> None:
    assert remit.local_queue is not None
    while (message := remit.local_queue.take()) is not None:
        _carry_out(remit, f"local/{uuid7()}", message.data, on_done)


def _carry_out(remit: Remit, holder: str, data: Mapping[str, Any], on_done: Callable[[str], None]) -> str | None:
    began_ns = remit.hooks.begin()
    status = run(remit.executor(holder), data, _at_once, time.sleep)
    if status is not None:
        remit.hooks.executed(began_ns, data, status)
        on_done(status)
    return status


def _at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    # The engine brings the work and never resumes it half-way: what a dead worker had done by then is read
    # from the attempt. A checkpoint of its own after each step would double the writes and never be used.
    return function(*arguments)


@contextmanager
def _dbos(remit: Remit, concurrency: int, on_done: Callable[[str], None]) -> Iterator[None]:
    from dbos import DBOS

    from remit.publishers.dbos import APPLICATION, QUEUE, VERSION, WORKFLOW

    worker_id = uuid7()
    DBOS(
        config={
            "name": APPLICATION,
            "system_database_url": remit.url,
            "executor_id": worker_id,
            "application_version": VERSION,
            "log_level": "ERROR",
        }
    )

    @DBOS.workflow(name=WORKFLOW)
    def execute(data: Mapping[str, Any]) -> str | None:
        # Made anew by every run of this function: a replay must not pass for the run that holds the lease.
        return _carry_out(remit, f"{worker_id}/{uuid7()}", data, on_done)

    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=concurrency, polling_interval_sec=0.05)
    try:
        yield
    finally:
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=GRACE_S)
