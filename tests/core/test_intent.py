"""The action intent: what is refused at the door, what the digest covers, and what counts as the same proposal."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.canonical import canonical
from remit.core.errors import Conflict, IntentIdReused, InvalidInput
from remit.core.intent import digest_of_stored, digest_of_wire
from remit.core.proposal import Proposal, ProposedTarget, agree, complete, parse_proposal
from remit.core.values import instant

from .make import NOW, SAFE, intent, json_keys, json_scalars, json_values, proposal_json


def refused(**changes):
    with pytest.raises(InvalidInput) as caught:
        parse_proposal(proposal_json(**changes))
    return caught.value


@pytest.mark.parametrize(
    "field", ["action_intent_id", "tenant_id", "account_id", "proposed_by", "trace_id", "supersedes"]
)
@pytest.mark.parametrize("bad", ["", "a" * 129, "a b", "a/b", "a|b", "é", "a\n", "*", 7, ["a"], "a\x00"])
def test_an_id_outside_the_alphabet_is_refused_by_name(field, bad):
    assert refused(**{field: bad}).field == field


@pytest.mark.parametrize("good", ["a", "a" * 128, "A-Z_0.9:x@y-", "-", "."])
def test_an_id_of_the_alphabet_is_taken(good):
    assert parse_proposal(proposal_json(action_intent_id=good)).action_intent_id == good


@pytest.mark.parametrize("field", ["tenant_id", "account_id", "action_type"])
def test_a_missing_field_is_named(field):
    sent = proposal_json()
    del sent[field]

    with pytest.raises(InvalidInput) as caught:
        parse_proposal(sent)

    assert (caught.value.field, caught.value.problem) == (field, "is missing")


def test_an_unknown_field_is_refused_by_name():
    assert refused(risk="LOW").field == "risk"
    assert refused(target={"entity_type": "a", "entity_id": "b", "x": 1}).field == "target.x"
    assert refused(digest="0" * 64).field == "digest"
    assert refused(registry_version=3).field == "registry_version"


@pytest.mark.parametrize("sent", [None, [], "intent", 7, [proposal_json()]])
def test_what_is_not_an_object_is_refused(sent):
    with pytest.raises(InvalidInput):
        parse_proposal(sent)


@pytest.mark.parametrize("risk", ["", "CRITICAL", "low", "Low", " LOW", "LOW ", 1, True, ["LOW"], {}])
def test_a_risk_outside_the_enum_is_refused(risk):
    assert refused(risk_level=risk).field == "risk_level"


@pytest.mark.parametrize("confidence", [85, 1.0000001, -0.01, "0.9", True, False, math.nan, math.inf, -math.inf, [0.9]])
def test_a_confidence_that_is_not_a_number_from_0_to_1_is_refused(confidence):
    assert refused(confidence_score=confidence).field == "confidence_score"


@pytest.mark.parametrize("confidence", [0, 1, 0.0, 1.0, 0.5, None])
def test_a_confidence_from_0_to_1_or_none_is_taken(confidence):
    assert parse_proposal(proposal_json(confidence_score=confidence)).confidence_score == confidence


@pytest.mark.parametrize("name", ["", "send_note", "Send", "_X", "9X", "A B", "A-B", "A" * 129, None])
def test_an_action_type_that_is_not_upper_snake_is_refused(name):
    assert refused(action_type=name).field == "action_type"


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"n": 2**53}, "parameters.n"),
        ({"n": -(2**53)}, "parameters.n"),
        ({"a": {"b": [0, {"c": 2**53 + 1}]}}, "parameters.a.b.1.c"),
        ({"a": [[2**64]]}, "parameters.a.0.0"),
        ({"a": 10**400}, "parameters.a"),
        ({"a": 1e17}, "parameters.a"),
        ({"a": float(2**53)}, "parameters.a"),
        ({"a": [math.nan]}, "parameters.a.0"),
        ({"a": math.inf}, "parameters.a"),
        ({"a": "\ud800"}, "parameters.a"),
        ({"a": {"\ud800": 1}}, "parameters.a"),
        ({"a": (1, 2)}, "parameters.a"),
        ({"a": {"b": NOW}}, "parameters.a.b"),
        ({"a": b"x"}, "parameters.a"),
    ],
)
def test_what_canonical_json_cannot_carry_is_refused_with_its_path(parameters, path):
    assert refused(parameters=parameters).field == path


@pytest.mark.parametrize("value", [SAFE, -SAFE, float(SAFE), 1e15, 5e-324, -0.0, 0.1])
def test_a_number_within_the_safe_range_is_taken(value):
    assert parse_proposal(proposal_json(parameters={"n": [value]})).parameters == {"n": [value]}


@pytest.mark.parametrize("parameters", [None, [], "x", 7, [["a", 1]]])
def test_parameters_that_are_not_an_object_are_refused(parameters):
    assert refused(parameters=parameters).field == "parameters"


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600", "\x01"])
def test_parameters_may_take_64_kib_of_canonical_json_and_not_a_byte_more(letter):
    one = len(canonical(letter)) - 2
    room = 64 * 1024 - len(canonical({"t": ""}))
    full = {"t": letter * (room // one) + "x" * (room % one)}

    taken = parse_proposal(proposal_json(parameters=full))
    error = refused(parameters={"t": full["t"] + "x"})

    assert len(canonical(taken.parameters)) == 65536
    assert error.field == "parameters"
    assert "65537" in error.problem


def test_parameters_nested_without_end_are_refused_not_a_crash():
    deep = []
    for _ in range(5000):
        deep = [deep]

    assert refused(parameters={"a": deep}).field.startswith("parameters.a.0")


def test_a_ready_made_proposal_is_checked_as_well():
    for parameters in ({"n": 2**60}, {"t": "x" * 70_000}):
        made = Proposal(
            tenant_id="acme",
            account_id="north",
            action_type="SEND_NOTE",
            target=ProposedTarget(entity_type="contact", entity_id="c-1"),
            parameters=parameters,
        )

        with pytest.raises(InvalidInput) as caught:
            parse_proposal(made)

        assert caught.value.field.startswith("parameters")


@pytest.mark.parametrize("field", ["created_at", "expires_at"])
@pytest.mark.parametrize(
    "time",
    [
        "2026-03-11T12:00:00",
        datetime(2026, 3, 11, 12),  # noqa: DTZ001
        1773230400,
        1773230400.5,
        "1773230400",
        True,
        "tomorrow",
        "2026-03-11",
        "2026-13-11T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-03-11T25:00:00Z",
        "",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_a_time_that_is_naive_numeric_or_impossible_is_refused_by_name(field, time):
    assert refused(**{field: time}).field == field


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-11T12:00:00Z",
        "2026-03-11T13:00:00+01:00",
        "2026-03-11T06:30:00-05:30",
        datetime(2026, 3, 11, 14, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_time_with_an_offset_is_the_same_moment_in_utc(time):
    made = intent(expires_at=time)

    assert made.wire()["expires_at"] == "2026-03-11T12:00:00Z"
    assert made.expires_at.tzinfo is UTC
    assert made.digest == intent(expires_at="2026-03-11T12:00:00Z").digest


def test_an_intent_that_would_be_expired_before_it_was_created_is_refused():
    for expires_at in (NOW, NOW - timedelta(seconds=1)):
        with pytest.raises(InvalidInput) as caught:
            intent(expires_at=expires_at)

        assert caught.value.field == "expires_at"


def test_what_the_caller_leaves_out_is_filled_in():
    sent = {name: proposal_json()[name] for name in ("tenant_id", "account_id", "action_type", "target")}

    made = complete(
        parse_proposal(sent),
        action_intent_id="new-id",
        trace_id="new-trace",
        now=NOW,
        expires_after=timedelta(hours=1),
        registry_version=None,
    )

    assert (made.action_intent_id, made.trace_id) == ("new-id", "new-trace")
    assert (made.created_at, made.expires_at) == (NOW, NOW + timedelta(hours=1))
    assert (made.confidence_score, made.risk_level, made.why, made.supersedes) == (None, None, None, None)
    assert made.parameters == {}


def test_what_the_caller_sends_is_not_replaced():
    made = intent(
        trace_id="mine",
        created_at="2026-03-09T00:00:00Z",
        expires_at="2026-03-12T00:00:00Z",
        why=["a"],
        supersedes="i-0",
    )

    assert (made.action_intent_id, made.trace_id, made.why, made.supersedes) == ("i-1", "mine", ["a"], "i-0")
    assert made.wire()["created_at"] == "2026-03-09T00:00:00Z"
    assert made.wire()["expires_at"] == "2026-03-12T00:00:00Z"


EXECUTED = [
    {"tenant_id": "other"},
    {"account_id": "south"},
    {"action_type": "DELETE_NOTE"},
    {"target": {"entity_type": "deal", "entity_id": "c-1"}},
    {"target": {"entity_type": "contact", "entity_id": "c-2"}},
    {"parameters": {"text": "hello", "cc": None}},
    {"parameters": {"text": "hellp"}},
    {"parameters": {}},
    {"expires_at": "2026-03-12T00:00:00Z"},
    {"expires_at": "2026-03-17T12:00:00.000001Z"},
    {"registry_version": 2},
    {"registry_version": None},
]
NOT_EXECUTED = [
    {"action_intent_id": "i-2"},
    {"confidence_score": 0.1},
    {"confidence_score": None},
    {"risk_level": "HIGH"},
    {"why": ["because"]},
    {"proposed_by": "somebody"},
    {"created_at": "2026-03-01T00:00:00Z"},
    {"trace_id": "t-9"},
    {"supersedes": "i-0"},
]


@pytest.mark.parametrize("change", EXECUTED, ids=str)
def test_the_digest_changes_with_everything_that_is_executed(change):
    changed = intent(**change)

    assert digest_of_stored(changed) == changed.digest != intent().digest


@pytest.mark.parametrize("change", NOT_EXECUTED, ids=str)
def test_the_digest_does_not_change_with_anything_else(change):
    expires_at = instant(NOW + timedelta(days=7))

    assert intent(expires_at=expires_at, **change).digest == intent(expires_at=expires_at).digest


def test_the_digest_tells_a_yes_from_a_one():
    assert intent(parameters={"n": True}).digest != intent(parameters={"n": 1}).digest


# Larger floats are integers beyond 2^53 and refused at the door.
door_scalars = json_scalars.filter(lambda value: not isinstance(value, float) or abs(value) <= SAFE)


@given(
    parameters=st.dictionaries(json_keys, json_values(door_scalars), max_size=4),
    expires_at=st.datetimes(datetime(2027, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_digest_can_be_made_again_from_stored_or_canonical_json(parameters, expires_at):
    made = intent(parameters=parameters, expires_at=expires_at)

    wire = made.wire()

    assert digest_of_wire(wire) == digest_of_stored(made) == made.digest
    assert digest_of_wire(json.loads(json.dumps(wire))) == made.digest
    assert digest_of_wire(json.loads(canonical(wire))) == made.digest


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_written_one_way_wherever_it_is_written(moment):
    made = intent().changed(expires_at=moment)

    assert made.wire()["expires_at"] == instant(moment)
    assert datetime.fromisoformat(instant(moment)) == moment


def test_a_stored_intent_survives_its_json():
    made = intent(parameters={"n": [1.5, None, True]}, why=["a"], expires_at="2026-03-12T00:00:00.25Z")

    again = type(made).from_wire(json.loads(json.dumps(made.wire())))

    assert again == made


def test_the_same_proposal_again_agrees():
    agree(parse_proposal(proposal_json()), intent())


@pytest.mark.parametrize("left_out", ["confidence_score", "risk_level", "parameters", "action_intent_id"])
def test_what_is_left_to_a_default_is_taken_from_the_stored_one(left_out):
    sent = proposal_json()
    del sent[left_out]
    stored = intent(why=["a"], trace_id="t", proposed_by="bob", created_at=NOW, expires_at=NOW + timedelta(days=1))

    agree(parse_proposal(sent), stored)


CHANGES: list[dict[str, Any]] = [*EXECUTED, *NOT_EXECUTED]
SENT = [change for change in CHANGES if "registry_version" not in change and None not in change.values()]


@pytest.mark.parametrize("change", SENT, ids=str)
def test_anything_sent_that_differs_is_a_conflict_that_names_it(change):
    with pytest.raises(IntentIdReused) as caught:
        agree(parse_proposal(proposal_json(**change)), intent())

    assert caught.value.fields == list(change)
    assert isinstance(caught.value, Conflict)


@pytest.mark.parametrize(
    ("sent", "stored"), [(1, True), (True, 1), (0, False), ([1], [True]), ({"x": 0.0}, {"x": False}), (None, 0)]
)
def test_parameters_that_only_python_calls_equal_are_a_conflict(sent, stored):
    with pytest.raises(IntentIdReused) as caught:
        agree(parse_proposal(proposal_json(parameters={"n": sent})), intent(parameters={"n": stored}))

    assert caught.value.fields == ["parameters"]


def test_a_number_or_a_time_spelled_differently_agrees():
    stored = intent(parameters={"n": 1}, expires_at="2026-03-12T00:00:00Z")

    agree(parse_proposal(proposal_json(parameters={"n": 1.0}, expires_at="2026-03-12T01:00:00+01:00")), stored)


def test_every_difference_is_named():
    with pytest.raises(IntentIdReused) as caught:
        agree(parse_proposal(proposal_json(risk_level="HIGH", parameters={}, why=["x"])), intent())

    assert caught.value.fields == ["parameters", "risk_level", "why"]
