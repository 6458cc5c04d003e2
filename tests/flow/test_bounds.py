"""What people set: replaced whole, numbered, told in the ledger, and in force for the next decision."""

from itertools import count

import pytest

from remit.core.errors import InvalidInput, NeverSeen, NotFound, TryLater
from remit.core.gate import zones
from remit.core.gate.autonomy import StopScope
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.ledger.config_change import before_first, with_changes
from remit.core.records import ACTION_TYPE, POLICY_VERSION
from remit.core.values import PLATFORM
from remit.flow.settings.bounds import ChangeBounds, stage_types
from remit.ports import answer_of
from remit.stores import units
from remit.testing.faults import StoreWrapper
from tests.waiting import until

from .world import NOON, OTHER, TENANT, TYPE, bounds, type_of


def tenant_events(world):
    return [entry.event_type for entry in world.inner.chain(TENANT, None)]


def applied(world, **changes):
    return world.app.apply(bounds(**changes), by="ann")


def test_a_change_is_numbered_and_told_by_its_parts(world):
    before, after = applied(world, allowlist=[TYPE])

    (first, second) = world.inner.chain(TENANT, None)
    assert (before.config_sequence, after.config_sequence) == (1, 2)
    assert with_changes(with_changes(before_first(TENANT), first.data), second.data) == after.wire()
    assert second.data["set"] == {"/bounds/allowlist": [TYPE], "/config_sequence": 2} and second.actor == "ann"
    assert first.data["config_sequence"] == 1
    assert world.app.bounds(TENANT) == after
    world.assert_sound()


def test_the_same_bounds_again_change_nothing_and_write_nothing(world):
    before, after = applied(world)

    assert before == after and tenant_events(world) == ["CONFIG_CHANGED"]


def test_a_dry_run_says_what_would_be_and_changes_nothing(world):
    before, after = world.app.apply(bounds(allowlist=[]), by="ann", dry_run=True)

    assert (before.config_sequence, after.config_sequence) == (1, 2)
    assert world.app.bounds(TENANT) == before and tenant_events(world) == ["CONFIG_CHANGED"]
    same = world.app.apply(bounds(), by="ann", dry_run=True)
    assert same == (before, before)


@pytest.fixture
def without_tokyo(monkeypatch, world):
    """Makes the zone's rules go away, as another release of the package might that is started a little later."""
    names = zones.zone_names()

    def take_away():
        monkeypatch.setattr(zones, "zone_names", lambda: names - {"Asia/Tokyo"})
        zones.zone.cache_clear()
        # What was worked out from bounds is kept for its hour.
        world.clock.pass_(hours=1)

    yield take_away
    zones.zone.cache_clear()
    # Nor does another test read the same bounds and find what followed from them without the zone.
    for read in units._READERS.values():
        read.cache_clear()


def test_a_zone_that_is_gone_stops_what_is_counted_in_it_and_nothing_else(world, without_tokyo):
    applied(world, budget={"max_autonomous_per_day": 3, "timezone": "Asia/Tokyo"})
    world.clock.pass_(hours=24)
    world.submit("before")
    without_tokyo()

    after = world.submit("after")

    assert (after.status, after.reason) == ("BLOCKED", "BOUNDS_UNREADABLE")
    assert world.app.status(TENANT, "before")["status"] == "APPROVED"
    assert world.app.bounds(TENANT).bounds.budget.timezone == "Asia/Tokyo"
    assert world.app.verify(TENANT).ok
    while world.app.follow():
        pass


def test_a_zone_that_is_gone_is_replaced_by_one_that_is_there(world, without_tokyo):
    applied(world, budget={"max_autonomous_per_day": 3, "timezone": "Asia/Tokyo"})
    world.clock.pass_(hours=24)
    without_tokyo()

    applied(world, budget={"max_autonomous_per_day": 3, "timezone": "Asia/Seoul"})

    assert world.submit("after").result == "AUTO_EXECUTED"
    world.assert_sound()


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"surprise": 1}, "surprise"),
        ({"modes": {"default": "auto"}}, "modes"),
        ({"budget": {"max_autonomous_per_day": -1}}, "budget"),
        ({"budget": {"max_autonomous_per_day": 1, "timezone": "Mars/Base"}}, "timezone"),
        ({"action_types": {TYPE: {"risk_tier": "low", "tool": {"connector": "far"}}}}, "risk_tier"),
        ({"action_types": {TYPE: {"risk_tier": "LOW", "tool": {"connector": "nowhere"}}}}, "connector"),
        ({"policies": [{"name": "p", "text": "permit (principal, action, resource);"}]}, "policies"),
    ],
)
def test_wrong_bounds_are_refused_by_the_field_and_change_nothing(world, changes, field):
    with pytest.raises(InvalidInput, match=field):
        applied(world, **changes)

    assert tenant_events(world) == ["CONFIG_CHANGED"]
    with pytest.raises(InvalidInput):
        world.app.apply(bounds(), by=" ")


def test_two_changes_at_once_are_both_told_one_after_the_other(world):
    world.race(
        lambda app: app.apply(bounds(allowlist=[TYPE]), by="ann"),
        lambda app: app.apply(bounds(allowlist=[OTHER]), by="bob"),
    )

    assert [entry.data["config_sequence"] for entry in world.inner.chain(TENANT, None)] == [1, 2, 3]
    assert world.app.bounds(TENANT).config_sequence == 3
    world.assert_sound()


def test_a_changed_type_gets_its_next_version_and_the_old_one_is_kept(world):
    applied(world, action_types={TYPE: type_of(operation="other"), OTHER: type_of(honours_idempotency_key=True)})
    applied(world, action_types={OTHER: type_of(honours_idempotency_key=True)}, allowlist=[OTHER])
    applied(world)

    assert world.app.bounds(TENANT).type_versions == {TYPE: 3, OTHER: 1}
    kept = {(kept.name, kept.version) for kept in world.inner.scan(ACTION_TYPE, TENANT)}
    assert kept == {(TYPE, 1), (TYPE, 2), (TYPE, 3), (OTHER, 1)}


def test_a_decision_names_the_state_of_the_bounds_that_it_saw(world):
    world.submit("i-1")
    applied(world, allowlist=[OTHER])
    world.submit("i-2")

    seen = [world.app.why(TENANT, name)["decision"]["config_sequence"] for name in ("i-1", "i-2")]
    assert seen == [1, 2]


def test_a_tighter_limit_counts_what_was_used_before_it(world):
    world.submit("i-1"), world.submit("i-2")
    applied(world, budget={"max_autonomous_per_day": 10, "max_per_action_type": {TYPE: 2}})

    assert world.submit("i-3").reason == "BUDGET_EXCEEDED"
    assert world.submit("i-4", action_type=OTHER).result == "AUTO_EXECUTED"
    world.assert_sound()


def test_a_wider_limit_is_in_force_at_once(world):
    applied(world, budget={"max_autonomous_per_day": 1})
    world.submit("i-1")
    assert world.submit("i-2").reason == "BUDGET_EXCEEDED"

    applied(world, budget={"max_autonomous_per_day": 2})

    assert world.submit("i-3").result == "AUTO_EXECUTED" and world.used() == 2
    world.assert_sound()


def test_an_account_s_budget_lies_over_the_tenant_s_and_the_ceiling_over_all(world):
    applied(
        world,
        budget={"max_autonomous_per_day": 5},
        accounts={"north": {"budget": {"max_autonomous_per_day": 1}}},
        tenant_budget={"max_autonomous_per_day": 3},
    )
    north = [world.submit(f"n-{number}").result for number in range(2)]
    south = [world.submit(f"s-{number}", account_id="south") for number in range(3)]

    assert north == ["AUTO_EXECUTED", "REQUIRE_APPROVAL"]
    assert [answer.result for answer in south] == ["AUTO_EXECUTED", "AUTO_EXECUTED", "REQUIRE_APPROVAL"]
    assert "all accounts together" in south[2].explanation
    assert world.used(account="south") == 2, "what the ceiling refused burned no unit of the account's"
    world.assert_sound()


def test_a_change_of_zone_takes_effect_when_the_current_day_has_ended(world):
    """Otherwise a new day, and a new budget, would begin at the change."""
    applied(world, budget={"max_autonomous_per_day": 1, "timezone": "UTC"})
    world.submit("i-1")

    applied(world, budget={"max_autonomous_per_day": 1, "timezone": "Pacific/Auckland"})

    assert world.submit("i-2").reason == "BUDGET_EXCEEDED"
    world.clock.at = NOON.replace(day=11, hour=0)
    assert world.submit("i-3").result == "AUTO_EXECUTED"
    assert world.state("i-3").charges[0].window_id.startswith("2026-03-11@Pacific/Auckland|")
    world.assert_sound()


def test_the_day_is_the_zone_s_day(world):
    applied(world, budget={"max_autonomous_per_day": 1, "timezone": "America/Los_Angeles"})
    world.clock.at = NOON.replace(day=11, hour=6, minute=59)
    world.submit("i-1")
    assert world.submit("i-2").reason == "BUDGET_EXCEEDED"

    world.clock.pass_(minutes=2)

    assert world.submit("i-3").result == "AUTO_EXECUTED"
    world.assert_sound()


def test_a_stop_and_its_end_name_who_and_why(world):
    world.stop()
    world.stop("everything")
    world.resume()

    assert tenant_events(world)[1:] == ["AUTONOMY_STOPPED", "AUTONOMY_STOPPED", "AUTONOMY_RESUMED"]
    data = [entry.data for entry in world.inner.chain(TENANT, None)][1]
    assert (data["level"], data["by"], data["reason"]) == ("autonomy", "ann", "incident")
    assert [stop["level"] for stop in world.app.usage(TENANT)["stops"]] == ["everything"]
    for by, reason in (("", "x"), ("x", ""), (" ", "x")):
        with pytest.raises(InvalidInput):
            world.app.stop(StopScope(tenant_id=TENANT), by=by, reason=reason)
    world.assert_sound()


def test_resuming_what_is_not_stopped_writes_nothing(world):
    assert world.app.resume(StopScope(tenant_id=TENANT), by="ann", reason="?") is False

    assert tenant_events(world) == ["CONFIG_CHANGED"]


def test_a_stop_pulled_twice_is_one_stop_with_the_newer_name(world):
    world.stop()
    world.app.stop(StopScope(tenant_id=TENANT), by="eve", reason="again")

    (stop,) = world.app.usage(TENANT)["stops"]
    assert (stop["stopped_by"], stop["reason"]) == ("eve", "again")
    world.resume()
    assert world.submit().result == "AUTO_EXECUTED"


def test_two_who_pull_different_stops_at_once_both_stop(world):
    world.race(
        lambda app: app.stop(
            StopScope(tenant_id=TENANT, account_id="north"), by="ann", reason="a", even_if_unknown=True
        ),
        lambda app: app.stop(
            StopScope(tenant_id=TENANT, account_id="south"), by="bob", reason="b", even_if_unknown=True
        ),
    )

    numbers = count()

    def both_hold():
        asked = [world.submit(f"i-{next(numbers)}", account_id=account) for account in ("north", "south")]
        return [answer.reason for answer in asked] == ["AUTONOMY_STOPPED"] * 2

    # On DynamoDB a decision may not know for a second what another process has stopped.
    until(both_hold, what="both stops hold")
    world.assert_sound()


@pytest.mark.parametrize(
    ("scope", "what"),
    [
        ({"account_id": "nroth"}, "account 'nroth'"),
        ({"action_type": "CREATE_NOTES"}, "action type 'CREATE_NOTES'"),
        ({"account_id": "north", "action_type": "CREATE_NOTES"}, "action type 'CREATE_NOTES'"),
        ({"account_id": "nroth", "action_type": TYPE}, "account 'nroth'"),
        ({"tenant_id": "acem"}, "tenant 'acem'"),
        ({"tenant_id": "acem", "account_id": "north"}, "tenant 'acem'"),
    ],
)
def test_a_stop_of_what_was_never_seen_is_refused_and_stops_nothing(world, scope, what):
    world.submit("i-1")
    meant = StopScope(**{"tenant_id": TENANT, **scope})

    with pytest.raises(NeverSeen, match=f"{what} was never seen"):
        world.app.stop(meant, by="ann", reason="incident")

    assert world.app.stops(meant.tenant_id) == []
    world.app.stop(meant, by="ann", reason="incident", even_if_unknown=True)
    assert [stop.scope for stop in world.app.stops(meant.tenant_id)] == [meant]


def test_what_the_bounds_name_or_any_intent_has_was_seen(world):
    applied(world, accounts={"west": {}}, modes={"default": "AUTO_EXECUTE", "OF_A_MODE": "DISABLED"})
    world.submit("i-1", account_id="east", action_type="NOWHERE_REGISTERED")

    for scope in (
        {"account_id": "west"},
        {"account_id": "east"},
        {"action_type": TYPE},
        {"action_type": "OF_A_MODE"},
        {"action_type": "NOWHERE_REGISTERED"},
        {"account_id": "east", "action_type": TYPE},
        {},
    ):
        world.app.stop(StopScope(tenant_id=TENANT, **scope), by="ann", reason="incident")
    assert len(world.app.stops(TENANT)) == 7
    assert world.app.accounts_in_sight(TENANT) >= {"west", "east"}


def test_a_tenant_is_known_by_anything_that_is_stored_of_it(world):
    world.app.create_key("keyed", {"name": "ann", "roles": ["operator"]}, by="root")
    world.submit("i-1", tenant_id="busy")

    for tenant in (TENANT, "keyed", "busy"):
        world.app.require_tenant(tenant)
    with pytest.raises(NotFound, match="tenant 'acem' is not known"):
        world.app.require_tenant("acem")
    with pytest.raises(InvalidInput):
        world.app.require_tenant("a b")


def test_a_global_stop_stands_in_the_platform_s_own_chain_and_in_no_tenant_s(world):
    world.stop(tenant_id=None)

    assert [entry.event_type for entry in world.inner.chain(PLATFORM, None)] == ["AUTONOMY_STOPPED"]
    assert tenant_events(world) == ["CONFIG_CHANGED"]
    assert len(world.app.usage("another")["stops"]) == 1
    with pytest.raises(InvalidInput):
        world.app.stop(StopScope(account_id="north"), by="ann", reason="whose?")


def test_the_policies_of_every_version_are_kept_so_that_old_decisions_can_be_explained(world):
    rule = {"name": "own.cedar", "text": '@id("old") @reason("OLD") forbid (principal, action, resource);'}
    applied(world, policies=[rule])
    world.submit()
    applied(world)

    why = world.app.why(TENANT, "i-1")

    assert why["clause"]["clause_id"] == "old" and "forbid" in why["clause"]["text"]
    assert len(world.inner.scan(POLICY_VERSION, TENANT)) == 2


def test_policies_that_a_crash_left_unkept_are_kept_when_what_they_decided_is_followed(world):
    rule = {"name": "own.cedar", "text": '@id("new") @reason("NEW") forbid (principal, action, resource);'}
    wanted = parse_bounds(bounds(policies=[rule]))
    unit = ChangeBounds(world.app.context, TENANT, lambda _: wanted, "ann", NOON).unit()
    world.inner.transact([unit])
    world.submit()
    assert world.app.why(TENANT, "i-1")["clause"] is None

    world.app.follow()

    assert world.app.why(TENANT, "i-1")["clause"]["clause_id"] == "new"


class CountingEntries(StoreWrapper):
    """Counts the entries that lists and chains hand out."""

    entries = 0

    def recent(self, *asked):
        return self._counted(self.inner.recent(*asked))

    def chain(self, *asked):
        return self._counted(self.inner.chain(*asked))

    def _counted(self, found):
        self.entries += len(found)
        return found


def test_the_states_after_the_latest_changes_are_those_that_were_in_force(new_world):
    world = new_world(wrap=CountingEntries)
    after = [applied(world, budget={"max_autonomous_per_day": number})[1] for number in range(1, 4)]
    world.stop()

    found = world.app.bounds_after(TENANT)

    assert list(found.values()) == after
    ids = [entry.entry_id for entry in world.inner.chain(TENANT, None) if entry.event_type == "CONFIG_CHANGED"]
    assert list(found) == ids


def test_looking_again_at_the_latest_changes_reads_only_what_is_new(new_world):
    world = new_world(wrap=CountingEntries)
    for number in range(1, 121):
        applied(world, budget={"max_autonomous_per_day": number})
    assert len(world.app.bounds_after(TENANT)) == 51
    world.store.entries = 0

    assert len(world.app.bounds_after(TENANT)) == 51
    assert world.store.entries == 0

    _, newest = applied(world, budget={"max_autonomous_per_day": 500})
    assert list(world.app.bounds_after(TENANT).values())[-1] == newest
    assert world.store.entries == 1


# --- more action types than one write holds ---


def many_types(count, **spec):
    return {f"TYPE_{number}": type_of(**spec) for number in range(count)}


def registered_types(world):
    return {(each.name, each.version): each.spec for each in world.inner.scan(ACTION_TYPE, TENANT)}


@pytest.mark.parametrize("count", [96, 230])
def test_a_first_apply_of_many_action_types_puts_them_in_force_in_one_entry(world, count):
    _, after = applied(world, action_types=many_types(count), allowlist=[])

    assert len(after.bounds.action_types) == count
    assert tenant_events(world) == ["CONFIG_CHANGED"] * 2
    stored = registered_types(world)
    for name, spec in after.bounds.action_types.items():
        assert stored[name, after.type_versions[name]] == spec
    world.assert_sound()


def test_bounds_that_change_between_the_writes_of_many_types_leave_each_version_with_its_own_content(world):
    theirs, ours = many_types(96, operation="theirs"), many_types(96, operation="ours")
    wanted = parse_bounds(bounds(action_types=ours, allowlist=[]))
    staged = stage_types(world.app.context, TENANT, lambda _: wanted, NOON)
    _, after = applied(world, action_types=theirs, allowlist=[])

    with pytest.raises(TryLater):
        unit = ChangeBounds(world.app.context, TENANT, lambda _: wanted, "bob", NOON, staged=staged).unit()
        answer_of(world.app.context.store.transact([unit]))

    assert registered_types(world)["TYPE_0", after.type_versions["TYPE_0"]].tool.wire()["operation"] == "theirs"
    _, after = world.app.apply(bounds(action_types=ours, allowlist=[]), by="bob")
    assert registered_types(world)["TYPE_95", after.type_versions["TYPE_95"]].tool.wire()["operation"] == "ours"
    world.assert_sound()
