"""Arguments fit the schema of their action type, and neither a schema nor a value holds the process."""

import json
import random
import time

import pytest

from remit.core.errors import InvalidInput
from remit.core.gate.parameters_schema import (
    LARGEST_SCHEMA_BYTES,
    MOST_PATTERNS_IN_ALL,
    check_schemas,
    compile_schema,
    schema_in_force,
)
from remit.core.gate.schema_cost import MOST_PATTERNS, SchemaCost
from remit.core.proposal import parse_proposal

from .make import proposal_json

REFUND = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 500},
        "order": {"type": "object", "properties": {"e.mail": {"type": "string"}}, "required": ["id"]},
        "to": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}},
    },
    "required": ["amount"],
    "additionalProperties": False,
}
TREE = {"type": "object", "properties": {"name": {"type": "string"}, "below": {"items": {"$ref": "#"}}}}
DOUBLING = {
    "$defs": {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(40)} | {"a40": True},
    "$ref": "#/$defs/a0",
}
# Processor time a hostile schema may have, on a machine that is busy with something else.
AT_MOST_S = 2.0


def refused(schema, parameters):
    with pytest.raises(InvalidInput) as caught:
        compile_schema(schema).check(parse_proposal(proposal_json(parameters=parameters)))
    return caught.value


def accepted(schema, parameters):
    compile_schema(schema).check(parse_proposal(proposal_json(parameters=parameters)))


def test_arguments_that_fit_are_taken():
    accepted(REFUND, {"amount": 12.5, "to": ["ann"], "order": {"id": 7, "e.mail": "x"}})


@pytest.mark.parametrize(
    ("parameters", "field", "problem"),
    [
        ({"amount": "12"}, "parameters.amount", 'is not of type "number"'),
        ({"amount": 501}, "parameters.amount", "maximum of 500"),
        ({}, "parameters.amount", "is missing"),
        ({"amount": 1, "note": "x"}, "parameters.note", "is not among the arguments"),
        ({"amount": 1, "a.b": "x"}, 'parameters["a.b"]', "is not among the arguments"),
        ({"amount": 1, "to": ["ann", "ANN"]}, "parameters.to.1", "does not match"),
        ({"amount": 1, "order": {}}, "parameters.order.id", "is missing"),
        ({"amount": 1, "order": {"id": 1, "e.mail": 5}}, 'parameters.order["e.mail"]', "is not of type"),
    ],
)
def test_an_argument_that_does_not_fit_is_named_by_its_path(parameters, field, problem):
    error = refused(REFUND, parameters)

    assert error.field == field and problem in error.problem


def test_what_was_sent_is_not_said_again():
    error = refused({"properties": {"secret": {"type": "integer"}}}, {"secret": "hunter2"})

    assert "hunter2" not in str(error)


def test_the_way_out_is_the_place_in_the_schema():
    assert refused(REFUND, {"amount": 501}).way_out.endswith("/properties/amount/maximum")


def test_a_format_is_a_remark():
    accepted({"properties": {"at": {"format": "date"}}}, {"at": "tomorrow"})


def test_a_schema_may_hold_itself():
    accepted(TREE, {"name": "a", "below": [{"name": "b", "below": []}]})

    assert refused(TREE, {"below": [{"below": [{"name": 5}]}]}).field == "parameters.below.0.below.0.name"


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"properties": {"a": {"$ref": "https://example.com/a"}}}, "properties.a.$ref"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "properties.a.$ref"),
        ({"properties": {"a": {"$ref": "other.json#/a"}}}, "properties.a.$ref"),
        ({"properties": {"a": {"$ref": "#anchor"}}}, "properties.a.$ref"),
        ({"properties": {"a": {"$ref": "#/$defs/gone"}}}, "properties.a.$ref"),
        ({"properties": {"a": {"$dynamicRef": "#a"}}}, "properties.a.$dynamicRef"),
        ({"properties": {"a": {"$id": "https://example.com/a"}}}, "properties.a.$id"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "$schema"),
        ({"properties": {"a": {"type": "sometimes"}}}, "properties.a.type"),
        ({"properties": {"a": {"pattern": "(?=a)b"}}}, "properties.a.pattern"),
        ({"properties": {"a": {"pattern": r"(a)\1"}}}, "properties.a.pattern"),
        ({"properties": {"a": {"pattern": ["a"]}}}, "properties.a.pattern"),
        ({"properties": {"a": {"pattern": "(a{1000}){1000}"}}}, "properties.a.pattern"),
        ({"patternProperties": {"(?<!a)b": True}}, "patternProperties.(?<!a)b"),
        ({"$ref": "#"}, "$ref"),
        ({"allOf": [{"anyOf": [{"$ref": "#/allOf/0"}]}]}, "allOf.0.anyOf.0.$ref"),
        (DOUBLING, ""),
        ({"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}, ""),
        ({"properties": {"a": {"enum": [{"n": n} for n in range(600)]}}}, ""),
        ({"properties": {f"p{n}": {"pattern": "a"} for n in range(MOST_PATTERNS + 1)}}, ""),
        ({"description": "x" * LARGEST_SCHEMA_BYTES}, ""),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_a_schema_that_reaches_out_or_takes_too_much_cannot_be_used(schema, field):
    with pytest.raises(InvalidInput) as caught:
        compile_schema(schema)

    assert caught.value.field == field


def test_names_of_arguments_are_no_keywords():
    accepted({"properties": {"$ref": {"type": "string"}, "$id": True, "pattern": True}}, {"$ref": "x", "pattern": "("})


def test_references_do_not_make_the_check_itself_long():
    rings = {f"a{i}": {"items": {"anyOf": [{"$ref": f"#/$defs/a{j}"} for j in range(20)]}} for i in range(20)}
    began = time.process_time()

    with pytest.raises(InvalidInput):
        compile_schema({"$defs": rings, "$ref": "#/$defs/a0"})

    assert time.process_time() - began < AT_MOST_S


def letters(count):
    return "".join(random.Random(1).choices("ab", k=count))


HOSTILE = {
    "a pattern that backtracks": ({"pattern": "^(a+)+$"}, "a" * 60_000 + "!"),
    "a pattern of many states": ({"pattern": "^(a|b)*a(a|b){40}x$"}, letters(60_000)),
    "many patterns": ({"allOf": [{"pattern": f"(a|b)*a(a|b){{40}}{n}$"} for n in range(9)]}, letters(60_000)),
    "alternatives over a long list": ({"items": {"anyOf": [{"const": n} for n in range(1, 900)]}}, [0] * 30_000),
    "objects to compare with": ({"items": {"enum": [{"n": n} for n in range(400)]}}, [{"n": 399}] * 6_000),
    "a long list of unique objects": ({"uniqueItems": True}, [{"a": n} for n in range(6_000)]),
    "what nothing has looked at": (
        {
            "anyOf": [{"patternProperties": {f"^k{n}": {"type": "integer"}}} for n in range(9)],
            "unevaluatedProperties": False,
        },
        {f"k{n}": 0 for n in range(6_000)},
    ),
    "a tree": ({"items": {"$ref": "#/properties/x"}}, [[]] * 20_000),
}


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name.replace(" ", "_"))
def test_no_value_holds_the_process(name):
    schema, value = HOSTILE[name]
    compiled = compile_schema({"properties": {"x": schema}})
    proposal = parse_proposal(proposal_json(parameters={"x": value}))
    began = time.process_time()

    try:
        compiled.check(proposal)
    except InvalidInput as error:
        assert error.field.startswith("parameters")

    assert time.process_time() - began < AT_MOST_S


def test_a_value_is_refused_before_it_takes_more_work_than_there_is():
    wide = {"properties": {"x": {"items": {"anyOf": [{"const": n} for n in range(2000)]}}}}

    error = refused(wide, {"x": [-1] * 10_000})

    assert error.field == "parameters" and "bytes" in error.problem


def test_a_proposal_is_checked_once_against_the_same_schema():
    schema, other = compile_schema(REFUND), compile_schema({"required": ["reason"]})
    proposal = parse_proposal(proposal_json(parameters={"amount": 5}))
    schema.check(proposal)
    asked = []

    assert proposal.once(schema, lambda: asked.append(1)) is None and not asked
    with pytest.raises(InvalidInput, match="reason"):
        other.check(proposal)


def test_patterns_are_counted_over_all_action_types():
    some = {"properties": {f"p{n}": {"pattern": f"a{n}"} for n in range(MOST_PATTERNS)}}
    many = {f"action_types.T{n}.parameters": some for n in range(MOST_PATTERNS_IN_ALL // MOST_PATTERNS + 1)}

    with pytest.raises(InvalidInput, match="the patterns of all action types") as caught:
        check_schemas(many)

    assert caught.value.field.startswith("action_types.T15.")


def test_what_is_stored_and_cannot_be_used_is_told_and_not_raised():
    assert "refers to something outside" in str(schema_in_force({"$ref": "https://example.com/a"}))
    assert schema_in_force(None) is None


def test_names_that_exclude_each_other_do_not_add_up():
    schema = {"properties": {f"p{n}": {"enum": ["a", "b", "c"]} for n in range(400)}}

    assert SchemaCost(schema, lambda _: 1).width < 500


def test_a_large_text_beside_a_few_patterns_is_taken():
    names = {f"p{n}": {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{12}$"} for n in range(30)}

    accepted(
        {"properties": {**names, "text": {"type": "string"}}, "required": [*names][:1]},
        {"p0": "0123abcd-0123-0123456789ab", "text": "x" * 60_000},
    )
