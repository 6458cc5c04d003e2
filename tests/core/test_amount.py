"""An amount is what the arguments say exactly, or it is not known."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import InvalidInput
from remit.core.gate.amount import Amount, AmountSpec, AmountUnknown, amount_of, decimal_text, in_money, parse_amount
from remit.core.gate.bounds_checks import parse_bounds

from .make import TYPE, bounds_json, type_json

LARGEST = 2**53 - 1


@pytest.mark.parametrize(
    ("value", "ten_thousandths"),
    [
        (12, 120_000),
        (12.5, 125_000),
        (0.1, 1_000),
        (0.0001, 1),
        (1e-4, 1),
        (1e3, 10_000_000),
        ("12", 120_000),
        ("12.50", 125_000),
        ("0.1", 1_000),
        ("1.00000", 10_000),
        ("900719925474.0991", LARGEST),
    ],
)
def test_a_number_or_a_text_is_taken_exactly(value, ten_thousandths):
    assert parse_amount(value, "parameters.amount") == ten_thousandths


@pytest.mark.parametrize(
    "value",
    [
        0, -1, -0.0, 0.0, 0.00001, 0.30000000000000004, 2**53, 900719925474.1, 1e22, 1e-7,
        "0", "-1", "+1", "1e3", " 1", "1 ", "1,5", "01", ".5", "5.", "", "1_000", "１２", "٣", "NaN", "Infinity", "0x1",
        "1.00001", "100000000.00000000000000000001", "900719925474.0992", "9" * 400, "1." + "0" * 400,
        True, False, None, [1], {"a": 1},
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_anything_else_is_no_amount(value):
    with pytest.raises(InvalidInput) as caught:
        parse_amount(value, "parameters.amount")

    assert caught.value.field == "parameters.amount"


@given(st.integers(1, LARGEST))
def test_its_text_reads_back_as_the_same(ten_thousandths):
    text = decimal_text(ten_thousandths)

    assert parse_amount(text, "a") == ten_thousandths
    assert Decimal(text) * 10_000 == ten_thousandths
    assert "." not in text or text[-1] not in "0."


def test_the_unit_stands_in_the_bounds_or_among_the_arguments():
    fixed = AmountSpec(value="parameters.amount", unit="EUR")
    named = AmountSpec(value="parameters.order.total", unit='parameters["the currency"]')

    assert amount_of(fixed, {"amount": "12.50"}) == Amount(125_000, "EUR")
    assert amount_of(named, {"order": {"total": 3}, "the currency": "USD"}) == Amount(30_000, "USD")


@pytest.mark.parametrize(
    ("parameters", "place"),
    [
        ({}, "parameters.amount"),
        ({"amount": "much", "currency": "EUR"}, "parameters.amount"),
        ({"amount": 5}, "parameters.currency"),
        ({"amount": 5, "currency": ""}, "parameters.currency"),
        ({"amount": 5, "currency": "EUR or so, roughly"}, "parameters.currency"),
        ({"amount": 5, "currency": 978}, "parameters.currency"),
        ({"amount": {"a": 1}, "amount.a": 5, "currency": "EUR"}, "parameters.amount"),
    ],
)
def test_what_the_arguments_do_not_say_is_not_known(parameters, place):
    found = amount_of(AmountSpec(value="parameters.amount", unit="parameters.currency"), parameters)

    assert isinstance(found, AmountUnknown) and found.problem.startswith(place)


@pytest.mark.parametrize(
    ("amounts", "field"),
    [
        ({"refund": {"value": "amount", "unit": "EUR"}}, "amounts.refund.value"),
        ({"refund": {"value": "parameters.", "unit": "EUR"}}, "amounts.refund.value"),
        ({"refund": {"value": "target.entity_id", "unit": "EUR"}}, "amounts.refund.value"),
        ({"refund": {"value": "parameters.a", "unit": "€ or $"}}, "amounts.refund.unit"),
        ({"refund": {"value": "parameters.a"}}, "amounts.refund.unit"),
        ({"Refund!": {"value": "parameters.a", "unit": "EUR"}}, "amounts.Refund!.[key]"),
        ({f"a{n}": {"value": "parameters.a", "unit": "EUR"} for n in range(11)}, "amounts"),
    ],
)
def test_an_amount_that_can_be_none_is_refused_with_the_bounds(amounts, field):
    with pytest.raises(InvalidInput) as caught:
        parse_bounds(bounds_json(action_types={TYPE: type_json(amounts=amounts)}))

    assert caught.value.field == f"action_types.{TYPE}.{field}"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(12_505_000, "1,250.50 EUR"), (120_000, "12 EUR"), (1, "0.0001 EUR"), (LARGEST, "900,719,925,474.0991 EUR")],
)
def test_people_read_it_as_money(value, shown):
    assert in_money(Amount(value, "EUR").wire()) == shown
