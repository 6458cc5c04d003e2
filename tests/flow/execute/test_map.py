"""The request is what the pinned version of the action type makes of the intent."""

from remit.core.records import ACTION_TYPE, Key, type_id

from ..test_live_rows import write
from ..world import OTHER, TENANT, TYPE, type_of
from .attempts import begun


def test_the_registry_version_that_the_intent_pinned_is_what_runs(world):
    seen = []
    world.far.script += [lambda call: seen.append(call.request["operation"]) or "yes"] * 2
    world.submit("old")
    world.apply(action_types={TYPE: type_of(operation="other"), OTHER: type_of()})
    world.submit("new")
    world.work()

    assert sorted(seen) == ["do", "other"]
    assert world.outcome("old").tool == "far do"
    assert (world.outcome("old").registry_version, world.outcome("new").registry_version) == (1, 2)
    assert world.outcome("new").tool == "far other"


def test_a_type_without_a_tool_that_an_earlier_release_let_through_ends_in_a_recorded_failure(world, monkeypatch):
    monkeypatch.setattr("remit.flow.review.of_tool", lambda *_: None)
    world.submit(action_type="NOBODY_KNOWS")
    world.approve()

    world.work()

    assert world.status() == "FAILED"
    assert (world.outcome().error_code, world.outcome().error_class) == ("MAPPING", "VALIDATION")
    world.assert_sound()


def test_a_mapping_that_breaks_ends_in_a_recorded_failure_and_keeps_its_charge(world):
    def broken(tool, intent):
        raise ZeroDivisionError("secret")

    world.far.map = broken
    world.submit()
    world.work()

    assert (world.status(), world.used()) == ("FAILED", 1)
    assert "secret" not in str(world.outcome().wire())
    world.assert_sound()


def alter_the_tool(world):
    """In the row of the version that the intent pinned, as somebody who can write the database would."""
    key = Key(ACTION_TYPE, TENANT, type_id(TYPE, 1))
    row = world.record(key)
    tool = row.spec.tool.model_copy(update={"timeout_s": 7.0})
    write(world, key, row.changed(spec=row.spec.model_copy(update={"tool": tool})))


def test_a_tool_that_was_altered_after_the_start_is_not_mapped(world):
    _, executor, ref, _ = begun(world)
    alter_the_tool(world)

    mapped = executor.map(ref)

    assert "is another than when the execution was started" in mapped["result"]["error_message"]
    assert executor.record(ref, mapped) == "FAILED" and world.far.calls == []


def test_a_tool_that_was_altered_after_the_mapping_is_not_called(world):
    _, executor, ref, request = begun(world)
    alter_the_tool(world)

    called = executor.invoke(ref, request)

    assert executor.record(ref, called) == "FAILED" and world.far.calls == []


def test_a_tool_that_was_altered_between_two_calls_is_not_called_again(queueing):
    queueing.far.script += ["no DOWNSTREAM"]
    queueing.submit()
    (taken,) = queueing.app.take(1, "w-1")
    queueing.app.settle([(taken, *queueing.app.carry_out([taken]))])
    alter_the_tool(queueing)

    queueing.clock.pass_(minutes=1)

    assert queueing.work() == ["FAILED"] and queueing.called() == 1
