"""How much waits for somebody is as much as their list holds, whatever people answer and bounds come to."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from random import Random

import pytest

from remit.core.errors import RemitError
from remit.core.identity.credential import Credential

from .world import OTHER, TENANT, TYPE, type_of

PEOPLE = ["bob", "Carol", "dave"]
EVERY = 100
GROUPED = {"by_type": "action_type", "by_account": "account_id", "by_proposer": "proposed_by", "by_reason": "reason"}


def assert_counted_as_listed(world):
    for person in PEOPLE:
        listed, following = world.app.queue(TENANT, answerer=person, limit=EVERY)
        mine, _ = world.app.queue(TENANT, answerer=person, assigned_to=person, limit=EVERY)
        groups = world.app.queue_groups(TENANT, answerer=person)

        assert following is None
        assert world.app.waiting_count(TENANT, answerer=person) == groups.total == len(listed)
        assert world.app.assigned_count(TENANT, answerer=person) == groups.assigned == len(mine)
        for kind, field in GROUPED.items():
            assert dict(getattr(groups, kind)) == Counter(item[field] for item in listed)


class Office:
    """People who answer and bounds that change, one thing at a time and by chance."""

    def __init__(self, world, chance):
        self._world, self._chance, self._names = world, chance, []

    def does_something(self):
        steps = {self.bounds: 2, self.proposes: 3, self.votes: 6, self.answers: 1, self.undoes: 1, self.assigns: 1}
        (step,) = self._chance.choices(list(steps), weights=list(steps.values()))
        # What is answered already, or is not theirs to answer, is refused: that changes nothing.
        with suppress(RemitError):
            step()

    def bounds(self):
        asked = {TYPE: self._chance.randint(1, 3), OTHER: self._chance.randint(1, 3)}
        kept = self._chance.choice([[TYPE, OTHER], [TYPE], [OTHER]])
        self._world.apply(
            action_types={name: {**type_of(), "approvals_required": asked[name]} for name in kept},
            allowlist=kept,
            independent_approvers=self._chance.random() < 0.7,
            proposer_may_approve=self._chance.choice([True, False, None]),
        )

    def proposes(self):
        name = f"i-{len(self._names)}"
        account, proposer = self._chance.choice(["north", "south"]), self._chance.choice(["bot", "bob"])
        self._names.append(name)
        self._world.queued(
            name, action_type=self._chance.choice([TYPE, OTHER]), account_id=account, proposed_by=proposer
        )

    def votes(self):
        who = self._chance.choice(PEOPLE)
        through = Credential("key", f"k-{who}", made_by=self._chance.choice([(), ("dave",)]))
        name = self._one()
        digest = self._digest(name)
        self._world.app.approve(TENANT, name, by=who, digest=digest, credential=through, undo_for_s=5)

    def answers(self):
        name, who = self._one(), self._chance.choice(PEOPLE)
        if self._chance.random() < 0.5:
            self._world.app.reject(TENANT, name, by=who)
        else:
            edited = self._world.app.edit(TENANT, name, by=who, changes={"parameters": {"text": "other"}})
            self._names.append(edited.action_intent_id)

    def undoes(self):
        self._world.app.undo(TENANT, self._one(), by=self._chance.choice(PEOPLE))

    def assigns(self):
        self._world.app.assign(TENANT, self._one(), by="ann", to=self._chance.choice([*PEOPLE, "BOB", None]))

    def _one(self):
        return self._chance.choice(self._names)

    def _digest(self, name):
        return self._world.app.intent(TENANT, name).digest


@pytest.mark.parametrize("store_kind", ["memory", "sqlite"])
@pytest.mark.parametrize("seed", range(4))
def test_each_persons_count_is_the_length_of_their_list(seed, world):
    office = Office(world, Random(seed))
    office.proposes()

    for _ in range(40):
        office.does_something()
        assert_counted_as_listed(world)

    world.assert_sound()


@pytest.mark.parametrize("store_kind", ["memory", "sqlite"])
@pytest.mark.parametrize("bounds", [{"approvals_required": 1}, None], ids=["one is enough", "the type is gone"])
def test_what_needs_no_other_any_more_is_there_again_for_who_has_approved_it(bounds, world):
    world.apply(action_types={TYPE: {**type_of(), "approvals_required": 2}, OTHER: type_of()})
    world.queued()
    world.approve(by="bob")
    before = world.app.waiting_count(TENANT, answerer="bob")

    kept = {OTHER: type_of()} | ({TYPE: {**type_of(), **bounds}} if bounds else {})
    world.apply(action_types=kept, allowlist=[OTHER])

    ((item,), _) = world.app.queue(TENANT, answerer="Bob")
    assert (before, world.app.waiting_count(TENANT, answerer="bob"), item["approvals_required"]) == (0, 1, 1)
    assert_counted_as_listed(world)
    if bounds:
        world.approve(by="bob")
        assert world.status() == "APPROVED"


@pytest.mark.parametrize("store_kind", ["memory", "sqlite"])
def test_when_as_many_have_approved_as_are_asked_for_by_now_one_of_them_carries_it_out(world):
    world.apply(action_types={TYPE: {**type_of(), "approvals_required": 3}}, allowlist=[TYPE])
    world.queued()
    world.approve(by="bob"), world.approve(by="carol")

    world.apply(action_types={TYPE: {**type_of(), "approvals_required": 2}}, allowlist=[TYPE])

    assert [world.app.waiting_count(TENANT, answerer=person) for person in PEOPLE] == [1, 1, 1]
    assert_counted_as_listed(world)
    world.approve(by="carol")
    assert world.status() == "APPROVED"
    assert world.events().count("APPROVAL_VOTED") == 2
    world.assert_sound()
