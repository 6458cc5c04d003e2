"""The budget: merging, days and their ends, charging all or nothing, and giving back to the right window."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from remit.core.gate.budget import (
    Budget,
    BudgetInForce,
    Counter,
    TenantBudget,
    Usage,
    account_of,
    account_usage_id,
    day_of,
    merge,
    split_window_id,
)
from remit.core.gate.charging import Charge, Shortfall, charge, release
from remit.core.gate.zones import zone, zone_names
from remit.core.values import instant

from .make import NOW


def in_force(budget=None, ceiling=None, now=NOW):
    tenant_budget = None if ceiling is None else TenantBudget(max_autonomous_per_day=ceiling)
    return BudgetInForce(
        budget=budget, day=day_of(now, "UTC"), tenant_budget=tenant_budget, tenant_day=day_of(now, "UTC")
    )


def limits_of(action_type="A", *, account="north", per_day=10, per_type=None, ceiling=None, now=NOW):
    budget = Budget(max_autonomous_per_day=per_day, max_per_action_type=per_type or {})
    return in_force(budget, ceiling, now).limits(account, action_type)


def test_an_account_s_budget_lies_over_the_tenant_s_field_by_field_and_key_by_key():
    default = Budget(max_autonomous_per_day=10, max_per_action_type={"A": 1, "B": 2}, timezone="Europe/Berlin")

    assert merge(default, Budget()) == default
    assert merge(default, Budget(max_autonomous_per_day=3)).max_autonomous_per_day == 3
    assert merge(default, Budget(max_autonomous_per_day=3)).timezone == "Europe/Berlin"
    assert merge(default, Budget(timezone="Asia/Tokyo")) == default.model_copy(update={"timezone": "Asia/Tokyo"})
    assert merge(default, Budget(max_per_action_type={"B": 0, "C": 5})).max_per_action_type == {"A": 1, "B": 0, "C": 5}


def test_an_account_s_zero_is_not_taken_for_unset():
    default = Budget(max_autonomous_per_day=10, max_per_action_type={"A": 5})

    merged = merge(default, Budget(max_autonomous_per_day=0, max_per_action_type={"A": 0}))

    assert (merged.max_autonomous_per_day, merged.max_per_action_type) == (0, {"A": 0})


def test_one_budget_alone_is_that_budget_and_none_is_none():
    budget = Budget(max_autonomous_per_day=1)

    assert merge(None, budget) == merge(budget, None) == budget
    assert merge(None, None) is None


@pytest.mark.parametrize("budget", [None, Budget(), Budget(max_per_action_type={"A": 5}), Budget(timezone="UTC")])
@pytest.mark.parametrize("ceiling", [None, 100])
def test_no_daily_limit_is_no_budget_and_a_ceiling_alone_gives_nobody_autonomy(budget, ceiling):
    assert in_force(budget, ceiling).limits("north", "A") == []


@pytest.mark.parametrize(
    ("limits", "scope"),
    [
        (limits_of(per_day=0), "account"),
        (limits_of(per_type={"A": 0}), "account_type"),
        (limits_of(ceiling=0), "tenant"),
    ],
)
def test_zero_means_none_at_every_level(limits, scope):
    refused = charge(limits, {})

    assert isinstance(refused, Shortfall)
    assert (refused.limit.scope, refused.limit.limit, refused.used) == (scope, 0, 0)


def test_a_type_that_is_not_listed_has_only_the_daily_limit():
    usages = {}
    for _ in range(10):
        _, usages = charge(limits_of("B", per_type={"A": 0}), usages)

    refused = charge(limits_of("B", per_type={"A": 0}), usages)

    assert (refused.limit.scope, refused.used) == ("account", 10)


def test_a_type_without_a_limit_is_counted_so_that_one_set_at_noon_counts_the_morning():
    usages = {}
    for _ in range(3):
        _, usages = charge(limits_of("A"), usages)

    refused = charge(limits_of("A", per_type={"A": 3}), usages)

    assert (refused.limit.scope, refused.used) == ("account_type", 3)


def test_a_refusal_by_any_limit_charges_none_of_them():
    _, usages = charge(limits_of("A", per_type={"A": 1}, ceiling=5), {})
    before = {usage_id: usage.wire() for usage_id, usage in usages.items()}

    refused = charge(limits_of("A", per_type={"A": 1}, ceiling=5), usages)

    assert isinstance(refused, Shortfall)
    assert {usage_id: usage.wire() for usage_id, usage in usages.items()} == before


def test_five_types_together_never_exceed_the_daily_limit():
    usages, taken = {}, 0
    for number in range(50):
        kind = "ABCDE"[number % 5]
        outcome = charge(limits_of(kind, per_day=10, per_type=dict.fromkeys("ABCDE", 4)), usages)
        if not isinstance(outcome, Shortfall):
            taken, usages = taken + 1, {**usages, **outcome[1]}

    assert taken == 10


def test_accounts_have_their_own_counters_and_share_the_ceiling():
    _, usages = charge(limits_of(account="north", per_day=1, ceiling=2), {})
    _, more = charge(limits_of(account="south", per_day=1, ceiling=2), usages)

    refused = charge(limits_of(account="west", per_day=1, ceiling=2), {**usages, **more})

    assert (refused.limit.scope, refused.used) == ("tenant", 2)


def test_the_account_s_own_limit_is_named_first():
    refused = charge(limits_of(per_day=0, per_type={"A": 0}, ceiling=0), {})

    assert refused.limit.scope == "account"


def test_a_charge_names_its_window_its_limit_the_use_after_it_and_its_position():
    charges, _ = charge(limits_of(per_type={"A": 2}, ceiling=5), {})

    also: dict[str, Any] = {"used_after": 1, "position": 1, "unit": None, "taken": 1}
    also |= {"starts_at": datetime(2026, 3, 10, tzinfo=UTC), "ends_at": datetime(2026, 3, 11, tzinfo=UTC)}
    assert charges == [
        Charge(window_id="2026-03-10@UTC|account:north|all", limit=10, **also),
        Charge(window_id="2026-03-10@UTC|account:north|type:A", limit=2, **also),
        Charge(window_id="2026-03-10@UTC|tenant|all", limit=5, **also),
    ]


def test_a_charge_before_midnight_is_given_back_to_the_day_it_was_taken_from():
    late = datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC)
    charges, monday = charge(limits_of(now=late), {})
    _, tuesday = charge(limits_of(now=late + timedelta(seconds=2)), {})

    released, changed = release(charges, {**monday, **tuesday})

    assert set(changed) == {"2026-03-10@UTC|account:north"}
    assert changed["2026-03-10@UTC|account:north"].used("all") == 0
    assert [(r.window_id, r.used_after, r.position) for r in released] == [(c.window_id, 0, 2) for c in charges]


def test_a_charge_is_given_back_even_when_the_limit_has_gone_since():
    charges, usages = charge(limits_of(per_type={"A": 2}, ceiling=5), {})

    released, changed = release(charges, usages)

    assert [(r.limit, r.used_after) for r in released] == [(10, 0), (2, 0), (5, 0)]
    assert all(counter.used == 0 for usage in changed.values() for counter in usage.counters.values())


def test_the_usage_records_of_an_account_are_those_its_charge_writes():
    for ceiling in (None, 5):
        budget = in_force(Budget(max_autonomous_per_day=5), ceiling)

        _, usages = charge(budget.limits("north", "A"), {})

        assert sorted(budget.usage_ids("north")) == sorted(usages)


def test_a_window_id_splits_into_the_record_and_the_counter():
    assert split_window_id("2026-03-10@UTC|account:a|type:A_B") == ("2026-03-10@UTC|account:a", "type:A_B")


steps = st.lists(
    st.tuples(st.just("charge"), st.sampled_from(["north", "south"]), st.sampled_from("AB"), st.integers(0, 1))
    | st.tuples(st.just("release"), st.integers(0, 30)),
    max_size=40,
)


@given(
    steps, st.integers(0, 6), st.dictionaries(st.sampled_from("AB"), st.integers(0, 4)), st.none() | st.integers(0, 8)
)
def test_a_counter_is_the_unreleased_charges_and_positions_have_no_gaps(steps, per_day, per_type, ceiling):
    usages, held, history = {}, [], {}
    for step, *args in steps:
        if step == "charge":
            account, kind, day = args
            now = NOW + timedelta(days=day)
            outcome = charge(
                limits_of(kind, account=account, per_day=per_day, per_type=per_type, ceiling=ceiling, now=now), usages
            )
            if isinstance(outcome, Shortfall):
                assert outcome.used >= outcome.limit.limit
                continue
            moved, changed = outcome
            held.append(moved)
            assert all(c.limit is None or c.used_after <= c.limit for c in moved)
        elif held:
            moved, changed = release(held.pop(args[0] % len(held)), usages)
        else:
            continue
        usages = {**usages, **changed}
        for entry in moved:
            history.setdefault(entry.window_id, []).append(entry)

    for window_id, entries in history.items():
        usage_id, counter = split_window_id(window_id)
        now_held = sum(c.window_id == window_id for charges in held for c in charges)
        assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
        assert usages[usage_id].used(counter) == entries[-1].used_after == now_held


@pytest.mark.parametrize(
    ("now", "zone", "day", "ends_at"),
    [
        ("2026-03-10T12:00:00Z", "UTC", "2026-03-10", "2026-03-11T00:00:00Z"),
        ("2026-03-10T00:00:00Z", "UTC", "2026-03-10", "2026-03-11T00:00:00Z"),
        ("2026-03-10T23:59:59.999999Z", "UTC", "2026-03-10", "2026-03-11T00:00:00Z"),
        ("2026-03-10T23:30:00Z", "Europe/Berlin", "2026-03-11", "2026-03-11T23:00:00Z"),
        ("2026-03-10T03:00:00Z", "America/New_York", "2026-03-09", "2026-03-10T04:00:00Z"),
        # 23 and 25 hours long.
        ("2026-03-29T00:30:00Z", "Europe/Berlin", "2026-03-29", "2026-03-29T22:00:00Z"),
        ("2026-10-24T22:30:00Z", "Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00Z"),
        # Midnight skipped: the day begins at 01:00.
        ("2024-09-07T12:00:00Z", "America/Santiago", "2024-09-07", "2024-09-08T04:00:00Z"),
        ("2024-09-08T12:00:00Z", "America/Santiago", "2024-09-08", "2024-09-09T03:00:00Z"),
        ("2024-04-25T12:00:00Z", "Africa/Cairo", "2024-04-25", "2024-04-25T22:00:00Z"),
        ("2022-03-26T12:00:00Z", "Asia/Beirut", "2022-03-26", "2022-03-26T22:00:00Z"),
        # 24:00 is 23:00 once more.
        ("2024-04-06T12:00:00Z", "America/Santiago", "2024-04-06", "2024-04-07T04:00:00Z"),
        ("2024-04-07T03:30:00Z", "America/Santiago", "2024-04-06", "2024-04-07T04:00:00Z"),
        # Midnight comes twice: the first one counts.
        ("2024-11-02T12:00:00Z", "America/Havana", "2024-11-02", "2024-11-03T04:00:00Z"),
        ("2024-11-03T05:30:00Z", "America/Havana", "2024-11-03", "2024-11-04T05:00:00Z"),
        # The 30th did not happen.
        ("2011-12-30T09:00:00Z", "Pacific/Apia", "2011-12-29", "2011-12-30T10:00:00Z"),
        ("2011-12-30T10:00:00Z", "Pacific/Apia", "2011-12-31", "2011-12-31T10:00:00Z"),
    ],
)
def test_a_day_is_the_zone_s_day_and_ends_when_its_next_one_begins(now, zone, day, ends_at):
    today = day_of(datetime.fromisoformat(now), zone)

    assert (today.date, today.timezone) == (day, zone)
    assert instant(today.ends_at) == ends_at
    assert str(today) == f"{day}@{zone}"


@settings(max_examples=400)
@given(
    st.datetimes(datetime(2015, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(sorted(zone_names())),
)
@example(datetime(2023, 10, 1, 3, 59, 59, tzinfo=UTC), "America/Asuncion")
@example(datetime(2021, 3, 13, 15, 59, 59, tzinfo=UTC), "Antarctica/Casey")
@example(datetime(2024, 3, 31, 0, 30, tzinfo=UTC), "America/Scoresbysund")
def test_a_day_ends_at_the_first_moment_that_is_not_it(now, timezone):
    rules = zone(timezone)

    today = day_of(now, timezone)

    assert now < today.ends_at <= now + timedelta(hours=28)
    assert date.fromisoformat(today.date) == now.astimezone(rules).date()
    assert today.ends_at.astimezone(rules).date() == date.fromisoformat(today.date) + timedelta(days=1)
    assert (today.ends_at - timedelta(microseconds=1)).astimezone(rules).date().isoformat() == today.date
    assert day_of(today.ends_at - timedelta(microseconds=1), timezone) == today


def used_up(**counters):
    named = {("all" if name == "all" else f"type:{name}"): Counter(used=used) for name, used in counters.items()}
    return Usage(usage_id="2026-03-10@UTC|account:north", ends_at=NOW, counters=named)


@pytest.mark.parametrize(
    ("limit", "used", "left"),
    [
        (10, 0, 10),
        (10, 3, 7),
        (10, 10, 0),
        (3, 10, 0),  # lowered at noon
        (0, 0, 0),
        (None, 0, 0),  # no budget, no autonomy
        (None, 4, 0),
    ],
)
def test_what_is_left_of_an_account_s_day(limit, used, left):
    daily = in_force(Budget(max_autonomous_per_day=limit)).daily(used_up(all=used))

    assert (daily.limit, daily.used, daily.left) == (limit, used, left)


@pytest.mark.parametrize(
    ("limits", "used", "left"),
    [
        ({}, {}, {}),
        ({"A": 2}, {}, {"A": (2, 0, 2)}),
        ({"A": 2}, {"A": 1}, {"A": (2, 1, 1)}),
        ({"A": 2}, {"A": 5}, {"A": (2, 5, 0)}),
        ({}, {"A": 5}, {"A": (None, 5, None)}),
        ({"B": 1}, {"A": 5}, {"A": (None, 5, None), "B": (1, 0, 1)}),
    ],
)
def test_what_is_left_of_each_type_that_has_a_limit_or_was_charged(limits, used, left):
    budget = Budget(max_autonomous_per_day=10, max_per_action_type=limits)

    counted = in_force(budget).per_action_type(used_up(all=9, **used))

    assert {name: (each.limit, each.used, each.left) for name, each in counted.items()} == left
    assert list(counted) == sorted(counted)


@pytest.mark.parametrize(("ceiling", "used", "left"), [(5, 0, 5), (5, 5, 0), (1, 5, 0), (0, 0, 0), (None, 3, None)])
def test_what_is_left_of_the_ceiling(ceiling, used, left):
    assert in_force(None, ceiling).ceiling(used_up(all=used)).left == left


def test_nothing_was_used_where_no_counter_is_there_yet():
    budget = in_force(Budget(max_autonomous_per_day=2, max_per_action_type={"A": 1}), ceiling=3)

    assert (budget.daily(None).left, budget.per_action_type(None)["A"].left, budget.ceiling(None).left) == (2, 1, 3)


def test_a_usage_record_s_id_gives_its_account_back():
    assert account_of(account_usage_id(day_of(NOW, "Europe/Berlin"), "a:b@c")) == "a:b@c"
