"""Facts are looked up by the gate itself, before its write, and stand in the decision that rests on them."""

from __future__ import annotations

import hashlib
import json
import threading

import pytest

from remit.app.offline import verify_export
from remit.core.errors import IntentIdReused, InvalidInput
from remit.core.ledger.entries import entry_hash
from remit.flow.facts import FactsOutdated
from remit.flow.gate import GateRequest

from ..far_side import egress, listed
from ..record_keeper import record_keeper
from ..waiting import PATIENCE_S
from .inside_writes import NoLookupInside, WatchedFacts
from .world import ACCOUNT, OTHER, TENANT, TYPE, bounds, proposal, type_of

UP_TO_50 = """
@reason("ORDER_TOO_LARGE")
forbid (principal, action, resource)
when { context.action_type == "UPDATE_CONTACT" }
unless {
  context.facts_numbers.hasTag("order.total")
  && context.facts_numbers.getTag("order.total").lessThanOrEqual(decimal("50.00"))
  && context.facts_texts.hasTag("order.currency")
  && context.facts_texts.getTag("order.currency") == "EUR"
  && context.facts_booleans.hasTag("order.paid")
  && context.facts_booleans.getTag("order.paid")
};
"""
ORDER = {"total": 12.5, "currency": "EUR", "paid": True, "customer": {"id": "c-7"}, "note": "not kept"}


@pytest.fixture
def keeper():
    with record_keeper() as keeper:
        keeper.records["/orders/c-1"] = ORDER
        yield keeper


@pytest.fixture
def world(new_world, keeper):
    source = WatchedFacts(listed({"SHOP_URL": keeper.url, "SHOP_TOKEN": "t0ken-of-the-shop"}), egress())
    world = new_world(wrap=NoLookupInside, fact_source=source)
    source.store = world.store
    apply(world, keeper)
    return world


def asking(keeper, **changes):
    order = {
        "url": "${SHOP_URL}/orders/{target.entity_id}",
        "headers": {"Authorization": "Bearer ${SHOP_TOKEN}"},
        "keep": ["total", "currency", "paid", "customer.id"],
        **changes,
    }
    return {**type_of(), "facts": {"order": order}}


def in_force(keeper, rule=UP_TO_50, **changes):
    return {
        "allowed_hosts": [keeper.host],
        "action_types": {TYPE: asking(keeper, **changes), OTHER: type_of(honours_idempotency_key=True)},
        "policies": [{"name": "orders.cedar", "text": rule}] if rule else [],
    }


def apply(world, keeper, *, rule=UP_TO_50, **changes):
    world.apply(**in_force(keeper, rule, **changes))


def decision(world, name="i-1"):
    return dict(world.app.why(TENANT, name)["decision"])


def test_a_decision_rests_on_what_the_gate_looked_up_and_records_it(world, keeper):
    answer = world.submit()

    assert answer.result == "AUTO_EXECUTED"
    assert keeper.asked == ["/orders/c-1"]
    assert keeper.headers[0]["Authorization"] == "Bearer t0ken-of-the-shop"
    assert decision(world)["facts"] == {
        "order": {
            "had_at": "2026-03-10T12:00:00Z",
            "sha256": hashlib.sha256(json.dumps(ORDER).encode()).hexdigest(),
            "kept": {"total": 12.5, "currency": "EUR", "paid": True, "customer.id": "c-7"},
        }
    }
    assert world.app.status(TENANT, "i-1")["facts"] == decision(world)["facts"]
    world.assert_sound()


@pytest.mark.parametrize(
    "changed", [{"total": 50.01}, {"currency": "USD"}, {"paid": False}, {"paid": None}, {"total": None}]
)
def test_another_answer_is_another_verdict(world, keeper, changed):
    assert world.submit("i-1").result == "AUTO_EXECUTED"
    keeper.records["/orders/c-1"] = {**ORDER, **changed}

    answer = world.submit("i-2")

    assert answer.reason == "ORDER_TOO_LARGE"
    world.assert_sound()


def test_no_parameter_passes_for_a_fact(world, keeper):
    keeper.records["/orders/c-1"] = {**ORDER, "total": 900}
    forged = {"order.total": 1, "order": {"total": 1, "paid": True}, "facts_numbers": {"order.total": 1}}

    answer = world.submit(parameters=forged)

    assert answer.reason == "ORDER_TOO_LARGE"


def test_a_rule_that_reads_a_fact_reads_no_parameter_of_that_path(world):
    answer = world.submit(parameters={"order": {"total": [1, 2], "currency": {}}})

    assert answer.reason == "WITHIN_BOUNDS"


def _order_of(total):
    return json.dumps({**ORDER, "total": 0}).replace('"total": 0', f'"total": {total}').encode()


TOO_LARGE = b'{"total": 1, "x": "' + b"x" * 300_000 + b'"}'


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((404, {}, b"{}"), "it was answered with 404"),
        ((302, {"Location": "/orders/c-2"}, b""), "no redirect is followed"),
        ((200, {}, b"<html>"), "its answer is not JSON"),
        ((200, {}, b'{"total": 1, "total": 2}'), "its answer is not JSON"),
        ((200, {}, b'{"total": 1}'), "its answer has no currency"),
        ((200, {}, json.dumps({**ORDER, "total": [1]}).encode()), "total of its answer is not"),
        ((200, {}, json.dumps({**ORDER, "total": 0.00001}).encode()), "does not fit a decimal of four places"),
        ((200, {}, _order_of("49.99000000000000000001")), "does not fit a decimal of four places"),
        ((200, {}, _order_of("12345678901234.56789")), "does not fit a decimal of four places"),
        ((200, {}, _order_of("1e-99999999999999999999")), "does not fit a decimal of four places"),
        ((200, {}, json.dumps({**ORDER, "currency": "x" * 1001}).encode()), "more than 1000 characters"),
        ((200, {}, TOO_LARGE), "more than 262144 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fact_that_cannot_be_had_asks_a_person(world, keeper, said, why):
    keeper.says.append(said)

    answer = world.submit()

    assert (answer.result, answer.reason) == ("REQUIRE_APPROVAL", "FACT_UNAVAILABLE")
    assert why in answer.explanation
    assert why in decision(world)["facts"]["order"]["problem"]
    assert "t0ken" not in json.dumps(world.app.ledger(TENANT, "i-1"))
    world.approve()
    world.assert_sound()


def test_a_fact_that_is_not_had_in_time_asks_a_person(world, keeper):
    apply(world, keeper, timeout_s=0.05)
    done = threading.Event()
    keeper.says.append(lambda: (done.wait(PATIENCE_S), (200, {}, b"{}"))[1])
    try:
        answer = world.submit()
    finally:
        done.set()

    assert answer.reason == "FACT_UNAVAILABLE"
    assert "no answer within" in answer.explanation


def test_a_host_that_the_tenant_does_not_list_is_not_asked(world, keeper):
    unlisted = bounds(
        allowed_hosts=["shop.example.com"],
        action_types={TYPE: asking(keeper)},
        allowlist=[TYPE],
        policies=[],
    )
    world.app.apply(unlisted, by="ann")

    answer = world.submit()

    assert answer.reason == "FACT_UNAVAILABLE"
    assert "allowed_hosts" in answer.explanation
    assert keeper.asked == []


def test_an_intent_without_what_the_url_names_asks_a_person(world, keeper):
    answer = world.submit(target=None)

    assert answer.reason == "FACT_UNAVAILABLE"
    assert keeper.asked == []


def test_one_call_asks_once_for_the_same_and_each_decision_records_it(world, keeper):
    keeper.records["/orders/c-2"] = ORDER
    other = {"entity_type": "contact", "entity_id": "c-2"}

    answers = world.app.submit([proposal("i-1"), proposal("i-2"), proposal("i-3", target=other), proposal("i-4")])

    assert [answer.result for answer in answers] == ["AUTO_EXECUTED"] * 4
    assert sorted(keeper.asked) == ["/orders/c-1", "/orders/c-2"]
    assert all(decision(world, f"i-{number}")["facts"]["order"]["kept"] for number in (1, 2, 3, 4))
    world.assert_sound()


def test_a_decision_rests_on_its_own_intents_facts_where_one_call_sends_an_id_twice(world, keeper):
    keeper.records |= {"/orders/c-1": {**ORDER, "total": 900}, "/orders/c-2": ORDER}
    of_order = {name: proposal("i-1", target={"entity_type": "order", "entity_id": name}) for name in ("c-1", "c-2")}

    first, second = world.app.submit([of_order["c-1"], of_order["c-2"]])

    assert first.reason == "ORDER_TOO_LARGE"
    assert isinstance(second, IntentIdReused)
    assert decision(world)["facts"]["order"]["kept"]["total"] == 900
    world.assert_sound()


def test_what_a_caller_leaves_to_the_stored_intent_is_looked_up_by_what_is_stored(world, keeper):
    apply(world, keeper, url="${SHOP_URL}/orders?of={parameters}")
    keeper.records["/orders?of=%7B%22order%22%3A%22c-1%22%7D"] = {**ORDER, "total": 900}
    keeper.records["/orders?of=%7B%7D"] = ORDER
    whole = proposal("i-1", parameters={"order": "c-1"})
    world.app.propose([whole])
    world.submit("i-2")

    answer = world.app.submit({name: value for name, value in whole.items() if name != "parameters"})

    assert answer.reason == "ORDER_TOO_LARGE"
    assert keeper.asked[-1] == "/orders?of=%7B%22order%22%3A%22c-1%22%7D"


def test_another_call_asks_again_unless_an_older_answer_will_do(world, keeper):
    world.submit("i-1"), world.submit("i-2")
    assert len(keeper.asked) == 2

    apply(world, keeper, max_age_s=60.0)
    world.submit("i-3")
    keeper.asked.clear()
    world.clock.pass_(seconds=60)
    world.submit("i-4")
    assert keeper.asked == []
    assert decision(world, "i-4")["facts"] == decision(world, "i-3")["facts"]

    world.clock.pass_(seconds=1)
    world.submit("i-5")
    assert len(keeper.asked) == 1
    world.assert_sound()


def test_what_is_decided_is_never_looked_up_again(world, keeper):
    world.submit("i-1")
    keeper.asked.clear()

    world.submit("i-1"), world.gate("i-1")

    assert keeper.asked == []


def test_a_stored_intent_is_looked_up_when_it_is_gated(world, keeper):
    world.propose("i-1"), world.propose("i-2", action_type=OTHER)
    assert keeper.asked == []

    answers = world.app.gate([GateRequest(name, TENANT, ACCOUNT) for name in ("i-1", "i-2", "i-3")])

    assert [answer.reason for answer in answers] == ["WITHIN_BOUNDS", "WITHIN_BOUNDS", "INTENT_NOT_FOUND"]
    assert keeper.asked == ["/orders/c-1"]
    assert "facts" not in decision(world, "i-2")
    world.assert_sound()


def test_nothing_is_looked_up_for_what_is_refused(world, keeper):
    schema = {"type": "object", "required": ["amount"]}
    world.apply(allowed_hosts=[keeper.host], action_types={TYPE: {**asking(keeper), "parameters": schema}})

    with pytest.raises(InvalidInput):
        world.submit()

    assert keeper.asked == []


def test_facts_that_bounds_begin_to_ask_for_meanwhile_are_looked_up_once_more(world, keeper):
    apply(world, keeper, keep=["total"], rule="")
    world.submit("i-0")
    keeper.says.append(lambda: (apply(world, keeper), (200, {}, json.dumps(ORDER).encode()))[1])

    answer = world.submit("i-1")

    assert answer.result == "AUTO_EXECUTED"
    assert set(decision(world)["facts"]["order"]["kept"]) == {"total", "currency", "paid", "customer.id"}
    assert len(keeper.asked) == 3
    world.assert_sound()


def test_bounds_that_change_with_every_lookup_leave_the_fact_unknown(world, keeper):
    apply(world, keeper, keep=["total"], rule="")
    world.submit("i-0")

    def changing(*keep):
        return lambda: (apply(world, keeper, keep=[*keep], rule=""), (200, {}, json.dumps(ORDER).encode()))[1]

    keeper.says += [changing("total", "paid"), changing("total", "currency")]
    answer = world.submit("i-1")

    assert answer.reason == "FACT_UNAVAILABLE"
    assert "bounds were changed" in answer.explanation
    world.assert_sound()


def test_a_call_that_may_not_wait_says_so_and_decides_nothing(world, keeper):
    (answer,) = world.app.submit_at_once([proposal("i-1")])

    assert isinstance(answer, FactsOutdated)
    assert keeper.asked == []
    assert world.case() is None


def test_a_slow_source_of_one_tenant_does_not_hold_up_another(world, keeper):
    world.app.apply(
        {**bounds("slow"), "allowed_hosts": [keeper.host], "action_types": {TYPE: asking(keeper)}}, by="ann"
    )
    entered, done = threading.Event(), threading.Event()
    keeper.says.append(lambda: (entered.set(), done.wait(PATIENCE_S), (200, {}, b"{}"))[2])
    slow = _source_of(world, keeper, "slow")
    waiting = threading.Thread(target=lambda: slow.submit([proposal("i-1", "slow")]))
    waiting.start()
    assert entered.wait(PATIENCE_S)
    try:
        assert world.submit("i-1").result == "AUTO_EXECUTED"
    finally:
        done.set()
        waiting.join()


def _source_of(world, keeper, tenant):
    """The same app, with what the operator lists for another tenant."""
    source = world.app.context.fact_source
    source._secrets._hosts.update({(tenant, name): hosts for (_, name), hosts in [*source._secrets._hosts.items()]})
    return world.app


def test_lookups_of_one_call_end_together(world, keeper, monkeypatch):
    monkeypatch.setattr("remit.flow.facts.MOST_SECONDS", 0.0)

    answers = world.app.submit([proposal(f"i-{n}", target={"entity_type": "x", "entity_id": f"c-{n}"}) for n in (1, 2)])

    assert [answer.reason for answer in answers] == ["FACT_UNAVAILABLE"] * 2


def test_a_fact_that_was_changed_afterwards_is_found(world, keeper):
    keeper.records["/orders/c-1"] = {**ORDER, "total": 900}
    world.submit()
    lines = [dict(line) for line in world.app.export(TENANT)]

    def forge(line):
        line["data"]["facts"]["order"]["kept"]["total"] = 1

    report = verify_export(_forged(lines, forge))

    assert any("policy" in str(finding) for finding in report.findings)


def _forged(lines, forge):
    """The lines with a decision changed, and every hash after it worked out again."""
    before = None
    for line in lines:
        if line["action_intent_id"] != "i-1":
            continue
        if line["event_type"] == "GATE_DECIDED":
            forge(line)
        line["previous_hash"] = before
        before = line["hash"] = entry_hash(line)
    return lines


@pytest.mark.parametrize(
    ("forge", "finding"),
    [
        (lambda facts: facts.clear(), "recorded the facts"),
        (lambda facts: facts["order"]["kept"].pop("paid"), "keeps other fields"),
        (lambda facts: facts["order"].update(had_at="2026-03-10T11:00:00Z"), "was had at"),
    ],
)
def test_a_decision_with_other_facts_than_its_bounds_ask_for_is_found(world, forge, finding):
    world.submit()

    report = verify_export(
        _forged([dict(line) for line in world.app.export(TENANT)], lambda line: forge(line["data"]["facts"]))
    )

    assert any(finding in str(each) for each in report.findings), [str(each) for each in report.findings]


def test_a_block_by_a_fact_holds_for_people_by_what_was_recorded(world, keeper):
    blocking = UP_TO_50.replace("@reason", '@effect("BLOCK") @reason')
    apply(world, keeper, rule=blocking)
    keeper.records["/orders/c-1"] = {**ORDER, "total": 900}
    world.submit()
    assert world.status() == "BLOCKED"
    assert world.app.status(TENANT, "i-1")["obstacle"]["code"] == "BLOCKED"

    apply(world, keeper)
    world.approve()

    assert world.status() == "APPROVED"
    world.assert_sound()


def test_a_private_value_is_looked_up_by_and_not_shown(world, keeper):
    private = {**asking(keeper, url="${SHOP_URL}/orders/{parameters.number}"), "private": ["parameters.number"]}
    world.apply(allowed_hosts=[keeper.host], action_types={TYPE: private}, policies=[])
    keeper.records["/orders/s3cret-number"] = ORDER

    assert world.submit("i-1", parameters={"number": "s3cret-number"}).result == "AUTO_EXECUTED"
    assert world.submit("i-2", parameters={"number": "s3cret/.."}).reason == "FACT_UNAVAILABLE"

    assert keeper.asked == ["/orders/s3cret-number"]
    assert "s3cret" not in json.dumps([world.app.ledger(TENANT, name) for name in ("i-1", "i-2")])
    world.assert_sound()


@pytest.mark.parametrize(
    ("fact", "field"),
    [
        ({"url": "ftp://x/y"}, "url"),
        ({"url": "http://elsewhere.example.com/{target.entity_id}"}, "url"),
        ({"url": "${SHOP_URL}/x?key=${SHOP_TOKEN}"}, "url"),
        ({"url": "${SHOP_URL}/{trace_id}"}, "url"),
        ({"headers": {"Authorization": "Bearer abc"}}, "headers.Authorization"),
        ({"headers": {"Host": "x"}}, "headers.Host"),
        ({"keep": []}, "keep"),
        ({"keep": [f"f{n}" for n in range(21)]}, "keep"),
        ({"keep": {"total": "money"}}, "keep"),
        ({"keep": ["a..b"]}, "keep"),
        ({"timeout_s": 60.0}, "timeout_s"),
        ({"recheck": "yes"}, "facts.order.recheck"),
    ],
)
def test_bounds_say_what_is_wrong_with_a_fact(world, keeper, fact, field):
    with pytest.raises(InvalidInput) as error:
        apply(world, keeper, **fact)

    assert f"action_types.{TYPE}.facts.order" in error.value.field
    assert field in error.value.field


def test_facts_and_their_names_are_limited(world, keeper):
    for facts in (
        {f"f{n}": {"url": "${SHOP_URL}/x", "keep": ["a"]} for n in range(6)},
        {"Order": {"url": "${A}/x", "keep": ["a"]}},
    ):
        with pytest.raises(InvalidInput):
            world.apply(action_types={TYPE: {**type_of(), "facts": facts}})


def test_kinds_of_kept_fields_are_held_against_the_answer(world, keeper):
    apply(world, keeper, keep={"total": "text", "paid": "boolean"}, rule="")

    answer = world.submit()

    assert "total of its answer is not a text" in answer.explanation


def test_a_replay_decides_by_the_facts_that_were_recorded_and_asks_nobody(world, keeper):
    world.submit("small")
    keeper.records["/orders/c-1"] = {**ORDER, "total": 70}
    world.submit("large")
    world.clock.pass_(seconds=1)
    asked = len(keeper.asked)

    def replayed(limit, **order):
        candidate = in_force(keeper, UP_TO_50.replace("50.00", limit), **order)
        return world.app.replay(bounds(TENANT, **candidate), period="30d")

    same, wider, narrower = replayed("50.00"), replayed("100.00"), replayed("10.00")
    other = replayed("50.00", keep=["total", "currency", "paid", "weight"])

    assert (same["decisions"], same["unchanged"]) == (2, 2)
    assert (wider["would_run"]["count"], wider["would_ask"]["count"]) == (1, 0)
    assert (narrower["would_run"]["count"], narrower["would_ask"]["count"]) == (0, 1)
    assert [(each["reason"], each["count"]) for each in other["not_judged"]] == [("FACTS_NOT_RECORDED", 2)]
    assert len(keeper.asked) == asked
