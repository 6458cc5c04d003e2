"""
Changes of bounds as the ledger carries them: the parts that changed, and the hash of the whole.

A part is named by a JSON pointer (RFC 6901) into the stored form of the bounds. Lists, action types and accounts are
parts each by itself, so that what one change costs does not grow with everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from remit.core.canonical import canonical, digest_of
from remit.core.gate.bounds import BoundsInForce, nothing_set
from remit.core.values import is_identifier

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode
_NUMBER, _ACCOUNT = "/config_sequence", "/bounds/accounts/"
_SPLIT = frozenset(
    {"bounds", "bounds/accounts", "bounds/action_types", "bounds/principals", "type_versions", "zones_until"}
)
"""Objects whose members are parts of their own."""


def config_data(before: BoundsInForce, after: BoundsInForce) -> dict[str, Any]:
    """The data of the `CONFIG_CHANGED` entry that turns `before` into `after`."""
    first = before.config_sequence == 0
    return changes_between(before_first(before.bounds.tenant) if first else before.wire(), after.wire())


def before_first(tenant_id: str) -> dict[str, Any]:
    """
    The state that the first change of a ledger is told against. It stays as it is for good, whatever bounds hold by
    default one day: what an old ledger does not say, it had from here.
    """
    nothing = nothing_set(tenant_id).wire()
    return {**nothing, "bounds": {**nothing["bounds"], "proposer_may_approve": True}}


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The changes between their stored forms."""
    old, new = parts_of(before), parts_of(after)
    return {
        "config_sequence": after["config_sequence"],
        "set": {path: value for path, value in new.items() if path not in old or not same(old[path], value)},
        "removed": sorted(set(old) - set(new)),
        "bounds_hash": digest_of(dict(after)),
    }


def with_changes(whole: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """
    The stored form of the bounds after a `CONFIG_CHANGED` entry's `data`, which may be of format 1: the whole itself.

    Raises `KeyError`, `TypeError` or `ValueError` for data that is none, or whose hash is another.
    """
    if "bounds" in data:
        return dict(data)
    own = account_changes(data)
    after = _with_parts(whole, data) if own is None else _with_accounts(whole, own)
    if digest_of(after) != data["bounds_hash"]:
        raise ValueError("the bounds that these changes come to have another hash")
    return after


class AccountChanges(NamedTuple):
    """A change of nothing but accounts: its number, and each account that it names, `None` for one that is gone."""

    config_sequence: int
    accounts: Mapping[str, dict[str, Any] | None]


def account_changes(data: Mapping[str, Any]) -> AccountChanges | None:
    """
    The change of a `CONFIG_CHANGED` entry's `data`, of format 2, if it is of accounts alone, as most are where there
    are thousands: then nothing else need be looked at.
    """
    changed = dict(data["set"])
    number = changed.pop(_NUMBER, None)
    accounts = dict.fromkeys(data["removed"]) | changed
    if type(number) is not int or not all(isinstance(each, dict) for each in changed.values()):
        return None
    if not all(isinstance(path, str) and _names_account(path) for path in accounts):
        return None
    return AccountChanges(number, {path.removeprefix(_ACCOUNT): each for path, each in accounts.items()})


def _names_account(path: str) -> bool:
    # Nothing in an id is written otherwise in a JSON pointer.
    return path.startswith(_ACCOUNT) and is_identifier(path.removeprefix(_ACCOUNT))


def changed_accounts(before: Mapping[str, T], changes: Mapping[str, T | None]) -> dict[str, T]:
    """Raises `KeyError` for an account that is to go and is not there."""
    after = dict(before)
    for name, account in changes.items():
        if account is None:
            del after[name]
        else:
            after[name] = account
    return after


def _with_accounts(whole: Mapping[str, Any], changes: AccountChanges) -> dict[str, Any]:
    bounds = whole["bounds"]
    accounts = changed_accounts(bounds["accounts"], changes.accounts)
    return {**whole, "config_sequence": changes.config_sequence, "bounds": {**bounds, "accounts": accounts}}


def _with_parts(whole: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    parts = parts_of(whole)
    for path in data["removed"]:
        del parts[path]
    return joined(parts | data["set"])


def parts_of(whole: Mapping[str, Any]) -> dict[str, Any]:
    """The stored form of bounds, part by part, each under its JSON pointer; `joined` puts them together again."""
    return dict(_parts("", dict(whole)))


def same(old: Any, new: Any) -> bool:
    """Is it the same JSON?"""
    # For Python `True == 1`; what is hashed tells them apart. Mostly nothing has changed, which is found out faster.
    return _encode(old) == _encode(new) or canonical(old) == canonical(new)


def _parts(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and (not path or path.strip("/") in _SPLIT):
        # Even an empty one is there.
        yield f"{path}/", None
        for name, inner in value.items():
            yield from _parts(f"{path}/{_escaped(name)}", inner)
    else:
        yield path, value


def joined(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The whole that these parts make. Raises `ValueError` or `TypeError` for what are no parts of any."""
    whole: dict[str, Any] = {}
    for path, value in sorted(parts.items()):
        place, names = whole, [_unescaped(name) for name in path.split("/")[1:]]
        if not names:
            raise ValueError(f"{path!r} is not a JSON pointer")
        for name in names[:-1]:
            place = place.setdefault(name, {})
        if names[-1]:
            place[names[-1]] = value
    return whole


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")
