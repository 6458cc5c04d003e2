"""A mapped request: what can be carried from step to step, and what cannot."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from remit.core.errors import InvalidInput
from remit.core.execution.request import LARGEST_REQUEST_BYTES, bounded

FITTING = LARGEST_REQUEST_BYTES - len(json.dumps({"text": ""}))


@pytest.mark.parametrize(("character", "written"), [("x", 1), ('"', 2), ("\n", 2), ("\x01", 6), ("ü", 6), ("😀", 12)])
def test_a_request_may_be_as_long_as_it_is_when_all_of_it_is_escaped(character, written):
    most = FITTING // written

    assert bounded({"text": character * most}) == {"text": character * most}
    with pytest.raises(InvalidInput, match="map to a request of"):
        bounded({"text": character * (most + 1)})


def test_what_stands_between_its_parts_counts():
    items = [1] * (LARGEST_REQUEST_BYTES // 3)

    with pytest.raises(InvalidInput):
        bounded({"items": items, "one more": 1})
    assert bounded({"items": items[:-20]})


@pytest.mark.parametrize("value", [UUID(int=1), object(), {1, 2}, b"bytes"])
def test_what_is_no_json_is_refused_however_small(value):
    with pytest.raises(TypeError):
        bounded({"inside": [{"it": value}]})


def test_what_holds_itself_is_refused():
    inner = []
    inner.append(inner)

    with pytest.raises(ValueError, match="Circular"):
        bounded({"it": inner})


@pytest.mark.parametrize("value", [2**70, 1.5, None, True, "\ud800", [[], {}]])
def test_json_of_any_kind_is_carried(value):
    assert bounded({"it": value}) == {"it": value}
