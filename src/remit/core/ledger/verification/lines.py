"""
Lines of an export, read in a quick way where a line is just as Remit writes it.

For every other line there is the careful way, and its words: nothing that is wrong is ever told here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, TypedDict, get_args

import orjson

from remit.core.canonical import canonical_reader, sha256_hex
from remit.core.json_text import MOST_DEPTH
from remit.core.ledger.entries import EventType


class SoundEntry(dict[str, Any]):
    """
    An entry whose line is its canonical form and carries its hash, and whose fields are of their types.

    Made by `sound_entry` alone: nobody asks any of that again.
    """

    __slots__ = ()


class UnreadableLine(dict[str, Any]):
    """The `problem` of a line of an export that holds no entry, with the way out; it stands where the entry would."""

    __slots__ = ()


class _Written(TypedDict):
    """An entry of this format and of a type that is known: every field and no other, for those would not be kept."""

    account_id: str | None
    action_intent_id: str | None
    actor: str
    at: str
    data: dict[str, Any]
    entry_id: str
    event_type: EventType
    hash: str
    previous_hash: str | None
    sequence: int
    tenant_id: str
    v: Literal[2]


_read = canonical_reader(_Written)
KNOWN_EVENTS = frozenset(get_args(EventType))
_UNREADABLE = b"!"
"""No JSON begins so."""
# Sorted keys come in this order, and what stands behind the last of them holds nothing.
_BEHIND_HASH = b',"previous_hash":'
_HASH_BYTES = len(b',"hash":""') + 64
"""As long is what holds a hash: where another stands, what is left without so much has none that equals it."""


def sound_entry(line: bytes) -> SoundEntry | None:
    """The entry in a line, without its end; `None` for any that has to be read, or judged, with care."""
    try:
        if line.count(b"{") + line.count(b"[") > MOST_DEPTH:
            return None
        value = _read(line)
        if not is_aware(value["at"]):
            return None
        place = line.rindex(_BEHIND_HASH)
    except (ValueError, TypeError, RecursionError):
        return None
    hash = sha256_hex(line[: place - _HASH_BYTES] + line[place:])
    return SoundEntry(value) if hash == value["hash"] else None


# What one write added has one time.
@lru_cache(maxsize=64)
def is_aware(at: str) -> bool:
    """Is this a time that says its offset from UTC?"""
    try:
        return datetime.fromisoformat(at).tzinfo is not None
    except ValueError:
        return False


def read_line(line: bytes) -> Any:
    """The value in a line that `written_line` wrote; as a `SoundEntry` where it is one."""
    if line.startswith(_UNREADABLE):
        return UnreadableLine(json.loads(line.removeprefix(_UNREADABLE)))
    sound = sound_entry(line.removesuffix(b"\n"))
    return json.loads(line) if sound is None else sound


def written_line(value: Any) -> bytes:
    """One line that `read_line` reads as the same value."""
    if isinstance(value, UnreadableLine):
        return _UNREADABLE + json.dumps(value).encode()
    try:
        quick = orjson.dumps(value)
        if orjson.loads(quick) == value:
            return quick
    # What Python alone writes, or refuses in its own words.
    except (TypeError, ValueError, RecursionError):
        pass
    return json.dumps(value).encode()


def is_of_intent(entry: Any) -> bool:
    """Is it of an intent's chain, if it is an entry at all?"""
    return isinstance(entry, Mapping) and entry.get("action_intent_id") is not None


def may_be_own(line: bytes) -> bool:
    """May this line be of the tenant's own chain? Answers true wherever that is not plain to see."""
    # Of a name that stands twice the last counts, and escapes can spell a name.
    named = line.count(b'"action_intent_id"')
    return not named or line.count(b'"action_intent_id":"') != named or b"\\" in line
