"""What a schema says of single parameters, as forms and rule builders offer it."""

import pytest

from remit.core.gate.declared_parameters import (
    DEEPEST,
    MOST_PARAMETERS,
    declared_parameters,
    rule_parameters,
)
from remit.core.paths import find, parse_path

ORDER = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "description": "in euros"},
        "currency": {"enum": ["EUR", "USD"]},
        "note": {"$ref": "#/$defs/Note"},
        "customer": {"type": "object", "properties": {"e.mail": {"type": "string"}}, "required": ["e.mail"]},
        "to": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["amount", "customer"],
    "$defs": {"Note": {"type": ["string", "null"], "maxLength": 500}},
}


def test_every_value_is_listed_at_its_path_with_its_kind_in_the_order_of_the_schema():
    found = declared_parameters(ORDER)

    assert [(each.path, each.kind, each.required) for each in found] == [
        ("amount", "number", True),
        ("currency", "string", False),
        ("note", "string", False),
        ("customer", "object", True),
        ('customer["e.mail"]', "string", True),
        ("to", "array", False),
    ]
    assert [each.level for each in found] == [1, 1, 1, 1, 2, 1]
    assert found[1].choices == ("EUR", "USD") and found[0].description == "in euros"
    assert (found[2].nullable, found[2].longest) == (True, 500)


def test_a_rule_is_offered_what_it_can_compare_and_a_list_by_its_length():
    found = rule_parameters(ORDER)

    paths = ["amount", "currency", "note", 'customer["e.mail"]', "to.count"]
    assert [each.path for each in found] == paths and found[-1].kind == "integer"
    values = {"amount": 1, "currency": "EUR", "note": "x", "customer": {"e.mail": "a@b.c"}, "to": ["x", "y"]}
    read = [find(parse_path(path), values, lengths=True) for path in paths]
    assert read == [1, "EUR", "x", "a@b.c", 2]


@pytest.mark.parametrize(
    ("schema", "kind", "choices", "nullable"),
    [
        ({"type": "integer"}, "integer", (), False),
        ({"type": ["integer", "number"]}, "number", (), False),
        ({"type": ["integer", "null"]}, "integer", (), True),
        ({"type": ["string", "integer"]}, "any", (), False),
        ({}, "any", (), False),
        (True, "any", (), False),
        ({"type": "date"}, "any", (), False),
        ({"const": "EUR"}, "string", ("EUR",), False),
        ({"enum": [1, 2.5]}, "number", (1, 2.5), False),
        ({"enum": [True, False]}, "boolean", (True, False), False),
        ({"enum": ["a", 1]}, "any", ("a", 1), False),
        ({"enum": ["a", None]}, "string", ("a",), True),
        ({"enum": list(range(1000))}, "any", (), False),
        ({"type": "string", "enum": []}, "string", (), False),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "boolean", (), True),
        ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, "any", (), False),
        ({"oneOf": [{"const": "EUR", "title": "Euro"}, {"const": "USD"}]}, "string", ("EUR", "USD"), False),
        ({"oneOf": [{"const": "EUR"}, {"type": "null"}]}, "string", ("EUR",), True),
        ({"allOf": [{"type": "string"}, {"enum": ["a"]}]}, "string", ("a",), False),
        ({"$ref": "#/$defs/Twice"}, "integer", (), False),
        ({"$ref": "#/$defs/Nowhere"}, "any", (), False),
        ({"$ref": "elsewhere"}, "any", (), False),
        ({"$ref": "#/$defs/Loop"}, "any", (), False),
        ({"items": {"type": "string"}}, "array", (), False),
        ({"properties": {}}, "object", (), False),
    ],
)
def test_what_a_schema_says_of_a_value_in_every_way_of_saying_it(schema, kind, choices, nullable):
    definitions = {
        "Twice": {"$ref": "#/$defs/Once"},
        "Once": {"type": "integer"},
        "Loop": {"allOf": [{"$ref": "#/$defs/Loop"}]},
    }

    (found,) = declared_parameters({"properties": {"a": schema}, "$defs": definitions})

    assert (found.kind, found.choices, found.nullable) == (kind, choices, nullable)


def test_what_several_parts_say_of_one_object_is_listed_together():
    schema = {
        "allOf": [{"$ref": "#/$defs/Base"}, {"required": ["b"]}],
        "properties": {"b": {"type": "string"}},
        "$defs": {"Base": {"properties": {"a": {"type": "number"}, "b": {}}, "required": ["a"]}},
    }

    found = {each.path: (each.kind, each.required) for each in declared_parameters(schema)}

    assert found == {"a": ("number", True), "b": ("string", True)}


def test_what_is_inside_of_something_that_may_be_missing_is_not_required():
    inner = {"type": "object", "properties": {"a": {}}, "required": ["a"]}
    schema = {"properties": {"maybe": inner, "null": {"anyOf": [inner, {"type": "null"}]}}, "required": ["null"]}

    assert {each.path: each.required for each in declared_parameters(schema)} == {
        "maybe": False,
        "maybe.a": False,
        "null": True,
        "null.a": False,
    }


@pytest.mark.parametrize(
    "schema", [None, {}, {"properties": []}, {"properties": {"a": 5}}, {"$defs": 5}, {"required": 7}, {"allOf": [3]}]
)
def test_a_schema_of_any_shape_is_read(schema):
    assert all(each.kind == "any" for each in declared_parameters(schema))


def test_one_that_holds_itself_is_read_to_a_depth():
    tree = {"type": "object", "properties": {"left": {"$ref": "#"}}}

    assert [each.level for each in declared_parameters(tree)] == list(range(1, DEEPEST + 1))


def test_one_that_doubles_at_every_step_ends_all_the_same():
    doubling = {f"D{n}": {"allOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 2} for n in range(60)}
    wide = {f"p{n}": {"$ref": "#"} for n in range(40)}

    found = declared_parameters({"properties": {"a": {"$ref": "#/$defs/D0"}, **wide}, "$defs": doubling})

    assert len(found) == MOST_PARAMETERS
