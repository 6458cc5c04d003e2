"""Cards that cannot succeed say so, say what helps, and take no approval; what is blocked is shown as blocked."""

import pytest

from remit.connectors.http import HttpConnector
from remit.core.errors import Conflict
from remit.core.records import ACTION_TYPE, Key, type_id
from remit.egress.reach import Egress
from remit.egress.secrets import ListedSecrets
from remit.ports import UnitOfWork, Writes

from .world import TENANT, TYPE, type_of

BLOCK = '@id("no") @effect("BLOCK") forbid (principal, action, resource) when { context.target_id == "c-1" };'
HTTP = {"connector": "http", "method": "POST", "url": "https://far.example.com/{parameters.path}"}


def refused(world, name="i-1"):
    """The obstacle as it is shown everywhere; and that approving it is refused, and changes nothing."""
    (item,) = (item for item in world.app.queue(TENANT)[0] if item["action_intent_id"] == name)
    shown = [item, world.app.status(TENANT, name), world.app.why(TENANT, name)]
    assert shown[0]["obstacle"] == shown[1]["obstacle"] == shown[2]["obstacle"]
    before = world.events(name)
    with pytest.raises(Conflict) as raised:
        world.approve(name)
    assert world.events(name) == before
    return item["obstacle"], str(raised.value)


def with_http(world, **tool):
    """A process that has the connector `http`, under bounds whose type uses it."""
    http = HttpConnector(ListedSecrets({}, {}), Egress())
    world.recover(connectors={"far": world.far, "http": http})
    world.apply(action_types={TYPE: {"risk_tier": "LOW", "tool": {**HTTP, **tool}}}, allowed_hosts=["far.example.com"])


# --- blocked, whatever came first ---

FIRST = {
    "ACTION_TYPE_NOT_ALLOWLISTED": {"allowlist": []},
    "AUTONOMY_STOPPED": {},
    "RISK_LEVEL_HIGH": {"action_types": {TYPE: type_of(tier="HIGH")}},
}


@pytest.mark.parametrize("reason", FIRST)
@pytest.mark.parametrize("block", [{"modes": {"default": "DISABLED"}}, {"policies": [{"name": "p", "text": BLOCK}]}])
def test_what_the_bounds_block_is_blocked_whatever_refused_it_first(world, reason, block):
    world.apply(**FIRST[reason], **block)
    if reason == "AUTONOMY_STOPPED":
        world.stop()

    answer = world.submit()

    assert answer.status == world.status() == "BLOCKED"
    if reason != "RISK_LEVEL_HIGH" or "policies" in block:
        assert answer.reason == reason
    obstacle, said = refused(world)
    assert obstacle["code"] == "BLOCKED" and "lift the block" in said
    world.assert_sound()


def test_what_a_person_edits_stays_blocked(world):
    world.queued()
    world.apply(modes={"default": "DISABLED"})

    edited = world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.text": "other"})

    assert (edited.reason, edited.status) == ("EDITED_BY_PERSON", "BLOCKED")


def test_a_block_shows_and_goes_as_the_bounds_are_now(world):
    world.queued()
    world.apply(modes={"default": "DISABLED"})
    blocked, _ = refused(world)
    world.apply()

    assert blocked["code"] == "BLOCKED"
    assert world.app.status(TENANT, "i-1")["obstacle"] is None
    assert world.approve().approved_by == "bob"


# --- no tool that could carry it out ---


def test_what_was_not_registered_cannot_be_approved_and_registering_helps_the_next_one(world):
    world.submit(action_type="SHIP_ORDER")
    obstacle, said = refused(world)
    types = {TYPE: type_of(), "SHIP_ORDER": type_of()}
    world.apply(action_types=types)
    still, _ = refused(world)
    world.queued("i-2", action_type="SHIP_ORDER")

    assert obstacle["code"] == still["code"] == "UNREGISTERED"
    assert "register the type and propose it again, or reject it" in said
    assert world.approve("i-2").approved_by == "bob"
    assert world.app.reject(TENANT, "i-1", by="bob").status == "REJECTED"


def test_an_edit_pins_the_version_that_was_registered_since(world):
    world.submit(action_type="SHIP_ORDER")
    world.apply(action_types={TYPE: type_of(), "SHIP_ORDER": type_of()})

    edited = world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.text": "other"})

    assert world.app.status(TENANT, edited.action_intent_id)["obstacle"] is None
    assert world.approve(edited.action_intent_id).approved_by == "bob"


def test_a_connector_that_is_not_installed_cannot_carry_it_out(world):
    world.queued()
    world.recover(connectors={})

    obstacle, said = refused(world)

    assert obstacle["code"] == "TOOL_MISSING" and "'far' of its tool is not installed" in said


def test_a_version_that_is_gone_cannot_carry_it_out(world):
    world.queued()
    pinned = Key(ACTION_TYPE, TENANT, type_id(TYPE, 1))
    world.inner.transact([UnitOfWork([pinned], lambda _: Writes(answer=None, deletes=[pinned]))])

    obstacle, said = refused(world)

    assert obstacle["code"] == "TOOL_MISSING" and f"version 1 of {TYPE}" in said


def test_a_type_that_is_registered_no_more_is_carried_out_by_the_version_it_pinned(world):
    world.queued()
    world.apply(action_types={})

    assert world.app.status(TENANT, "i-1")["obstacle"] is None
    world.approve()
    assert world.work() == ["SUCCEEDED"]


def test_what_the_tool_cannot_make_a_request_of_cannot_be_approved(world):
    with_http(world)
    world.queued("i-1")
    world.queued("i-2", parameters={"path": "x"})

    obstacle, said = refused(world)

    assert obstacle["code"] == "MAPPING" and "path" in said
    assert world.app.status(TENANT, "i-2")["obstacle"] is None


def test_a_host_that_the_tenant_lists_no_more_cannot_be_called(world):
    with_http(world)
    world.queued(parameters={"path": "x"})
    before = world.app.status(TENANT, "i-1")["obstacle"]
    world.apply(action_types={TYPE: {"risk_tier": "LOW", "tool": HTTP}}, allowed_hosts=[])

    obstacle, said = refused(world)

    assert before is None
    assert obstacle["code"] == "HOST_NOT_ALLOWED" and "far.example.com:443" in said


def test_a_connector_that_breaks_while_it_maps_is_an_obstacle_and_nothing_more(world):
    world.queued()

    def breaks(tool, intent):
        raise ZeroDivisionError

    world.far.map = breaks

    obstacle, _ = refused(world)

    assert (obstacle["code"], "ZeroDivisionError" in obstacle["explanation"]) == ("MAPPING", True)


def test_what_expired_and_is_not_cleared_away_yet_says_so(world):
    world.queued()
    world.clock.pass_(days=8)

    obstacle, _ = refused(world)

    assert obstacle["code"] == "INTENT_EXPIRED"


@pytest.mark.parametrize(("level", "code"), [("everything", "STOPPED"), ("autonomy", None)])
def test_a_stop_of_everything_is_shown_and_one_of_autonomy_is_in_nobodys_way(world, level, code):
    world.queued()
    world.stop(level)

    obstacle = world.app.status(TENANT, "i-1")["obstacle"]

    assert (obstacle and obstacle["code"]) == code


def test_nothing_stands_in_the_way_of_what_was_answered(world):
    world.submit(action_type="SHIP_ORDER")
    world.app.reject(TENANT, "i-1", by="bob")

    assert world.app.status(TENANT, "i-1")["obstacle"] is None
