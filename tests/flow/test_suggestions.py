"""Suggestions: what people answered, by shape of action, and the change of bounds that it speaks for."""

from __future__ import annotations

import pytest

from remit.stores.memory import MemoryStore

from .world import OTHER, TENANT, TYPE, World, type_of


@pytest.fixture
def world():
    world = World(MemoryStore)
    world.apply(modes={})
    return world


def answered(world, count, *, answer="approved", first=0, after_s=5, **parameters):
    for number in range(first, first + count):
        name = f"{answer}-{number}"
        world.submit(name, parameters={"amount": 10 + number, "currency": "EUR", **parameters})
        world.clock.pass_(seconds=after_s)
        if answer == "approved":
            world.approve(name)
        elif answer == "rejected":
            world.app.reject(TENANT, name, by="bob")
        elif answer == "edited":
            world.app.edit(TENANT, name, by="bob", changes={"parameters.amount": 1})


def evidence(world):
    (item,) = world.app.suggestions(TENANT)["items"]
    return item


def test_every_answer_of_people_is_evidence_and_nothing_else_is(world):
    answered(world, 2)
    answered(world, 1, answer="rejected", after_s=2)
    answered(world, 1, answer="edited")
    world.submit("waits")
    world.app.withdraw(TENANT, "waits", by="agent")
    world.submit("undone")
    digest = world.app.intent(TENANT, "undone").digest
    world.app.approve(TENANT, "undone", by="bob", digest=digest, undo_for_s=5)
    world.app.undo(TENANT, "undone", by="bob")

    item = evidence(world)

    assert (item["answered"], item["disagreed"]) == (5, 3)
    assert item["people"] == {"approved": 2, "edited": 1, "rejected": 1, "undone": 1}
    assert item["reasons"] == {"TENANT_POLICY": 5}
    assert item["envelope"] == {
        "numbers": {"amount": {"from": "10", "to": "11"}},
        "choices": {"currency": ["EUR"]},
    }
    assert (item["median_s_to_answer"], item["share_under_3_s"]) == (5.0, 0.4)


def test_what_people_judge_afterwards_is_evidence_too(world):
    world.apply(action_types={TYPE: {**type_of(), "sample": 1}})
    for number in range(4):
        world.submit(f"i-{number}", parameters={"amount": number, "currency": "EUR"})
    world.settle()
    for number, right in enumerate([True, False, True]):
        world.app.judge(TENANT, f"i-{number}", by="bob", right=right)

    item = evidence(world)

    assert (item["answered"], item["disagreed"]) == (3, 1)
    assert item["people"] == {"right": 2, "wrong": 1} and item["reasons"] == {"WITHIN_BOUNDS": 3}
    assert item["envelope"]["numbers"] == {"amount": {"from": "0", "to": "2"}}
    # Nobody waited for these answers: how long they took says nothing of who gave them.
    assert (item["median_s_to_answer"], item["share_under_3_s"]) == (None, None)


def test_little_evidence_suggests_nothing(world):
    answered(world, 30)

    item = evidence(world)

    assert item["disagreement_at_most"] > 0.05
    assert item["suggestion"] is None


def test_agreement_suggests_to_run_alone_within_what_was_agreed_to(world):
    answered(world, 130)

    suggested = evidence(world)["suggestion"]
    world.app.apply(suggested["bounds"], by="ann")
    within = world.submit("within", parameters={"amount": 100.5, "currency": "EUR"})
    above = world.submit("above", parameters={"amount": 500, "currency": "EUR"})
    otherwise = world.submit("otherwise", parameters={"amount": 100, "currency": "USD"})
    silent = world.submit("silent", parameters={"currency": "EUR"})

    assert suggested["direction"] == "WIDER"
    assert within.result == "AUTO_EXECUTED"
    assert {answer.reason for answer in (above, otherwise, silent)} == {"BEYOND_WHAT_PEOPLE_AGREED_TO"}


def test_disagreement_suggests_to_ask_about_what_runs_alone(world):
    world.apply(budget={"max_autonomous_per_day": 0})
    answered(world, 30, answer="rejected")

    suggested = evidence(world)["suggestion"]

    assert suggested["direction"] == "NARROWER"
    assert [(each["path"], each["after"]) for each in suggested["changes"]] == [(f"modes.{TYPE}", "APPROVAL_REQUIRED")]


def test_evidence_of_an_earlier_version_suggests_nothing(world):
    answered(world, 130)
    spec = world.app.bounds(TENANT).bounds.action_types[TYPE].model_dump(mode="json")
    other = world.app.bounds(TENANT).bounds.action_types[OTHER].model_dump(mode="json")

    world.apply(modes={}, action_types={TYPE: {**spec, "expires_after": "3d"}, OTHER: other})

    assert evidence(world)["suggestion"] is None


def test_suggestions_change_nothing(world):
    answered(world, 3)
    before = list(world.app.export_lines(TENANT))

    world.app.suggestions(TENANT)

    after = list(world.app.export_lines(TENANT))
    # Each export ends with a seal, and the second holds that of the first.
    assert len(after) == len(before) + 1
