"""A schema as rows and a rest: nothing of it is lost, whatever a row cannot say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.canonical import canonical
from remit.core.errors import InvalidInput
from remit.core.gate.schema_rows import SchemaRow, SplitSchema, join_schema, split_schema, without_row

REFUND = {
    "type": "object",
    "required": ["currency", "amount"],
    "additionalProperties": False,
    "properties": {
        "amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 500, "description": "in the currency"},
        "currency": {"type": "string", "enum": ["EUR", "USD"]},
        "cause": {"enum": ["lost", 5, True]},
        "note": {"type": ["string", "null"]},
        "to": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string", "maxLength": 80}}},
        "odd name": {"type": "integer"},
    },
}


def test_a_row_says_what_it_can_and_the_rest_says_what_is_left():
    split = split_schema(REFUND)

    assert split.closed
    assert [(row.path, row.kind, row.required, row.minimum, row.maximum, row.choices) for row in split.rows] == [
        ("amount", "number", True, None, 500, ()),
        ("currency", "string", True, None, None, ("EUR", "USD")),
        ("cause", "any", False, None, None, ("lost", 5, True)),
        ("note", "any", False, None, None, ()),
        ("to", "object", False, None, None, ()),
        ("to.city", "string", True, None, None, ()),
    ]
    assert split.rest == {
        "type": "object",
        "properties": {
            "amount": {"exclusiveMinimum": 0, "description": "in the currency"},
            "note": {"type": ["string", "null"]},
            "to": {"properties": {"city": {"maxLength": 80}}},
            "odd name": {"type": "integer"},
        },
    }


def test_bounds_that_nothing_fits_between_stay_in_the_rest():
    schema = {"properties": {"a": {"type": "number", "minimum": 5, "maximum": -1}}}

    split = split_schema(schema)

    assert [(row.path, row.minimum, row.maximum) for row in split.rows] == [("a", None, None)]
    assert split.rest == {"properties": {"a": {"minimum": 5, "maximum": -1}}}
    assert join_schema(split, schema) == schema


SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, 1.0, 1e300, "a", "5", ""])
KEYWORDS = {
    "type": st.sampled_from(["string", "number", "integer", "boolean", "object", "array", "null", ["string"], 5]),
    "minimum": SCALARS,
    "maximum": SCALARS,
    "enum": st.lists(SCALARS, max_size=3) | SCALARS,
    "description": st.just("d"),
    "additionalProperties": st.booleans() | st.just({}),
    "required": st.lists(st.sampled_from(["a", "b", "c d", "e"]), max_size=3, unique=True) | st.just(5),
}
NAMES = st.sampled_from(["a", "b", "c d", "e"])


def _with_properties(inner):
    properties = st.dictionaries(NAMES, inner | st.booleans(), max_size=4) | st.just([])
    return st.fixed_dictionaries({}, optional={**KEYWORDS, "properties": properties})


SCHEMAS = st.recursive(st.fixed_dictionaries({}, optional=KEYWORDS), _with_properties, max_leaves=8)


@given(SCHEMAS)
def test_splitting_and_joining_gives_the_very_schema(schema):
    assert canonical(join_schema(split_schema(schema), schema)) == canonical(schema)


def test_no_schema_is_none_and_rows_alone_make_one_of_an_object():
    rows = (SchemaRow("amount", "number", required=True, minimum=0), SchemaRow("to.city", "string", required=True))

    assert join_schema(split_schema(None)) is None
    assert join_schema(split_schema({})) == {}
    assert join_schema(SplitSchema(rows, None, closed=True)) == {
        "type": "object",
        "additionalProperties": False,
        "required": ["amount"],
        "properties": {
            "amount": {"type": "number", "minimum": 0},
            "to": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
        },
    }


def test_a_row_that_is_renamed_takes_along_what_the_rest_says_of_it():
    split = split_schema(REFUND)
    renamed = (SchemaRow("sum", "number", required=True, maximum=500, was="amount"), *split.rows[1:])

    joined = join_schema(SplitSchema(renamed, split.rest, closed=True), REFUND)

    assert joined["properties"]["sum"] == REFUND["properties"]["amount"]
    assert "amount" not in joined["properties"] and joined["required"] == ["currency", "sum"]


def test_a_row_that_is_taken_out_takes_along_what_the_rest_says_of_it():
    split = split_schema(REFUND)
    left = without_row(split.rest, "amount")

    joined = join_schema(SplitSchema(split.rows[1:], left, closed=True), REFUND)

    assert "amount" not in joined["properties"] and joined["required"] == ["currency"]
    assert split.rest["properties"]["amount"]["exclusiveMinimum"] == 0


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ({"properties": {"amount": {"type": "string"}}}, "says type of amount"),
        ({"properties": {"amount": False}}, "says of amount that it is false"),
        ({"properties": []}, "has no place for"),
        ({"required": "amount"}, "a list in required"),
        ({"properties": {"to": True}}, "has nothing below to"),
        ({"additionalProperties": {"type": "string"}}, "says additionalProperties of all"),
        ({"properties": {"was": {"description": "d"}, "moved": {"description": "e"}}}, "says something of moved"),
    ],
)
def test_a_rest_that_contradicts_a_row_or_has_no_place_for_it_is_refused(rest, says):
    amount, city = SchemaRow("amount", "number", required=True), SchemaRow("to.city", "string")
    rows = (amount, city, SchemaRow("moved", was="was"))

    with pytest.raises(InvalidInput, match=says) as refused:
        join_schema(SplitSchema(rows, rest, closed=True))
    assert refused.value.field == "schema"
