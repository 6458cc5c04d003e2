"""Facts that are looked at again before the mark of a call: it is made only by what its decision rests on."""

from __future__ import annotations

import json
import threading

import pytest

from remit.app.offline import verify_export
from remit.core.errors import TryLater
from remit.core.ledger.entries import entry_hash
from remit.core.records import case_key
from remit.flow import execute, fact_lookups
from remit.flow.execute import Held
from remit.ports import UnitOfWork, Writes

from ..far_side import egress, listed
from ..record_keeper import record_keeper
from ..waiting import PATIENCE_S
from .inside_writes import NoLookupInside, WatchedFacts
from .world import ACCOUNT, OTHER, OWN, TENANT, TYPE, own_type, proposal, type_of

ORDER = {"total": 12.5, "paid": True, "note": "not kept"}
REFUSED = [
    ((200, {}, json.dumps({**ORDER, "total": 980}).encode()), "FACT_CHANGED", "order.total"),
    ((200, {}, json.dumps({**ORDER, "paid": 1}).encode()), "FACT_CHANGED", "order.paid"),
    ((404, {}, b"{}"), "FACT_UNAVAILABLE", "it was answered with 404"),
    ((200, {}, b'{"total": 12.5}'), "FACT_UNAVAILABLE", "has no paid"),
]
refused = pytest.mark.parametrize(("said", "code", "why"), REFUSED, ids=["changed", "no-yes", "gone", "field-gone"])


@pytest.fixture
def keeper():
    with record_keeper() as keeper:
        keeper.records |= {"/orders/c-1": ORDER, "/orders/c-2": {**ORDER, "total": 7}}
        yield keeper


@pytest.fixture
def world(new_world, keeper):
    source = WatchedFacts(listed({"SHOP_URL": keeper.url}), egress())
    world = new_world(wrap=NoLookupInside, fact_source=source)
    source.store = world.store
    apply(world, keeper)
    return world


def order(**changes):
    known = {"url": "${SHOP_URL}/orders/{target.entity_id}", "keep": ["total", "paid"], "recheck": True}
    return {"order": {**known, **changes}}


def apply(world, keeper, asking=None, hosts=None):
    asked = {
        "facts": order() if asking is None else asking,
        "amounts": {"spent": {"value": "parameters.eur", "unit": "EUR"}},
    }
    types = {
        TYPE: {**type_of(), **asked},
        OTHER: {**type_of(honours_idempotency_key=True), **asked},
        OWN: own_type(**asked),
    }
    money = {"name": "money", "sum": "spent", "unit": "EUR", "most": 100, "per": "day", "of": "account"}
    world.apply(allowed_hosts=hosts or [keeper.host], action_types=types, allowlist=[*types], limits=[money])


def asked(keeper):
    """What it was asked since this was last called."""
    said, keeper.asked[:] = [*keeper.asked], []
    return said


def submit(world, name="i-1", **changes):
    changes = {"parameters": {"text": "hello", "eur": 3}, **changes}
    answer = world.submit(name, **changes)
    assert answer.result == "AUTO_EXECUTED"
    return answer


def ended(world, name="i-1"):
    return world.history(name).ended


def spent(world):
    """What the account's sum of today holds."""
    (of_account,) = world.app.usage(TENANT, account_id=ACCOUNT)["accounts"]
    return of_account["limits"][0]["used"]


def by_worker(world):
    return world.work()


def by_steps(world):
    return [world.run(world.bus.take())]


def by_one_call(world):
    return [world.run_at_once(world.bus.take())]


every_way = pytest.mark.parametrize("carry_out", [by_worker, by_steps, by_one_call])


# --- the call is made by what is as it was ---


@every_way
def test_what_is_as_it_was_decided_on_is_called_and_its_outcome_tells_what_was_seen(world, keeper, carry_out):
    submit(world)
    assert asked(keeper) == ["/orders/c-1"]
    world.clock.pass_(seconds=7)
    keeper.records["/orders/c-1"] = {**ORDER, "note": "changed, and not kept", "total": 12.50}

    assert carry_out(world) == ["SUCCEEDED"]

    assert asked(keeper) == ["/orders/c-1"]
    seen = ended(world).data["rechecked"]["order"]
    assert (seen["had_at"], seen["kept"]) == ("2026-03-10T12:00:07Z", {"total": 12.5, "paid": True})
    assert seen["sha256"] != world.history().facts["order"].sha256
    assert world.called() == 1
    world.assert_sound()


@every_way
@refused
def test_what_is_not_as_it_was_decided_on_is_not_called_and_gives_its_charges_back(
    world, keeper, carry_out, said, code, why
):
    submit(world)
    assert (world.used(), spent(world)) == (1, "3")
    keeper.says.append(said)

    carry_out(world)

    outcome = world.outcome()
    assert (outcome.status, outcome.error_code, outcome.attempt_count) == ("CANCELLED", code, 0)
    assert why in outcome.error_message and "980" not in outcome.error_message
    assert world.called() == 0
    assert (world.used(), spent(world)) == (0, "0")
    assert ("problem" in ended(world).data["rechecked"]["order"]) == (code == "FACT_UNAVAILABLE")
    world.assert_sound()


def test_a_slow_system_of_record_is_no_answer(world, keeper):
    apply(world, keeper, order(timeout_s=0.5))
    submit(world)
    done = threading.Event()
    keeper.says.append(lambda: (done.wait(PATIENCE_S), (200, {}, b"{}"))[1])
    try:
        world.work()
    finally:
        done.set()

    assert (world.outcome().error_code, world.called()) == ("FACT_UNAVAILABLE", 0)
    assert "no answer within" in world.outcome().error_message


def test_a_person_s_approval_rests_on_what_was_recorded_too(world, keeper):
    for name in ("i-1", "i-2"):
        world.queued(name, parameters={"eur": 3})
        world.approve(name)
    keeper.says.append((200, {}, json.dumps(ORDER).encode()))
    keeper.records["/orders/c-1"] = {**ORDER, "total": 13}

    world.work()
    world.settle()

    codes = [world.outcome(name).error_code for name in ("i-1", "i-2")]
    # What one take looks up serves both of them; apart, the second one sees the change.
    assert codes in ([None, None], [None, "FACT_CHANGED"], ["FACT_CHANGED", None])
    world.assert_sound()


def test_a_person_has_approved_without_a_fact_that_was_not_had(world, keeper):
    keeper.says.append((404, {}, b"{}"))
    assert world.submit(parameters={"eur": 3}).reason == "FACT_UNAVAILABLE"
    world.approve()
    asked(keeper)

    world.work()

    assert (world.status(), asked(keeper)) == ("SUCCEEDED", [])
    assert "rechecked" not in ended(world).data
    world.assert_sound()


def test_one_that_was_decided_when_its_type_kept_other_fields_is_not_called(world, keeper):
    world.propose(parameters={"eur": 3})
    apply(world, keeper, order(keep=["total"]))
    assert world.gate().result == "REQUIRE_APPROVAL"
    world.approve()

    world.work()

    assert (world.outcome().error_code, world.called()) == ("FACT_CHANGED", 0)
    assert "order.paid" in world.outcome().error_message
    world.assert_sound()


def test_nothing_is_looked_up_for_what_may_not_run_anyway(world, keeper):
    submit(world)
    asked(keeper)
    world.stop("everything")

    world.settle()

    assert (world.outcome().error_code, asked(keeper)) == ("AUTONOMY_STOPPED", [])
    world.assert_sound()


# --- calls that are made again ---


def test_it_is_looked_up_before_each_call(world, keeper):
    submit(world)
    asked(keeper)
    world.far.script += ["no DOWNSTREAM", "no RATE_LIMIT"]

    world.settle()

    assert (world.status(), world.called(), asked(keeper)) == ("SUCCEEDED", 3, ["/orders/c-1"] * 3)
    world.assert_sound()


def test_what_has_changed_before_the_second_call_is_not_called_again(world, keeper):
    submit(world)

    def refuse(_):
        keeper.records["/orders/c-1"] = {**ORDER, "total": 1}
        return "no DOWNSTREAM"

    world.far.script.append(refuse)

    world.settle()

    outcome = world.outcome()
    assert (outcome.status, outcome.error_code, outcome.attempt_count) == ("CANCELLED", "FACT_CHANGED", 1)
    assert (world.used(), spent(world)) == (0, "0")
    world.assert_sound()


def test_what_may_have_happened_stays_unknown_whatever_has_changed_since(world, keeper):
    submit(world, action_type=OTHER)

    def lose(_):
        keeper.records["/orders/c-1"] = {**ORDER, "total": 1}
        return "lost"

    world.far.script.append(lose)

    world.settle()

    outcome = world.outcome()
    assert (outcome.status, outcome.attempt_count, world.used()) == ("UNKNOWN", 1, 1)
    assert "order.total" in outcome.error_message
    # What the call rested on, not what kept the second one from being made.
    assert ended(world).data["rechecked"]["order"]["kept"]["total"] == 12.5
    world.assert_sound()


# --- many at a time ---


def test_one_take_asks_once_for_the_same_and_ends_each_by_its_own(world, keeper):
    if not hasattr(world.bus, "_world"):
        pytest.skip("queues nothing")
    other = {"entity_type": "contact", "entity_id": "c-2"}
    for name, target in (("i-1", None), ("i-2", other), ("i-3", None), ("i-4", other)):
        submit(world, name, **({"target": target} if target else {}))
    asked(keeper)
    keeper.records["/orders/c-2"] = {**ORDER, "total": 8}

    taken = world.app.take(10, "w-1")
    assert all(isinstance(each, Held) for each in taken)
    calls = [each for each in map(world.app.look_again, taken) if isinstance(each, execute.Taken)]
    world.app.settle(list(zip(calls, world.app.carry_out(calls), strict=True)))

    assert sorted(asked(keeper)) == ["/orders/c-1", "/orders/c-2"]
    assert [world.status(name) for name in ("i-1", "i-2", "i-3", "i-4")] == ["SUCCEEDED", "CANCELLED"] * 2
    assert world.used() == 2
    world.assert_sound()


def held(world):
    (taken,) = world.app.take(1, f"w-{world.holders}")
    world.holders += 1
    assert isinstance(taken, Held)
    return taken


@pytest.fixture
def queueing(world):
    if not hasattr(world.bus, "_world"):
        pytest.skip("queues nothing")
    submit(world)
    return world


def test_a_worker_that_dies_before_the_mark_has_called_nothing_and_another_one_looks_up_anew(queueing, keeper):
    held(queueing)
    assert (queueing.attempt().attempt_count, queueing.attempt().invoking) == (0, False)
    assert queueing.app.take(1, "w-early") == []
    asked(keeper)
    queueing.clock.pass_(seconds=60)

    queueing.settle()

    assert (queueing.status(), queueing.called(), asked(keeper)) == ("SUCCEEDED", 1, ["/orders/c-1"])
    queueing.assert_sound()


def test_one_that_comes_back_too_late_marks_nothing_beside_its_successor(queueing):
    first = held(queueing)
    queueing.clock.pass_(seconds=60)
    second = held(queueing)

    assert queueing.app.look_again(first) is None
    assert isinstance(queueing.app.look_again(second), execute.Taken)
    assert queueing.app.look_again(second) is None
    assert queueing.attempt().attempt_count == 1


def test_what_found_no_place_among_its_tenant_s_lookups_is_taken_again_and_not_ended(queueing, monkeypatch):
    first = held(queueing)
    monkeypatch.setattr(fact_lookups, "AT_ONCE", 0)

    with monkeypatch.context() as short:
        short.setattr(fact_lookups, "MOST_SECONDS", 0.0)
        assert queueing.app.look_again(first) is None

    assert (queueing.status(), queueing.attempt().attempt_count) == ("RUNNING", 0)
    assert queueing.app.take(1, "w-early") == []
    monkeypatch.undo()
    queueing.clock.pass_(seconds=1)
    queueing.settle()
    assert queueing.status() == "SUCCEEDED"
    queueing.assert_sound()


def test_where_no_place_gets_free_an_engine_is_told_to_come_again(world, monkeypatch):
    submit(world)
    message = world.bus.take()
    monkeypatch.setattr(fact_lookups, "AT_ONCE", 0)
    monkeypatch.setattr(fact_lookups, "MOST_SECONDS", 0.0)

    with pytest.raises(TryLater):
        world.run_at_once(message)

    assert (world.outcome(), world.called(), world.used()) == (None, 0, 1)


def test_hosts_that_are_listed_no_more_when_the_call_is_marked_are_looked_at_again(queueing, keeper):
    taken = held(queueing)

    def unlist():
        apply(queueing, keeper, hosts=["shop.example.com"])
        return 200, {}, json.dumps(ORDER).encode()

    keeper.says.append(unlist)
    queueing.app.look_again(taken)

    assert (queueing.outcome().error_code, queueing.called()) == ("FACT_UNAVAILABLE", 0)
    assert "allowed_hosts" in queueing.outcome().error_message


# --- its caller executes it ---


def begin(world, name="i-1"):
    return world.app.begin(TENANT, name, by="agent", key="call-1")


def test_a_permit_is_given_by_what_is_as_it_was(world, keeper):
    submit(world, action_type=OWN)
    asked(keeper)

    permit = begin(world).permit

    assert permit is not None and asked(keeper) == ["/orders/c-1"]
    assert begin(world).permit == permit and asked(keeper) == []
    world.app.finish(TENANT, "i-1", by="agent", approval_id=permit.approval_id, acted="yes")
    assert ended(world).data["rechecked"]["order"]["kept"]["total"] == 12.5
    world.assert_sound()


@refused
def test_no_permit_is_given_by_what_is_not(world, keeper, said, code, why):
    submit(world, action_type=OWN)
    keeper.says.append(said)

    begun = begin(world)

    assert (begun.permit, begun.status, begun.outcome.error_code) == (None, "CANCELLED", code)
    assert why in begun.explanation
    assert (world.used(), spent(world)) == (0, "0")
    world.assert_sound()


def at_once(world, name="i-1", **changes):
    asked_for = proposal(name, action_type=OWN, parameters={"text": "hello", "eur": 3}, **changes)
    return world.app.submit_and_begin({**asked_for, "proposed_by": "agent"}, key="call-1")


def test_the_lookup_of_a_decision_is_that_of_the_permit_in_the_same_call(world, keeper):
    answer = at_once(world)

    assert answer.begun.permit is not None and asked(keeper) == ["/orders/c-1"]
    assert world.attempt().rechecked == world.history().facts
    world.assert_sound()


def test_an_older_answer_that_will_do_for_the_decision_will_not_do_for_the_permit(world, keeper):
    apply(world, keeper, order(max_age_s=60))
    submit(world, "i-0", action_type=OWN)
    asked(keeper)
    keeper.records["/orders/c-1"] = {**ORDER, "total": 13}

    answer = at_once(world)

    assert (answer.begun.permit, answer.begun.outcome.error_code) == (None, "FACT_CHANGED")
    assert asked(keeper) == ["/orders/c-1"] and world.used() == 1
    world.assert_sound()


def test_one_that_was_decided_before_is_looked_up_for_its_permit(world, keeper):
    submit(world, action_type=OWN)
    keeper.records["/orders/c-1"] = {**ORDER, "total": 13}
    asked(keeper)

    answer = at_once(world)

    assert (answer.begun.permit, answer.begun.outcome.error_code) == (None, "FACT_CHANGED")
    assert asked(keeper) == ["/orders/c-1"]
    world.assert_sound()


# --- verification ---


def forged(world, forge):
    """The lines with an outcome changed, and every hash after it worked out again."""
    lines, before = [dict(line) for line in world.app.export(TENANT)], None
    for line in lines:
        if line["action_intent_id"] == "i-1":
            if "outcome" in line["data"] and line["data"]["outcome"]:
                forge(line["data"])
            line["previous_hash"] = before
            before = line["hash"] = entry_hash(line)
    return [str(finding) for finding in verify_export(lines).findings]


@pytest.mark.parametrize(
    ("forge", "finding"),
    [
        (lambda data: data.pop("rechecked"), "was right before is not recorded"),
        (lambda data: data["rechecked"].clear(), "ask for order"),
        (lambda data: data["rechecked"]["order"]["kept"].update(total=980), "not as decided on (FACT_CHANGED)"),
        (lambda data: data["rechecked"]["order"]["kept"].pop("paid"), "keeps other fields"),
        (lambda data: data["rechecked"]["order"].update(had_at="2026-03-10T11:00:00Z"), "was had at"),
        (lambda data: data["rechecked"].update(order={"problem": "gone"}), "not as decided on (FACT_UNAVAILABLE)"),
    ],
)
def test_a_call_that_was_not_allowed_by_what_was_seen_is_found(world, forge, finding):
    submit(world)
    world.settle()

    found = forged(world, forge)

    assert any(finding in each for each in found), found


@pytest.mark.parametrize(
    ("forge", "finding"),
    [
        (lambda data: data.pop("rechecked"), "no fact was looked up before its call"),
        (lambda data: data["rechecked"]["order"]["kept"].update(total=12.5), "say otherwise"),
        (lambda data: data["outcome"].update(error_code="FACT_UNAVAILABLE"), "say otherwise"),
        (lambda data: data["outcome"].update(error_code="INTENT_EXPIRED"), "it was called although"),
    ],
)
def test_a_call_that_was_refused_for_what_was_not_seen_is_found(world, keeper, forge, finding):
    submit(world)
    keeper.records["/orders/c-1"] = {**ORDER, "total": 980}
    world.settle()

    found = forged(world, forge)

    assert any(finding in each for each in found), found


def test_an_attempt_that_says_something_else_was_seen_than_its_outcome_tells_is_found(world):
    submit(world)
    world.settle()
    case = world.case()
    forged = {"order": case.attempt.rechecked["order"].changed(kept={"total": 1, "paid": True})}
    altered = case.changed(attempt=case.attempt.changed(rechecked=forged))
    key = case_key(TENANT, "i-1")
    world.inner.transact([UnitOfWork([key], lambda _: Writes(None, puts=[(key, altered)]))])

    found = [str(finding) for finding in world.app.verify(TENANT).findings]

    assert any("attempt.rechecked is" in each for each in found), found


def test_a_source_that_breaks_leaves_the_execution_to_the_next_that_takes_it(queueing, keeper, monkeypatch):
    taken = held(queueing)

    def breaks(lookup):
        raise RuntimeError("secret-in-a-stack-trace")

    monkeypatch.setattr(queueing.fact_source, "get", breaks)
    assert queueing.app.look_again(taken) is None
    monkeypatch.undo()
    queueing.clock.pass_(seconds=60)

    queueing.settle()

    assert (queueing.status(), queueing.called()) == ("SUCCEEDED", 1)
    queueing.assert_sound()


# --- and where no type says so, nothing is looked at ---


def test_without_it_nothing_is_looked_up_again_and_nothing_is_recorded(world, keeper):
    apply(world, keeper, order(recheck=False))
    submit(world)
    submit(world, "i-2", action_type=OWN)
    asked(keeper)

    world.settle()
    assert begin(world, "i-2").permit is not None

    assert (world.status(), asked(keeper)) == ("SUCCEEDED", [])
    assert "rechecked" not in ended(world).data and "rechecked" not in world.attempt().wire()
    world.assert_sound()
