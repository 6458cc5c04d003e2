"""
Charging: what one approval takes of every limit that applies, all of it or nothing, and what it gives back.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from remit.core.gate.amount import in_units, on_wire
from remit.core.gate.budget import Counter, Limit, Refusal, Usage, split_window_id
from remit.core.values import Record, UtcTime

_UNUSED = Counter()


class Charge(Record, frozen=True):
    """
    One window charged, or given back, by one approval; what the ledger needs to prove it.

    Sums are decimal text, counts whole numbers. What came later is absent in older entries, each of which took one.
    """

    window_id: str
    limit: int | str | None
    used_after: int | str
    position: int
    unit: str | UnsetType | None = UNSET
    taken: int | str | UnsetType = UNSET
    starts_at: UtcTime | UnsetType = UNSET
    ends_at: UtcTime | UnsetType = UNSET
    would_be_limit: int | str | UnsetType = UNSET

    @property
    def units_taken(self) -> int:
        return 1 if self.taken is UNSET else in_units(self.taken)

    @property
    def unit_counted(self) -> str | None:
        """`None` for a count."""
        return None if self.unit is UNSET else self.unit


class Shortfall(Struct, frozen=True):
    """The limit that has no room left, and when it has again; or of which it is not known what is taken."""

    limit: Limit
    used: int
    reason: Refusal


def charge(
    limits: Sequence[Limit], usages: dict[str, Usage], before: Sequence[int] | None = None
) -> tuple[list[Charge], dict[str, Usage]] | Shortfall:
    """
    Take what the action takes of every limit, or nothing of any.

    `usages` maps a usage id to its record; a missing one counts as unused. `before` is what is used of each
    (`used_of`), where that is known. Returns the charges and the changed records, or the first limit that has no
    room. A limit that only watches is charged where it can be.
    """
    before = [used_of(limit, usages) for limit in limits] if before is None else before
    for limit, used in zip(limits, before, strict=True):
        if limit.would_be_limit is None and (reason := limit.refusal(used)) is not None:
            return Shortfall(limit=limit, used=used, reason=reason)
    charges: list[Charge] = []
    counters: dict[str, dict[str, Counter]] = {}
    changed: dict[str, Usage] = {}
    for limit, used in zip(limits, before, strict=True):
        if not limit.counts(used):
            continue
        usage_id = limit.usage_id
        if (of_usage := counters.get(usage_id)) is None:
            usage = usages.get(usage_id) or Usage(usage_id=usage_id, ends_at=limit.resets_at)
            of_usage = counters[usage_id] = {**usage.counters}
            changed[usage_id] = replace(usage, counters=of_usage)
        counter = of_usage[limit.counter] = _after(of_usage.get(limit.counter, _UNUSED), limit.taken)
        charges.append(_charged(limit, counter))
    return charges, changed


def _charged(limit: Limit, counter: Counter) -> Charge:
    unit, watched = limit.unit, limit.would_be_limit
    if unit is None and watched is None:
        # What counts, as most do.
        return Charge(
            window_id=limit.window_id,
            limit=limit.limit,
            used_after=counter.used,
            position=counter.position,
            unit=None,
            taken=limit.taken,
            starts_at=limit.starts_at,
            ends_at=limit.resets_at,
        )
    return Charge(
        window_id=limit.window_id,
        limit=None if limit.limit is None else on_wire(limit.limit, unit),
        used_after=on_wire(counter.used, unit),
        position=counter.position,
        unit=unit,
        taken=on_wire(limit.taken, unit),
        starts_at=limit.starts_at,
        ends_at=limit.resets_at,
        would_be_limit=UNSET if watched is None else on_wire(watched, unit),
    )


def release(charges: Sequence[Charge], usages: dict[str, Usage]) -> tuple[list[Charge], dict[str, Usage]]:
    """Give back exactly what was taken into the windows it was taken from, whatever time it is now."""
    changed: dict[str, Usage] = {}
    released = []
    for taken in charges:
        usage_id, name = split_window_id(taken.window_id)
        usage = changed.get(usage_id) or usages[usage_id]
        changed[usage_id], counter = _moved(usage, name, -taken.units_taken)
        used = on_wire(counter.used, taken.unit_counted)
        released.append(taken.changed(used_after=used, position=counter.position))
    return released, changed


def used_of(limit: Limit, usages: dict[str, Usage]) -> int:
    usage = usages.get(limit.usage_id)
    return usage.used(limit.counter) if usage else 0


def _moved(usage: Usage, name: str, by: int) -> tuple[Usage, Counter]:
    after = _after(usage.counters.get(name, _UNUSED), by)
    return usage.changed(counters={**usage.counters, name: after}), after


def _after(before: Counter, by: int) -> Counter:
    return Counter(used=before.used + by, position=before.position + 1)


def add_to_window(usage: Usage, counter: str, units: int) -> Usage:
    """The usage with so much more in one of its windows, which is counted outside of any charge."""
    return _moved(usage, counter, units)[0]
