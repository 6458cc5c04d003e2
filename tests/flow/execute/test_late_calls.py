"""
A lease is looked at just before the call: whoever waited too long for its turn calls nobody.

And a worker whose own call outlasts its lease is, when it takes that over, another holder.
"""

import queue
import threading

import pytest

from remit import Remit
from remit.core.execution.outcome import LEASE_LOST, CallResult
from remit.core.records import case_key
from remit.entrypoints.server.worker import work
from remit.flow import execute
from tests.waiting import ended, received

from ..world import OTHER, TENANT, TYPE, FarSide, SetClock, World, bounds, proposal, type_of

LASTS_20_S, LASTS_125_S = type_of(timeout_s=15.0), type_of(timeout_s=120.0, honours_idempotency_key=True)


class TogetherFar(FarSide):
    """A far side that is asked for many at once."""

    def __init__(self):
        super().__init__()
        self.groups: list[int] = []

    def invoke_all(self, calls):
        self.groups.append(len(calls))
        return [self.invoke(call) for call in calls]


def taken(world, *, limit=10):
    world.holders += 1
    return world.app.take(limit, f"w-{world.holders}")


def holder_of(remit):
    key = case_key(TENANT, "i-1")
    return remit.context.store.read([key]).get(key).attempt.holder


def lost(result):
    return (result.acted, result.error_code) == ("no", LEASE_LOST)


@pytest.mark.parametrize("action_type", [TYPE, OTHER])
def test_whose_lease_is_over_before_its_turn_calls_nobody(queueing, action_type):
    world = queueing
    world.submit(action_type=action_type)
    (late,) = taken(world)

    world.clock.at = late.lease_until
    (result,) = world.app.carry_out([late])

    assert lost(result)
    assert world.called() == 0


def test_just_before_its_lease_is_over_a_call_is_made(queueing):
    world = queueing
    world.submit()
    (in_time,) = taken(world)

    world.clock.at = in_time.lease_until
    world.clock.pass_(microseconds=-1)
    (result,) = world.app.carry_out([in_time])

    assert result.acted == "yes" and world.called() == 1


def test_beside_a_successor_the_late_one_does_not_call(queueing):
    world = queueing
    world.submit(action_type=OTHER)
    (late,) = taken(world)
    world.clock.pass_(minutes=5)
    (successor,) = taken(world)

    (too_late,) = world.app.carry_out([late])
    (answer,) = world.app.carry_out([successor])

    assert world.called() == 1 and world.written() == 1
    # Neither order of settling lets the one that sent nothing speak for the other.
    assert world.app.settle([(late, too_late), (successor, answer)]) == [None, "SUCCEEDED"]
    assert world.app.settle([(late, too_late)]) == ["SUCCEEDED"]
    world.assert_sound()


def test_of_a_group_whose_one_lease_is_over_the_others_are_called(opened, store_kind):
    if store_kind == "dynamodb":
        pytest.skip("this store is no queue")
    far = TogetherFar()
    world = World(opened, far=far)
    world.apply(action_types={TYPE: LASTS_20_S, OTHER: LASTS_125_S})
    for name, action_type in (("i-1", OTHER), ("i-2", TYPE), ("i-3", OTHER)):
        world.submit(name, action_type=action_type)
    (piece,) = execute.work_of(taken(world))
    assert len(piece) == 3

    world.clock.pass_(seconds=60)
    results = {each.keys.case.id: result for each, result in zip(piece, world.app.carry_out(piece), strict=True)}

    assert far.groups == [2]
    assert [world.called(name) for name in ("i-1", "i-2", "i-3")] == [1, 0, 1]
    assert [results[name].acted for name in ("i-1", "i-3")] == ["yes", "yes"] and lost(results["i-2"])
    world.app.settle([(each, results[each.keys.case.id]) for each in piece])
    assert (world.status("i-1"), world.status("i-3")) == ("SUCCEEDED", "SUCCEEDED")
    # Nothing was sent, so that it is called yet.
    world.settle()
    assert world.status("i-2") == "SUCCEEDED" and world.called("i-2") == 1
    world.assert_sound()


def test_where_every_lease_of_a_group_is_over_nobody_is_asked(opened, store_kind):
    if store_kind == "dynamodb":
        pytest.skip("this store is no queue")
    far = TogetherFar()
    world = World(opened, far=far)
    world.apply()
    for name in ("i-1", "i-2"):
        world.submit(name)
    (piece,) = execute.work_of(taken(world))

    world.clock.pass_(minutes=5)

    assert all(map(lost, world.app.carry_out(piece)))
    assert far.groups == []


class SlowFar:
    """A far side that keeps keys, and answers each call when the test says so, with what the test says."""

    always_honours_key = True

    def __init__(self):
        self.begun, self.answers = queue.SimpleQueue(), [queue.SimpleQueue(), queue.SimpleQueue()]
        self._turns = iter(self.answers)

    def check(self, tool):
        """Anything goes."""

    def map(self, tool, intent):
        return {}

    def invoke(self, call):
        answer = next(self._turns)
        self.begun.put(call.intent.action_intent_id)
        return received(answer, what="the answer of a slow call")


@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgres"])
def test_a_worker_that_takes_over_its_own_running_call_is_another_holder(request, monkeypatch, kind):
    far, clock = SlowFar(), SetClock()
    url = "memory://" if kind == "memory" else request.getfixturevalue(f"{kind}_url")
    with Remit.open(url, clock=clock, connectors={"far": far}, environ={}, settings={}) as remit:
        settled = queue.SimpleQueue()
        settle = remit.settle

        def told(results):
            answers = settle(results)
            for answer in answers:
                settled.put(answer)
            return answers

        monkeypatch.setattr(remit, "settle", told)
        remit.apply(bounds(), by="ann")
        remit.submit([proposal()])
        stop = threading.Event()
        worker = threading.Thread(target=work, args=(remit,), kwargs={"stop": stop, "worker_id": "w"})
        worker.start()
        try:
            received(far.begun, what="the first call")
            first = holder_of(remit)
            clock.pass_(minutes=5)
            received(far.begun, what="the call of who took it over")
            second = holder_of(remit)

            far.answers[0].put(CallResult(acted="no", error_class="VALIDATION", error_code="LATE"))
            assert received(settled, what="the first call is settled") is None
            assert remit.status(TENANT, "i-1")["status"] == "RUNNING"
            far.answers[1].put(CallResult(acted="yes"))
            assert received(settled, what="the second call is settled") == "SUCCEEDED"
        finally:
            stop.set()
            for answer in far.answers:
                answer.put(CallResult(acted="yes"))
            ended(worker)
        assert first != second
        assert remit.status(TENANT, "i-1")["status"] == "SUCCEEDED"
        assert remit.verify(TENANT).ok
