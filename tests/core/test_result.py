"""Results: what of an answer is kept, for how long, and what can be read of it."""

import json
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.canonical import sha256_hex
from remit.core.execution.result import (
    MOST_KEPT_BYTES,
    NO_CONTENT,
    NotKept,
    ResultState,
    StoredResult,
    ToolResult,
    answered,
    json_answer,
    kept_result,
    masked_answer,
    state_of,
)
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.result_settings import BY_DEFAULT, ResultSettings

from .make import NOW, type_json

ORDER = {"id": 7, "customer": {"email": "ann@example.com"}}


def settings(**changes):
    return ResultSettings(**changes)


def kept(answer, mask=None, **changes):
    return kept_result(settings(**changes), answer, NOW, mask)


# --- the settings ---


@pytest.mark.parametrize("said", ["none", "refs", "kept"])
def test_a_mode_alone_is_settings_enough(said):
    spec = ActionTypeSpec.model_validate(type_json(result=said))

    assert spec.results == settings(mode=said)


def test_a_type_that_says_nothing_keeps_answers_for_a_week_for_their_proposer():
    spec = ActionTypeSpec.model_validate(type_json())

    assert (spec.result, spec.results) == (None, BY_DEFAULT)
    assert (BY_DEFAULT.mode, BY_DEFAULT.kept_for, BY_DEFAULT.people) == ("kept", timedelta(days=7), False)


@pytest.mark.parametrize(("text", "span"), [("0d", 0), ("365d", 365), ("24h", 1), ("52w", 364)])
def test_answers_are_kept_for_nothing_to_a_year(text, span):
    assert settings(keep=text).kept_for == timedelta(days=span)


@pytest.mark.parametrize(
    "wrong",
    [
        {"keep": "366d"},
        {"keep": "-1d"},
        {"keep": "7"},
        {"mode": "all"},
        {"keep_paths": ["a..b"]},
        {"drop_paths": [""]},
        {"drop_paths": ["a"] * 101},
        {"days": 7},
        {"people": "yes"},
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        settings(**wrong)


# --- what is kept ---


def test_an_answer_is_kept_byte_for_byte_with_its_hash_and_the_end_of_its_time():
    content = b'{"total": 1.10,  "id": 7}\n'

    result = kept(answered("application/json", content), keep="2d")

    assert (result.content, result.size, result.sha256) == (content, len(content), sha256_hex(content))
    assert (result.kept, result.not_kept, result.erase_at) == (True, None, NOW + timedelta(days=2))


def test_of_a_type_without_results_nothing_is_known_of_an_answer():
    assert kept(json_answer(ORDER), mode="none") is None
    assert kept(None) is None


@pytest.mark.parametrize(
    ("changes", "reason"), [({"mode": "refs"}, "REFS_ONLY"), ({"keep": "0d"}, "NO_TIME"), ({"keep": "0s"}, "NO_TIME")]
)
def test_where_the_type_keeps_no_content_hash_and_size_say_what_it_was(changes, reason):
    result = kept(answered("text/plain", b"hello"), **changes)

    assert (result.kept, result.not_kept, result.content, result.erase_at) == (False, reason, None, None)
    assert (result.size, result.sha256) == (5, sha256_hex(b"hello"))


@pytest.mark.parametrize(("size", "reason"), [(MOST_KEPT_BYTES, None), (MOST_KEPT_BYTES + 1, "TOO_LARGE")])
def test_up_to_256_kib_are_kept_and_of_more_the_hash(size, reason):
    content = b"x" * size

    result = kept(answered("text/plain", content))

    assert (result.not_kept, result.size, result.sha256) == (reason, size, sha256_hex(content))
    assert result.content == (None if reason else content)


def test_what_did_not_come_whole_is_not_kept():
    result = kept(answered("application/json", b'{"id": 7, "cust', complete=False))

    assert (result.kept, result.not_kept, result.content) == (False, "INCOMPLETE", None)


def test_parts_are_dropped_before_anything_is_stored_or_hashed():
    whole = kept(json_answer(ORDER), drop_paths=["customer.email"])
    part = kept(json_answer(ORDER), keep_paths=["id"])

    assert (json.loads(whole.content), json.loads(part.content)) == ({"id": 7, "customer": {}}, {"id": 7})
    for result in (whole, part):
        assert (result.size, result.sha256) == (len(result.content), sha256_hex(result.content))


def test_what_is_large_may_be_kept_in_part():
    answer = json_answer({"id": 7, "log": "x" * MOST_KEPT_BYTES})

    assert kept(answer).not_kept == "TOO_LARGE"
    assert json.loads(kept(answer, drop_paths=["log"]).content) == {"id": 7}


@pytest.mark.parametrize("content", [b"plain text", b'{"a.b": 1, "a": {"b": 2}}', b"\xff\xfe", b"[" * 5000])
def test_where_parts_cannot_be_told_apart_nothing_is_kept(content):
    result = kept(answered("application/json", content), drop_paths=["a.b"])

    assert (result.kept, result.not_kept, result.content) == (False, "NO_SUCH_PARTS", None)


@pytest.mark.parametrize(
    ("said", "kept_as"),
    [
        ("application/json; charset=utf-8", "application/json; charset=utf-8"),
        ("", "application/octet-stream"),
        ("text/\x1b[31mred\r\n", "text/?[31mred??"),
        ("x" * 500, "x" * 128),
        ("x" * 125 + "s3cret", "x" * 125 + "${T"),
    ],
)
def test_a_media_type_is_one_short_line_without_secrets(said, kept_as):
    assert kept(answered(said, b""), mask).media_type == kept_as
    assert kept(answered(said, b"", complete=False), mask).media_type == kept_as


# --- secrets ---


def mask(text):
    return text.replace("s3cret", "${TOKEN}").replace("4711", "${PIN}")


@pytest.mark.parametrize(
    ("content", "clean"),
    [
        (b"Bearer s3cret", b"Bearer ${TOKEN}"),
        (b'{"token": "s3cret", "s3cret": 1}', b'{"token":"${TOKEN}","${TOKEN}":1}'),
        (b'{"token": "\\u0073\\u0033cret"}', b'{"token":"${TOKEN}"}'),
        (b'{"pin": 4711, "all": [true, null, 1.5]}', b'{"pin":"${PIN}","all":[true,null,1.5]}'),
        (b'{"a": "s3cret", "a": "x"}', b'{"a":"x"}'),
        (b"\xff s3cret \x00", b"\xff ${TOKEN} \x00"),
    ],
)
def test_secrets_are_masked_in_whatever_spelling_and_json_stays_json(content, clean):
    result = masked_answer(answered("any/thing", content), mask)

    assert (result.content, result.size, result.sha256) == (clean, len(clean), sha256_hex(clean))


@pytest.mark.parametrize("content", [b'{ "total": 1.10 }\n', b"\xff\x00", b"plain", b""])
def test_where_no_secret_stands_every_byte_is_as_it_came(content):
    assert masked_answer(answered("any/thing", content), mask).content == content


def test_secrets_are_masked_before_parts_are_dropped_and_the_hash_is_of_what_is_stored():
    result = kept(json_answer({"token": "s3cret", "email": "a@b"}), mask, drop_paths=["email"])

    assert result.content == b'{"token":"${TOKEN}"}'
    assert result.sha256 == sha256_hex(result.content)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_masked(content):
    assert masked_answer(answered("any/thing", content), lambda text: text).content == content


# --- what is told of it, and read again ---


def test_facts_hold_everything_but_the_content_and_read_back():
    result = kept(json_answer(ORDER))
    facts = result.facts()

    assert "content" not in facts
    assert ToolResult.of_facts(json.loads(json.dumps(facts))) == result.known


def stored(result, **changes):
    known = {"action_intent_id": "i-1", "account_id": "north", "sha256": result.sha256}
    return StoredResult(**{**known, "erase_at": result.erase_at, "content": result.content, **changes})


def test_what_is_kept_is_read_until_its_time_is_over():
    result = kept(json_answer(ORDER))

    def state(stored_result, now=NOW, erased=False):
        return state_of(result.known, stored_result, now, erased=erased)

    assert state(stored(result), result.erase_at - timedelta(microseconds=1)) == "KEPT"
    assert state(stored(result), result.erase_at) == "ERASED"
    assert state(stored(result), erased=True) == "ERASED"
    assert state(None) == "DAMAGED"
    assert state(stored(result, content=b"another")) == "DAMAGED"
    assert state(stored(result, sha256="0" * 64)) == "DAMAGED"
    assert state_of(kept(json_answer(ORDER), mode="refs"), None, NOW, erased=False) == "NOT_KEPT"


def test_every_reason_against_content_is_told_in_words():
    assert set(NO_CONTENT) == {*get_args(NotKept), *get_args(ResultState)} - {"KEPT", "NOT_KEPT"}
