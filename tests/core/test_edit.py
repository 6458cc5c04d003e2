"""Edits of people: which paths may be set, to what, and what the edit proposes."""

from datetime import timedelta

import pytest

from remit.core.edit import edited_proposal, same_proposal
from remit.core.errors import InvalidInput, NotInThatState
from remit.core.values import instant

from .make import NOW, intent

OLD = intent(parameters={"text": "hello", "to": {"name": "Ann", "tags": ["a"]}}, why=["because"], proposed_by="bot")


def edit(**changes):
    return edited_proposal(OLD, {path.replace("__", "."): value for path, value in changes.items()}, new_id="i-2")


@pytest.mark.parametrize(
    ("path", "editable"),
    [
        ("parameters.text", True),
        ("parameters.to.name", True),
        ("parameters.new.deep.place", True),
        ("target.entity_id", True),
        ("expires_at", True),
        ("parameters", False),
        ("target", False),
        ("expires_at.year", False),
        ("parameters.", False),
        ("parameters..text", False),
        ("action_type", False),
        ("account_id", False),
        ("tenant_id", False),
        ("confidence_score", False),
        ("risk_level", False),
        ("proposed_by", False),
        ("supersedes", False),
        ("", False),
        (".", False),
        ('parameters["account.iban"]', True),
        ("parameters['']", True),
        ("parameters.to.tags.0", True),
        ("['parameters'].text", False),
        ("parameters[text]", False),
        ("[0].text", False),
    ],
)
def test_only_parameters_target_and_expiry_may_be_edited(path, editable):
    try:
        edited_proposal(OLD, {path: NOW.isoformat()}, new_id="i-2")
    except InvalidInput as refused:
        assert not editable and "cannot be edited" in str(refused)
    else:
        assert editable


def test_an_edit_proposes_the_rest_as_it_was_in_the_old_one_s_place():
    proposal = edit(parameters__text="better")

    assert proposal.parameters == {"text": "better", "to": {"name": "Ann", "tags": ["a"]}}
    assert (proposal.action_intent_id, proposal.supersedes) == ("i-2", "i-1")
    for kept in [
        "tenant_id",
        "account_id",
        "action_type",
        "why",
        "proposed_by",
        "expires_at",
        "trace_id",
        "risk_level",
    ]:
        assert getattr(proposal, kept) == getattr(OLD, kept)


@pytest.mark.parametrize(
    ("changes", "parameters"),
    [
        ({"parameters__text": None}, {"to": {"name": "Ann", "tags": ["a"]}}),
        ({"parameters__to__name": None}, {"text": "hello", "to": {"tags": ["a"]}}),
        ({"parameters__to": None, "parameters__nothing": None}, {"text": "hello"}),
        ({"parameters__to": 1}, {"text": "hello", "to": 1}),
        ({"parameters__a__b": 2}, {"text": "hello", "to": {"name": "Ann", "tags": ["a"]}, "a": {"b": 2}}),
    ],
)
def test_a_parameter_is_set_with_the_objects_on_the_way_to_it_and_goes_with_none(changes, parameters):
    assert edit(**changes).parameters == parameters
    assert OLD.parameters == {"text": "hello", "to": {"name": "Ann", "tags": ["a"]}}


def test_a_place_inside_what_is_no_object_is_refused():
    with pytest.raises(InvalidInput, match="'text' is not an object"):
        edit(parameters__text__more=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters.text": "a", 'parameters["text"]': "b"},
        {"parameters.to": {"name": "Bo"}, "parameters.to.name": "Cy"},
        {"parameters.to.tags[0]": "b", "parameters.to.tags": ["c"]},
        {"parameters.to.tags.0": "b", "parameters.to.tags[0]": "c"},
    ],
)
def test_one_place_is_changed_once(changes):
    with pytest.raises(InvalidInput, match="change each value once"):
        edited_proposal(OLD, changes, new_id="i-2")


def test_a_target_cannot_lose_a_part_and_an_expiry_without_a_value_is_the_type_s():
    with pytest.raises(InvalidInput, match="target"):
        edit(target__entity_id=None)

    assert edit(target__entity_id="c-2").target.entity_id == "c-2"
    assert edit(expires_at=None).expires_at is None
    assert edit(expires_at=instant(NOW + timedelta(days=1))).expires_at == NOW + timedelta(days=1)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"parameters__text": "hello"},
        {"parameters__nothing": None},
        {"target__entity_id": "c-1", "expires_at": instant(NOW + timedelta(days=7))},
    ],
)
def test_an_edit_that_changes_nothing_is_refused(changes):
    with pytest.raises(InvalidInput, match="change nothing"):
        edit(**changes)


def test_the_same_is_proposed_again_until_it_expires():
    over = OLD.expires_at

    again = same_proposal(OLD, new_id="i-2", now=over - timedelta(seconds=1))

    assert (again.action_intent_id, again.supersedes) == ("i-2", OLD.action_intent_id)
    assert again.parameters == OLD.parameters
    with pytest.raises(NotInThatState, match="EXPIRED"):
        same_proposal(OLD, new_id="i-2", now=over)
