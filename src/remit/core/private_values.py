"""
Private values: what an action type lists under `private` stands in the ledger as a commitment, its value beside it.

A commitment is `{"$committed": HASH}`, where HASH is SHA-256, lowercase hex, over the value's own 32 random bytes (its
salt) and the RFC 8785 form of the value. Whoever holds salt and value can show what was committed; without the salt
nobody can try out what it may have been. So a value is erased by forgetting both, and no hash changes.

The paths are `core.paths`, from the intent: `parameters.customer.email`, `target.entity_id`, `why`, `why[0]`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from remit.core.canonical import canonical, sha256_hex
from remit.core.errors import InvalidInput
from remit.core.paths import Path, Step, below, parse_path, refuse_dotted_name
from remit.core.values import Record

COMMITTED = "$committed"
"""The one name of a commitment. No proposal may use it."""
MOST_PATHS = 50
"""How many private paths an action type may have."""
Commitment = dict[str, str]
State = Literal["ERASED", "DIFFERENT"]
"""Why a value is not to be had: it was erased, or what is kept for it is not what was committed."""

_STATE = "state"
_NAME_IN_JSON = b'"$committed"'
_TARGET_PARTS = ("entity_type", "entity_id")
_Place = tuple[str | int, ...]


class PrivateValue(Record, frozen=True):
    """One value with the salt of its own; `value` is its canonical JSON, `path` where in the intent it stands."""

    path: str
    salt: str
    value: str


class PrivateValues(Record, frozen=True):
    """The private values of one intent by their commitments' hashes; what was erased is not among them."""

    values: dict[str, PrivateValue]

    def without(self, hashes: Sequence[str]) -> PrivateValues:
        return PrivateValues(values={name: value for name, value in self.values.items() if name not in hashes})


def is_commitment(value: Any) -> bool:
    """Also one that says why its value is not to be had."""
    return isinstance(value, Mapping) and isinstance(value.get(COMMITTED), str) and value.keys() <= {COMMITTED, _STATE}


def in_words(commitment: Mapping[str, Any]) -> str:
    """A commitment as people see it in the place of its value. No text of an agent's is shown like this."""
    return {None: "(private)", "ERASED": "(erased)"}.get(commitment.get(_STATE), "(not what was committed)")


def may_hold_commitments(canonical_json: bytes) -> bool:
    """Is there a name in it that commitments have? Quick, and never wrong about a no."""
    return _NAME_IN_JSON in canonical_json


def refuse_commitments(value: Any, field: str) -> None:
    """Raises `InvalidInput` for the name of commitments in what a caller sends: it would be taken for one."""
    if isinstance(value, Mapping):
        if COMMITTED in value:
            raise InvalidInput(below(field, COMMITTED), "is a name of Remit's own", "call it something else")
        for name, inner in value.items():
            refuse_commitments(inner, below(field, str(name)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            refuse_commitments(inner, below(field, index))


# --- what an action type may list ---


def check_private(paths: Sequence[str]) -> None:
    """Raises `ValueError` for what cannot be private, a path inside another's, or too many."""
    if len(paths) > MOST_PATHS:
        raise ValueError(f"has {len(paths)} paths, the most is {MOST_PATHS}")
    for number, text in enumerate(paths):
        _check_path(text)
        other = private_path_at(text, paths[:number])
        if other is not None:
            raise ValueError(f"{text!r} and {other!r} are one, or inside each other; list the outer one")


def _check_path(text: str) -> None:
    try:
        path = parse_path(text)
    except InvalidInput as error:
        raise ValueError(str(error)) from None
    first, inside = path.steps[0], path.steps[1:]
    leads_inside = _HOLDS.get(first.name)
    if not first.plain or leads_inside is None or not leads_inside(inside):
        raise ValueError(f"{text!r} cannot be private; name parameters.…, target, target.entity_id or why")


def private_path_at(path: str, private: Sequence[str]) -> str | None:
    """The private path that is this one, leads to it, or leads into what stands there; `None` if there is none."""
    names = [step.place for step in parse_path(path).steps]
    for text in private:
        own = [step.place for step in parse_path(text).steps]
        if own[: len(names)] == names or names[: len(own)] == own:
            return text
    return None


_HOLDS: dict[str, Callable[[Sequence[Step]], bool]] = {
    "parameters": lambda steps: not steps or not steps[0].indexed,
    "target": lambda steps: not steps or (len(steps) == 1 and steps[0].name in _TARGET_PARTS),
    "why": lambda steps: not steps or (len(steps) == 1 and steps[0].index is not None),
}
"""By what can be private, whether these steps lead to anything in it."""


# --- committing ---


def commitment_hash(salt: str, value: bytes) -> str:
    """Of a value in canonical JSON; `salt` is 32 bytes in hex, so that where it ends is no question."""
    return sha256_hex(bytes.fromhex(salt) + value)


def committed(content: Mapping[str, Any], paths: Sequence[str], seed: bytes) -> tuple[dict[str, Any], PrivateValues]:
    """
    `content` (an intent's `target`, `parameters` and `why`) with commitments in the private places, and their values.

    Each salt is made of `seed`, 32 random bytes that nobody keeps, so that asked again it is the same. Where the way
    to a private value ends early, in text where an object is expected say, what stands there is private instead.
    Raises `InvalidInput` where a path could mean two values.
    """
    places = dict.fromkeys(place for text in _parts(paths) if (place := _place(parse_path(text), content)) is not None)
    hidden: dict[str, PrivateValue] = {}
    whole = dict(content)
    for place in places:
        # What was listed inside of it is private with it.
        if any(place[:length] in places for length in range(1, len(place))):
            continue
        path, value = path_text(place), canonical(_at(content, place))
        salt = hmac.digest(seed, path.encode(), "sha256").hex()
        name = commitment_hash(salt, value)
        hidden[name] = PrivateValue(path=path, salt=salt, value=value.decode())
        whole = _with(whole, place, {COMMITTED: name})
    return whole, PrivateValues(values=hidden)


def _parts(paths: Sequence[str]) -> Iterator[str]:
    """A whole target is both of its parts, for it never lacks one."""
    for path in paths:
        yield from (f"target.{part}" for part in _TARGET_PARTS) if path == "target" else (path,)


def _place(path: Path, root: Mapping[str, Any]) -> _Place | None:
    """The place along a path where there is a value to hide; `None` if nothing stands there."""
    here: Any = root
    place: list[str | int] = []
    for at, step in enumerate(path.steps):
        if here is None:
            return None
        if isinstance(here, Mapping) and not step.indexed:
            refuse_dotted_name(here, path, at)
            if step.name not in here:
                return None
            place.append(step.name)
            here = here[step.name]
        elif isinstance(here, list) and step.index is not None:
            if step.index >= len(here):
                return None
            place.append(step.index)
            here = here[step.index]
        else:
            break
    # An intent always has parameters, and no reasons are nothing to hide.
    return tuple(place) if here is not None or len(place) > 1 else None


def _at(value: Any, place: _Place) -> Any:
    for name in place:
        value = value[name]
    return value


def _with(value: Any, place: _Place, new: Any) -> Any:
    """A copy with another value at `place`; what is not on the way there is shared."""
    if not place:
        return new
    copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
    copy[place[0]] = _with(copy[place[0]], place[1:], new)
    return copy


def path_text(place: Sequence[str | int]) -> str:
    path = ""
    for at, name in enumerate(place):
        path = below(path, name, in_object=at == 1 and place[0] == "parameters")
    return path


# --- opening ---


def commitments_in(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The commitments in an intent's `target`, `parameters` and `why`: each with its path and its hash."""
    for place, commitment in _commitments((), content):
        yield path_text(place), commitment[COMMITTED]


def _commitments(place: _Place, value: Any) -> Iterator[tuple[_Place, Commitment]]:
    if is_commitment(value):
        yield place, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _commitments((*place, name), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _commitments((*place, index), inner)


def opened(content: Mapping[str, Any], kept: PrivateValues | None) -> tuple[dict[str, Any], dict[str, State]]:
    """
    `content` with the values in their places again, and the paths of those that are not to be had, each with why.

    Each commitment is worked out again first. A value that is not to be had stays a commitment, and says so.
    """
    whole, missing = dict(content), dict[str, State]()
    for place, commitment in _commitments((), content):
        found = kept.values.get(commitment[COMMITTED]) if kept else None
        if found is not None and matches(commitment[COMMITTED], found):
            whole = _with(whole, place, msgspec.json.decode(found.value))
        else:
            state: State = "ERASED" if found is None else "DIFFERENT"
            missing[path_text(place)] = state
            whole = _with(whole, place, {COMMITTED: commitment[COMMITTED], _STATE: state})
    return whole, missing


def matches(name: str, kept: PrivateValue) -> bool:
    """Is this the value that was committed under this hash?"""
    try:
        # With a salt of another length the value could begin elsewhere, and be another one under the same hash.
        return len(kept.salt) == 64 and commitment_hash(kept.salt, kept.value.encode()) == name
    except ValueError:
        return False
