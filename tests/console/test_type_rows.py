"""Rows of an action type's form and back: what is opened and sent again is what was there, to the letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.canonical import canonical
from remit.core.gate.action_type import ActionTypeSpec
from remit.entrypoints.console.type_rows import (
    RowsRead,
    fields_of_rows,
    rows_in,
    with_a_row_more,
    without_a_row,
)
from tests.core.test_schema_rows import REFUND, SCHEMAS

AMOUNTS = {"refund": {"value": "parameters.amount", "unit": "parameters.currency"}}
FACTS = {
    "order": {"url": "${SHOP}/o/{target.entity_id}", "keep": {"total": "number", "open": "any"}, "max_age_s": 0.5},
    "customer": {"url": "https://crm.example/c", "keep": ["id"], "headers": {"X": "1"}, "recheck": False},
    "payment": {"url": "https://pay.example/{target.entity_id}", "keep": ["open"], "recheck": True},
}


def spec_of(parameters=None, **more):
    return ActionTypeSpec.model_validate(
        {"risk_tier": "LOW", "tool": {"connector": "caller"}, "parameters": parameters, **more}
    )


def sent(fields):
    """As a browser sends a form: with lines that end in its own way."""
    return {name: text.replace("\n", "\r\n") for name, text in fields.items()}


def read(said, before=None):
    found = RowsRead(said, before or {})
    assert found.mistakes == []
    return found


@given(SCHEMAS | st.none())
def test_a_schema_that_is_opened_and_sent_again_is_the_very_same(schema):
    again = read(sent(fields_of_rows(spec_of(schema))), {"parameters": schema})

    assert canonical(again.parameters) == canonical(schema)


CHOICES = st.text(max_size=6) | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.floats(-1e9, 1e9)


@given(st.sampled_from(["string", "integer", "any"]), st.lists(CHOICES, min_size=1, max_size=4))
def test_choices_keep_their_types_and_their_odd_characters(kind, choices):
    schema = {"properties": {"a": {"enum": choices} | ({} if kind == "any" else {"type": kind})}}
    again = read(sent(fields_of_rows(spec_of(schema))), {"parameters": schema})

    assert canonical(again.parameters) == canonical(schema)


def test_amounts_and_facts_come_back_as_they_were_with_what_has_no_field():
    spec = spec_of(REFUND, amounts=AMOUNTS, facts=FACTS)

    again = read(sent(fields_of_rows(spec)))

    stated = spec.model_dump(mode="json", exclude_unset=True)
    assert (again.amounts, again.facts) == (stated["amounts"], stated["facts"])


def test_the_box_of_a_fact_says_that_it_is_looked_up_again_and_no_box_says_nothing():
    said = fields_of_rows(spec_of(facts=FACTS))
    assert [row.get("recheck") for row in rows_in(said, "fact")] == [None, None, "on"]

    ticked = {**said, "fact:0:recheck": "on", "fact:1:recheck": "on"}
    del ticked["fact:2:recheck"]

    assert [fact.get("recheck") for fact in read(ticked).facts.values()] == [True, True, None]


def test_a_row_more_is_blank_and_says_nothing():
    said, focus = with_a_row_more(fields_of_rows(spec_of(REFUND)), "argument")

    assert focus == "argument:6:path" and said["argument:6:kind"] == "string"
    assert canonical(read(said, {"parameters": REFUND}).parameters) == canonical(REFUND)


def test_a_row_that_is_taken_out_goes_whole_and_the_others_close_up():
    said = without_a_row(fields_of_rows(spec_of(REFUND)), "argument", 0)

    assert [row["path"] for row in rows_in(said, "argument")][:2] == ["currency", "cause"]
    assert "exclusiveMinimum" not in said["schema"]
    left = read(said, {"parameters": REFUND}).parameters
    assert "amount" not in left["properties"] and left["required"] == ["currency"]


WRONG = (
    ({"argument:0:minimum": "1,5"}, "argument:0:minimum"),
    ({"argument:0:maximum": "1e"}, "argument:0:maximum"),
    ({"argument:0:minimum": "5", "argument:0:maximum": "4"}, "argument:0:maximum"),
    ({"argument:0:kind": "string", "argument:0:minimum": "5"}, "argument:0:minimum"),
    ({"argument:0:kind": "integer", "argument:0:choices": "many"}, "argument:0:choices"),
    ({"argument:0:kind": "money"}, "argument:0:kind"),
    ({"argument:0:path": ""}, "argument:0:path"),
    ({"argument:0:path": "a b"}, "argument:0:path"),
    ({"argument:0:path": "currency"}, "argument:0:path"),
    ({"amount:0:name": ""}, "amount:0:name"),
    ({"fact:0:keep": "total a number"}, "fact:0:keep"),
    ({"fact:0:keep": "total\ntotal"}, "fact:0:keep"),
    ({"fact:0:timeout_s": "soon"}, "fact:0:timeout_s"),
    ({"fact:0:more": "[]"}, "fact:0:more"),
    ({"fact:0:name": "customer"}, "fact:0:name"),
    ({"schema": "{"}, "schema"),
    ({"schema": "[]"}, "schema"),
)


@pytest.mark.parametrize(("wrong", "field"), WRONG)
def test_what_is_not_understood_is_told_by_its_field(wrong, field):
    fields = fields_of_rows(spec_of(REFUND, amounts=AMOUNTS, facts=FACTS))

    mistakes = RowsRead({**fields, **wrong}, {}).mistakes

    assert mistakes[0].field == field


def test_all_that_is_wrong_is_told_at_once():
    fields = fields_of_rows(spec_of(REFUND, amounts=AMOUNTS, facts=FACTS))
    wrong = {"argument:0:minimum": "x", "argument:1:path": "", "amount:0:name": "", "fact:0:keep": "a b c"}

    mistakes = RowsRead({**fields, **wrong}, {}).mistakes

    assert [each.field for each in mistakes] == list(wrong)
