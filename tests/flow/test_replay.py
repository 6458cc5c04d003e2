"""Replays over real histories: what another set of bounds would have decided, from the ledger alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remit.app.offline import replay_export
from remit.core.errors import InvalidInput
from remit.ports import DELIVERED, REFUSED

from .world import ACCOUNT, NOON, OTHER, TYPE, bounds, type_of

AMOUNTS = {"amount": {"value": "parameters.amount", "unit": "EUR"}}
SPENDING = {TYPE: {**type_of(), "amounts": AMOUNTS}, OTHER: type_of()}
MONEY = {"name": "money", "sum": "amount", "unit": "EUR", "per": "day", "of": "account", "action_types": [TYPE]}


def spend(world, name, amount, **changes):
    return world.submit(name, parameters={"amount": amount}, **changes)


def replay(world, period="30d", **changes):
    return world.app.replay(bounds(world.tenant, **changes), period=period)


def by_file(world, period="30d", **changes):
    return replay_export(list(world.app.export_lines(world.tenant)), bounds(world.tenant, **changes), period=period)


def ids(answer):
    return [item["action_intent_id"] for item in answer["telling"]]


def test_the_bounds_in_force_change_nothing(world):
    world.submit("ran")
    world.queued("waits")
    world.submit("late", expires_at=NOON + timedelta(seconds=1))

    answer = replay(world)

    assert (answer["decisions"], answer["unchanged"], answer["other_reason"]) == (3, 3, 0)
    assert (answer["telling"], answer["not_judged"]) == ([], [])


def test_a_wider_budget_would_run_what_a_person_was_asked_for(world):
    world.apply(action_types=SPENDING, budget={"max_autonomous_per_day": 1})
    spend(world, "ran", 10)
    spend(world, "approved", 20)
    spend(world, "rejected", 30.5)
    spend(world, "waits", 40)
    world.approve("approved")
    world.app.reject(world.tenant, "rejected", by="bob")
    world.clock.pass_(seconds=1)

    answer = replay(world, action_types=SPENDING, budget={"max_autonomous_per_day": 3})

    would_run = answer["would_run"]
    assert (answer["decisions"], answer["unchanged"]) == (4, 2)
    assert (would_run["count"], would_run["amounts"]) == (2, [{"name": "amount", "unit": "EUR", "sum": "50.5"}])
    assert [(each["reason"], each["count"]) for each in would_run["by_reason"]] == [("BUDGET_EXCEEDED", 2)]
    assert [(each["action_type"], each["count"]) for each in would_run["by_action_type"]] == [(TYPE, 2)]
    assert [(each["account_id"], each["count"]) for each in would_run["by_account"]] == [(ACCOUNT, 2)]
    assert would_run["people"] == {"approved": 1, "rejected": 1}
    assert ids(answer) == ["rejected", "approved"]


def test_counters_are_the_candidates_own(world):
    """What the second limit refuses takes nothing of it, so that a smaller one behind it fits."""
    world.apply(action_types=SPENDING)
    for name, amount in (("first", 60), ("second", 50), ("third", 40), ("fourth", 1)):
        spend(world, name, amount)
    world.clock.pass_(seconds=1)

    answer = replay(world, action_types=SPENDING, limits=[{**MONEY, "most": 100}])

    assert answer["would_ask"]["count"] == 2
    assert answer["would_ask"]["amounts"] == [{"name": "amount", "unit": "EUR", "sum": "51"}]
    assert ids(answer) == ["second", "fourth"]
    assert {item["would_be"] for item in answer["telling"]} == {"BUDGET_EXCEEDED"}


def test_a_new_day_has_a_window_of_its_own(world):
    world.apply(action_types=SPENDING)
    for day in range(3):
        spend(world, f"a-{day}", 60)
        spend(world, f"b-{day}", 60)
        world.clock.pass_(days=1)

    answer = replay(world, action_types=SPENDING, limits=[{**MONEY, "most": 100}])

    assert sorted(ids(answer)) == ["b-0", "b-1", "b-2"]


def test_what_was_decided_before_the_period_counts_and_is_not_reported(world):
    world.apply(action_types=SPENDING)
    spend(world, "before", 60)
    world.clock.pass_(hours=2)
    spend(world, "within", 60)
    world.clock.pass_(seconds=1)

    answer = replay(world, "1h", action_types=SPENDING, limits=[{**MONEY, "most": 100}])

    assert (answer["decisions"], ids(answer)) == (1, ["within"])
    assert answer["counted_from"] == "2026-03-10T00:00:00Z"


def test_a_window_that_began_before_the_history_is_taken_up_where_it_stood(world):
    """The week began in the month before; the replay begins with the month, which is the earliest that it counts."""
    month = {"name": "month", "most": 50, "per": "month", "of": "account"}
    day = {"name": "day", "most": 2, "per": "day", "of": "account", "timezone": "Pacific/Auckland"}
    world.apply(limits=[month, day])
    world.clock.at = NOON.replace(month=2, day=28, hour=13)
    world.submit("before-1")
    world.submit("before-2")
    world.clock.at = NOON.replace(month=3, day=1, hour=1)
    world.submit("too-many")
    world.clock.pass_(hours=1)

    answer = replay(world, "90m", limits=[month, day])

    assert (answer["decisions"], answer["unchanged"]) == (1, 1)


def test_what_was_given_back_is_given_back_where_the_candidate_ran_it_too(sending):
    sending.bus.script.extend([REFUSED, DELIVERED])
    sending.apply(budget={"max_autonomous_per_day": 1})
    sending.submit("refused")
    sending.clock.pass_(seconds=1)
    sending.submit("in-its-place")
    sending.clock.pass_(seconds=1)

    answer = replay(sending, budget={"max_autonomous_per_day": 1}, modes={"default": "AUTO_EXECUTE", OTHER: "DISABLED"})

    assert (answer["decisions"], answer["unchanged"]) == (2, 2)


def test_what_took_the_place_of_one_that_would_have_run_is_not_judged(world):
    world.apply(budget={"max_autonomous_per_day": 0})
    world.submit("first")
    world.submit("second", supersedes="first")
    world.submit("third", supersedes="second")
    world.clock.pass_(seconds=1)

    answer = replay(world, budget={"max_autonomous_per_day": 5})

    assert (answer["decisions"], answer["would_run"]["count"]) == (3, 1)
    assert answer["would_run"]["people"] == {"replaced": 1}
    (unjudged,) = answer["not_judged"]
    assert (unjudged["reason"], unjudged["intents"]) == ("REPLACES_WHAT_WOULD_RUN", ["second", "third"])


def test_a_new_version_of_a_type_is_what_intents_would_have_pinned(world):
    world.submit("unsure", confidence_score=0.65)
    world.submit("sure", confidence_score=0.9)
    world.clock.pass_(seconds=1)

    answer = replay(world, action_types={TYPE: {**type_of(), "min_confidence": 0.6}, OTHER: type_of()})

    assert (answer["would_run"]["count"], ids(answer)) == (1, ["unsure"])


def test_what_is_blocked_is_told_apart(world):
    world.submit("ran")
    world.queued("waits")
    world.clock.pass_(seconds=1)

    answer = replay(world, modes={"default": "DISABLED"})

    blocked = answer["would_be_blocked"]
    assert (blocked["count"], answer["would_ask"]["count"]) == (2, 0)
    assert [each["reason"] for each in blocked["by_reason"]] == ["ACTION_TYPE_DISABLED"]


def test_stops_and_edits_are_those_of_the_ledger(world):
    world.stop()
    world.submit("stopped")
    world.resume()
    world.queued("asked")
    world.app.edit(world.tenant, "asked", by="bob", changes={"parameters.text": "x"})
    world.clock.pass_(seconds=1)

    answer = replay(world, budget={"max_autonomous_per_day": 100})

    assert (answer["decisions"], answer["unchanged"]) == (3, 3)


def test_a_rule_that_looks_at_private_values_is_not_judged(world):
    private = {TYPE: {**type_of(), "private": ["parameters.text"]}, OTHER: type_of()}
    world.apply(action_types=private)
    world.submit("hidden")
    world.clock.pass_(seconds=1)
    rule = '@reason("SHOUTS") forbid (principal, action, resource) when { context.texts.hasTag("text") && '
    looks = [{"name": "own.cedar", "text": rule + 'context.texts.getTag("text") == "HELLO" };'}]

    same, looking = replay(world, action_types=private), replay(world, action_types=private, policies=looks)

    assert (same["unchanged"], same["not_judged"]) == (1, [])
    assert [(each["reason"], each["count"]) for each in looking["not_judged"]] == [("PRIVATE_VALUES", 1)]


def test_what_the_candidates_schema_refuses_is_not_judged(world):
    world.submit("worded", parameters={"text": "hello"})
    world.clock.pass_(seconds=1)
    schema = {"type": "object", "required": ["amount"]}

    answer = replay(world, action_types={TYPE: {**type_of(), "parameters": schema}, OTHER: type_of()})

    assert [(each["reason"], each["intents"]) for each in answer["not_judged"]] == [("ARGUMENTS_REFUSED", ["worded"])]


def test_a_replay_writes_nothing(world):
    world.submit("ran")
    before = list(world.app.ledger_entries(world.tenant, None))

    replay(world, budget={"max_autonomous_per_day": 0})

    assert list(world.app.ledger_entries(world.tenant, None)) == before
    world.assert_sound(export=False)


def test_an_exported_file_gives_the_same(world):
    world.apply(action_types=SPENDING)
    for number in range(12):
        spend(world, f"i-{number}", 10 + number)
    changes = {"action_types": SPENDING, "limits": [{**MONEY, "most": 100}]}

    stored, exported = replay(world, **changes), by_file(world, **changes)

    assert stored == exported
    assert stored["would_ask"]["count"] > 0


def test_a_file_of_another_tenant_is_refused(world):
    world.submit("ran")
    lines = list(world.app.export_lines(world.tenant))

    with pytest.raises(InvalidInput, match="other"):
        replay_export(lines, bounds("other"))


def test_a_line_that_is_no_entry_is_named(world):
    world.submit("ran")
    lines = [*world.app.export_lines(world.tenant), b"{}"]

    with pytest.raises(InvalidInput, match=f"line {len(lines)} is no ledger entry"):
        replay_export(lines, bounds(world.tenant))


@pytest.mark.parametrize("place", ["beside it", "elsewhere"])
def test_a_chain_that_stands_twice_is_refused_and_never_counted_twice(world, place):
    world.submit("a"), world.submit("b")
    lines = list(world.app.export_lines(world.tenant))
    twice = [line for line in lines if b'"action_intent_id":"a"' in line]
    places = {"beside it": [*twice, *lines], "elsewhere": [*lines[:-1], *twice, lines[-1]]}

    with pytest.raises(InvalidInput, match="the chain of intent a stands in it twice") as refused:
        replay_export(places[place], bounds(world.tenant))

    assert refused.value.field == "FILE" and "name one export" in refused.value.way_out


def test_two_exports_in_one_file_are_refused(world):
    world.submit("ran")
    older = list(world.app.export_lines(world.tenant))
    world.submit("later")

    with pytest.raises(InvalidInput, match="stands in it twice"):
        replay_export([*older, *world.app.export_lines(world.tenant)], bounds(world.tenant))


def test_blank_lines_are_none(world):
    world.submit("ran")

    answer = replay_export([b"", *world.app.export_lines(world.tenant), b"  "], bounds(world.tenant))

    assert answer["decisions"] == 1


def test_a_decision_whose_proposal_is_not_there_is_named(world):
    world.submit("ran")
    world.submit("whole")
    lines = [
        line
        for line in world.app.export_lines(world.tenant)
        if not (b'"action_intent_id":"ran"' in line and b'"INTENT_PROPOSED"' in line)
    ]

    answer = replay_export(lines, bounds(world.tenant))

    assert [(each["reason"], each["intents"]) for each in answer["not_judged"]] == [("INTENT_MISSING", ["ran"])]
    assert answer["unchanged"] == 1


def test_a_generator_of_lines_is_read_twice(world):
    world.submit("ran")

    answer = replay_export(iter(list(world.app.export_lines(world.tenant))), bounds(world.tenant))

    assert answer["decisions"] == 1


@pytest.mark.parametrize("period", ["", "30", "0d", "d", "1y"])
def test_a_period_that_is_none_is_refused(world, period):
    with pytest.raises(InvalidInput, match="replay"):
        replay(world, period)
