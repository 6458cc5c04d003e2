"""Remit's own name in the history: nobody else acts under it, and what was once done under it is read as it was."""

from __future__ import annotations

import pytest

from remit.core.errors import InvalidInput
from remit.core.gate.autonomy import StopScope
from remit.core.identity.api_key import NewKey
from remit.core.identity.credential import PROCESS
from remit.core.identity.principal import Principal
from remit.core.proposal import Proposal
from remit.flow import propose
from remit.flow.settings import keys

from .notified import notifying_world
from .world import NOON, OWN, TENANT, bounds, own_type, proposal

SPELLINGS = ["remit", "Remit", "REMIT", " remit ", "ｒｅｍｉｔ", "re\u200bmit", "𝐫𝐞𝐦𝐢𝐭"]
TOLD = "is what Remit itself is called in the history"


def acts(app):
    """Each act of a person or an agent under a name, with the field that names them."""
    digest = app.intent(TENANT, "i-1").digest
    scope = StopScope(tenant_id=TENANT)
    mail = {"channel": "email", "notices": ["NEEDS_INPUT"]}
    person = {"address": "bob@example.com"}
    slack = {
        "channel": "slack",
        "slack_channel": "C1",
        "bot_token": "${TOKEN}",
        "signing_secret": "${SECRET}",
        "notices": ["NEEDS_INPUT"],
    }
    told = {"team": "T1", "user": "U1"}
    return {
        "approve": ("by", lambda name: app.approve(TENANT, "i-1", by=name, digest=digest)),
        "reject": ("by", lambda name: app.reject(TENANT, "i-1", by=name)),
        "edit": ("by", lambda name: app.edit(TENANT, "i-1", by=name, changes={"parameters.text": "new"})),
        "ask": ("by", lambda name: app.ask(TENANT, "i-1", by=name, text="Why?")),
        "undo": ("by", lambda name: app.undo(TENANT, "i-1", by=name)),
        "resolve": ("by", lambda name: app.resolve(TENANT, "i-1", by=name, status="FAILED")),
        "judge": ("by", lambda name: app.judge(TENANT, "i-1", by=name, right=True)),
        "erase": ("by", lambda name: app.erase(TENANT, "i-1", by=name, reason="asked")),
        "erase_result": ("by", lambda name: app.erase_result(TENANT, "i-1", by=name, reason="asked")),
        "decide_again": ("by", lambda name: app.decide_again(TENANT, ["i-1"], by=name)),
        "assign": ("by", lambda name: app.assign(TENANT, "i-1", by=name, to="ann")),
        "assign to": ("to", lambda name: app.assign(TENANT, "i-1", by="ann", to=name)),
        "hand_over": ("by", lambda name: app.hand_over(TENANT, by=name, to="ann", until=NOON)),
        "hand_over to": ("to", lambda name: app.hand_over(TENANT, by="ann", to=name, until=NOON)),
        "apply": ("by", lambda name: app.apply(bounds(), by=name)),
        "stop": ("by", lambda name: app.stop(scope, by=name, reason="incident")),
        "resume": ("by", lambda name: app.resume(scope, by=name, reason="over")),
        "resume_tool": ("by", lambda name: app.resume_tool(TENANT, OWN, by=name)),
        "recover": ("by", lambda name: app.recover(by=name)),
        "create_key": ("by", lambda name: app.create_key(TENANT, {"name": "bot", "roles": ["agent"]}, by=name)),
        "revoke_key": ("by", lambda name: app.revoke_key(TENANT, "k-1", by=name)),
        "make_link": ("by", lambda name: app.make_link(ANN, leads_to="/console/", by=name)),
        "make_link for": ("name", lambda name: app.make_link(someone(name), leads_to="/console/", by="ann")),
        "set_subscription": ("by", lambda name: app.set_subscription(TENANT, "s", {}, by=name)),
        "remove_subscription": ("by", lambda name: app.remove_subscription(TENANT, "s", by=name)),
        "test_subscription": ("by", lambda name: app.test_subscription(TENANT, "s", by=name)),
        "export": ("by", lambda name: list(app.export(TENANT, by=name))),
        "export_lines": ("by", lambda name: list(app.export_lines(TENANT, by=name))),
    }, {
        "create_key": ("name", lambda name: app.create_key(TENANT, {"name": name, "roles": ["agent"]}, by="ann")),
        "propose": ("proposed_by", lambda name: raised(app.propose([proposal("i-2", proposed_by=name)]))),
        "submit": ("proposed_by", lambda name: raised(app.submit([proposal("i-2", proposed_by=name)]))),
        "recipient": (
            "recipients.0.name",
            lambda name: app.set_subscription(
                TENANT, "s", {**mail, "recipients": [{**person, "name": name}]}, by="ann"
            ),
        ),
        "slack": (
            "people.0.name",
            lambda name: subscribe(app, {**slack, "people": [{**told, "name": name}]}),
        ),
    }


def someone(name):
    return Principal(name, TENANT, frozenset({"approver"}))


ANN = someone("ann")


def subscribe(app, asked):
    app.set_subscription(TENANT, "s", asked, by="ann")


def raised(answers):
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


def stored(world):
    return list(world.app.ledger_entries(TENANT, None)), world.inner.chain(TENANT, "i-1")


def test_nobody_acts_under_the_name_however_it_is_spelled(new_world):
    world, _ = notifying_world(new_world)
    world.queued()
    of_people, of_ids = acts(world.app)
    before = stored(world)

    for acts_of, names in ((of_people, SPELLINGS), (of_ids, ["remit", "Remit", "REMIT"])):
        for what, (field, act) in acts_of.items():
            for name in names:
                with pytest.raises(InvalidInput, match=TOLD) as refused:
                    act(name)
                assert refused.value.field == field, what

    assert stored(world) == before


def test_a_name_that_only_begins_so_is_a_name(world):
    world.queued(proposed_by="remit-agent")

    assert world.approve(by="remit.bot").approved_by == "remit.bot"
    assert world.app.create_key(TENANT, {"name": "remit2", "roles": ["agent"]}, by="ann")[0].name == "remit2"


def test_without_a_name_remit_seals_an_export(world):
    world.queued()

    assert list(world.app.export(TENANT))[-1]["actor"] == "remit"
    assert list(world.app.export(TENANT, by="ann"))[-1]["actor"] == "ann"


@pytest.fixture
def yesterday(world):
    """A world in which an agent and its key were called so before the name was reserved."""
    context, now = world.app.context, world.clock.now()
    asked = NewKey(name="remit", roles=["agent", "approver"])
    keys.create(context, TENANT, asked, secret="s" * 43, created_by="remit", created_through=PROCESS, now=now)
    world.apply(action_types={OWN: own_type()}, allowlist=[OWN])
    for name, confidence in (("i-1", 0.9), ("i-2", 0.1), ("i-3", 0.1), ("i-4", 0.9)):
        said = proposal(name, action_type=OWN, confidence_score=confidence, proposed_by="remit")
        world.app._one(propose.ProposeIntent(context, Proposal.model_validate(said), now).unit())
        world.gate(name)
    return world


def test_what_was_proposed_under_the_name_comes_to_its_end_and_verifies(yesterday):
    app = yesterday.app
    key = app.keys(TENANT)[0]
    permit = app.begin(TENANT, "i-1", by="remit", key="k").permit

    app.finish(TENANT, "i-1", by="remit", approval_id=permit.approval_id, acted="yes")
    edited = app.edit(TENANT, "i-2", by="ann", changes={"parameters.text": "new"})
    app.withdraw(TENANT, "i-3", by="remit")

    assert app.status(TENANT, "i-1")["status"] == "SUCCEEDED" and app.status(TENANT, "i-3")["status"] == "WITHDRAWN"
    assert app.intent(TENANT, edited.action_intent_id).proposed_by == "remit"
    assert app.decide_again(TENANT, [edited.action_intent_id], by="ann")
    assert app.revoke_key(TENANT, key.key_id, by="ann").name == "remit"
    assert app.verify(TENANT).ok
    with pytest.raises(InvalidInput, match="a key that is called so is made anew"):
        raised(app.submit([proposal("i-9", action_type=OWN, proposed_by="remit")]))
