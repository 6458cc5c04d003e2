"""Times at which a subscription is told: not in its quiet hours; and when what it has not answered goes to another."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from remit.core.gate.zones import ZoneUnknown, zone, zone_loads
from remit.core.values import Identifier, Request, in_zone, utc

LONGEST_MIN = 7 * 24 * 60


def _checked_zone(name: str) -> str:
    if not zone_loads(name):
        raise ValueError("is not an IANA time zone, such as Europe/Berlin")
    return name


TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class QuietHours(Request):
    """From `begins` to `ends`, as clocks show it in a time zone; over midnight where it ends before it begins."""

    begins: TimeOfDay
    ends: TimeOfDay
    timezone: Annotated[str, AfterValidator(_checked_zone)] = "UTC"

    @model_validator(mode="after")
    def _is_a_part_of_the_day(self) -> Self:
        if self.begins == self.ends:
            raise ValueError("begin and end at one time; leave them out, or disable the subscription")
        return self

    def until(self, now: datetime) -> datetime | None:
        """The end of them, while they last."""
        try:
            here = in_zone(now, zone(self.timezone))
        except ZoneUnknown:
            # A zone that is gone keeps nobody from being told.
            return None
        clock, begins, ends = here.time(), time.fromisoformat(self.begins), time.fromisoformat(self.ends)
        quiet = begins <= clock < ends if begins < ends else clock >= begins or clock < ends
        if not quiet:
            return None
        day = here.date() + timedelta(days=1 if clock >= ends else 0)
        # Where clocks are set back, an end may come twice: the first that lies ahead.
        end = utc(datetime.combine(day, ends, here.tzinfo))
        return end if end > now else end + timedelta(hours=1)


class Escalation(Request):
    """To which subscription it goes what is not answered `after_min` minutes after this one was told."""

    after_min: Annotated[int, Field(ge=1, le=LONGEST_MIN)]
    to: Identifier

    @property
    def after(self) -> timedelta:
        return timedelta(minutes=self.after_min)
