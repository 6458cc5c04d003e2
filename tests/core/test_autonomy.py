"""Autonomy: the allowlist, the modes with their precedence, and the stop switches."""

from itertools import product

import pytest

from remit.core.errors import InvalidInput
from remit.core.gate.autonomy import (
    Stops,
    StopScope,
    check_stop,
    resolve_allowlist,
    resolve_mode,
    stop_in_force,
    stopped_for,
)
from remit.core.values import PLATFORM

from .make import TYPE, bounds, intent, stop

MODES = ["AUTO_EXECUTE", "APPROVAL_REQUIRED", "PROPOSE_ONLY", "DISABLED"]


@pytest.mark.parametrize(
    ("account", "tenant", "listed", "level"),
    [
        (None, None, [], "none"),
        (None, ["A"], ["A"], "tenant"),
        (None, [], [], "tenant"),
        (["B"], ["A"], ["B"], "account"),
        ([], ["A"], [], "account"),
        (["B"], None, ["B"], "account"),
        ([], None, [], "account"),
    ],
)
def test_an_account_s_list_replaces_the_tenant_s_even_when_it_is_empty(account, tenant, listed, level):
    resolved = resolve_allowlist(account, tenant)

    assert (resolved.action_types, resolved.level) == (listed, level)


def test_bounds_tell_an_empty_account_list_from_none():
    in_force = bounds(
        allowlist=[TYPE], accounts={"empty": {"allowlist": []}, "silent": {}, "own": {"allowlist": ["X"]}}
    )

    assert in_force.allowlist("empty").action_types == []
    assert in_force.allowlist("silent").action_types == [TYPE]
    assert in_force.allowlist("own").action_types == ["X"]
    assert in_force.allowlist("unnamed").action_types == [TYPE]


def set_at(levels):
    account_type, tenant_type, account_default, tenant_default = levels
    account = {"T": account_type, "default": account_default, "OTHER": "DISABLED"}
    tenant = {"T": tenant_type, "default": tenant_default, "OTHER": "DISABLED"}
    return [{name: mode for name, mode in level.items() if mode} for level in (account, tenant)]


@pytest.mark.parametrize(
    "levels", list(product([None, *MODES], repeat=4)), ids=lambda levels: "-".join(map(str, levels))
)
def test_the_most_specific_mode_wins_and_disabled_anywhere_wins_over_all(levels):
    account, tenant = set_at(levels)
    set_levels = [mode for mode in levels if mode]
    expected = "DISABLED" if "DISABLED" in levels else next(iter(set_levels), "APPROVAL_REQUIRED")

    assert resolve_mode("T", account, tenant).mode == expected


@pytest.mark.parametrize(
    ("levels", "mode", "source"),
    [
        ((None, None, None, None), "APPROVAL_REQUIRED", "nothing set"),
        (("AUTO_EXECUTE", "PROPOSE_ONLY", "PROPOSE_ONLY", "PROPOSE_ONLY"), "AUTO_EXECUTE", "account + type"),
        ((None, "AUTO_EXECUTE", "PROPOSE_ONLY", "PROPOSE_ONLY"), "AUTO_EXECUTE", "tenant + type"),
        ((None, None, "AUTO_EXECUTE", "PROPOSE_ONLY"), "AUTO_EXECUTE", "account default"),
        ((None, None, None, "AUTO_EXECUTE"), "AUTO_EXECUTE", "tenant default"),
        (("AUTO_EXECUTE", None, None, "DISABLED"), "DISABLED", "tenant default"),
        (("AUTO_EXECUTE", "AUTO_EXECUTE", "DISABLED", None), "DISABLED", "account default"),
        (("AUTO_EXECUTE", "DISABLED", None, None), "DISABLED", "tenant + type"),
    ],
)
def test_a_mode_says_where_it_came_from(levels, mode, source):
    resolved = resolve_mode("T", *set_at(levels))

    assert (resolved.mode, resolved.source) == (mode, source)


def test_a_mode_of_another_action_type_or_account_does_not_matter():
    in_force = bounds(
        modes={"default": "AUTO_EXECUTE", "OTHER": "DISABLED"}, accounts={"south": {"modes": {"default": "DISABLED"}}}
    )

    assert in_force.mode("north", TYPE).mode == "AUTO_EXECUTE"
    assert in_force.mode("north", "OTHER").mode == "DISABLED"
    assert in_force.mode("south", TYPE).mode == "DISABLED"


SCOPES = [
    ({}, True),
    ({"tenant_id": "acme"}, True),
    ({"tenant_id": "acme", "account_id": "north"}, True),
    ({"tenant_id": "acme", "action_type": TYPE}, True),
    ({"tenant_id": "acme", "account_id": "north", "action_type": TYPE}, True),
    ({"tenant_id": "other"}, False),
    ({"tenant_id": "other", "account_id": "north"}, False),
    ({"tenant_id": "acme", "account_id": "south"}, False),
    ({"tenant_id": "acme", "action_type": "OTHER"}, False),
    ({"tenant_id": "acme", "account_id": "south", "action_type": TYPE}, False),
    ({"tenant_id": "acme", "account_id": "north", "action_type": "OTHER"}, False),
    ({"tenant_id": "acme", "principal": "alice"}, True),
    ({"tenant_id": "acme", "principal": "alice", "action_type": TYPE}, True),
    ({"tenant_id": "acme", "principal": "bob"}, False),
    ({"tenant_id": "acme", "principal": "alice", "account_id": "south"}, False),
]
NORTH = intent(tenant_id="acme", account_id="north", action_type=TYPE, on_behalf_of="alice")


@pytest.mark.parametrize(("scope", "covers"), SCOPES, ids=str)
@pytest.mark.parametrize("level", ["autonomy", "everything"])
def test_a_stop_covers_what_its_scope_names_and_nothing_else(scope, covers, level):
    pulled = stop(level, **scope)

    found = stop_in_force([Stops(), Stops(stops=[pulled])], NORTH)

    assert found == (pulled if covers else None)


@pytest.mark.parametrize("order", [1, -1])
def test_the_stop_of_everything_is_found_before_the_stop_of_autonomy(order):
    pulled = [stop("autonomy", tenant_id="acme", account_id="north"), stop("everything")][::order]

    found = stop_in_force([Stops(stops=pulled)], NORTH)

    assert found.level == "everything"


def test_a_global_stop_is_seen_beside_a_tenant_s_own():
    of_platform, of_tenant = Stops(stops=[stop("everything")]), Stops(stops=[stop("autonomy", tenant_id="acme")])

    for groups in ([of_platform, of_tenant], [of_tenant, of_platform]):
        assert stop_in_force(groups, NORTH).level == "everything"


@pytest.mark.parametrize(
    ("level", "source", "stopped"),
    [
        ("autonomy", "POLICY", True),
        ("autonomy", "HUMAN", False),
        ("everything", "POLICY", True),
        ("everything", "HUMAN", True),
        (None, "POLICY", False),
        (None, "HUMAN", False),
    ],
)
def test_autonomy_stops_policy_s_approvals_and_everything_stops_all(level, source, stopped):
    assert stopped_for(source, stop(level) if level else None) is stopped


def test_a_stop_is_lifted_by_its_own_scope_and_level_only():
    tenant, account = StopScope(tenant_id="acme"), StopScope(tenant_id="acme", account_id="north")
    pulled = Stops()
    for level in ("autonomy", "everything"):
        pulled = pulled.with_stop(stop(level, tenant_id="acme"))
        pulled = pulled.with_stop(stop(level, tenant_id="acme", account_id="north"))

    left = pulled.without(account, "everything")

    assert {(s.scope, s.level) for s in left.stops} == {
        (tenant, "autonomy"),
        (tenant, "everything"),
        (account, "autonomy"),
    }


def test_pulling_a_stop_again_does_not_make_two_of_it():
    again = stop("autonomy", tenant_id="acme").model_copy(update={"reason": "incident 8"})

    pulled = Stops().with_stop(stop("autonomy", tenant_id="acme")).with_stop(again)

    assert pulled.stops == [again]
    assert pulled.without(again.scope, "autonomy").stops == []


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ({}, "everything everywhere"),
        ({"tenant_id": "acme"}, "tenant acme"),
        ({"tenant_id": "acme", "account_id": "n", "action_type": "T"}, "tenant acme, account n, action type T"),
    ],
)
def test_a_scope_reads_as_words(scope, words):
    assert str(StopScope(**scope)) == words


@pytest.mark.parametrize(
    ("scope", "by", "reason", "field"),
    [
        (StopScope(), "", "runaway", "by"),
        (StopScope(), "ann", " ", "reason"),
        (StopScope(tenant_id="a b"), "ann", "runaway", "tenant_id"),
        (StopScope(account_id="a-1"), "ann", "runaway", "tenant"),
        (StopScope(action_type="UPDATE_CONTACT"), "ann", "runaway", "tenant"),
    ],
)
def test_a_stop_names_who_and_why_and_one_place(scope, by, reason, field):
    with pytest.raises(InvalidInput) as caught:
        check_stop(scope, by, reason)

    assert caught.value.field == field


def test_a_stop_stands_in_the_ledger_of_its_tenant_or_of_the_platform():
    assert (StopScope().owner, StopScope(tenant_id="acme").owner) == (PLATFORM, "acme")
