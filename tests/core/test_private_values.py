"""Private values: where they are taken out, what stands there, when they are put in again, and what never says them."""

import hashlib
import json
import re

import pytest

from remit.core.canonical import canonical
from remit.core.edit import edited_proposal
from remit.core.errors import IntentIdReused, InvalidInput
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.bounds_parts import ActionTypes, parse_part
from remit.core.gate.policy import POLICY_ERROR
from remit.core.intent import digest_of_wire
from remit.core.opened_intent import commit_private, may_have_private, open_intent, private_paths, redacted
from remit.core.private_values import PrivateValue, is_commitment
from remit.core.proposal import agree, parse_proposal
from remit.core.redaction import without_values
from remit.core.rendering import rows, target, value_text

from . import make
from .make import TYPE

SEED = bytes(range(32))
CUSTOMER = {"customer": {"email": "alice@example.org", "since": 2019}, "to": ["a@x.org", "b@x.org"], "text": "hello"}
PRIVATE = ["parameters.customer.email", "parameters.to[1]", "target.entity_id", "why"]


def intent(**changes):
    return make.intent(**{"parameters": CUSTOMER, "why": ["alice asked"], **changes})


def committed(paths=PRIVATE, seed=SEED, **changes):
    return commit_private(intent(**changes), paths, seed)


def test_a_commitment_is_sha256_over_the_salt_and_the_value_in_canonical_json():
    stored, values = committed()

    place = stored.parameters["customer"]["email"]
    kept = values.values[place["$committed"]]
    assert set(place) == {"$committed"} and len(kept.salt) == 64
    assert hashlib.sha256(bytes.fromhex(kept.salt) + b'"alice@example.org"').hexdigest() == place["$committed"]


def test_nothing_private_is_left_in_what_is_stored_and_its_digest_is_that_of_the_commitments():
    stored, _ = committed()

    written = stored.canonical().decode()
    assert not any(value in written for value in ("alice", "b@x.org", "c-1"))
    assert "a@x.org" in written
    assert stored.digest == digest_of_wire(json.loads(written)) != intent().digest


def test_opened_it_is_as_it_was_proposed_and_still_writes_itself_without_values():
    stored, values = committed()

    opened = open_intent(stored, values)

    assert opened.wire() == {**intent().wire(), "digest": stored.digest}
    assert opened.missing == {}
    assert opened.canonical() == stored.canonical()
    assert opened.to_json() == stored.to_json()
    assert opened.as_committed == stored


def test_the_same_seed_makes_the_same_salts_and_another_one_others():
    assert committed() == committed()
    assert committed()[0].digest != committed(seed=bytes(32))[0].digest


def test_equal_values_have_salts_of_their_own():
    stored, values = committed(["parameters.a", "parameters.b"], parameters={"a": "same", "b": "same"})

    assert stored.parameters["a"] != stored.parameters["b"]
    assert len({kept.salt for kept in values.values.values()}) == 2


def test_an_intent_without_private_values_is_stored_as_it_is():
    assert commit_private(intent(), [], SEED) == (intent(), None)
    assert commit_private(intent(why=None), ["parameters.iban", "why", "parameters.to[7]"], SEED) == (
        intent(why=None),
        None,
    )


@pytest.mark.parametrize("sent", ["alice@example.org", ["alice@example.org"], 7])
def test_what_stands_where_the_way_to_a_private_value_leads_through_is_private_instead(sent):
    stored, _ = committed(["parameters.customer.email"], parameters={"customer": sent, "text": "hello"})

    assert is_commitment(stored.parameters["customer"])
    assert stored.parameters["text"] == "hello"


def test_a_name_with_a_dot_that_could_be_meant_by_a_private_path_is_refused():
    with pytest.raises(InvalidInput, match=r"could mean the name 'customer\.email'"):
        committed(parameters={"customer.email": "alice@example.org"})


def test_all_parameters_and_the_whole_target_may_be_private():
    stored, values = committed(["parameters", "target"])

    assert is_commitment(stored.parameters)
    assert dict(private_paths(stored)).keys() == {"parameters", "target.entity_type", "target.entity_id"}
    assert open_intent(stored, values).wire() == {**intent().wire(), "digest": stored.digest}


@pytest.mark.parametrize(
    "path",
    ["parameters", "parameters.text", "parameters.to[1]", "target", "target.entity_id", "target.entity_type", "why"],
)
def test_what_has_private_values_is_never_taken_for_one_that_has_none(path):
    stored, _ = committed([path])
    flat, _ = committed([path], parameters={"text": "hello"})

    assert all(may_have_private(each) for each in (stored, flat) if dict(private_paths(each)))
    assert dict(private_paths(stored)) and not may_have_private(intent(parameters={"text": "hello", "n": 1.5}))


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"$committed": "0" * 64}, "parameters"),
        ({"a": [{"b": {"$committed": "0" * 64}}]}, "parameters.a.0.b"),
        ({"a": {"$committed": 1, "more": 2}}, "parameters.a"),
    ],
)
def test_a_caller_cannot_send_what_would_be_taken_for_a_commitment(sent, field):
    with pytest.raises(InvalidInput) as refused:
        parse_proposal(make.proposal_json(parameters=sent))

    assert refused.value.field == f"{field}.$committed"


def test_a_text_that_reads_like_the_name_is_no_commitment():
    assert parse_proposal(make.proposal_json(parameters={"text": '"$committed"', "list": ["$committed"]}))


# --- what an action type may list ---


@pytest.mark.parametrize(
    "paths",
    [
        ["parameters"],
        ["parameters.customer.email", 'parameters["account.iban"]', "parameters.to[0]"],
        ["target", "why"],
        ["target.entity_id", "why[0]", "why.1"],
    ],
)
def test_parameters_targets_and_reasons_may_be_private(paths):
    bounds = parse_bounds(make.bounds_json(action_types={TYPE: make.type_json(private=paths)}))

    assert bounds.action_types[TYPE].private == paths


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["account_id"], "cannot be private"),
        (["confidence_score"], "cannot be private"),
        (["target.name"], "cannot be private"),
        (["facts.customer"], "cannot be private"),
        (["parameters[0]"], "cannot be private"),
        (["parameters."], "is not a path"),
        (["parameters.a", "parameters.a.b"], "inside each other"),
        (["parameters.a.b", "parameters.a"], "inside each other"),
        (["why", "why[0]"], "inside each other"),
        (["parameters.to.0", "parameters.to[0]"], "inside each other"),
        ([f"parameters.p{number}" for number in range(51)], "the most is 50"),
    ],
)
def test_what_cannot_be_private_is_refused_with_the_bounds(paths, said):
    with pytest.raises(InvalidInput, match=said) as refused:
        parse_bounds(make.bounds_json(action_types={TYPE: make.type_json(private=paths)}))

    assert refused.value.field == f"action_types.{TYPE}.private"


@pytest.mark.parametrize(
    "private", [["parameters.total"], ["parameters"], ["parameters.total.net"], ["parameters.unit"]]
)
def test_an_amount_cannot_be_private_for_sums_of_it_stand_in_the_ledger(private):
    amounts = {"sum": {"value": "parameters.total", "unit": "parameters.unit"}}
    types = {TYPE: make.type_json(private=private, amounts=amounts)}

    with pytest.raises(InvalidInput, match=r"amounts\.sum is at parameters"):
        parse_bounds(make.bounds_json(action_types=types))
    types[TYPE]["private"] = ["parameters.iban", "target"]
    assert parse_bounds(make.bounds_json(action_types=types)).action_types[TYPE].amounts


def test_an_intent_without_a_target_has_none_to_hide():
    stored, values = committed(["target", "parameters.text"], target=None)

    assert dict(private_paths(stored)).keys() == {"parameters.text"}
    assert open_intent(stored, values).target is None
    assert open_intent(stored, values).wire() == {**intent(target=None).wire(), "digest": stored.digest}


def test_bounds_that_keep_nothing_private_have_the_hash_that_they_had():
    spec = make.bounds().wire()["bounds"]["action_types"][TYPE]

    assert "private" not in spec


# --- values that are not to be had ---


def test_an_erased_value_stays_a_commitment_that_says_so():
    stored, values = committed()
    name = stored.parameters["customer"]["email"]["$committed"]

    opened = open_intent(stored, values.without([name]))

    assert opened.parameters["customer"]["email"] == {"$committed": name, "state": "ERASED"}
    assert opened.missing == {"parameters.customer.email": "ERASED"}
    assert opened.parameters["to"] == CUSTOMER["to"]


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept.changed(value='"bob@example.org"'),
        lambda kept: kept.changed(salt="0" * 64),
        # The salt's last byte taken for the value's first: the same bytes are hashed.
        lambda kept: kept.changed(salt=kept.salt + b'"'.hex(), value=kept.value[1:]),
    ],
)
def test_a_value_that_is_not_what_was_committed_is_not_put_in(change):
    stored, values = committed()
    name = stored.parameters["customer"]["email"]["$committed"]

    opened = open_intent(stored, values.changed(values={**values.values, name: change(values.values[name])}))

    assert opened.parameters["customer"]["email"] == {"$committed": name, "state": "DIFFERENT"}
    assert opened.missing == {"parameters.customer.email": "DIFFERENT"}


def test_a_value_cannot_be_put_in_the_place_of_another():
    stored, values = committed(["parameters.a", "parameters.b"], parameters={"a": "1.00", "b": "1000.00"})
    first, second = (stored.parameters[name]["$committed"] for name in "ab")

    swapped = values.changed(values={first: values.values[second], second: values.values[first]})

    assert open_intent(stored, swapped).missing == {"parameters.a": "DIFFERENT", "parameters.b": "DIFFERENT"}


def test_without_its_values_an_intent_is_a_conflict_when_it_is_proposed_again():
    stored, values = committed()
    again = parse_proposal(make.proposal_json(parameters=CUSTOMER, why=["alice asked"]))

    agree(again, open_intent(stored, values))
    with pytest.raises(IntentIdReused) as refused:
        agree(again, open_intent(stored, None))

    assert refused.value.fields == ["parameters", "target", "why"]


def test_an_edit_of_what_was_erased_has_to_set_it_anew():
    stored, values = committed()
    opened = open_intent(stored, values.without([stored.parameters["customer"]["email"]["$committed"]]))

    with pytest.raises(InvalidInput, match=r"parameters\.customer\.email: was private"):
        edited_proposal(opened, {"parameters.text": "bye"}, new_id="i-2")

    edited = edited_proposal(opened, {"parameters.customer.email": "new@example.org"}, new_id="i-2")
    assert edited.parameters == {**CUSTOMER, "customer": {"email": "new@example.org", "since": 2019}}
    assert edited.why == ["alice asked"]


# --- policies ---

ONLY_ALICE = make.rule(
    '@effect("BLOCK") forbid (principal, action, resource) unless '
    '{ context.texts.hasTag("customer.email") && context.texts.getTag("customer.email") == "alice@example.org" };'
)
NOT_C2 = make.rule('forbid (principal, action, resource) when { context.target_id == "c-2" };', "target.cedar")
NO_AGENT = make.rule(
    '@id("agent") @effect("BLOCK") forbid (principal, action, resource) when { principal == Agent::"agent" };',
    "a.cedar",
)


def asked(opened, *policies, **changes):
    bounds = make.bounds(policies=list(policies), **changes)
    return bounds.plans.action("north", TYPE, make.NOW).ask(opened).verdict


def test_policies_see_private_values():
    opened = open_intent(*committed())

    assert asked(opened, ONLY_ALICE, NOT_C2).policy_decision == "AUTO_EXECUTE"
    other = open_intent(*committed(parameters={"customer": {"email": "bob@example.org"}}))
    assert asked(other, ONLY_ALICE).policy_decision == "BLOCK"
    elsewhere = {"entity_type": "contact", "entity_id": "c-2"}
    assert asked(open_intent(*committed(target=elsewhere)), NOT_C2).policy_decision == "REQUIRE_APPROVAL"


@pytest.mark.parametrize("policies", [(), (ONLY_ALICE,), (NOT_C2,)])
def test_what_is_not_to_be_had_is_a_policy_error_whatever_the_rules_look_at(policies):
    verdict = asked(open_intent(committed()[0], None), *policies)

    assert (verdict.policy_decision, verdict.reason) == ("REQUIRE_APPROVAL", POLICY_ERROR)
    assert "parameters.customer.email" in verdict.explanation


def test_a_block_that_looks_at_no_private_value_holds_where_values_are_gone():
    gone = open_intent(committed()[0], None)

    verdict = asked(gone, NO_AGENT, ONLY_ALICE)
    assert (verdict.policy_decision, verdict.reason, verdict.clauses) == ("BLOCK", POLICY_ERROR, ["agent"])
    disabled = asked(gone, ONLY_ALICE, modes={"default": "DISABLED"})
    assert (disabled.policy_decision, disabled.reason) == ("BLOCK", "ACTION_TYPE_DISABLED")


def test_reasons_that_were_erased_are_nothing_to_policies():
    stored, values = committed(["why"])
    assert values.values

    assert asked(open_intent(stored, None), ONLY_ALICE).policy_decision == "AUTO_EXECUTE"


def test_an_error_about_a_private_value_does_not_say_it():
    told = asked(intent(parameters={"customer": {"email": "true"}}), ONLY_ALICE)
    assert 'the text "true"' in told.explanation

    verdict = asked(open_intent(*committed(parameters={"customer": {"email": "true"}})), ONLY_ALICE)

    assert (verdict.policy_decision, verdict.reason) == ("REQUIRE_APPROVAL", POLICY_ERROR)
    assert "true" not in f"{verdict.explanation}{verdict.errors}"


# --- what people and logs are shown ---


def test_a_value_that_is_not_shown_stands_as_a_word_that_no_text_looks_like():
    stored, values = committed()

    assert target(stored.target.wire()) == "contact (private)"
    assert target(open_intent(stored, values).target.wire()) == "contact c-1"
    assert target(open_intent(stored, None).target.wire()) == "contact (erased)"
    assert target({"entity_type": "contact", "entity_id": "(erased)"}) == 'contact "(erased)"'
    shown = {row.path: value_text(row.value) for row in rows(open_intent(stored, None).parameters)}
    assert shown["customer.email"] == "(erased)"


def test_what_a_far_side_repeats_of_a_private_value_is_left_out():
    opened = open_intent(*committed(parameters={"customer": {"email": "alice@example.org"}, "to": ["", "b@x.org"]}))

    said = redacted('no user ALICE@example.org or "alice%40example.org" of c-1 in alice@exam', opened)

    assert said == 'no user (private) or "(private)" of (private) in (private)'
    assert redacted("no user alice@example.org", intent()) == "no user alice@example.org"


def test_short_texts_and_numbers_are_left_out_where_they_stand_alone():
    assert (
        without_values("17 of 170 in DE, not IDEA; x17", [17, "DE"]) == "(private) of 170 in (private), not IDEA; x17"
    )
    assert without_values("nothing to hide: true", [None, True, "", [], {}]) == "nothing to hide: true"


def test_a_kept_value_is_canonical_json():
    _, values = committed(["parameters.n"], parameters={"n": {"b": 1.0, "a": "é"}})

    (kept,) = values.values.values()
    assert kept.value.encode() == canonical({"b": 1, "a": "é"})
    assert kept == PrivateValue(path="parameters.n", salt=kept.salt, value=kept.value)


@pytest.mark.parametrize("private", ["parameters.iban", "parameters", "parameters.iban.number", "target.entity_id"])
def test_a_title_names_no_private_value(private):
    title = "Pay {parameters.iban} to {target}"
    written = make.bounds_json(action_types={TYPE: make.type_json(private=[private], title=title)})

    with pytest.raises(InvalidInput, match=f"{private} is private") as refused:
        parse_bounds(written)

    assert refused.value.field == f"action_types.{TYPE}.title"
    with pytest.raises(InvalidInput, match=f"{private} is private"):
        parse_part(ActionTypes, {"action_types": written["action_types"]})


@pytest.mark.parametrize("spelled", ["parameters.to[00]", "parameters.to.0", "parameters.to.000"])
def test_a_private_item_of_a_list_is_one_however_its_number_is_written(spelled):
    named = make.type_json(private=["parameters.to[0]"], title=f"To {{{spelled}}}")
    summed = make.type_json(private=["parameters.to[0]"], amounts={"sum": {"value": spelled, "unit": "EUR"}})
    twice = make.type_json(private=["parameters.to[0]", spelled])

    for spec in (named, summed, twice):
        with pytest.raises(InvalidInput, match=re.escape("parameters.to[0]")):
            parse_bounds(make.bounds_json(action_types={TYPE: spec}))


def test_a_title_names_what_is_not_private():
    named = make.type_json(private=["parameters.iban"], title="Pay {parameters.ibans} to {target.entity_id}")

    assert parse_bounds(make.bounds_json(action_types={TYPE: named})).action_types[TYPE].title
