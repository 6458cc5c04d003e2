"""The gate, step by step, on every store: what it answers, what it writes, and what it costs."""

import pytest

from remit.core.errors import RemitError, TryLater
from remit.core.lifecycle import MOVING
from remit.core.records import USAGE
from remit.core.values import PLATFORM
from remit.flow.context import Context
from remit.flow.gate import GateRequest, gate

from .world import NOON, OTHER, TENANT, TYPE, bounds, new_id, proposal, type_of

SOON = NOON.replace(hour=13)


def gate_of(name="i-1"):
    return lambda app: app.gate([GateRequest(name, TENANT, "north")])[0]


def decision(world, name="i-1"):
    history = world.history(name)
    return history.decision if history else None


def checks(world, name="i-1"):
    return [(check.check, check.passed) for check in decision(world, name).checks]


# --- step 0 ---


@pytest.mark.parametrize("missing", ["action_intent_id", "tenant_id", "account_id"])
def test_incomplete_input_asks_a_person_and_stores_nothing(world, missing):
    world.propose()
    request = {"action_intent_id": "i-1", "tenant_id": TENANT, "account_id": "north", missing: ""}

    (answer,) = world.app.gate([GateRequest(**request)])

    assert (answer.result, answer.reason) == ("REQUIRE_APPROVAL", "MISSING_INPUT")
    assert missing in answer.explanation
    assert world.events() == ["INTENT_PROPOSED"]


def test_an_intent_of_another_tenant_or_account_is_not_found_and_nothing_is_stored(world):
    world.propose()

    answers = [world.gate("i-2"), world.gate(tenant="globex"), world.gate(account="south")]

    assert {(answer.result, answer.reason) for answer in answers} == {("REQUIRE_APPROVAL", "INTENT_NOT_FOUND")}
    assert world.events() == ["INTENT_PROPOSED"]
    assert world.history("i-9") is None


# --- step 1 ---


def test_a_clean_yes_is_decided_charged_approved_published_and_done(world):
    answer = world.submit()
    world.work()

    assert (answer.result, answer.status, answer.already_published) == ("AUTO_EXECUTED", "APPROVED", False)
    assert world.events() == [
        *("INTENT_PROPOSED", "GATE_DECIDED", "ACTION_APPROVED"),
        *("ACTION_PUBLISHED", "EXECUTION_STARTED", "ACTION_EXECUTED"),
    ]
    assert (world.status(), world.used(), world.written()) == ("SUCCEEDED", 1, 1)
    world.assert_sound()


def test_a_redelivered_intent_is_charged_once_and_published_once(world):
    first = world.submit()
    again = [world.gate(), world.submit(), world.gate()]
    world.work()

    assert {answer.approval_id for answer in again} == {first.approval_id}
    assert all(answer.already_published for answer in again)
    assert world.used() == 1 and world.state().deliveries == 1 and world.written() == 1
    world.assert_sound()


def test_bounds_tightened_between_two_deliveries_do_not_also_queue_what_was_executed(world):
    world.submit()
    for change in ({"allowlist": []}, {"modes": {"default": "APPROVAL_REQUIRED"}}, {"modes": {"default": "DISABLED"}}):
        world.apply(**change)
        assert world.gate().result == "AUTO_EXECUTED"
    world.work()

    assert world.app.queue(TENANT)[0] == []
    assert world.events().count("GATE_DECIDED") == 1 and world.status() == "SUCCEEDED"


def test_a_crash_after_the_charge_does_not_charge_again(world):
    """The charge and `RESERVED` are one write; who comes back finishes the publication."""
    world.reserve()
    assert world.state().status == "RESERVED" and world.used() == 1

    answer = world.gate()

    assert answer.reserved and not answer.already_published
    assert world.state().status == "PUBLISHED" and world.used() == 1
    world.assert_sound()


def test_a_state_whose_time_is_over_means_done_and_never_decide_again(world):
    world.submit()
    world.work()
    world.clock.pass_(days=100)
    assert world.state() is None

    answer = world.gate()
    world.work()

    assert (answer.result, answer.already_published) == ("AUTO_EXECUTED", True)
    assert world.written() == 1 and world.events().count("ACTION_APPROVED") == 1
    world.assert_sound()


def test_two_deliveries_at_once_charge_once(world):
    world.propose()

    first, second = world.race(gate_of(), gate_of())
    world.work()

    assert first.approval_id == second.approval_id
    assert world.used() == 1 and world.written() == 1
    assert world.events().count("GATE_DECIDED") == 1
    world.assert_sound()


def test_two_intents_at_once_do_not_both_take_the_last_unit(world):
    world.apply(budget={"max_autonomous_per_day": 1})
    world.propose("i-1"), world.propose("i-2")

    answers = world.race(gate_of("i-1"), gate_of("i-2"))

    assert sorted(answer.result for answer in answers) == ["AUTO_EXECUTED", "REQUIRE_APPROVAL"]
    assert {answer.reason for answer in answers} == {"WITHIN_BOUNDS", "BUDGET_EXCEEDED"}
    assert world.used() == 1
    world.assert_sound()


def test_two_accounts_at_once_do_not_both_take_the_ceiling_s_last_unit(world):
    world.apply(tenant_budget={"max_autonomous_per_day": 1})
    world.propose("i-1"), world.propose("i-2", account_id="south")

    answers = world.race(gate_of("i-1"), lambda app: app.gate([GateRequest("i-2", TENANT, "south")])[0])

    assert sorted(answer.result for answer in answers) == ["AUTO_EXECUTED", "REQUIRE_APPROVAL"]
    assert world.app.usage(TENANT)["ceiling"]["used"] == 1
    world.assert_sound()


def test_the_same_id_in_a_second_tenant_is_another_intent(world):
    world.submit()
    world.app.apply(bounds("globex"), by="ann")

    answer = world.submit(tenant="globex")
    world.work()

    assert (answer.result, answer.already_published) == ("AUTO_EXECUTED", False)
    assert world.used() == world.used(tenant="globex") == 1
    assert world.far.written == {"acme/i-1": 1, "globex/i-1": 1}
    world.assert_sound()
    world.assert_sound("globex")


# --- step 2 ---


def test_an_expired_intent_is_recorded_as_expired_and_charges_nothing(world):
    world.propose(expires_at=SOON.isoformat())
    world.clock.pass_(hours=2)

    answer = world.gate()

    assert (answer.result, answer.reason, answer.status) == ("REQUIRE_APPROVAL", "INTENT_EXPIRED", "EXPIRED")
    assert world.events() == ["INTENT_PROPOSED", "GATE_DECIDED", "INTENT_EXPIRED"]
    assert world.app.queue(TENANT)[0] == [] and world.used() == 0
    world.assert_sound()


@pytest.mark.parametrize("level", ["autonomy", "everything"])
@pytest.mark.parametrize(
    "scope",
    [
        {"tenant_id": None},
        {},
        {"account_id": "north"},
        {"action_type": TYPE},
        {"account_id": "north", "action_type": TYPE},
    ],
    ids=["global", "tenant", "account", "type", "account-and-type"],
)
def test_a_stopped_tenant_is_not_charged(world, scope, level):
    world.stop(level, **scope)

    answer = world.submit()

    assert answer.reason == "AUTONOMY_STOPPED" and "ann" in answer.explanation and "incident" in answer.explanation
    assert world.used() == 0 and world.status() == "AWAITING_APPROVAL"
    world.assert_sound()


@pytest.mark.parametrize("scope", [{"account_id": "south"}, {"action_type": OTHER}, {"tenant_id": "globex"}])
def test_a_stop_of_something_else_stops_nothing_here(world, scope):
    world.stop(**scope)

    assert world.submit().result == "AUTO_EXECUTED"


def test_a_stop_persists_until_it_is_resumed(world, opened):
    world.stop()
    world.recover()
    assert world.submit("i-1").reason == "AUTONOMY_STOPPED"

    world.resume()

    assert world.submit("i-2").result == "AUTO_EXECUTED"
    assert world.gate("i-1").reason == "AUTONOMY_STOPPED"


def test_an_edited_intent_always_needs_a_person(world):
    world.queued()

    edited = world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.text": "better"})

    assert edited.reason == "EDITED_BY_PERSON" and "bob" in edited.explanation
    assert world.used() == 0


# --- steps 3 to 5 ---


def test_the_allowlist_is_a_hard_stop_after_which_nothing_else_is_looked_at(world):
    world.apply(allowlist=[OTHER])

    answer = world.submit()

    assert answer.reason == "ACTION_TYPE_NOT_ALLOWLISTED"
    assert checks(world) == [("expiry", True), ("stop_switch", True), ("not_edited", True), ("allowlist", False)]
    assert decision(world).policy_decision is None


def test_an_empty_account_allowlist_does_not_fall_through_to_the_tenant_s(world):
    world.apply(accounts={"north": {"allowlist": []}})

    assert world.submit("i-1").reason == "ACTION_TYPE_NOT_ALLOWLISTED"
    assert world.submit("i-2", account_id="south").result == "AUTO_EXECUTED"


def test_no_list_at_either_level_means_none(world):
    world.apply(allowlist=None)

    assert world.submit().reason == "ACTION_TYPE_NOT_ALLOWLISTED"


def test_a_tenant_that_set_nothing_has_no_autonomy(world):
    answer = world.submit(tenant="globex")

    assert answer.reason == "ACTION_TYPE_NOT_ALLOWLISTED"
    world.assert_sound("globex")


@pytest.mark.parametrize(
    "changes, reason, status",
    [
        ({"modes": {"default": "DISABLED"}}, "ACTION_TYPE_DISABLED", "BLOCKED"),
        ({"modes": {"default": "PROPOSE_ONLY"}}, "PROPOSE_ONLY", "AWAITING_APPROVAL"),
        ({"modes": {"default": "APPROVAL_REQUIRED"}}, "TENANT_POLICY", "AWAITING_APPROVAL"),
        ({"modes": {}}, "TENANT_POLICY", "AWAITING_APPROVAL"),
        ({"budget": None}, "BUDGET_NOT_CONFIGURED", "AWAITING_APPROVAL"),
        ({"budget": {"max_autonomous_per_day": 0}}, "BUDGET_EXCEEDED", "AWAITING_APPROVAL"),
        (
            {"modes": {"default": "AUTO_EXECUTE", TYPE: "DISABLED"}, "budget": {"max_autonomous_per_day": 0}},
            "ACTION_TYPE_DISABLED",
            "BLOCKED",
        ),
    ],
)
def test_every_no_of_the_bounds_is_an_answer_with_its_reason_in_the_queue(world, changes, reason, status):
    world.apply(**changes)

    answer = world.submit()

    assert (answer.result, answer.reason, answer.status) == ("REQUIRE_APPROVAL", reason, status)
    assert [(item["reason"], item["status"]) for item in world.app.queue(TENANT)[0]] == [(reason, status)]
    assert world.used() == 0 and not world.app.busy()
    world.assert_sound()


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"risk_level": "MEDIUM"}, "RISK_LEVEL_HIGH"),
        ({"risk_level": "HIGH"}, "RISK_LEVEL_HIGH"),
        ({"confidence_score": 0.69}, "CONFIDENCE_BELOW_THRESHOLD"),
        ({"confidence_score": None}, "CONFIDENCE_BELOW_THRESHOLD"),
        ({"risk_level": "HIGH", "confidence_score": 0.1}, "RISK_LEVEL_HIGH"),
        ({"action_type": "NOBODY_KNOWS"}, "RISK_LEVEL_HIGH"),
    ],
)
def test_every_no_of_the_policy_names_the_first_reason_that_applies(world, changes, reason):
    world.apply(allowlist=[TYPE, OTHER, "NOBODY_KNOWS"])

    assert world.submit(**changes).reason == reason
    assert world.used() == 0


def test_the_agent_s_own_low_does_not_override_a_high_tier(world):
    world.apply(action_types={TYPE: type_of(tier="HIGH")})

    assert world.submit(risk_level="LOW").reason == "RISK_LEVEL_HIGH"


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"risk_level": ""}, "risk_level"),
        ({"risk_level": "CRITICAL"}, "risk_level"),
        ({"risk_level": "low"}, "risk_level"),
        ({"confidence_score": 85}, "confidence_score"),
        ({"confidence_score": -0.1}, "confidence_score"),
        ({"confidence_score": "0.9"}, "confidence_score"),
        ({"parameters": {"n": 2**53}}, "parameters"),
        ({"parameters": []}, "parameters"),
        ({"action_type": "update_contact"}, "action_type"),
        ({"account_id": "a b"}, "account_id"),
        ({"expires_at": "2026-03-11"}, "expires_at"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_value_outside_its_range_is_refused_by_name_and_nothing_is_stored(world, changes, field):
    (answer,) = world.app.submit([proposal(**changes)])

    assert isinstance(answer, RemitError) and field in str(answer)
    assert world.statuses() == {} and world.app.counts(TENANT) == {}


def test_a_tenant_s_own_clause_gives_its_own_reason(world):
    rule = """
    @id("no_mondays") @reason("NOT_ON_TUESDAYS") forbid (principal, action, resource)
    when { context.weekday == "TUE" };
    """
    world.apply(policies=[{"name": "own.cedar", "text": rule}])

    answer = world.submit()

    assert answer.reason == "NOT_ON_TUESDAYS" and decision(world).policy_clause == "no_mondays"


def test_a_rule_that_cannot_be_evaluated_asks_a_person(world):
    rule = """
    @id("big") forbid (principal, action, resource)
    when { context.numbers.hasTag("amount") && context.numbers.getTag("amount").greaterThan(decimal("100.0")) };
    """
    world.apply(policies=[{"name": "own.cedar", "text": rule}])

    assert world.submit("i-1", parameters={"amount": 99.99}).result == "AUTO_EXECUTED"
    assert world.submit("i-2", parameters={"amount": 100.01}).reason == "BIG"
    assert world.submit("i-3", parameters={"amount": 0.00001}).reason == "POLICY_ERROR"


# --- steps 6 to 8 ---


def test_a_full_budget_names_the_limit_its_use_and_when_it_resets(world):
    world.apply(budget={"max_autonomous_per_day": 2})
    answers = [world.submit(f"i-{number}") for number in range(3)]

    assert [answer.reason for answer in answers] == ["WITHIN_BOUNDS", "WITHIN_BOUNDS", "BUDGET_EXCEEDED"]
    assert "2 of 2" in answers[2].explanation and "2026-03-11T00:00:00Z" in answers[2].explanation
    assert world.used() == 2


def test_a_refusal_by_type_burns_no_daily_unit(world):
    world.apply(budget={"max_autonomous_per_day": 10, "max_per_action_type": {TYPE: 1}})

    for number in range(4):
        world.submit(f"i-{number}")

    assert (world.used(), world.of_type()) == (1, 1)
    world.assert_sound()


def test_a_limit_of_zero_for_a_type_lets_none_through(world):
    world.apply(budget={"max_autonomous_per_day": 10, "max_per_action_type": {TYPE: 0}})

    assert world.submit().reason == "BUDGET_EXCEEDED"
    assert world.used() == 0


def test_a_cap_of_ten_over_five_types_lets_ten_through(world):
    types = {f"TYPE_{letter}": type_of() for letter in "ABCDE"}
    world.apply(action_types=types, allowlist=list(types), budget={"max_autonomous_per_day": 10})

    answers = world.app.submit(
        [proposal(f"{name}-{number}", action_type=name) for number in range(10) for name in types]
    )

    assert [answer.result for answer in answers].count("AUTO_EXECUTED") == 10
    assert world.used() == 10
    world.assert_sound()


def test_decision_approval_charge_and_entries_are_one_write(world):
    world.reserve()

    entries = world.app.ledger(TENANT, "i-1")
    assert [entry["event_type"] for entry in entries] == ["INTENT_PROPOSED", "GATE_DECIDED", "ACTION_APPROVED"]
    state, charges = world.state(), entries[2]["data"]["charges"]
    assert state.state_key == "AUTO_EXEC_STATE#i-1" and state.status == "RESERVED" and state.expires_at is None
    assert [charge.wire() for charge in state.charges] == charges
    assert decision(world).config_sequence == 1
    assert decision(world).intent_digest == world.app.intent(TENANT, "i-1").digest


def test_a_budget_that_resets_tomorrow_does_not_approve_yesterday_s_queue(world):
    world.apply(budget={"max_autonomous_per_day": 1})
    world.submit("i-1"), world.submit("i-2")
    world.clock.pass_(days=1)

    world.app.reconcile()

    assert world.gate("i-2").reason == "BUDGET_EXCEEDED"
    assert world.status("i-2") == "AWAITING_APPROVAL"


def test_to_let_autonomy_look_again_supersede_the_intent(world):
    world.apply(budget={"max_autonomous_per_day": 1})
    world.submit("i-1"), world.submit("i-2")
    world.clock.pass_(days=1)

    answer = world.submit("i-3", supersedes="i-2")

    assert answer.result == "AUTO_EXECUTED"
    assert world.status("i-2") == "SUPERSEDED"
    assert world.app.status(TENANT, "i-2")["superseded_by"] == "i-3"
    world.assert_sound()


def test_a_batch_is_decided_as_if_one_by_one_in_its_order(world):
    world.apply(budget={"max_autonomous_per_day": 2})

    answers = world.app.submit([proposal(f"i-{number}") for number in (3, 1, 2)] + [proposal("i-3")])

    assert [answer.result for answer in answers] == [
        *("AUTO_EXECUTED", "AUTO_EXECUTED", "REQUIRE_APPROVAL", "AUTO_EXECUTED")
    ]
    assert world.used() == 2 and world.status("i-2") == "AWAITING_APPROVAL"
    world.work()
    assert sum(world.far.written.values()) == 2


def test_one_wrong_proposal_holds_no_other_back(world):
    answers = world.app.submit([proposal("i-1"), {"nothing": "right"}, proposal("i-2")])

    assert [isinstance(answer, RemitError) for answer in answers] == [False, True, False]


def test_more_than_one_transaction_s_worth_is_decided_in_order(world):
    world.apply(budget={"max_autonomous_per_day": 205})

    answers = world.app.submit([proposal(f"i-{number:03}") for number in range(210)])

    assert [answer.result for answer in answers] == ["AUTO_EXECUTED"] * 205 + ["REQUIRE_APPROVAL"] * 5
    assert world.used() == 205


def test_a_proposer_that_died_before_gating_is_gated_by_the_reconciler(world):
    world.propose()
    assert world.app.reconcile().gated == 0

    world.clock.pass_(seconds=4)

    assert world.app.reconcile().gated == 1
    assert world.status() == "APPROVED"


# --- proposing ---


def test_proposing_again_returns_the_stored_intent_and_its_verdict(world):
    first = world.submit(why=["because"])
    stored = world.app.intent(TENANT, "i-1")
    world.clock.pass_(hours=1)

    again = world.submit()

    assert again.approval_id == first.approval_id
    assert world.propose() == stored


@pytest.mark.parametrize(
    "changes",
    [{"parameters": {"text": "other"}}, {"account_id": "south"}, {"confidence_score": 0.8}, {"why": ["else"]}],
)
def test_proposing_other_content_under_the_same_id_is_a_conflict_and_the_stored_one_stays(world, changes):
    world.propose()
    before = world.app.intent(TENANT, "i-1")

    (answer,) = world.app.propose([proposal(**changes)])

    assert type(answer).__name__ == "IntentIdReused" and next(iter(changes)) in str(answer)
    assert world.app.intent(TENANT, "i-1") == before


def test_two_proposers_of_one_id_at_once_store_one_intent(world):
    mine, yours = proposal(parameters={"n": 1}), proposal(parameters={"n": 2})

    answers = world.race(lambda app: app.propose([mine])[0], lambda app: app.propose([yours])[0])

    assert sorted(type(answer).__name__ for answer in answers) == ["ActionIntentV1", "IntentIdReused"]
    assert world.events() == ["INTENT_PROPOSED"]
    world.assert_sound()


def test_an_intent_without_an_id_gets_one_and_the_type_s_expiry(world):
    world.apply(action_types={TYPE: {**type_of(), "expires_after": "3d"}})

    answer = world.submit(None)

    intent = world.app.intent(TENANT, answer.action_intent_id)
    assert len(intent.action_intent_id) == 36 and intent.expires_at == NOON.replace(day=13)
    assert intent.registry_version == 2


@pytest.mark.parametrize("end", ["reject", "approve", "supersede", "run"])
def test_only_what_still_waits_can_be_superseded(world, end):
    world.queued("old") if end != "run" else world.submit("old")
    if end == "reject":
        world.app.reject(TENANT, "old", by="bob")
    elif end == "approve":
        world.approve("old")
    elif end == "supersede":
        world.submit("newer", supersedes="old")

    (answer,) = world.app.propose([proposal("new", supersedes="old")])

    assert type(answer).__name__ == "NotInThatState"
    assert "new" not in world.statuses()


@pytest.mark.parametrize(
    "changes", [{"account_id": "south"}, {"action_type": OTHER}, {"supersedes": "nobody"}, {"tenant": "globex"}]
)
def test_only_an_intent_of_the_same_tenant_account_and_type_can_be_superseded(world, changes):
    world.queued("old")

    (answer,) = world.app.propose([proposal("new", **{"supersedes": "old", **changes})])

    assert isinstance(answer, RemitError)
    assert world.status("old") == "AWAITING_APPROVAL" and "new" not in world.statuses()


def test_two_that_supersede_the_same_one_at_once_exclude_each_other(world):
    world.queued("old")

    answers = world.race(
        lambda app: app.propose([proposal("new-1", supersedes="old")])[0],
        lambda app: app.propose([proposal("new-2", supersedes="old")])[0],
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["ActionIntentV1", "NotInThatState"]
    assert len(world.statuses()) == 2
    world.assert_sound()


# --- what the write is conditioned on ---


def test_decisions_of_a_tenant_without_a_ceiling_share_no_record(world):
    """Two accounts write nothing that both of them write, so that they never wait for each other."""
    world.propose("i-1"), world.propose("i-2", account_id="south")
    written = []

    class Watched:
        def transact(self, units):
            def watched(unit):
                def change(snapshot):
                    writes = unit.decide(snapshot)
                    written.append({(key.kind.name, key.id) for key, _ in writes.puts if key.kind.contended})
                    return writes

                return type(unit)(unit.reads, change, unit.then_reads)

            return world.inner.transact([watched(unit) for unit in units])

    context = Context(Watched(), new_id, {})
    for name, account in (("i-1", "north"), ("i-2", "south")):
        gate(context, [GateRequest(name, TENANT, account)], None, NOON)

    assert len(written) >= 2 and not written[0] & written[-1]


def test_a_store_that_refuses_leaves_nothing_and_the_same_call_succeeds_later(world):
    world.propose()
    real = world.inner.transact
    calls = []

    def refuse(units):
        calls.append(units)
        raise TryLater("not now")

    world.app.context.store.transact = refuse
    with pytest.raises(TryLater):
        world.gate()
    world.app.context.store.transact = real

    assert world.gate().result == "AUTO_EXECUTED" and world.used() == 1
    assert PLATFORM not in {case.tenant_id for case in world.inner.due(NOON, 10)}
    assert world.case().status in MOVING
    assert [usage.used("all") for usage in world.inner.scan(USAGE, TENANT)] == [1]
