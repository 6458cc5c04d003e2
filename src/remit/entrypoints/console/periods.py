"""Days as people name them in a filter, and the moments between which they lie."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query

from remit.core.values import parse_day
from remit.wiring import Remit

DAY_LENGTH = len("2026-10-01")
DayQuery = Annotated[str | None, Query(max_length=40)]


@dataclass(frozen=True, slots=True)
class Period:
    """From one day up to and with another, each as it was asked for; without one, everything before or after."""

    first: str | None = None
    last: str | None = None

    def moments(self, remit: Remit, tenant_id: str) -> tuple[datetime | None, datetime | None]:
        """The moments at which it begins, and before which it ends. Raises `InvalidInput` for what is no day."""
        begin = remit.moment_of(tenant_id, "from", self.first) if self.first else None
        return begin, remit.moment_of(tenant_id, "to", _end(self.last)) if self.last else None

    @property
    def chosen(self) -> dict[str, str | None]:
        return {"from": self.first, "to": self.last}


def _end(last: str) -> str:
    """A day that is named as the last one belongs to the time."""
    try:
        return str(parse_day(last) + timedelta(days=1)) if len(last) <= DAY_LENGTH else last
    except (ValueError, OverflowError):
        return last


def _period(
    first: Annotated[DayQuery, Query(alias="from")] = None, last: Annotated[DayQuery, Query(alias="to")] = None
) -> Period:
    return Period((first or "").strip() or None, (last or "").strip() or None)


AskedPeriod = Annotated[Period, Depends(_period)]
