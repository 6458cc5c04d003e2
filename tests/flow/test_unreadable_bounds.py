"""Bounds that cannot be read: their own tenant is asked to wait, and nobody else notices."""

import pytest

from remit.core.errors import Conflict, InvalidInput
from remit.core.gate.action_type import ActionType
from remit.core.gate.bounds import Bounds, changed_types, replace_bounds
from remit.core.gate.policy import PolicySource
from remit.core.ledger.config_change import config_data
from remit.core.records import ACTION_TYPE, BOUNDS, THE_ONE, Key, type_id
from remit.flow.context import chain_head_key
from remit.flow.writers import TenantLedgerWriter
from remit.ports import UnitOfWork

from .world import ACCOUNT, TENANT, TYPE, bounds, proposal

BOUNDS_AT = Key(BOUNDS, TENANT, THE_ONE)
OTHER_TENANT = "globex"
NESTED = "forbid (principal, action, resource) when { " + "(" * 659 + "true" + ")" * 659 + " };"


def policy(text):
    return {"policies": [PolicySource(name="p.cedar", text=text)]}


def zone(name, **level):
    return {"budget": {"max_autonomous_per_day": 5, "timezone": name}, **level}


def schema(**keywords):
    types = bounds()["action_types"]
    return {"action_types": {**types, TYPE: {**types[TYPE], "parameters": keywords}}}


UNREADABLE = {
    "a schema that refers outside": schema(**{"$ref": "https://example.com/schema"}),
    "a pattern that cannot be matched any more": schema(patternProperties={"(?=a)": True}),
    "nesting that would end the process": policy(NESTED),
    "text that is not Cedar": policy("forbid everything"),
    "a rule that no schema fits any more": policy("forbid (principal, action, resource) when { context.gone };"),
    "a permit": policy("permit (principal, action, resource);"),
    "an id that the platform took": policy('@id("risk_too_high") forbid (principal, action, resource);'),
    "a line end that hides a rule": policy("// x\rforbid (principal, action, resource);"),
    "a zone that is gone": zone("Mars/Base"),
    "a ceiling's zone that is gone": {"tenant_budget": {"max_autonomous_per_day": 5, "timezone": "Mars/Base"}},
    "an account's zone that is gone": {"accounts": {ACCOUNT: zone("Mars/Base")}},
}


@pytest.fixture(params=UNREADABLE, ids=lambda name: name.replace(" ", "_"))
def unreadable(request):
    return UNREADABLE[request.param]


def store(world, **changes):
    """Bounds as nothing here would take them: as another release applied them."""
    chain_at = chain_head_key(TENANT)

    def change(snapshot):
        before = snapshot.get(BOUNDS_AT)
        after = replace_bounds(before, Bounds.model_validate(bounds() | changes), world.clock.now())
        writer = TenantLedgerWriter(world.app.context, snapshot, TENANT, world.clock.now())
        writer.append("CONFIG_CHANGED", config_data(before, after), actor="ann")
        writes = writer.writes(None)
        writes.put(BOUNDS_AT, after)
        for name in changed_types(before, after):
            version, spec = after.type_versions[name], after.bounds.action_types[name]
            kept = ActionType(name=name, version=version, spec=spec)
            writes.put(Key(ACTION_TYPE, TENANT, type_id(name, version)), kept)
        return writes

    world.inner.transact([UnitOfWork(reads=[BOUNDS_AT, chain_at], decide=change)])


def test_what_is_proposed_is_blocked_and_nobody_can_approve_it(world, unreadable):
    store(world, **unreadable)

    answer = world.submit("i-1")

    assert (answer.result, answer.reason, answer.status) == ("REQUIRE_APPROVAL", "BOUNDS_UNREADABLE", "BLOCKED")
    with pytest.raises(Conflict, match="BOUNDS_UNREADABLE"):
        world.approve()
    assert world.status() == "BLOCKED" and world.used() == 0


def test_what_waited_already_cannot_be_approved_either_until_they_can_be_read(world, unreadable):
    world.queued()
    store(world, **unreadable)
    with pytest.raises(Conflict, match="BOUNDS_UNREADABLE"):
        world.approve()

    world.apply()
    world.approve()
    world.work()

    assert world.status() == "SUCCEEDED"


def test_whatever_else_refuses_it_the_case_is_blocked(world, unreadable):
    store(world, **unreadable)
    world.stop()

    answer = world.submit("i-1")

    assert (answer.reason, answer.status) == ("AUTONOMY_STOPPED", "BLOCKED")


def test_they_are_read_shown_kept_and_verified_like_others(world, unreadable):
    world.submit("i-0")
    store(world, **unreadable)
    world.submit("i-1")

    world.app.follow()

    assert world.app.bounds(TENANT).unreadable()
    assert world.app.why(TENANT, "i-1")["decision"]["reason"] == "BOUNDS_UNREADABLE"
    assert {row["account_id"] for row in world.app.usage(TENANT)["accounts"]} == {ACCOUNT}
    assert [version["in_force"] for version in world.app.policy_versions(TENANT)].count(True) == 1
    assert world.app.verify(TENANT).ok


def test_another_tenant_s_go_on(world, unreadable):
    store(world, **unreadable)
    world.app.apply(bounds(OTHER_TENANT), by="ann")

    refused, ran = world.app.submit([proposal("i-1"), proposal("i-2", tenant=OTHER_TENANT)])
    world.app.reconcile()

    assert (refused.reason, ran.result) == ("BOUNDS_UNREADABLE", "AUTO_EXECUTED")


def test_they_cannot_be_applied(world, unreadable):
    with pytest.raises(InvalidInput):
        world.app.apply({**bounds(), **Bounds.model_validate(bounds() | unreadable).model_dump(mode="json")}, by="ann")
