"""The stop switches that a tenant's own chain tells of: when each was pulled, and when it was put back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from remit.core.gate.autonomy import Stop, Stops, StopScope


class StopHistory(Struct):
    """Fed entry by entry, in the chain's order."""

    now: Stops = field(default_factory=Stops)
    is_whole: bool = True
    """Was every entry read, and of a type that this version knows?"""
    _over: list[tuple[Stop, datetime]] = field(default_factory=list)

    def stopped(self, data: Mapping[str, Any], at: datetime) -> None:
        """An `AUTONOMY_STOPPED` entry. Raises `KeyError`, `TypeError` or `ValueError` for data that is none."""
        scope = StopScope.from_wire(data["scope"])
        stop = {"level": data["level"], "stopped_by": data["by"], "reason": data["reason"]}
        self._end(scope, data["level"], at)
        self.now = self.now.with_stop(Stop.model_validate({**stop, "scope": scope, "stopped_at": at}))

    def resumed(self, data: Mapping[str, Any], at: datetime) -> None:
        """An `AUTONOMY_RESUMED` entry. Raises as `stopped` does."""
        scope = StopScope.from_wire(data["scope"])
        self._end(scope, data["level"], at)
        self.now = self.now.without(scope, data["level"])

    @property
    def were_none(self) -> bool:
        """Nothing was ever stopped."""
        return not self._over and not self.now.stops

    def all_through(self, start: datetime, end: datetime) -> Stops:
        """The stops that were pulled before `start` and put back after `end`, if at all."""
        lasting = [stop for stop, over in self._over if stop.stopped_at <= start and over >= end]
        return Stops(stops=lasting + [stop for stop in self.now.stops if stop.stopped_at <= start])

    def was_pulled(self, stop: Stop, start: datetime, end: datetime) -> bool:
        """Was that very stop in force at some moment from `start` to `end`?"""
        lasted = [*self._over, *((each, end) for each in self.now.stops)]
        return stop.stopped_at <= end and any(each == stop and over >= start for each, over in lasted)

    def _end(self, scope: StopScope, level: str, at: datetime) -> None:
        # One that is pulled again is kept as two: what spans both is not claimed to be under a stop.
        self._over += [(stop, at) for stop in self.now.stops if (stop.scope, stop.level) == (scope, level)]
