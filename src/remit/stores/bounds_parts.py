"""
Bounds of many accounts, stored in parts.

What is the tenant's is one part; its accounts are spread over others by a hash of their ids. The record itself then
holds a head: its number, and the names of its parts. A part is never changed: a change writes those that differ under
new names, and drops those whose place they take. So a name says what is behind it, for good; who has read a part need
not read it again, and who finds that one is gone reads the head anew, which names another.

Bounds that are short are stored whole, as an earlier release stored all.
"""

from __future__ import annotations

import secrets
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import Struct
from pydantic import TypeAdapter, ValidationError

from remit.core.gate.bounds import AccountBounds, BoundsInForce, ZoneUntil
from remit.core.records import BOUNDS
from remit.core.values import Stored
from remit.stores.units import Shown, parse_record

BOUNDS_PARTS = "bounds_parts"
"""Where a store keeps parts: as it keeps records, by tenant and name."""
MOST_WHOLE = 16_000
"""Characters of bounds that are stored whole."""
_PART_SIZE, _MOST_PARTS = 8_000, 256
MOST_KEPT = 64_000_000
"""Characters of all tenants' bounds that are kept as they were last put together; one tenant's in any case."""
_HEAD = '{"parts":'
_encode = msgspec.json.Encoder().encode
Fetch = Callable[[Sequence[str]], Mapping[str, str]]
"""Answers the bodies of the parts of these names, without those that are gone."""


class PartsGone(Exception):
    """The bounds were changed since their head was read, which has to be read anew."""


class StoredBounds(NamedTuple):
    """The body that bounds have as a record, the parts that come with it, and those that nothing names any more."""

    record: BoundsInForce
    """The bounds, which from here on know how they are stored."""
    body: str
    new: Mapping[str, str]
    gone: frozenset[str]


class _Head(msgspec.Struct, frozen=True):
    parts: tuple[str | None, ...]
    """The tenant's, then those of accounts; `None` for one without any."""
    config_sequence: int

    @property
    def names(self) -> list[str]:
        return [name for name in self.parts if name is not None]


@cache
def _checks() -> tuple[TypeAdapter[dict[str, AccountBounds]], TypeAdapter[dict[str, ZoneUntil]]]:
    """Built when the first part is read: they take a tenth of the time of a command that reads none."""
    return TypeAdapter(dict[str, AccountBounds]), TypeAdapter(dict[str, ZoneUntil])


class _Part:
    """One part, and what it says, which is found out once. Raises `ValidationError` for what a newer version wrote."""

    def __init__(self, body: str) -> None:
        self.body = body

    @cached_property
    def of_tenant(self) -> BoundsInForce:
        return BoundsInForce.model_validate({**self.raw, "config_sequence": 0})

    @cached_property
    def of_accounts(self) -> tuple[dict[str, AccountBounds], dict[str, ZoneUntil]]:
        raw = self.raw
        own, zones = _checks()
        return own.validate_json(_encode(raw["accounts"])), zones.validate_json(_encode(raw["zones_until"]))

    @property
    def raw(self) -> dict[str, Any]:
        return cast("dict[str, Any]", msgspec.json.decode(self.body))


# Compared as itself: it stands beside the fields of the bounds that it is of.
class _Layout(Struct, frozen=True, eq=False):
    """One version of a tenant's bounds, and how it is stored."""

    record: BoundsInForce
    head: _Head
    parts: Mapping[str, _Part]


def is_head(body: str) -> bool:
    """Is this the body of bounds that are stored in parts?"""
    return body.startswith(_HEAD)


def stored_bounds(record: BoundsInForce, before: Shown) -> StoredBounds:
    """The stored form of bounds that take the place of `before`, which was read or written here; `None` is nothing."""
    old, body = _layout_of(before), record.to_json()
    named = parts_of(before)
    if len(body) <= MOST_WHOLE:
        return StoredBounds(record, body, {}, named)
    sequence, bodies = _split(body, len(old.head.parts) - 1 if old else 0)
    names, known = _named(bodies, old), old.parts if old else {}
    parts = {name: known.get(name) or _Part(text) for name, text in zip(names, bodies, strict=True) if name and text}
    # A copy: the same bounds may have come from another store, where they are stored otherwise.
    layout = _Layout(record.model_copy(), _Head(tuple(names), sequence), parts)
    _attach(layout)
    new = {name: part.body for name, part in parts.items() if name not in named}
    return StoredBounds(layout.record, _encode(layout.head).decode(), new, named - parts.keys())


def parts_of(record: Shown) -> frozenset[str]:
    """The parts that these bounds are stored in, which go with them; none of what is stored whole."""
    layout = _layout_of(record)
    return frozenset(layout.head.names) if layout else frozenset()


class KnownBounds:
    """
    Bounds as they were last put together, one version of each tenant, so that of the next only new parts are read.

    Safe to share between threads.
    """

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self._most_kept, self._lock = most_kept, threading.Lock()
        self._latest: OrderedDict[str, tuple[str, BoundsInForce, int]] = OrderedDict()
        self._size = 0

    def whole(self, tenant_id: str, head: str, fetch: Fetch) -> Stored:
        """The bounds that this head names the parts of. Raises `PartsGone`, and `RemitError` as `parse_record`."""
        with self._lock:
            text, record, _ = self._latest.get(tenant_id, ("", None, 0))
        if record is not None and text == head:
            return record
        made = _joined(_parsed_head(head), _layout_of(record), fetch)
        self._keep(tenant_id, head, made)
        return made

    def altered(self, tenant_id: str, stored: Mapping[str, str]) -> Iterator[str]:
        """The parts that are not stored as this process has read them, in words: Remit never changes one."""
        with self._lock:
            record = self._latest[tenant_id][1] if tenant_id in self._latest else None
        layout = _layout_of(record)
        for name, part in layout.parts.items() if layout else ():
            if stored.get(name, part.body) != part.body:
                yield f"{BOUNDS_PARTS} {name}: its body is not what was written there"

    def forget(self) -> None:
        with self._lock:
            self._latest.clear()
            self._size = 0

    def _keep(self, tenant_id: str, head: str, record: BoundsInForce) -> None:
        layout = _layout_of(record)
        size = sum(len(part.body) for part in layout.parts.values()) if layout else 0
        with self._lock:
            self._size += size - self._latest.pop(tenant_id, ("", None, 0))[2]
            self._latest[tenant_id] = head, record, size
            while self._size > self._most_kept and len(self._latest) > 1:
                self._size -= self._latest.popitem(last=False)[1][2]


KNOWN_BOUNDS = KnownBounds()
"""Of this process: a name of a part says what is behind it, whatever store it is in."""


def _joined(head: _Head, old: _Layout | None, fetch: Fetch) -> BoundsInForce:
    known = old.parts if old else {}
    missing = [name for name in head.names if name not in known]
    found = fetch(missing) if missing else {}
    if len(found) < len(missing):
        raise PartsGone
    parts = {name: known.get(name) or _Part(found[name]) for name in head.names}
    try:
        record = _put_together(head, parts)
    except ValidationError:
        # A newer version's: what is not known here is kept beside the rest, which the whole's reader sees to.
        record = cast(BoundsInForce, parse_record(BOUNDS.name, _text_of(head, parts)))
    _attach(_Layout(record, head, parts))
    return record


def _put_together(head: _Head, parts: Mapping[str, _Part]) -> BoundsInForce:
    """Of parts that were read before, no more is copied than a reference to each account."""
    tenant, *others = [parts[name] for name in head.names]
    accounts: dict[str, AccountBounds] = {}
    zones: dict[str, ZoneUntil] = {}
    for part in others:
        own, own_zones = part.of_accounts
        accounts |= own
        zones |= own_zones
    bounds = tenant.of_tenant.bounds.model_copy(update={"accounts": dict(sorted(accounts.items()))})
    changed = {"config_sequence": head.config_sequence, "bounds": bounds, "zones_until": dict(sorted(zones.items()))}
    return tenant.of_tenant.model_copy(update=changed)


def _text_of(head: _Head, parts: Mapping[str, _Part]) -> str:
    """The body of the same bounds, stored whole."""
    tenant, *others = [parts[name].raw for name in head.names]
    accounts = {name: own for part in others for name, own in part["accounts"].items()}
    zones = {name: zone for part in others for name, zone in part["zones_until"].items()}
    bounds = {**tenant["bounds"], "accounts": accounts}
    return _encode({**tenant, "config_sequence": head.config_sequence, "bounds": bounds, "zones_until": zones}).decode()


def _split(body: str, before: int) -> tuple[int, list[str | None]]:
    """The number of these bounds, and the bodies of their parts: the tenant's, then the accounts', `None` for none."""
    whole = msgspec.json.decode(body)
    accounts, zones = whole["bounds"].pop("accounts"), whole.pop("zones_until")
    sequence = whole.pop("config_sequence")
    count = _how_many(len(body), before)
    parts: list[dict[str, dict[str, Any]]] = [{"accounts": {}, "zones_until": {}} for _ in range(count)]
    for what, members in (("accounts", accounts), ("zones_until", zones)):
        for name in sorted(members):
            parts[zlib.crc32(name.encode()) % count][what][name] = members[name]
    bodies = [_encode(part).decode() if any(part.values()) else None for part in parts]
    return sequence, [_encode(whole).decode(), *bodies]


def _how_many(size: int, before: int) -> int:
    """A power of two. As many parts as before while they are neither long nor short: others are all written anew."""
    count = 1
    while count < _MOST_PARTS and count * _PART_SIZE < size:
        count *= 2
    return before if count <= before <= 4 * count else count


def _named(bodies: Sequence[str | None], old: _Layout | None) -> list[str | None]:
    """The names of these parts: of one that is as it was, the name that it had."""
    before = old.head.parts if old and len(old.head.parts) == len(bodies) else (None,) * len(bodies)
    names: list[str | None] = []
    for body, name in zip(bodies, before, strict=True):
        same = old is not None and name is not None and old.parts[name].body == body
        names.append(name if same else secrets.token_urlsafe(9) if body is not None else None)
    return names


def _parsed_head(body: str) -> _Head:
    return msgspec.json.decode(body, type=_Head)


def _attach(layout: _Layout) -> None:
    # Not a field: it is neither compared nor written.
    layout.record.__dict__["_layout"] = layout


def _layout_of(record: Shown) -> _Layout | None:
    found: _Layout | None = record.__dict__.get("_layout") if isinstance(record, BoundsInForce) else None
    # A copy that was changed takes along what was kept beside the first.
    return found if found is not None and found.record is record else None
