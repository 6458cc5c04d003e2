"""Arguments fit the schema of their type before anybody is asked, and what need not be given may be absent."""

import pytest

from remit.core.errors import IntentIdReused, InvalidInput, NotFound
from remit.core.gate.parameters_schema import ParametersSchema

from .inside_writes import expected_place, places_of
from .world import TENANT, TYPE, bounds, proposal

SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "amount": {"type": "number", "maximum": 500}},
    "required": ["text"],
}


def typed(**changes):
    """Bounds whose type has the schema."""
    spec = bounds()["action_types"][TYPE]
    return {"action_types": {**bounds()["action_types"], TYPE: {**spec, "parameters": SCHEMA, **changes}}}


def wrong(amount="much"):
    return {"parameters": {"text": "hello", "amount": amount}}


def refused(carry_out):
    with pytest.raises(InvalidInput) as caught:
        carry_out()
    assert caught.value.field == "parameters.amount"


def test_what_does_not_fit_is_the_caller_s_mistake_and_nothing_is_stored(world):
    world.apply(**typed())

    refused(lambda: world.submit("i-1", **wrong()))
    refused(lambda: world.propose("i-1", **wrong()))

    with pytest.raises(NotFound):
        world.app.status(TENANT, "i-1")
    assert world.app.queue(TENANT)[0] == []


def test_one_that_does_not_fit_holds_no_other_back(world):
    world.apply(**typed())

    first, second = world.app.submit([proposal("i-1", **wrong()), proposal("i-2")])

    assert isinstance(first, InvalidInput) and second.result == "AUTO_EXECUTED"
    world.assert_sound()


def test_an_edit_has_to_fit_too_and_the_old_one_goes_on_waiting(world):
    world.apply(**typed())
    world.queued()

    refused(lambda: world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.amount": 501}))

    assert world.status() == "AWAITING_APPROVAL"
    assert world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.amount": 500}).reason == "EDITED_BY_PERSON"


def test_what_is_stored_already_is_returned_whatever_its_type_asks_for_since(world):
    first = world.submit("i-1", **wrong())
    world.apply(**typed())

    again = world.submit("i-1", **wrong())

    assert (again.result, again.already_published) == (first.result, True)
    with pytest.raises(IntentIdReused):
        world.submit("i-1", **wrong("more"))


def test_a_schema_is_checked_when_bounds_are_applied(world):
    with pytest.raises(InvalidInput) as caught:
        world.apply(**typed(parameters={"properties": {"to": {"$ref": "https://example.com/a"}}}))

    assert caught.value.field == f"action_types.{TYPE}.parameters.properties.to.$ref"


def test_a_changed_schema_is_a_new_version_of_its_type(world):
    world.apply(**typed())
    before = world.propose("i-1").registry_version

    world.apply(**typed(parameters={"type": "object"}))

    assert world.propose("i-2", **wrong()).registry_version == before + 1
    world.assert_sound()


def test_arguments_are_checked_before_the_write_that_is_everybody_s(world, monkeypatch):
    world.apply(**typed())
    places = places_of(monkeypatch, world, ParametersSchema, "misfit")
    world.clock.pass_(seconds=2)
    answers = world.app.submit([proposal("i-1"), proposal("i-2", **wrong())])
    world.app.propose([proposal("i-3")])

    assert isinstance(answers[1], InvalidInput)
    assert places == [expected_place(world)] * 3


# --- no target ---


def test_what_is_about_nothing_in_particular_runs_is_told_and_verified(world):
    world.submit("i-1", target=None)
    world.settle()

    (told,) = [line["text"] for line in world.app.timeline(TENANT)[0] if line["action_intent_id"] == "i-1"]

    assert world.status() == "SUCCEEDED"
    assert world.app.status(TENANT, "i-1")["intent"]["target"] is None
    assert " on " not in told and "nothing" not in told
    world.assert_sound()


def test_an_absent_target_is_no_key_of_what_is_stored(world):
    world.submit("i-1", target=None)

    assert "target" not in world.app.ledger(TENANT, "i-1")[0]["data"]


def test_a_person_may_give_it_a_target(world):
    world.queued("i-1", target=None)
    changes = {"target.entity_type": "contact", "target.entity_id": "c-9"}

    edited = world.app.edit(TENANT, "i-1", by="bob", changes=changes).action_intent_id

    assert world.app.intent(TENANT, edited).target.entity_id == "c-9"
    with pytest.raises(InvalidInput, match="target"):
        world.app.edit(TENANT, edited, by="bob", changes={"target.entity_id": None})
    world.assert_sound()


def test_the_same_one_with_a_target_is_another_intent(world):
    world.submit("i-1", target=None)

    with pytest.raises(IntentIdReused, match="target"):
        world.submit("i-1")


# --- no confidence ---


def test_a_type_may_ask_for_no_confidence(world):
    world.apply(**typed(min_confidence="none"))

    assert world.submit("i-1", confidence_score=None).result == "AUTO_EXECUTED"
    world.assert_sound()


def test_a_confidence_that_was_not_said_counts_as_0_and_is_told_as_not_said(world):
    answer = world.submit("i-1", confidence_score=None)

    assert answer.reason == "CONFIDENCE_BELOW_THRESHOLD" and "did not say how sure" in answer.explanation


def test_policies_see_that_it_was_not_said(world):
    rule = '@reason("UNSURE") forbid (principal, action, resource) unless { context.confidence_said };'
    world.apply(**typed(min_confidence="none"), policies=[{"name": "p.cedar", "text": rule}])

    assert world.submit("i-1", confidence_score=None).reason == "UNSURE"
    assert world.submit("i-2", confidence_score=0.0).result == "AUTO_EXECUTED"
    world.assert_sound()


# --- amounts ---

AMOUNTS = {"refund": {"value": "parameters.amount", "unit": "EUR"}}


def test_what_waits_shows_its_amounts_as_the_version_that_it_pinned_declares_them(world):
    world.apply(**typed(amounts=AMOUNTS))
    world.queued("i-1", parameters={"text": "hello", "amount": 12.5})
    world.queued("i-2", parameters={"text": "hello"})
    world.apply(**typed(amounts={"other": {"value": "parameters.text", "unit": "EUR"}}))

    shown = {item["action_intent_id"]: item["amounts"] for item in world.app.queue(TENANT)[0]}

    assert shown["i-1"] == {"refund": {"value": "12.5", "unit": "EUR", "problem": None}}
    assert shown["i-2"]["refund"]["value"] is None and "parameters.amount" in shown["i-2"]["refund"]["problem"]
    for seen in (world.app.status(TENANT, "i-1"), world.app.why(TENANT, "i-1")):
        assert seen["amounts"] == shown["i-1"]


def test_a_type_without_amounts_shows_none(world):
    world.queued()

    assert world.app.queue(TENANT)[0][0]["amounts"] == {} == world.app.status(TENANT, "i-1")["amounts"]
