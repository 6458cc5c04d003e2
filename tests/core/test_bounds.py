"""A tenant's bounds: what is refused, versions of action types, and time zones that run out with their day."""

import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import InvalidInput
from remit.core.gate.bounds import BoundsInForce, changed_types, nothing_set, replace_bounds, unregistered
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.bounds_diff import describe_changes
from remit.core.gate.bounds_parts import PARTS, BoundsPart
from remit.core.ledger.config_change import before_first, config_data, with_changes

from .make import NOW, TYPE, bounds, bounds_json, rule, type_json

TOKYO, BERLIN, LA = "Asia/Tokyo", "Europe/Berlin", "America/Los_Angeles"


def in_zone(zone, **changes):
    return {"budget": {"max_autonomous_per_day": 5, "timezone": zone}, **changes}


def own_zone(zone):
    return {"budget": {"timezone": zone}}


def replaced(before, now=NOW, **changes):
    return replace_bounds(before, parse_bounds(bounds_json(**changes)), now)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"allow_list": []}, "allow_list"),
        ({"tenant": "a b"}, "tenant"),
        ({"tenant": None}, "tenant"),
        ({"allowlist": ["send_note"]}, "allowlist.0"),
        ({"allowlist": TYPE}, "allowlist"),
        ({"modes": {"default": "auto_execute"}}, "modes.default"),
        ({"modes": {TYPE: "OFF"}}, f"modes.{TYPE}"),
        ({"modes": {"default": None}}, "modes.default"),
        ({"budget": {"max_autonomous_per_day": -1}}, "budget.max_autonomous_per_day"),
        ({"budget": {"max_autonomous_per_day": True}}, "budget.max_autonomous_per_day"),
        ({"budget": {"max_autonomous_per_day": "5"}}, "budget.max_autonomous_per_day"),
        ({"budget": {"max_autonomous_per_day": 5.5}}, "budget.max_autonomous_per_day"),
        ({"budget": {"max_autonomous_per_day": 2**53 + 1}}, "budget.max_autonomous_per_day"),
        ({"budget": {"max_per_action_type": {TYPE: -1}}}, f"budget.max_per_action_type.{TYPE}"),
        ({"budget": {"max_per_day": 5}}, "budget.max_per_day"),
        ({"budget": {"timezone": "Mars/Base"}}, "budget.timezone"),
        ({"budget": {"timezone": "../../etc/passwd"}}, "budget.timezone"),
        ({"budget": {"timezone": ""}}, "budget.timezone"),
        ({"tenant_budget": {}}, "tenant_budget.max_autonomous_per_day"),
        ({"tenant_budget": {"max_autonomous_per_day": 1, "timezone": "X"}}, "tenant_budget.timezone"),
        ({"accounts": {"north": {"budget": {"timezone": "X"}}}}, "accounts.north.budget.timezone"),
        ({"accounts": {"north": {"mode": {}}}}, "accounts.north.mode"),
        ({"accounts": {"north": None}}, "accounts.north"),
        ({"action_types": {TYPE: type_json(risk_tier="low")}}, f"action_types.{TYPE}.risk_tier"),
        ({"action_types": {TYPE: type_json(risk_tier="CRITICAL")}}, f"action_types.{TYPE}.risk_tier"),
        ({"action_types": {TYPE: type_json(min_confidence=1.1)}}, f"action_types.{TYPE}.min_confidence"),
        ({"action_types": {TYPE: type_json(min_confidence=70)}}, f"action_types.{TYPE}.min_confidence"),
        ({"action_types": {TYPE: type_json(min_confidence=math.nan)}}, f"action_types.{TYPE}.min_confidence"),
        ({"action_types": {TYPE: type_json(min_confidence=True)}}, f"action_types.{TYPE}.min_confidence"),
        ({"action_types": {TYPE: type_json(expires_after="90")}}, f"action_types.{TYPE}.expires_after"),
        ({"action_types": {TYPE: type_json(expires_after="0d")}}, f"action_types.{TYPE}.expires_after"),
        ({"action_types": {TYPE: type_json(expires_after="9999999w")}}, f"action_types.{TYPE}.expires_after"),
        ({"action_types": {TYPE: {"risk_tier": "LOW"}}}, f"action_types.{TYPE}.tool"),
        (
            {"action_types": {TYPE: type_json(parameters={"maxProperties": 2**53})}},
            f"action_types.{TYPE}.parameters.maxProperties",
        ),
        (
            {"action_types": {TYPE: type_json(tool={"connector": "internal", "n": 2**53})}},
            f"action_types.{TYPE}.tool.n",
        ),
        (
            {"action_types": {TYPE: type_json(tool={"connector": "internal", "n": "\ud800"})}},
            f"action_types.{TYPE}.tool.n",
        ),
        ({"policies": [{"name": "a"}]}, "policies.0.text"),
        ({"policies": [rule("// a comment\rpermit (principal, action, resource);")]}, "policies"),
        ({"policies": [rule("(" * 2000)]}, "policies"),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused_with_the_field_named(change, field):
    with pytest.raises(InvalidInput) as caught:
        parse_bounds(bounds_json(**change))

    assert caught.value.field == field


@pytest.mark.parametrize(
    "change",
    [
        *[{"action_types": {name: type_json()}} for name in ("send_note", "", "A B", "default")],
        *[{"modes": {name: "DISABLED"}} for name in ("send_note", "", "A B", "Default")],
        *[{"budget": {"max_per_action_type": {name: 1}}} for name in ("send_note", "default")],
        *[{"accounts": {name: {}}} for name in ("", "a b", "*", "*tenant")],
    ],
    ids=str,
)
def test_a_key_that_is_no_name_of_its_kind_is_refused(change):
    with pytest.raises(InvalidInput) as caught:
        parse_bounds(bounds_json(**change))

    assert caught.value.field.startswith(next(iter(change)))


@pytest.mark.parametrize("sent", [None, [], "tenant: acme", 7])
def test_what_is_not_a_mapping_is_refused(sent):
    with pytest.raises(InvalidInput):
        parse_bounds(sent)


def test_a_tenant_starts_with_no_list_no_budget_and_no_types():
    start = nothing_set("acme")

    assert start.config_sequence == 0
    assert start.allowlist("north").action_types == []
    assert start.mode("north", TYPE).mode == "APPROVAL_REQUIRED"
    assert start.action_type(TYPE) is None
    assert start.budget("north", NOW).limits("north", TYPE) == []


def test_an_unset_minimum_confidence_is_seven_tenths():
    assert bounds().action_type(TYPE).min_confidence == 0.7


def test_every_change_has_the_next_sequence_even_one_that_changes_nothing():
    first = bounds()

    assert replaced(first).config_sequence == first.config_sequence + 1 == 2


def test_stored_bounds_survive_their_json():
    stored = replaced(bounds(**in_zone(TOKYO)), **in_zone(LA, accounts={"a": {"allowlist": []}}))

    again = BoundsInForce.model_validate(json.loads(json.dumps(stored.wire())))

    assert again == stored
    assert again.allowlist("a").action_types == []


def test_an_action_type_that_changes_in_anything_gets_the_next_version():
    first = bounds()
    for change in (
        {"risk_tier": "HIGH"},
        {"min_confidence": 0.71},
        {"expires_after": "8d"},
        {"tool": {"connector": "internal", "operation": "create_task"}},
        {"tool": {"connector": "internal", "operation": "create_note", "honours_idempotency_key": True}},
    ):
        second = replaced(first, action_types={TYPE: type_json(**change)})

        assert second.type_versions == {TYPE: 2}, change
        assert changed_types(first, second) == [TYPE]


def test_an_action_type_that_does_not_change_keeps_its_version():
    first = bounds()

    second = replaced(first, allowlist=[], action_types={TYPE: type_json(), "NEW": type_json()})

    assert second.type_versions == {TYPE: 1, "NEW": 1}
    assert changed_types(first, second) == ["NEW"]


def test_an_action_type_that_comes_back_never_gets_a_version_it_had_before():
    first = bounds()
    gone = replaced(first, action_types={})
    back = replaced(gone, action_types={TYPE: type_json()})
    changed = replaced(back, action_types={TYPE: type_json(risk_tier="MEDIUM")})
    as_before = replaced(changed, action_types={TYPE: type_json()})

    assert gone.action_type(TYPE) is None
    assert [b.type_versions[TYPE] for b in (first, back, changed, as_before)] == [1, 2, 3, 4]


# NOW is noon of the 10th in UTC: 21:00 in Tokyo, 13:00 in Berlin, 05:00 in Los Angeles.
END_OF_TOKYO = datetime(2026, 3, 10, 15, tzinfo=UTC)
END_OF_LA = datetime(2026, 3, 11, 7, tzinfo=UTC)
JUST_BEFORE = timedelta(microseconds=1)

ZONE_CHANGES = {
    "the default, for an account named nowhere": (in_zone(TOKYO), in_zone(LA)),
    "the default, for an account named without a zone": (
        in_zone(TOKYO, accounts={"north": {}}),
        in_zone(LA, accounts={"north": {}}),
    ),
    "an account's own": (
        in_zone(BERLIN, accounts={"north": own_zone(TOKYO)}),
        in_zone(BERLIN, accounts={"north": own_zone(LA)}),
    ),
    "an account that gets one": (in_zone(TOKYO), in_zone(TOKYO, accounts={"north": own_zone(LA)})),
    "an account that loses its own": (
        in_zone(LA, accounts={"north": own_zone(TOKYO)}),
        in_zone(LA, accounts={"north": {}}),
    ),
    "an account that is removed": (in_zone(LA, accounts={"north": own_zone(TOKYO)}), in_zone(LA)),
    "an account removed while the default changes": (
        in_zone(BERLIN, accounts={"north": own_zone(TOKYO)}),
        in_zone(LA),
    ),
    "all of the budget, then UTC for the default": (
        in_zone(LA, accounts={"north": own_zone(TOKYO)}),
        in_zone(LA, accounts={"north": own_zone(LA)}, allowlist=[]),
    ),
}


@pytest.mark.parametrize(("before", "after"), ZONE_CHANGES.values(), ids=ZONE_CHANGES)
def test_a_changed_zone_takes_effect_when_the_current_day_has_ended(before, after):
    first = bounds(**before)

    second = replaced(first, **after)

    assert str(first.budget("north", NOW).day) == "2026-03-10@Asia/Tokyo"
    assert second.budget("north", NOW).day == first.budget("north", NOW).day
    assert second.budget("north", END_OF_TOKYO - JUST_BEFORE).day == first.budget("north", NOW).day
    assert str(second.budget("north", END_OF_TOKYO).day) == f"2026-03-10@{LA}"


def test_an_account_called_default_is_an_account_like_any_other():
    first = bounds(**in_zone(BERLIN, accounts={"default": own_zone(TOKYO)}))

    second = replaced(first, **in_zone(BERLIN, accounts={"default": own_zone(LA)}))
    third = replaced(first, **in_zone(LA, accounts={"default": own_zone(TOKYO)}))

    assert second.budget("default", NOW).day.timezone == TOKYO
    assert second.budget("other", NOW).day.timezone == BERLIN
    assert third.budget("default", NOW).day.timezone == TOKYO
    assert third.budget("other", NOW).day.timezone == BERLIN


def test_a_removed_account_stays_in_its_zone_when_the_default_moves_there():
    first = bounds(**in_zone(BERLIN, accounts={"north": own_zone(TOKYO)}))

    second = replaced(first, **in_zone(TOKYO))

    assert second.budget("north", NOW).day == first.budget("north", NOW).day
    assert second.budget("other", NOW).day == first.budget("other", NOW).day


def test_an_account_s_zone_does_not_move_the_others():
    first = bounds(**in_zone(BERLIN, accounts={"north": own_zone(TOKYO)}))

    second = replaced(first, **in_zone(BERLIN, accounts={"north": own_zone(LA)}))

    assert second.budget("south", NOW).day.timezone == BERLIN


def test_a_ceiling_s_zone_changes_when_its_own_day_has_ended():
    def ceiling(zone):
        return in_zone(BERLIN, tenant_budget={"max_autonomous_per_day": 9, "timezone": zone})

    second = replaced(bounds(**ceiling(TOKYO)), **ceiling(LA))

    assert second.budget("north", NOW).tenant_day.timezone == TOKYO
    assert second.budget("north", END_OF_TOKYO).tenant_day.timezone == LA
    assert second.budget("north", NOW).day.timezone == BERLIN


def test_a_ceiling_taken_away_and_set_again_the_same_day_keeps_its_day():
    def ceiling(zone):
        return in_zone(BERLIN, tenant_budget={"max_autonomous_per_day": 9, "timezone": zone})

    without = replaced(bounds(**ceiling(TOKYO)), **in_zone(BERLIN))
    again = replaced(without, **ceiling(LA))

    assert again.budget("north", NOW).tenant_day.timezone == TOKYO
    assert again.budget("north", END_OF_TOKYO).tenant_day.timezone == LA


def test_two_changes_in_one_day_leave_that_day_as_it_was():
    first = bounds(**in_zone(TOKYO))
    second = replaced(first, **in_zone(BERLIN))
    third = replaced(second, NOW + timedelta(hours=1), **in_zone(LA))

    assert third.budget("north", END_OF_TOKYO - JUST_BEFORE).day == first.budget("north", NOW).day
    assert third.budget("north", END_OF_TOKYO).day.timezone == LA


def test_a_change_that_is_taken_back_the_same_day_was_never_there():
    first = bounds(**in_zone(TOKYO))
    back = replaced(replaced(first, **in_zone(LA)), **in_zone(TOKYO))

    assert back.budget("north", NOW).day == first.budget("north", NOW).day
    assert back.budget("north", END_OF_TOKYO).day.timezone == TOKYO


def test_a_budget_taken_away_and_set_again_the_same_day_keeps_its_day():
    first = bounds(**in_zone(TOKYO))
    again = replaced(replaced(first, budget=None), **in_zone(LA))

    assert again.budget("north", NOW).day == first.budget("north", NOW).day


def test_the_first_bounds_take_effect_at_once():
    assert bounds(**in_zone(TOKYO)).budget("north", NOW).day.timezone == TOKYO


def test_the_zones_of_a_tenant_are_all_in_which_some_account_has_a_day_now():
    ceiling = {"max_autonomous_per_day": 9, "timezone": "Asia/Kolkata"}
    first = bounds(**in_zone(BERLIN, accounts={"north": own_zone(TOKYO)}, tenant_budget=ceiling))
    second = replaced(first, **in_zone(LA, tenant_budget=ceiling))

    assert first.zones(NOW) == {BERLIN, TOKYO, "Asia/Kolkata"}
    assert second.zones(NOW) == {BERLIN, TOKYO, "Asia/Kolkata"}
    assert second.zones(END_OF_LA) == {LA, "Asia/Kolkata"}


zones = st.sampled_from(["UTC", TOKYO, LA, "Pacific/Kiritimati", "Pacific/Pago_Pago"])
some_bounds = st.builds(
    lambda default, own, ceiling: {
        "budget": {"max_autonomous_per_day": 5, **({"timezone": default} if default else {})},
        "accounts": {name: own_zone(zone) if zone else {} for name, zone in own.items()},
        **({"tenant_budget": {"max_autonomous_per_day": 9, "timezone": ceiling}} if ceiling else {}),
    },
    st.none() | zones,
    st.dictionaries(st.sampled_from(["north", "south", "default"]), st.none() | zones),
    st.none() | zones,
)


@given(st.lists(st.tuples(some_bounds, st.integers(0, 30)), min_size=2, max_size=6))
def test_no_change_of_bounds_ends_a_day_early_or_begins_it_again(changes):
    now, in_force = NOW, nothing_set("acme")
    seen: dict[str, list[str]] = {}
    for change, hours in changes:
        before, first = in_force, in_force.config_sequence == 0
        now += timedelta(hours=hours)
        in_force = replace_bounds(in_force, parse_bounds(bounds_json(**change)), now)
        for account in ("north", "south", "default", "unnamed"):
            day = in_force.budget(account, now).day
            assert first or day == before.budget(account, now).day
            days = seen.setdefault(account, [])
            if str(day) not in days[-1:]:
                days.append(str(day))

    for days in seen.values():
        assert len(days) == len(set(days))


def test_names_that_no_registered_type_bears_are_told_with_their_place():
    told = unregistered(
        parse_bounds(
            {
                "tenant": "acme",
                "allowlist": ["NOTES"],
                "modes": {"default": "AUTO_EXECUTE", "NOTE_S": "DISABLED"},
                "accounts": {"a": {"budget": {"max_per_action_type": {"NTE": 5}}}},
            }
        )
    )

    assert told == [("allowlist", "NOTES"), ("modes", "NOTE_S"), ("accounts.a.budget.max_per_action_type", "NTE")]


@pytest.mark.parametrize(
    ("action_types", "lives", "version"),
    [
        ({TYPE: type_json()}, timedelta(days=7), 1),
        ({TYPE: type_json(expires_after="90m")}, timedelta(minutes=90), 1),
        ({}, timedelta(days=7), None),
    ],
)
def test_a_proposal_lives_as_long_as_its_type_says_and_pins_the_version_of_now(action_types, lives, version):
    in_force = bounds(action_types=action_types)

    assert (in_force.expires_after(TYPE), in_force.registry_version(TYPE)) == (lives, version)


def test_a_type_that_was_taken_out_is_pinned_by_nothing():
    gone = replaced(bounds(), action_types={})

    assert (gone.type_versions, gone.registry_version(TYPE)) == ({TYPE: 1}, None)


def test_every_part_of_the_bounds_is_in_the_list_that_doors_read():
    assert set(PARTS) == set(BoundsPart.__subclasses__())
    assert len({part.route for part in PARTS}) == len(PARTS)


FIRST_OF_OLD = {
    "config_sequence": 1,
    "set": {"/config_sequence": 1, "/bounds/allowlist": ["SEND_NOTE"]},
    "removed": [],
    "bounds_hash": "bec93a90720c79ad4d2c934c95689704bbb9379cc107d0b9bad4f15139ad49dc",
}
"""As it was written before bounds had `independent_approvers`, when proposers could approve by default."""


def test_what_an_old_ledger_does_not_say_is_what_held_by_default_when_it_was_written():
    after = BoundsInForce.from_wire(with_changes(before_first("acme"), FIRST_OF_OLD))

    assert (after.bounds.allowlist, after.bounds.proposer_may_approve) == (["SEND_NOTE"], True)


def test_changes_that_follow_an_old_ledger_s_replay_from_it():
    old = with_changes(before_first("acme"), FIRST_OF_OLD)
    stored = BoundsInForce.from_wire(old)
    changed = parse_bounds({"tenant": "acme", "independent_approvers": False})
    following = replace_bounds(stored, changed, NOW)

    replayed = with_changes(old, config_data(stored, following))

    assert replayed == following.wire() and BoundsInForce.from_wire(replayed) == following
    assert replayed["bounds"]["independent_approvers"] is False


def test_the_first_change_replays_from_the_state_before_it():
    after = bounds(proposer_may_approve=None)

    assert with_changes(before_first("acme"), config_data(nothing_set("acme"), after)) == after.wire()


@pytest.mark.parametrize("path", ["a", "", "bounds"])
def test_a_part_that_no_pointer_names_is_a_value_error(path):
    with pytest.raises(ValueError, match="pointer"):
        with_changes(before_first("acme"), {"set": {path: 1}, "removed": [], "bounds_hash": ""})


# --- what types say of results ---


def test_where_no_type_says_anything_of_results_bounds_hash_as_they_always_did():
    silent, said = bounds(), bounds(action_types={TYPE: type_json(result="refs")})

    assert "result" not in silent.wire()["bounds"]["action_types"][TYPE]
    assert said.wire()["bounds"]["action_types"][TYPE]["result"]["mode"] == "refs"
    for state in (silent, said):
        assert BoundsInForce.from_wire(state.wire()) == state


def test_a_change_of_what_is_kept_makes_a_new_version_and_says_what_changes():
    before = bounds(action_types={TYPE: type_json(result={"keep": "7d"})})
    after = replace_bounds(
        before, parse_bounds(bounds_json(action_types={TYPE: type_json(result={"keep": "30d", "people": True})})), NOW
    )

    assert after.type_versions[TYPE] == before.type_versions[TYPE] + 1
    assert describe_changes(before, after) == [
        f"~ action_types.{TYPE}.result.keep: 7d -> 30d",
        f"~ action_types.{TYPE}.result.people: false -> true",
    ]
