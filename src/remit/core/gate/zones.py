"""
Time zones: IANA names, and the rules of the package `tzdata` alone.

`ZoneInfo(name)` would look among the operating system's files first. Two machines with other releases there would
count into different days, and names that are files of a machine (`localtime`, `posixrules`) would be zones on one
of them. So `ZoneInfo` is called here and nowhere else. A zone's file is data of a package, read once and kept.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import tzdata

from remit.core.errors import InvalidInput

RULES = f"tzdata {tzdata.IANA_VERSION}"
"""The release of the rules, as people read it."""
# In the package's list, and no zone: the name that a machine has whose owner has not chosen one.
_NO_PLACE = {"Factory"}


class ZoneUnknown(LookupError):
    """The rules that are installed have no such zone."""


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every IANA name, older spellings such as `US/Pacific` among them, as the package lists them."""
    return frozenset(files(tzdata).joinpath("zones").read_text("utf-8").split()) - _NO_PLACE


@cache
def zone(name: str) -> ZoneInfo:
    """Raises `ZoneUnknown`: a name may stand in stored bounds that the rules of today do not have."""
    if name not in zone_names():
        raise ZoneUnknown(name)
    try:
        with files(tzdata).joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
            return ZoneInfo.from_file(rules, key=name)
    except (OSError, ValueError):
        raise ZoneUnknown(name) from None


def zone_loads(name: str) -> bool:
    """Is it a time zone here and now? One that was stored may be gone in another release of the rules."""
    try:
        zone(name)
    except ZoneUnknown:
        return False
    return True


def check_zone(field: str, name: str) -> None:
    """Raises `InvalidInput` for what is no IANA name, exactly spelled."""
    if not zone_loads(name):
        way_out = f"write {_spelled(name) or 'an IANA name such as Europe/Berlin'}"
        raise InvalidInput(field, f"{name[:100]!r} is not a time zone of {RULES}", way_out)


def _spelled(name: str) -> str | None:
    """The name that differs from this one in nothing but case and blanks."""
    wanted = name.strip().replace(" ", "_").casefold()
    return next((known for known in zone_names() if known.casefold() == wanted), None)
