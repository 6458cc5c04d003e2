"""
The worker: takes executions from the store, calls, settles, reconciles, and beside it follows the ledger and erases.

Several workers may share one database: the store gives each its own, and the attempt's lease alone says who may act.
What a dead one leaves behind is taken over when its lease has run out.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from remit.core.errors import OutcomeUnknown, TryLater
from remit.core.execution.places import Places
from remit.entrypoints.server.erasing import erasing
from remit.entrypoints.server.notifications import notifying
from remit.entrypoints.server.settling import AGAIN_S, Called, Settler, pace
from remit.flow.execute import Ended, Held, Taken, work_of
from remit.wiring import Remit, uuid7

log = logging.getLogger(__name__)

TICK_S = 0.5
"""How often a worker reconciles."""
LOOK_S = 0.1
"""How often an idle worker looks for what nobody woke it for: pauses that are over, and what the store did not tell."""
CONCURRENCY = 64
"""How many calls of one tool a worker makes at once; `Places` says how many of all."""
GRACE_S = 30
"""How long a worker that was asked to stop waits for the calls it has begun."""


def work(
    remit: Remit,
    *,
    until_idle: bool = False,
    stop: threading.Event | None = None,
    concurrency: int = CONCURRENCY,
    on_done: Callable[[str], None] = lambda _: None,
    worker_id: str | None = None,
) -> None:
    """
    Work until `stop` is set; with `until_idle`, also end when nothing is due, reserved, queued or leased.

    `on_done` is told the status of each execution that this worker ended. `worker_id` names it in the attempts it
    holds, and may never be used again; without one it makes its own.
    """
    places = Places(concurrency)
    wake = threading.Event()
    settler = Settler(remit, wake.set)
    # Calls that end while the worker ends are settled too.
    with (
        notifying(remit, to_the_end=until_idle),
        erasing(remit, to_the_end=until_idle),
        settler.running(),
        ThreadPoolExecutor(places.most, thread_name_prefix="remit-call") as pool,
        remit.waking(wake.set),
    ):
        loop = WorkerLoop(remit, pool, settler, places, wake, stop or threading.Event(), on_done, worker_id or uuid7())
        loop.run(until_idle=until_idle)


class WorkerLoop:
    """One thread takes; calls and settling run beside it, so that none waits for another's answer."""

    def __init__(
        self,
        remit: Remit,
        pool: ThreadPoolExecutor,
        settler: Settler,
        places: Places,
        wake: threading.Event,
        stop: threading.Event,
        on_done: Callable[[str], None],
        worker_id: str,
    ) -> None:
        self._remit, self._pool, self._settler, self._places = remit, pool, settler, places
        self._stop, self._on_done = stop, on_done
        self._id = worker_id
        self._takes = 0
        self._found_all = False
        """Did the last take find as many as it asked for? Then the next one need not be told that there are more."""
        self._pace = pace()
        self._not_called: queue.SimpleQueue[tuple[Held, Ended | None, int]] = queue.SimpleQueue()
        """Those that came to no call after their facts were looked up."""
        self._wake = wake
        self._next_tick = 0.0

    def run(self, *, until_idle: bool) -> None:
        while not self._stop.is_set():
            try:
                if not self._round(may_take=True) and until_idle and not self._places.held and not self._remit.busy():
                    return
            except (TryLater, OutcomeUnknown) as error:
                log.warning("working on in a moment: %s", error)
                self._stop.wait(AGAIN_S)
        self._finish()

    def _round(self, *, may_take: bool) -> bool:
        """Give back the places of what is settled, take more, reconcile when it is time. True if anything moved."""
        moved = self._give_back()
        if may_take:
            moved = self._take() or moved
            moved = self._reconcile() or moved
        if not moved:
            self._wait()
        return moved

    def _take(self) -> bool:
        if not self._found_all and not self._remit.has_queued(self._places):
            return False
        self._takes += 1
        most = self._pace.most
        began_ns = self._remit.hooks.begin()
        began = time.monotonic()
        taken = self._remit.take(most, f"{self._id}/{self._takes}", self._places, act_in_store=True)
        self._pace.wrote(len(taken), time.monotonic() - began)
        self._found_all = len(taken) >= most
        for each in taken:
            if isinstance(each, Ended):
                self._remit.hooks.ended(began_ns, each)
                self._on_done(each.status)
            else:
                self._places.take(each.tenant_id, each.action_type)
        for piece in work_of([each for each in taken if isinstance(each, Taken)]):
            self._pool.submit(self._call, piece, began_ns)
        for each in taken:
            if isinstance(each, Held):
                self._pool.submit(self._look_again, each, began_ns)
        return bool(taken)

    def _look_again(self, held: Held, began_ns: int) -> None:
        taken = self._remit.look_again(held)
        if isinstance(taken, Taken):
            self._call([taken], began_ns)
        else:
            self._not_called.put((held, taken, began_ns))
            self._wake.set()

    def _call(self, piece: list[Taken], began_ns: int) -> None:
        for taken, result in zip(piece, self._remit.carry_out(piece), strict=True):
            self._settler.add(Called(taken, result, began_ns))

    def _give_back(self) -> bool:
        moved = False
        for called, status in self._settler.settled():
            moved = True
            self._places.give_back(called.taken.tenant_id, called.taken.action_type)
            if status is not None:
                self._remit.hooks.settled(called.began_ns, called.taken, status)
                self._on_done(status)
        while not self._not_called.empty():
            moved = True
            held, ended, began_ns = self._not_called.get()
            self._places.give_back(held.tenant_id, held.action_type)
            if ended is not None:
                self._remit.hooks.ended(began_ns, ended)
                self._on_done(ended.status)
        return moved

    def _reconcile(self) -> bool:
        if time.monotonic() < self._next_tick:
            return False
        moved = self._remit.reconcile(erasing=False).total > 0
        self._next_tick = time.monotonic() + (0.0 if moved else TICK_S)
        return moved

    def _wait(self) -> None:
        """Until something was settled, something was queued here, or it is time to look again."""
        self._wake.wait(LOOK_S)
        # Cleared before anything is looked at: what comes meanwhile is not missed.
        self._wake.clear()

    def _finish(self) -> None:
        until = time.monotonic() + GRACE_S
        while self._places.held and time.monotonic() < until:
            self._round(may_take=False)
