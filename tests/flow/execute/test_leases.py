"""One run holds an attempt; nobody else acts until its lease is over."""

from remit.core.execution.outcome import CallResult
from remit.flow.execute import Executor
from remit.flow.fact_lookups import FactLookups

from ..world import OTHER, TYPE, type_of
from .attempts import begun


def test_while_a_lease_holds_nobody_takes_over_and_after_it_somebody_does(world):
    message, *_ = begun(world)

    world.clock.pass_(seconds=19)
    assert world.executor().start(message.data) is None
    world.clock.pass_(seconds=2)
    assert world.executor().start(message.data) is not None
    assert world.events().count("EXECUTION_STARTED") == 1


def test_a_lease_outlasts_the_call_that_it_covers(world):
    world.apply(action_types={TYPE: type_of(timeout_s=120.0), OTHER: type_of()})
    leases = []
    world.far.script += [lambda _: leases.append(world.attempt().lease_until - world.clock.at) or "yes"]
    world.submit()
    world.work()

    assert leases[0].total_seconds() == 125


def test_who_lost_the_lease_does_nothing_more(world):
    message, first, ref, request = begun(world)
    world.clock.pass_(minutes=5)
    second = world.executor()
    assert second.start(message.data) == ref

    assert first.preflight(ref) is False
    assert first.invoke(ref, request) == {"stop": True}
    assert first.record(ref, {"result": CallResult(acted="no", error_class="AUTH").wire()}) is None

    assert world.called() == 0 and world.outcome() is None
    assert second.invoke(ref, request)["status"] == "SUCCEEDED"


def test_a_replay_in_another_process_cannot_pass_for_the_holder(world):
    *_, ref, request = begun(world)

    replay = Executor(world.app.context, world.clock, "another-run", FactLookups(world.app.context, world.clock))

    assert replay.preflight(ref) is False and replay.invoke(ref, request) == {"stop": True}


def test_a_dead_worker_s_attempt_is_taken_over(queueing):
    world = queueing
    begun(world)
    assert world.work() == []

    world.clock.pass_(seconds=25)

    assert world.work() == ["SUCCEEDED"]
    world.assert_sound()


def test_a_dead_worker_s_attempt_is_found_and_delivered_again(sending):
    world = sending
    begun(world)
    world.clock.pass_(seconds=25)

    assert world.app.reconcile().published == 1
    assert world.work() == ["SUCCEEDED"]
    world.assert_sound()
