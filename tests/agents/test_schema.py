"""The schema of a function's arguments is what its annotations say."""

import jsonschema_rs
import pytest

from remit.agents.schema import schema_of

from .signatures import anything, optional, positional


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({"order_id": "o-1", "amount": 5}, True),
        ({"order_id": "o-1", "amount": 5.5, "currency": "USD", "notes": ["late"]}, True),
        ({"order_id": "o-1", "amount": 5, "notes": None}, True),
        ({"order_id": "o-1"}, False),
        ({"order_id": "o-1", "amount": "5"}, False),
        ({"order_id": "o-1", "amount": 5, "currency": "JPY"}, False),
        ({"order_id": "o-1", "amount": 5, "note": []}, False),
        ({"order_id": "o-1", "amount": 5, "notes": [1]}, False),
    ],
)
def test_arguments_fit_it_that_the_function_takes(arguments, fits):
    assert jsonschema_rs.validator_for(schema_of(optional)).is_valid(arguments) is fits


def test_what_json_does_not_know_may_be_anything_and_further_names_are_taken_where_the_function_does():
    validator = jsonschema_rs.validator_for(schema_of(anything))

    assert validator.is_valid({"what": {}, "many": [1], "by_name": {"a": True}, "further": 1})
    assert not validator.is_valid({"what": {}, "many": [1], "by_name": {"a": 1}})


def test_an_argument_without_a_name_is_refused():
    with pytest.raises(TypeError, match="'first' cannot be given by its name"):
        schema_of(positional)
