"""Whole numbers in text, wherever they are typed: plain digits, and not so many that Python reads them no more."""

import pytest

from remit.core.errors import InvalidInput
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.whole_numbers import whole_number
from remit.entrypoints.web.settings import settings_from
from remit.wiring import Remit

NO_NUMBERS = ["", " 7", "-1", "+1", "1_000", "1.5", "²", "٣", "７", "9" * 11, "9" * 5000]
of_few_letters = {"ids": lambda text: ascii(text[:12])}


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 10, 9_999_999_999)])
def test_plain_digits_are_a_number(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize("text", NO_NUMBERS, **of_few_letters)
def test_any_other_text_is_none(text):
    assert whole_number(text) is None


@pytest.mark.parametrize("text", [text for text in NO_NUMBERS if text], **of_few_letters)
@pytest.mark.parametrize("variable", ["REMIT_MOST_WAITING", "REMIT_PAUSE_TOOL_AFTER", "REMIT_REQUESTS_PER_MINUTE"])
def test_a_setting_that_is_none_is_refused_by_its_name(variable, text):
    with pytest.raises(InvalidInput) as refused:
        settings_from({variable: text})
        Remit.open("memory://", environ={}, settings={variable: text}).close()

    assert refused.value.field == variable


def test_a_place_in_a_schema_that_no_list_has_is_refused():
    schema = {"$defs": {"a": {"allOf": [{"type": "object"}]}}, "$ref": f"#/$defs/a/allOf/{'9' * 5000}"}

    spec = {"risk_tier": "LOW", "tool": {"connector": "caller"}, "parameters": schema}

    with pytest.raises(InvalidInput, match="is not there"):
        parse_bounds({"tenant": "acme", "action_types": {"NOTE": spec}})
