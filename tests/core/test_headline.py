"""Headlines: one line about an intent, by its type's own title or by default."""

import pytest

from remit.core.gate.action_type import ActionTypeSpec
from remit.core.headline import headline

EUR = {"refund": {"value": "1250.5", "unit": "EUR", "problem": None}}
UNKNOWN = {"refund": {"value": None, "unit": None, "problem": "parameters.amount is not above 0"}}


def intent(**changes):
    target = {"entity_type": "order", "entity_id": "o-17"}
    return {"action_type": "REFUND_ORDER", "account_id": "north", "target": target, "parameters": {}, **changes}


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Refund {amounts.refund} · {target.entity_id}", "Refund 1,250.50 EUR · o-17"),
        ("{parameters.n} of {account_id}", "5 of north"),
        ("To {parameters.to}", 'To "Ann & Bob"'),
        ("{parameters.gone}", "–"),
        ("{parameters.list}", '["a","b"]'),
        ("{{braces}}", "{braces}"),
    ],
)
def test_a_title_is_filled_in_with_what_the_intent_says(title, said):
    parameters = {"n": 5, "to": "Ann & Bob", "list": ["a", "b"]}

    assert headline(title, intent(parameters=parameters), EUR) == said


def test_an_amount_that_is_not_known_is_not_guessed():
    assert headline("Refund {amounts.refund}", intent(), UNKNOWN) == "Refund –"


def test_text_that_is_no_plain_word_cannot_pass_for_the_title_s_own():
    said = headline("Pay {parameters.to} {parameters.sum}", intent(parameters={"to": "Ann 5 EUR", "sum": 900}), {})

    assert said == 'Pay "Ann 5 EUR" 900'


@pytest.mark.parametrize(
    ("parameters", "amounts", "said"),
    [
        ({"amount": 1250.5}, EUR, "Refund order · 1,250.50 EUR · order o-17"),
        ({"cause": "broken lid"}, {}, 'Refund order · cause "broken lid" · order o-17'),
        ({}, {}, "Refund order · order o-17"),
        ({"a": {"b": "x\u202e"}}, {}, 'Refund order · a.b "x⟨U+202E⟩" · order o-17'),
    ],
)
def test_without_a_title_the_sum_or_the_first_value_is_said(parameters, amounts, said):
    assert headline(None, intent(parameters=parameters), amounts) == said


def test_without_a_target_nothing_is_said_of_one():
    assert headline(None, intent(target=None), {}) == "Refund order"


def test_of_a_long_value_it_says_how_much_follows():
    said = headline("{parameters.text}", intent(parameters={"text": "x" * 300}), {})

    assert len(said) < 100 and "240 more characters" in said


def test_a_private_value_that_is_not_to_be_had_is_a_word():
    committed = {"$committed": "0" * 64}

    assert "private" in headline("{parameters.iban}", intent(parameters={"iban": committed}), {})


PRIVATE = {"$committed": "0" * 64}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"iban": PRIVATE, "text": "x"}, "text x"),
        ({"to": ["a", PRIVATE], "deep": {"er": PRIVATE}, "list": [{"of": [PRIVATE]}], "n": 1}, "n 1"),
        ({"iban": PRIVATE}, None),
        (PRIVATE, None),
    ],
)
def test_without_a_title_the_first_value_that_is_not_private_is_said(parameters, said):
    of_all = "Refund order" if said is None else f"Refund order · {said}"

    assert headline(None, intent(parameters=parameters, target=None), {}) == of_all


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"entity_type": "order", "entity_id": PRIVATE}, "Refund order · order (private)"),
        ({"entity_type": PRIVATE, "entity_id": PRIVATE}, "Refund order"),
    ],
)
def test_without_a_title_a_private_target_is_not_said(target, said):
    assert headline(None, intent(target=target), {}) == said


@pytest.mark.parametrize("title", ["{nope.x}", "{", "${SECRET}", "{parameters..x}", "", "x" * 201])
def test_a_title_that_could_never_be_filled_in_is_refused(title):
    with pytest.raises(ValueError, match="title"):
        ActionTypeSpec.model_validate({"risk_tier": "LOW", "tool": {"connector": "far"}, "title": title})
