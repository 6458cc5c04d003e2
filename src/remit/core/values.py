"""The small types every record is made of: ids, names, times, and a base that refuses what it does not know."""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self, cast

import msgspec
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PrivateAttr,
    StringConstraints,
    ValidationError,
)

from remit.core.canonical import canonical
from remit.core.errors import InvalidInput
from remit.core.unknown import UnknownFields, with_unknown

ID_SHAPE = r"^[A-Za-z0-9._:@-]{1,128}$"
TYPE_SHAPE = r"^[A-Z][A-Z0-9_]{0,127}$"
DIGEST_SHAPE = r"^[0-9a-f]{64}$"
HOST_SHAPE = r"^[A-Za-z0-9.\-\[\]:*_]{1,255}$"
Identifier = Annotated[str, StringConstraints(pattern=ID_SHAPE)]
ActionTypeName = Annotated[str, StringConstraints(pattern=TYPE_SHAPE)]
Digest = Annotated[str, StringConstraints(pattern=DIGEST_SHAPE)]
RiskLevel = Literal["MINIMAL", "LOW", "MEDIUM", "HIGH"]
ApprovalSource = Literal["POLICY", "HUMAN"]

RISK_ORDER: tuple[RiskLevel, ...] = ("MINIMAL", "LOW", "MEDIUM", "HIGH")

# Not in the alphabet of ids, so no tenant can be called this.
PLATFORM = "*"
"""The tenant id of what belongs to the whole installation: global stops and their ledger chain."""

SYSTEM = "remit"
"""The actor of what Remit does by itself. Nobody else is called this: see `core.identity.person`."""


_IDENTIFIER = re.compile(r"[A-Za-z0-9._:@-]{1,128}")


def is_identifier(value: str) -> bool:
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def check_identifier(field: str, value: str) -> str:
    """Raises `InvalidInput` for what is no id."""
    if not is_identifier(value):
        raise InvalidInput(field, f"{value!r} is not an id", "use 1 to 128 of A-Z a-z 0-9 . _ : @ -")
    return value


def check_tenant(tenant_id: str) -> None:
    """Raises `InvalidInput` for what no tenant can be called, and is not the platform either."""
    if tenant_id != PLATFORM:
        check_identifier("tenant", tenant_id)


def check_text(field: str, text: str, *, most: int = 2000) -> str:
    """Raises `InvalidInput` for text that not every store and every reader can hold, or that is too long."""
    if not isinstance(text, str):
        raise InvalidInput(field, f"is a {type(text).__name__}, not text", "send text")
    if len(text) > most:
        raise InvalidInput(field, f"has {len(text)} characters, the most is {most}", "say it shorter")
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidInput(field, "is not plain Unicode text", "send UTF-8 without NUL")
    return text


def check_moment(field: str, moment: datetime | None) -> None:
    """Raises `InvalidInput` for a time of which nobody knows when it is."""
    if moment is None:
        return
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise InvalidInput(field, "is no time with its offset from UTC", "send an aware datetime")
    try:
        utc(moment)
    except ValueError as error:
        raise InvalidInput(field, str(error), "send another time") from None


def check_known(field: str, names: Sequence[str] | None, known: Sequence[str]) -> None:
    """Raises `InvalidInput` for a name that is none of these; nobody is to take an empty answer for the truth."""
    for name in (names,) if isinstance(names, str) else names or ():
        if isinstance(names, str) or name not in known:
            raise InvalidInput(field, f"{name!r:.100} is none", f"send a list of {', '.join(known)}")


def utc(moment: datetime) -> datetime:
    """A moment in UTC. Raises `ValueError` for one that UTC's years 1 to 9999 do not hold."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999 in UTC") from None


_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_SECONDS = r":[0-5][0-9](?:\.[0-9]+)?"
_TIME = re.compile(rf"{_DAY}[Tt ]{_CLOCK}(?P<seconds>{_SECONDS})?(?P<offset>[Zz]|[+-]{_CLOCK})?")


def parse_moment(text: str) -> datetime:
    """The moment in UTC that an RFC 3339 text names. Raises `ValueError` for all else, also where no calendar goes."""
    return utc(_moment_said(text))


def _moment_said(text: str) -> datetime:
    # Each release of Python reads more that is no RFC 3339, and reads an offset of +01:99 as one of +02:39.
    said = _TIME.fullmatch(text) if isinstance(text, str) else None
    if said is None or said["seconds"] is None:
        raise ValueError("is no time in RFC 3339, such as 2026-12-24T08:00:00Z")
    if said["offset"] is None:
        raise ValueError("says no offset from UTC, such as the Z of 2026-12-24T08:00:00Z")
    try:
        return datetime.fromisoformat(text.upper())
    except (ValueError, OverflowError):
        raise ValueError("is no time of the calendar's years 1 to 9999") from None


def parse_typed_moment(text: str, *, unsaid_offset: str = "") -> datetime:
    """
    As `parse_moment`, of what a person types: seconds may be left out, and the offset where a door says which it means.
    """
    said = _TIME.fullmatch(text) if isinstance(text, str) else None
    if said is None:
        return parse_moment(text)
    clock = text[: said.start("offset")] if said["offset"] else text
    return parse_moment(f"{clock}{'' if said['seconds'] else ':00'}{said['offset'] or unsaid_offset}")


def parse_day(text: str) -> date:
    """The day that `2026-12-24` names. Raises `ValueError` for all else, in whatever other form Python would read."""
    if not (isinstance(text, str) and re.fullmatch(_DAY, text)):
        raise ValueError("is no day, such as 2026-12-24")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is no day of the calendar") from None


FIRST_MOMENT, LAST_MOMENT = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def shifted(moment: datetime, by: timedelta) -> datetime:
    """`moment + by`, or the first or the last moment that there is."""
    try:
        return moment + by
    except OverflowError:
        return FIRST_MOMENT if by < timedelta(0) else LAST_MOMENT


def in_zone(moment: datetime, zone: tzinfo | None) -> datetime:
    """
    The moment on a zone's clock (`None`: on this machine's), or on UTC's where the zone's shows no such year.

    The last moment in UTC is of the year 10000 in Berlin, and the first one of the year 0 in New York.
    """
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return utc(moment)


def to_the_second(moment: datetime) -> str:
    """As people read it: `2026-03-10 12:00:00 CET`. Not by `strftime`, which may leave out a year's zeros."""
    return f"{moment.replace(microsecond=0, tzinfo=None).isoformat(' ')} {moment.tzname()}"


UtcTime = Annotated[datetime, msgspec.Meta(tz=True)]
"""A stored time: aware, UTC already, RFC 3339 on the wire."""


def _from_wire(value: Any) -> Any:
    # Numbers are refused: seconds or milliseconds is a guess. Of what is no time Pydantic says so, being strict.
    with suppress(ValueError):
        return _moment_said(value) if isinstance(value, str) else value
    return value


WireTime = Annotated[AwareDatetime, BeforeValidator(_from_wire), AfterValidator(utc)]
"""A time as a caller sends it: RFC 3339 with an offset, or an aware `datetime`."""


_encode = msgspec.json.Encoder().encode


# Immutable values cannot hold each other, so the collector of such circles need not look at them.
class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A value that Remit writes and reads often. Immutable; a change makes a new one with `changed`."""

    unknown: ClassVar[UnknownFields | None] = None
    """Of one that a newer version stored: see `keeping`."""

    @property
    def over_at(self) -> datetime | None:
        """From when on it says nothing to anybody, so that a store may drop it by itself; `None` for never."""
        return None

    def wire(self) -> dict[str, Any]:
        """As JSON values, `None` kept."""
        return cast(dict[str, Any], msgspec.to_builtins(self))

    def canonical(self) -> bytes:
        """The RFC 8785 form of `wire`. A kind whose fields are known to be plain says so by writing it faster."""
        return canonical(self.wire())

    def to_json(self) -> str:
        """As it is stored; `from_json` reads it again."""
        return _encode(self).decode()

    def changed(self, **changes: Any) -> Self:
        """A copy with these fields changed, which are not checked again."""
        return msgspec.structs.replace(self, **changes)

    def keeping(self, unknown: UnknownFields) -> Self:
        """The record with fields that a newer version stored: `to_json` writes them again, also after a change."""
        fields = {name: getattr(self, name) for name in type(self).__struct_fields__}
        return cast(Self, _keeping(type(self))(**{**fields, "unknown": unknown}))

    @classmethod
    def from_wire(cls, data: Any) -> Self:
        """From JSON values, each of exactly its type. Raises `ValueError`."""
        _prepare(cls)
        return msgspec.convert(data, cls)

    @classmethod
    def from_json(cls, body: str | bytes) -> Self:
        """From what `to_json` wrote; fields that a newer version added are left aside. Raises `ValueError`."""
        _prepare(cls)
        return msgspec.json.decode(body, type=cls)


@lru_cache(maxsize=256)
def _keeping(kind: type[Record]) -> Any:
    """The kind with a field more, which only what is stored shows. Where nothing is unknown, nothing is paid for it."""
    if "unknown" in kind.__struct_fields__:
        return kind

    def wire(record: Any) -> dict[str, Any]:
        return {name: value for name, value in kind.wire(record).items() if name != "unknown"}

    def to_json(record: Any) -> str:
        known = msgspec.to_builtins(record)
        del known["unknown"]
        return _encode(with_unknown(known, record.unknown)).decode()

    return msgspec.defstruct(
        kind.__name__,
        [("unknown", UnknownFields)],
        bases=(kind,),
        namespace={"wire": wire, "to_json": to_json, "__module__": kind.__module__},
        frozen=True,
        kw_only=True,
        gc=False,
    )


_PREPARED: set[type[Record]] = set()
_PREPARING = threading.Lock()


def _prepare(kind: type[Record]) -> None:
    # msgspec looks at the fields of a kind when the first record is read, without a lock: another thread that reads
    # one meanwhile follows a null pointer, and the process dies (seen with 0.22).
    if kind not in _PREPARED:
        with _PREPARING:
            msgspec.json.Decoder(kind)
            _PREPARED.add(kind)


# Whoever is here already may build another model by it.
_BUILDING = threading.RLock()


class Model(BaseModel):
    """Immutable, and refuses fields that it does not know. Its checks are built when the first value is checked."""

    # A command builds three of a hundred.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def model_rebuild(cls, **how: Any) -> bool | None:
        # Another thread that builds the same model takes away meanwhile what this one has just built.
        with _BUILDING:
            return super().model_rebuild(**how)


class Document(Model):
    """A stored value that holds what people wrote (see `Request`), or is rare. Immutable, as `Record` is."""

    _unknown: UnknownFields | None = PrivateAttr(default=None)

    @property
    def unknown(self) -> UnknownFields | None:
        """Of one that a newer version stored: see `keeping`."""
        return self._unknown

    @property
    def over_at(self) -> datetime | None:
        """As `Record.over_at`."""
        return None

    def keeping(self, unknown: UnknownFields) -> Self:
        """As `Record.keeping`."""
        kept = self.model_copy()
        kept._unknown = unknown
        return kept

    def wire(self) -> dict[str, Any]:
        """As JSON values, `None` kept."""
        return self.model_dump(mode="json")

    def to_json(self) -> str:
        """As it is stored; `from_json` reads it again."""
        known = self.model_dump_json()
        if self._unknown is None:
            return known
        return _encode(with_unknown(msgspec.json.decode(known), self._unknown)).decode()

    def changed(self, **changes: Any) -> Self:
        """A copy with these fields changed, which are not checked again."""
        return self.model_copy(update=changes)

    @classmethod
    def from_wire(cls, data: Any) -> Self:
        """From JSON values that were stored; fields that a newer version added are left aside. Raises `ValueError`."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            return cls.model_validate(_without_unknown(copy.deepcopy(data), error))

    @classmethod
    def from_json(cls, body: str | bytes) -> Self:
        """From what `to_json` wrote; fields that a newer version added are left aside. Raises `ValueError`."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            known = _without_unknown(msgspec.json.decode(body), error)
            return cls.model_validate_json(msgspec.json.encode(known))


def _without_unknown(data: Any, error: ValidationError) -> Any:
    """The data without the fields that nothing is known of. Raises `error` if something else is wrong with it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if any(each["type"] != "extra_forbidden" for each in found):
        raise error
    for each in found:
        _remove(data, each["loc"])
    return data


def _remove(data: Any, path: Sequence[str | int]) -> None:
    held = data
    for name in path[:-1]:
        # Where one of several models fits, the path names the model too.
        inside = name in held if isinstance(held, dict) else isinstance(held, list) and isinstance(name, int)
        held = held[name] if inside else held
    held.pop(path[-1], None)


Stored = Record | Document
"""What a store keeps."""


class Request(Model):
    """A caller's request. Nothing is coerced: `"0.9"` is not a number and `"low"` is not `LOW`."""

    model_config = ConfigDict(strict=True)


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> timedelta:
    """`"90d"`, `"12h"`, `"30m"`, `"45s"`, `"2w"`. Raises `ValueError` for anything else, and for none at all."""
    match = re.fullmatch(r"([1-9][0-9]{0,6})([smhdw])", text)
    if not match:
        raise ValueError("a duration is a whole number and one of s, m, h, d, w, for example 90d")
    span = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if span > timedelta(days=3660):
        raise ValueError("a duration of at most ten years is meant")
    return span


def _checked_duration(text: str) -> str:
    parse_duration(text)
    return text


Duration = Annotated[str, AfterValidator(_checked_duration)]


@lru_cache(maxsize=4096)
def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, as records carry it."""
    return utc(moment).isoformat().replace("+00:00", "Z")
