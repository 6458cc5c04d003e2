"""An action in this very store is made in the one write that takes it and ends it, or called by itself."""

import pytest

from remit.connectors.internal import InternalConnector
from remit.core.execution.outcome import CallResult
from remit.core.records import INTERNAL_OBJECT
from remit.flow import execute

from ..world import OTHER, TENANT, TYPE, type_of

NOTE = "ADD_NOTE"
TYPES = {
    TYPE: type_of(),
    OTHER: type_of(),
    NOTE: {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_note"}},
}


@pytest.fixture
def desk(queueing):
    queueing.apply(action_types=TYPES, allowlist=list(TYPES), budget={"max_autonomous_per_day": 100})
    return queueing


def taken(world, holder="w-1"):
    return world.app.take(10, holder, act_in_store=True)


def notes(world):
    return world.inner.scan(INTERNAL_OBJECT, TENANT)


def test_a_note_is_made_and_its_outcome_recorded_in_one_write(desk):
    desk.submit(action_type=NOTE)

    (ended,) = taken(desk)

    assert isinstance(ended, execute.Ended) and ended.status == desk.status() == "SUCCEEDED"
    assert [note.fields["text"] for note in notes(desk)] == ["hello"]
    assert desk.events()[-2:] == ["EXECUTION_STARTED", "ACTION_EXECUTED"]
    assert desk.outcome().external_object_refs[0].object_id == notes(desk)[0].object_id
    assert taken(desk, "w-2") == [] and not desk.app.busy()


def test_it_says_the_same_as_an_execution_that_was_called_by_itself(desk):
    desk.submit("at-once", action_type=NOTE)
    taken(desk)
    desk.submit("by-itself", action_type=NOTE)
    desk.work()

    def said(name):
        attempt, outcome = desk.attempt(name).wire(), desk.outcome(name).wire()
        for each in (attempt, outcome):
            for own in ("action_intent_id", "approval_id", "holder", "idempotency_key", "trace_id"):
                each.pop(own, None)
        attempt["conclusion"]["result"].pop("external_object_refs")
        attempt["conclusion"]["result"]["answer"].pop("sha256")
        return attempt, {**outcome, "external_object_refs": None}

    assert said("at-once") == said("by-itself")


def test_what_acts_elsewhere_is_called_as_ever(desk):
    desk.submit("note", action_type=NOTE)
    desk.submit("elsewhere")

    found = taken(desk)

    assert sorted(type(each).__name__ for each in found) == ["Ended", "Taken"]
    assert desk.status("elsewhere") == "RUNNING"


def test_only_a_worker_that_asks_for_it_acts_in_that_write(desk):
    desk.submit(action_type=NOTE)

    (call,) = desk.app.take(10, "w-1")

    assert isinstance(call, execute.Taken) and notes(desk) == []


def test_of_an_intent_that_pinned_another_version_the_call_is_made_by_itself(desk):
    desk.submit(action_type=NOTE)
    changed = {**TYPES[NOTE], "tool": {**TYPES[NOTE]["tool"], "operation": "create_task"}}
    desk.apply(action_types={**TYPES, NOTE: changed}, allowlist=list(TYPES))

    (call,) = taken(desk)

    assert isinstance(call, execute.Taken) and notes(desk) == []
    desk.app.settle([(call, *desk.app.carry_out([call]))])
    assert [note.object_type for note in notes(desk)] == ["note"]


def test_what_a_dead_worker_began_is_called_by_itself_under_its_key(desk):
    desk.submit(action_type=NOTE)
    (lost,) = desk.app.take(10, "w-1")
    desk.app.carry_out([lost])
    desk.clock.pass_(minutes=2)

    (call,) = taken(desk, "w-2")

    assert isinstance(call, execute.Taken)
    desk.app.settle([(call, *desk.app.carry_out([call]))])
    assert desk.status() == "SUCCEEDED" and len(notes(desk)) == 1


@pytest.mark.parametrize("prevents", ["a stop", "the intent's end"])
def test_what_may_not_run_any_more_makes_no_note(desk, prevents):
    desk.submit(action_type=NOTE)
    if prevents == "a stop":
        desk.stop()
    else:
        desk.clock.pass_(days=60)

    taken(desk)

    assert desk.status() in ("CANCELLED", "EXPIRED") and notes(desk) == []
    assert desk.used() == 0


def test_a_tool_that_is_watched_is_called_by_itself(desk):
    desk.submit("failed", action_type=NOTE)
    (call,) = desk.app.take(10, "w-1")
    desk.app.settle([(call, CallResult(acted="no", error_class="DOWNSTREAM"))])
    desk.submit("next", action_type=NOTE)

    (call,) = taken(desk, "w-2")

    assert isinstance(call, execute.Taken) and call.tool_known


def test_what_cannot_act_in_that_write_is_called_by_itself_and_says_why(desk, monkeypatch):
    desk.submit(action_type=NOTE)
    monkeypatch.setattr(InternalConnector, "act", _fails)

    (call,) = taken(desk)

    assert isinstance(call, execute.Taken)
    desk.app.settle([(call, *desk.app.carry_out([call]))])
    assert desk.outcome().error_code == "CONNECTOR_BROKE" and notes(desk) == []


def _fails(*_):
    raise RuntimeError("broken")
