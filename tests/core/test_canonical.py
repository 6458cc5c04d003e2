"""Canonical JSON: the fast way writes the very bytes of the authority, and refuses what it refuses."""

import json
import math

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from remit.core.canonical import canonical, digest_of, sha256_hex

from .make import json_values


@settings(max_examples=600)
@given(json_values())
@example({"\U0001f600": 1, "\ufb33": 2, "\u20ac": 3, "a": 4})
@example({"\ue000": [1.0], "\U00010000": 1})
@example([1.0, 1e16, 1e-7, -0.0, 5e-324, 0.0001, 0.00001, 123456789012345.0, 1e21, 1.5e300, -0.5, 333333333.33333329])
@example({"a": 1.0, "b": {"c": 10.0, "d": [0.0]}})
@example("a: -0, [1.0] \xee")
def test_it_is_what_the_authority_writes(value):
    assert canonical(value) == rfc8785.dumps(value)


@settings(max_examples=2000)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(1e-5, 1e16) | st.floats(-1e16, -1e-5))
@example(1e-4)
@example(math.nextafter(1e-4, 0))
@example(math.nextafter(1e15, 0))
@example(999999999999999.9)
@example(0.00011)
def test_every_fraction_is_what_the_authority_writes(number):
    assert canonical([number]) == rfc8785.dumps([number])


@given(json_values())
def test_it_reads_back_as_the_same_value(value):
    assert json.loads(canonical(value), parse_int=float) == json.loads(json.dumps(value), parse_int=float)


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1e15, "1000000000000000"),
        (1e16, "10000000000000000"),
        (1e21, "1e+21"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (4.50, "4.5"),
        (2e-3, "0.002"),
        (333333333.33333329, "333333333.3333333"),
        (2**53 - 1, "9007199254740991"),
        (-(2**53) + 1, "-9007199254740991"),
    ],
)
@pytest.mark.parametrize("around", ["%s", "[%s]", '{"n":%s}', '{"a":[1,%s,2]}'])
def test_numbers_are_spelled_as_ecmascript_spells_them(number, written, around):
    value = {"%s": number, "[%s]": [number], '{"n":%s}': {"n": number}, '{"a":[1,%s,2]}': {"a": [1, number, 2]}}[around]

    assert canonical(value) == (around % written).encode()


def test_keys_are_ordered_by_utf16_code_units():
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7}

    keys = list(json.loads(canonical(value)))

    assert keys == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]


def test_control_characters_are_escaped_and_everything_else_is_not():
    assert canonical('\x00\b\t\n\x0b\f\r\x1f"\\/\x7f\u2028é') == (
        rb'"\u0000\b\t\n\u000b\f\r\u001f\"\\/' + '\x7f\u2028é"'.encode()
    )


@pytest.mark.parametrize("value", [2**53, -(2**53), 2**63, 2**64, 10**400, math.nan, math.inf, -math.inf, "\ud800"])
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {"a": {"b": [0, v]}}])
def test_what_the_form_cannot_carry_is_refused(value, wrap):
    with pytest.raises(ValueError):
        canonical(wrap(value))


def test_a_lone_surrogate_in_a_key_is_refused():
    with pytest.raises(ValueError):
        canonical({"\udfff": 1})


def test_the_hash_is_sha256_in_lowercase_hex():
    assert sha256_hex(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_digest_does_not_see_key_order_spacing_or_how_a_number_was_written():
    assert digest_of(json.loads('{"b": 1.0, "a": [1e2]}')) == digest_of(json.loads('{"a":[100],"b":1}'))
    assert digest_of({"a": [100], "b": 1}) == sha256_hex(b'{"a":[100],"b":1}')


def test_the_digest_tells_true_from_one_and_null_from_absent():
    digests = {digest_of(value) for value in [{"a": 1}, {"a": True}, {"a": "1"}, {"a": None}, {}, {"a": [1]}]}

    assert len(digests) == 6


def test_a_whole_number_as_a_fraction_is_written_the_fast_way(monkeypatch):
    monkeypatch.setattr(rfc8785, "dumps", lambda value: pytest.fail(f"the slow way was taken for {value}"))

    assert canonical({"timeout_s": 30.0, "of": [-0.0, {"b": 2.0}, 0.5]}) == b'{"of":[0,{"b":2},0.5],"timeout_s":30}'
