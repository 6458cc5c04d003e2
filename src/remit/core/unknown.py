"""Fields of a stored record that this version does not know: a newer one's, kept when the record is written again."""

from __future__ import annotations

from typing import Any, NamedTuple


class UnknownFields(NamedTuple):
    """Those of an object itself, and those of objects inside it, by the fields that hold them."""

    own: dict[str, Any]
    inside: dict[str, UnknownFields]


def unknown_in(stored: Any, known: Any) -> UnknownFields | None:
    """The fields of `stored` that are not in `known`. Of a list's items none are kept: nothing says which is which."""
    if not (isinstance(stored, dict) and isinstance(known, dict)):
        return None
    own = {name: value for name, value in stored.items() if name not in known}
    within = {name: unknown_in(value, known[name]) for name, value in stored.items() if name in known}
    inside = {name: found for name, found in within.items() if found is not None}
    return UnknownFields(own, inside) if own or inside else None


def with_unknown(known: dict[str, Any], unknown: UnknownFields) -> dict[str, Any]:
    """The object with them again; what was inside an object that is gone is gone with it."""
    whole = {**unknown.own, **known}
    for name, within in unknown.inside.items():
        if isinstance(whole.get(name), dict):
            whole[name] = with_unknown(whole[name], within)
    return whole
