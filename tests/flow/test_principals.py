"""On whose behalf: a principal's scopes, narrowed by every hop, decide; and the digest binds them."""

import pytest

from remit.core.errors import Forbidden, IntentIdReused, InvalidInput
from remit.core.intent import digest_of_wire

from .world import ACCOUNT, TENANT, TYPE, bounds, type_of

ALICE = {"on_behalf_of": "alice"}


def scoped(*required, **changes):
    """Bounds whose type takes these scopes; alice has all of the CRM's, bob may read there."""
    types = {**bounds()["action_types"], TYPE: {**type_of(), "required_scopes": list(required)}}
    principals = {"alice": {"scopes": ["crm:read", "crm:write"]}, "bob": {"scopes": ["crm:read"]}}
    return {"action_types": types, "principals": principals, **changes}


def hop(agent, *scopes):
    return {"agent": agent, "scopes": list(scopes)}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (ALICE, "WITHIN_BOUNDS"),
        ({"on_behalf_of": "bob"}, "SCOPE_MISSING"),
        ({"on_behalf_of": "stranger"}, "SCOPE_MISSING"),
        ({}, "SCOPE_MISSING"),
        ({**ALICE, "delegation": [hop("agent", "crm:write")]}, "WITHIN_BOUNDS"),
        ({**ALICE, "delegation": [hop("lead", "crm:read"), hop("agent", "crm:write")]}, "SCOPE_MISSING"),
        ({"on_behalf_of": "bob", "delegation": [hop("agent", "crm:read", "crm:write")]}, "SCOPE_MISSING"),
        ({"delegation": [hop("agent", "crm:write")]}, "SCOPE_MISSING"),
    ],
    ids=str,
)
def test_scopes_are_the_principal_s_and_a_hop_never_widens_them(world, changes, reason):
    world.apply(**scoped("crm:write"))

    assert world.submit("i-1", **changes).reason == reason
    world.assert_sound()


def test_what_lacks_a_scope_is_a_person_s_and_says_what_is_missing(world):
    world.apply(**scoped("crm:write"))

    answer = world.submit("i-1", on_behalf_of="bob")
    (check,) = [each for each in world.app.why(TENANT, "i-1")["decision"]["checks"] if each["check"] == "scopes"]

    assert (answer.status, world.used()) == ("AWAITING_APPROVAL", 0)
    assert "bob" in answer.explanation and "crm:write" in answer.explanation
    assert check["saw"] == {"on_behalf_of": "bob", "required": ["crm:write"], "effective": ["crm:read"]}
    world.approve()
    assert world.status() == "APPROVED"


def test_a_type_that_is_not_allowlisted_is_refused_before_scopes_are_looked_at(world):
    world.apply(**scoped("crm:write", allowlist=[]))

    assert world.submit("i-1").reason == "ACTION_TYPE_NOT_ALLOWLISTED"


def test_principal_and_delegation_are_under_the_digest_and_absent_ones_are_no_keys(world):
    world.submit("plain")
    world.submit("whose", **ALICE, delegation=[hop("agent", "crm:read")], agent_tier="subagent")
    plain, whose = (world.app.ledger(TENANT, name)[0]["data"] for name in ("plain", "whose"))

    assert not {"on_behalf_of", "delegation", "agent_tier"} & set(plain)
    assert digest_of_wire(whose) == whose["digest"]
    for name in ("on_behalf_of", "delegation"):
        assert digest_of_wire({k: v for k, v in whose.items() if k != name}) != whose["digest"]
    # How it came changes nothing of what is executed.
    assert digest_of_wire({**whose, "agent_tier": "api"}) == whose["digest"]


def test_the_same_intent_on_another_s_behalf_is_a_conflict_and_through_another_tier_is_not(world):
    world.submit("i-1", **ALICE, delegation=[hop("agent", "crm:read")], agent_tier="api")

    for changes in ({"on_behalf_of": "bob"}, {"delegation": [hop("agent")]}):
        with pytest.raises(IntentIdReused):
            world.submit("i-1", **changes)
    assert world.submit("i-1", **ALICE, agent_tier="background").already_published


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"delegation": []}, "delegation"),
        ({"delegation": [hop("somebody-else")]}, "delegation.0.agent"),
        ({"delegation": [hop("agent", "two words")]}, "delegation.0.scopes.0"),
        ({"delegation": [hop("agent", *map(str, range(51)))]}, "delegation.0.scopes"),
        ({"delegation": [hop("agent")] * 17}, "delegation"),
        ({"agent_tier": "boss"}, "agent_tier"),
        ({"on_behalf_of": "two words"}, "on_behalf_of"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_principal_that_is_none_is_the_caller_s_mistake(world, changes, field):
    with pytest.raises(InvalidInput) as caught:
        world.submit("i-1", **changes)

    assert caught.value.field == field


def test_an_account_can_be_confined_to_principals(world):
    world.apply(**scoped(accounts={ACCOUNT: {"principals": ["alice"]}}))

    for changes in ({"on_behalf_of": "bob"}, {}):
        with pytest.raises(Forbidden, match="confined"):
            world.submit("i-1", **changes)
    assert world.submit("i-1", **ALICE).result == "AUTO_EXECUTED"
    assert world.submit("i-2", account_id="elsewhere").reason == "WITHIN_BOUNDS"


def test_what_a_person_edits_stays_the_principal_s(world):
    world.apply(**scoped("crm:write"))
    world.queued("i-1", **ALICE, delegation=[hop("agent", "crm:write")], agent_tier="subagent")

    edited = world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.text": "better"}).action_intent_id
    after = world.app.intent(TENANT, edited)

    assert (after.on_behalf_of, after.delegation[0].agent, after.agent_tier) == ("alice", "agent", "subagent")
    world.assert_sound()


def test_cards_and_why_show_on_whose_behalf_and_through_whom(world):
    world.queued("i-1", **ALICE, delegation=[hop("agent", "crm:read")], agent_tier="background")
    due = {"on_behalf_of": "alice", "delegation": [hop("agent", "crm:read")], "agent_tier": "background"}

    for shown in (
        world.app.queue(TENANT)[0][0],
        world.app.why(TENANT, "i-1"),
        world.app.status(TENANT, "i-1")["intent"],
    ):
        assert {name: shown[name] for name in due} == due


RULES = {
    'context.on_behalf_of == "bob"': {"on_behalf_of": "bob"},
    'context.scopes.contains("crm:write")': ALICE,
    '!context.scopes.containsAll(["crm:read"])': {"on_behalf_of": "stranger"},
    'context.delegation.contains("lead")': {**ALICE, "delegation": [hop("lead"), hop("agent")]},
    'context.agent_tier == "subagent"': {"on_behalf_of": "bob", "agent_tier": "subagent"},
}


@pytest.mark.parametrize("rule", RULES)
def test_policies_see_on_whose_behalf_by_which_scopes_and_through_whom(world, rule):
    text = f'@reason("NOT_SO") forbid (principal, action, resource) when {{ {rule} }};'
    world.apply(**scoped(), policies=[{"name": "p.cedar", "text": text}])
    narrow = [hop("agent", "crm:read")]

    # Asked first, so that an answer that is kept would be this one's.
    other = {"on_behalf_of": "alice", "delegation": narrow, "agent_tier": "api"}
    answers = [world.submit("i-1", **other).reason, world.submit("i-2", **RULES[rule]).reason]

    assert answers == ["WITHIN_BOUNDS", "NOT_SO"]
    world.assert_sound()


def test_principals_are_a_part_of_the_bounds_and_no_other_part_is_touched(world):
    before = world.app.bounds(TENANT)
    world.apply(**scoped("crm:write", accounts={ACCOUNT: {"principals": []}}))

    after = world.app.bounds(TENANT)

    assert before.wire().keys() == after.wire().keys() and "principals" not in before.wire()["bounds"]
    assert after.bounds.principals["bob"].scopes == ["crm:read"]
    world.assert_sound()


def test_what_waits_on_somebodys_behalf_is_not_replaced_on_anothers(world):
    world.queued("i-1", **ALICE)
    world.queued("i-2")

    for changes in ({"on_behalf_of": "bob"}, {}):
        with pytest.raises(Forbidden, match="another's behalf"):
            world.submit("i-3", supersedes="i-1", **changes)
    assert world.status() == "AWAITING_APPROVAL"

    world.submit("i-4", supersedes="i-1", **ALICE)
    world.submit("i-5", supersedes="i-2", **ALICE)

    assert [world.status(name) for name in ("i-1", "i-2")] == ["SUPERSEDED"] * 2
