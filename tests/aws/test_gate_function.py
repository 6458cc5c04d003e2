"""The gate's function: called and woken by events, refused by the bus, and asked twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remit.core.errors import ConfigMissing, TryLater
from remit.core.gate.autonomy import StopScope
from remit.entrypoints.aws_lambda import process
from remit.entrypoints.aws_lambda.gate import decide
from remit.stores.memory import MemoryStore
from tests.flow.world import ACCOUNT, OTHER, TENANT, TYPE, World, both, bounds, proposal


def event(name="i-1", tenant=TENANT, account=ACCOUNT):
    return {"action_intent_id": name, "tenant_id": tenant, "account_id": account}


# --- what it answers ---


@pytest.mark.parametrize("field", ["action_intent_id", "tenant_id", "account_id"])
@pytest.mark.parametrize("value", [None, "", 7, ["i-1"], "a b", "x" * 129])
def test_an_input_without_an_id_in_each_field_is_missing_and_nothing_is_stored(deployment, field, value):
    deployment.propose()

    answer = deployment.call("gate", **{**event(), field: value})

    assert (answer["result"], answer["reason"]) == ("REQUIRE_APPROVAL", "MISSING_INPUT")
    assert field in answer["explanation"]
    assert deployment.status() == "PROPOSED"


@pytest.mark.parametrize("asked", [{}, {"detail": None}, {"detail": {"data": []}}])
def test_an_event_without_any_input_is_answered_too(deployment, asked):
    assert deployment.call("gate", **asked)["reason"] == "MISSING_INPUT"


@pytest.mark.parametrize("changes", [{"name": "i-2"}, {"tenant": "globex"}, {"account": "south"}])
def test_an_intent_that_is_not_there_for_this_tenant_and_account_is_not_found(deployment, changes):
    deployment.propose()

    answer = deployment.gate(**changes)

    assert (answer["result"], answer["reason"]) == ("REQUIRE_APPROVAL", "INTENT_NOT_FOUND")
    assert deployment.status() == "PROPOSED"


def test_a_type_that_is_not_listed_is_sent_to_a_person_before_anything_is_charged(deployment):
    deployment.apply(allowlist=[OTHER])
    deployment.propose()

    answer = deployment.gate()

    assert (answer["result"], answer["reason"]) == ("REQUIRE_APPROVAL", "ACTION_TYPE_NOT_ALLOWLISTED")
    assert (deployment.status(), deployment.used()) == ("AWAITING_APPROVAL", 0)
    assert deployment.front.calls == []


def test_a_policy_that_blocks_asks_and_shows_the_intent_as_blocked(deployment):
    deployment.apply(modes={"default": "AUTO_EXECUTE", TYPE: "DISABLED"})
    deployment.propose()

    answer = deployment.gate()

    assert (answer["result"], answer["reason"], answer["status"]) == (
        "REQUIRE_APPROVAL",
        "ACTION_TYPE_DISABLED",
        "BLOCKED",
    )


def test_a_budget_of_nothing_allows_nothing(deployment):
    deployment.apply(budget={"max_autonomous_per_day": 0})
    deployment.propose()

    answer = deployment.gate()

    assert (answer["result"], answer["reason"]) == ("REQUIRE_APPROVAL", "BUDGET_EXCEEDED")
    assert deployment.used() == 0


def test_a_clean_yes_is_charged_published_and_carried_out(deployment):
    deployment.propose()

    answer = deployment.gate()
    deployment.settle()

    assert (answer["result"], answer["already_published"], answer["status"]) == ("AUTO_EXECUTED", False, "APPROVED")
    assert deployment.status() == "SUCCEEDED"
    assert deployment.used() == deployment.far.written[f"{TENANT}/i-1"] == 1
    deployment.assert_sound()


def test_an_event_on_the_bus_wakes_it(deployment):
    deployment.propose()

    deployment.cloud.put("ACTION_PROPOSED", event())
    deployment.settle()

    assert deployment.status() == "SUCCEEDED"


def test_an_event_that_names_nothing_known_is_answered_once_and_not_repeated(deployment):
    before = len(deployment.cloud.emulator.functions.calls)

    deployment.cloud.put("ACTION_PROPOSED", event("i-unknown"))
    deployment.settle()

    calls = deployment.cloud.emulator.functions.calls[before:]
    assert [answer["reason"] for name, _, answer in calls if name == "gate"] == ["INTENT_NOT_FOUND"]
    assert deployment.cloud.dead_letters("action-proposed") == []


def test_what_may_be_sent_again_is_raised_so_that_the_bus_sends_it_again(deployment, monkeypatch):
    deployment.propose()
    gate, tries = deployment.remit.gate, []

    def busy(request):
        tries.append(request)
        if len(tries) < 3:
            raise TryLater("the store is busy")
        return gate(request)

    monkeypatch.setattr(deployment.remit, "gate", busy)
    deployment.cloud.put("ACTION_PROPOSED", event())
    deployment.settle()

    assert len(tries) == 3
    assert deployment.status() == "SUCCEEDED"


def test_an_event_that_cannot_be_carried_out_is_kept_as_a_dead_letter(deployment, monkeypatch):
    def broken(request):
        raise TryLater("the store is gone")

    monkeypatch.setattr(deployment.remit, "gate", broken)

    deployment.cloud.put("ACTION_PROPOSED", event())
    deployment.settle()

    (letter,) = deployment.cloud.dead_letters("action-proposed")
    assert letter["detail"]["data"] == event()


# --- the bus refuses, and the gate is asked again ---


@pytest.mark.parametrize("fate", ["busy", "lost", "unreachable", "garbled"])
def test_an_approval_that_was_not_confirmed_stays_reserved_and_the_retry_charges_nothing(deployment, fate):
    deployment.propose()
    deployment.front.script.append(fate)

    first = deployment.gate()
    stored = deployment.remit.ledger(TENANT, "i-1")[-1]["event_type"]
    second = deployment.gate()
    deployment.settle()

    assert (first["result"], first["already_published"]) == ("AUTO_EXECUTED", False)
    assert stored == "ACTION_APPROVED"
    assert second["result"] == "AUTO_EXECUTED"
    assert deployment.used() == deployment.far.written[f"{TENANT}/i-1"] == 1
    assert deployment.status() == "SUCCEEDED"
    deployment.assert_sound()


def test_what_stays_reserved_is_published_by_reconciling(deployment):
    deployment.propose()
    deployment.front.script.append("unreachable")
    deployment.gate()

    deployment.clock.pass_(seconds=10)
    answer = deployment.call("reconcile")
    deployment.settle()

    assert answer["moved"] >= 1
    assert deployment.status() == "SUCCEEDED"
    assert deployment.used() == 1


def test_reconciling_says_how_long_the_oldest_has_been_kept_however_often_the_bus_was_asked(deployment):
    deployment.propose()
    deployment.front.script.extend(["unreachable"] * 4)
    deployment.gate()

    said = []
    for _ in range(4):
        deployment.clock.pass_(seconds=60)
        said.append(deployment.call("reconcile")["oldest_reserved_s"])
    deployment.clock.pass_(seconds=60)
    said.append(deployment.call("reconcile")["oldest_reserved_s"])

    assert [round(lag_s, -1) for lag_s in said] == [60, 120, 180, 240, 0]


def test_reconciling_gates_what_was_stored_and_never_announced(deployment):
    deployment.propose()

    deployment.clock.pass_(minutes=5)
    deployment.call("reconcile")
    deployment.settle()

    assert deployment.status() == "SUCCEEDED"


def test_a_decision_that_was_published_is_returned_and_nothing_is_sent(deployment):
    deployment.propose()
    deployment.gate()
    sent = len(deployment.front.calls)

    answer = deployment.gate()

    assert (answer["result"], answer["already_published"]) == ("AUTO_EXECUTED", True)
    assert len(deployment.front.calls) == sent == 1
    assert deployment.used() == 1


def test_a_list_that_is_tightened_after_publication_changes_no_decision(deployment):
    deployment.propose()
    deployment.gate()
    deployment.apply(allowlist=[])

    answer = deployment.gate()
    deployment.settle()

    assert (answer["result"], answer["already_published"]) == ("AUTO_EXECUTED", True)
    assert deployment.remit.queue(TENANT)[0] == []
    assert deployment.far.written[f"{TENANT}/i-1"] == 1


def test_of_several_events_in_one_call_only_the_failed_ones_stay_reserved(deployment):
    for number in range(4):
        deployment.propose(f"i-{number}", parameters={"text": str(number)})
    deployment.front.script.extend(["unreachable"] * 4)
    for number in range(4):
        deployment.gate(f"i-{number}")
    deployment.front.script.clear()

    deployment.clock.pass_(seconds=10)
    deployment.front.script.extend(["accepted", "busy", "accepted", "busy"])
    deployment.call("reconcile")
    deployment.settle()
    statuses = sorted(deployment.status(f"i-{number}") for number in range(4))
    deployment.clock.pass_(seconds=10)
    deployment.call("reconcile")
    deployment.settle()

    assert len(deployment.front.calls[4]) == 4
    assert statuses == ["APPROVED", "APPROVED", "SUCCEEDED", "SUCCEEDED"]
    assert {deployment.status(f"i-{number}") for number in range(4)} == {"SUCCEEDED"}
    assert deployment.used() == sum(deployment.far.written.values()) == 4
    deployment.assert_sound()


def test_an_approval_that_the_bus_refuses_for_good_is_released_and_waits_for_a_person(deployment):
    deployment.propose()
    deployment.front.script.append("refused")

    deployment.gate()

    (waiting,) = deployment.remit.queue(TENANT)[0]
    assert waiting["reason"] == "PUBLISH_REJECTED"
    assert deployment.used() == 0
    deployment.assert_sound()


# --- traps of the contract that reach this door ---


def test_two_functions_that_decide_one_intent_at_once_charge_once():
    store = MemoryStore()
    world = World(lambda **_: store, sending=True)
    world.apply()
    world.propose()
    one, other = world.racers()

    answers = both(lambda: decide(one, event()), lambda: decide(other, event()))

    assert [answer["result"] for answer in answers] == ["AUTO_EXECUTED"] * 2
    assert len({answer["approval_id"] for answer in answers}) == 1
    assert world.used() == 1
    world.work()
    assert world.written() == 1
    world.assert_sound()


def test_the_same_id_in_a_second_tenant_is_another_intent(deployment):
    deployment.remit.apply(bounds("globex"), by="ann")
    deployment.propose()
    deployment.gate()
    deployment.propose(tenant="globex")

    answer = deployment.gate(tenant="globex")
    deployment.settle()

    assert answer["already_published"] is False
    assert deployment.status(tenant="globex") == deployment.status() == "SUCCEEDED"
    assert deployment.used() == deployment.used("globex") == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"risk_level": ""},
        {"risk_level": "CRITICAL"},
        {"risk_level": "low"},
        {"confidence_score": 85},
        {"confidence_score": "high"},
        {"parameters": {"n": 2**53 + 1}},
        {"parameters": {"text": "x" * 70_000}},
        {"surprise": 1},
    ],
)
def test_a_proposal_with_a_value_outside_its_enum_is_answered_with_the_field_and_not_stored(deployment, changes):
    answer = deployment.call("propose", proposal={**proposal(), **changes})

    (field,) = changes
    assert answer["problem"]["type"] == "/problems/invalid-input"
    assert field.split(".")[0] in answer["problem"]["field"]
    assert deployment.gate()["reason"] == "INTENT_NOT_FOUND"


def test_an_expired_intent_and_a_stopped_tenant_are_not_charged(deployment):
    deployment.propose("late", expires_at=(deployment.clock.now() + timedelta(minutes=1)).isoformat())
    deployment.clock.pass_(minutes=2)
    late = deployment.gate("late")
    deployment.propose("stopped")
    deployment.remit.stop(StopScope(tenant_id=TENANT), by="ann", reason="incident")
    stopped = deployment.gate("stopped")

    assert [late["reason"], stopped["reason"]] == ["INTENT_EXPIRED", "AUTONOMY_STOPPED"]
    assert deployment.used() == 0


def test_without_a_bus_nothing_is_charged_and_the_setting_is_named(deployment, monkeypatch):
    deployment.propose()
    deployment.front.look_error = "ResourceNotFoundException"

    with pytest.raises(ConfigMissing, match="REMIT_SENDER_URL"):
        deployment.gate()
    before = deployment.status(), deployment.used()
    deployment.front.look_error = None

    assert before == ("PROPOSED", 0)
    assert deployment.gate()["result"] == "AUTO_EXECUTED"


@pytest.mark.parametrize("name", ["gate", "propose", "review", "reconcile", "http_door"])
def test_a_function_that_decides_does_not_run_without_its_way_out(deployment, monkeypatch, name):
    monkeypatch.delenv("REMIT_SENDER_URL")

    with pytest.raises(ConfigMissing, match="CONFIG_MISSING: REMIT_SENDER_URL"):
        deployment.call(name)


def test_a_variable_that_is_missing_is_named(deployment, monkeypatch):
    process.remit.cache_clear()
    monkeypatch.delenv("REMIT_DATABASE_URL")

    with pytest.raises(ConfigMissing, match="CONFIG_MISSING: REMIT_DATABASE_URL is not set"):
        deployment.call("executor")
