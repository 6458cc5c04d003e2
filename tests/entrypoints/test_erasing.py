"""A worker erases results whose time is over beside its executions, which do not wait for that."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from remit import Remit
from remit.core.errors import TryLater
from remit.core.execution.result import StoredResult
from remit.core.records import RESULT, result_key
from remit.entrypoints.server import ending
from remit.entrypoints.server.worker import work
from remit.testing.samples import putting
from tests.flow.world import TENANT, FarSide, bounds, proposal
from tests.waiting import ended, happened, until


@pytest.fixture
def remit(sqlite_url):
    with Remit.open(sqlite_url, connectors={"far": FarSide()}, environ={}, settings={}) as remit:
        remit.apply(bounds(), by="ann")
        yield remit


def keep(remit, count, *, over):
    at = datetime.now(UTC) + timedelta(seconds=-1 if over else 3600)
    for number in range(count):
        kept = StoredResult(action_intent_id=f"r-{number}", account_id="a", sha256="0", erase_at=at, content=b"x")
        remit.context.store.transact([putting((result_key(TENANT, f"r-{number}"), kept))])


def left(remit):
    return len(list(remit.context.store.records(RESULT, TENANT)))


def test_a_worker_that_works_until_nothing_is_left_erases_all_whose_time_is_over(remit):
    keep(remit, 100, over=True)

    work(remit, until_idle=True)

    assert left(remit) == 0


def test_what_came_to_its_end_since_the_last_look_is_erased_too(remit):
    remit.results.erase_over()
    keep(remit, 100, over=True)

    work(remit, until_idle=True)

    assert left(remit) == 0


def test_what_keeps_it_from_erasing_at_the_end_is_waited_for(remit, monkeypatch):
    erase_over, asked = remit.results.erase_over, []

    def held_once_at_the_end(*, at_once=False):
        if at_once and not asked:
            asked.append(1)
            raise TryLater("held by another writer")
        return erase_over(at_once=at_once)

    remit.results.erase_over()
    monkeypatch.setattr(remit.results, "erase_over", held_once_at_the_end)
    monkeypatch.setattr(ending, "LOOK_S", 0.01)
    keep(remit, 1, over=True)

    work(remit, until_idle=True)

    assert (asked, left(remit)) == ([1], 0)


def test_a_store_that_is_held_for_good_ends_it(remit, monkeypatch):
    asked = []

    def held(**_):
        asked.append(1)
        raise TryLater("held by another writer")

    monkeypatch.setattr(remit.results, "erase_over", held)
    monkeypatch.setattr(ending, "LOOK_S", 0.001)

    work(remit, until_idle=True)

    assert len(asked) >= 10


def test_results_whose_time_is_not_over_stay(remit):
    keep(remit, 3, over=False)

    work(remit, until_idle=True)

    assert left(remit) == 3


def test_while_results_are_erased_executions_go_on(remit, monkeypatch):
    begun, go_on, stop = threading.Event(), threading.Event(), threading.Event()

    def erase_slowly(**_):
        begun.set()
        happened(go_on, what="the end of erasing")
        return 0

    monkeypatch.setattr(remit.results, "erase_over", erase_slowly)
    worker = threading.Thread(target=work, args=(remit,), kwargs={"stop": stop})
    worker.start()
    try:
        happened(begun, what="erasing begins")
        remit.submit(proposal())
        until(lambda: remit.status(TENANT, "i-1")["status"] == "SUCCEEDED", what="it is executed")
    finally:
        go_on.set()
        stop.set()
        ended(worker)


@pytest.mark.parametrize("error", [TryLater("held by another writer"), RuntimeError("nobody has thought of it")])
def test_what_keeps_it_from_erasing_keeps_it_once(remit, monkeypatch, error):
    stop, erase_over, asked = threading.Event(), remit.results.erase_over, []

    def held_once(**asked_for):
        asked.append(1)
        if len(asked) == 1:
            raise error
        return erase_over(**asked_for)

    monkeypatch.setattr(remit.results, "erase_over", held_once)
    keep(remit, 1, over=True)
    worker = threading.Thread(target=work, args=(remit,), kwargs={"stop": stop})
    worker.start()
    try:
        until(lambda: left(remit) == 0, what="it is erased")
    finally:
        stop.set()
        ended(worker)
