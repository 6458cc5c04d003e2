"""Fields of a stored record that this version does not know: a newer one's, kept when the record is written again."""

from __future__ import annotations

from typing import Any, NamedTuple


class UnknownFields(NamedTuple):
    """Those of an object itself, and those of what is inside it, by the fields that hold it."""

    own: dict[str, Any]
    inside: dict[str, UnknownFields | UnknownItems]


class UnknownItem(NamedTuple):
    """One item of a list that holds some: where it was, and what is known of it."""

    place: int
    known: Any
    unknown: UnknownFields | UnknownItems


class UnknownItems(NamedTuple):
    """Those of a list, which had so many items."""

    items: list[UnknownItem]
    length: int


def unknown_in(stored: Any, known: Any) -> UnknownFields | UnknownItems | None:
    """The part of `stored` that is not in `known`, which is the same as this version writes it."""
    if isinstance(stored, dict) and isinstance(known, dict):
        own = {name: value for name, value in stored.items() if name not in known}
        within = {name: unknown_in(value, known[name]) for name, value in stored.items() if name in known}
        inside = {name: found for name, found in within.items() if found is not None}
        return UnknownFields(own, inside) if own or inside else None
    if isinstance(stored, list) and isinstance(known, list) and len(stored) == len(known):
        pairs = enumerate(zip(stored, known, strict=True))
        items = [UnknownItem(n, knows, found) for n, (has, knows) in pairs if (found := unknown_in(has, knows))]
        return UnknownItems(items, len(known)) if items else None
    return None


def with_unknown(known: dict[str, Any], unknown: UnknownFields) -> dict[str, Any]:
    """The object with them again; what was inside of something that is gone is gone with it."""
    whole = {**unknown.own, **known}
    for name, within in unknown.inside.items():
        if name in whole:
            whole[name] = _restored(whole[name], within)
    return whole


def _restored(known: Any, unknown: UnknownFields | UnknownItems) -> Any:
    if isinstance(unknown, UnknownFields):
        return with_unknown(known, unknown) if isinstance(known, dict) else known
    return _with_items(known, unknown) if isinstance(known, list) else known


def _with_items(known: list[Any], unknown: UnknownItems) -> list[Any]:
    """
    Each to the item that it was of: what is as it was, then what is called as it was, then what changed in its place.
    """
    whole, free, left = list(known), set(range(len(known))), list(unknown.items)
    for is_same in (_is_equal, _has_its_names, _is_in_its_place):
        still = []
        for item in left:
            found = [n for n in free if is_same(item, n, known, unknown.length)]
            if found:
                place = min(found, key=lambda n: abs(n - item.place))
                whole[place] = _restored(known[place], item.unknown)
                free.remove(place)
            else:
                still.append(item)
        left = still
    return whole


def _is_equal(item: UnknownItem, place: int, known: list[Any], _: int) -> bool:
    return bool(known[place] == item.known)


def _has_its_names(item: UnknownItem, place: int, known: list[Any], _: int) -> bool:
    names = _names(item.known)
    return bool(names) and names == _names(known[place])


def _is_in_its_place(item: UnknownItem, place: int, known: list[Any], length: int) -> bool:
    # One without a name, in a list that neither grew nor shrank.
    unnamed = not _names(item.known) and not _names(known[place])
    return place == item.place and length == len(known) and unnamed


def _names(item: Any) -> dict[str, Any]:
    """The fields that say which one it is."""
    if not isinstance(item, dict):
        return {}
    return {name: value for name, value in item.items() if name in ("name", "id") or name.endswith("_id")}
