"""Replay of a tenant's history under bounds that are not in force, from its store or from an exported file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from remit.core.errors import InvalidInput
from remit.core.gate.bounds import Bounds, BoundsInForce, replace_bounds
from remit.core.ledger.config_history import ConfigHistory
from remit.core.ledger.entries import LedgerEntry
from remit.core.values import parse_duration, shifted, utc
from remit.flow.context import Context
from remit.flow.reading.export import require_known
from remit.flow.reading.sorted_events import sorted_events
from remit.lab.history import MALFORMED, PastEvent, past_events
from remit.lab.order import in_order
from remit.lab.replay import Replay, span_of

if TYPE_CHECKING:
    from remit.core.views import ReplayAnswer

Advance = Callable[[int], None]
"""Told now and then how many entries more have been read. What it raises ends the replay."""
TOLD_EVERY = 500
_MICROSECOND = timedelta(microseconds=1)


def no_progress(_: int) -> None:
    """For who does not ask how far it is."""


def parse_period(period: str) -> timedelta:
    """`30d`, say. Raises `InvalidInput`."""
    try:
        return parse_duration(period)
    except ValueError as error:
        raise InvalidInput("replay", str(error), "say how much of the history, such as 30d") from None


def replay_store(
    context: Context,
    before: BoundsInForce,
    after: BoundsInForce,
    period: str,
    now: datetime,
    advance: Advance = no_progress,
) -> ReplayAnswer:
    """
    The last `period` as it would have been with `after` in force, where `before` is. Writes nothing.

    Raises `InvalidInput` for a period that is none, and `NotFound` where the tenant has no history.
    """
    span, tenant_id = parse_period(period), before.bounds.tenant
    require_known(context, tenant_id, before.config_sequence)
    entries = context.store.export(tenant_id)
    until = shifted(now, _MICROSECOND)
    return _replay(entries, _candidate(before, after), shifted(now, -span), until, advance)


def replay_lines(
    lines: Iterable[bytes], bounds: Bounds, period: str | None, advance: Advance = no_progress
) -> ReplayAnswer:
    """
    Replay an exported ledger's lines, which are read twice; the period ends with its last entry.

    Without a period, all of it. Raises `InvalidInput` for lines that are no entries of that tenant.
    """
    span = None if period is None else parse_period(period)
    about = _About(bounds.tenant, ConfigHistory(bounds.tenant))
    for entry in told(_parsed(lines), advance):
        about.read(entry)
    if about.first is None or about.last is None:
        raise InvalidInput("FILE", "holds no ledger entry", "name a file that remit export wrote")
    until = shifted(about.last, _MICROSECOND)
    before = about.configs.latest
    after = before if before.bounds == bounds else replace_bounds(before, bounds, until)
    since = about.first if span is None else shifted(about.last, -span)
    return _replay(_parsed(lines), _candidate(before, after), since, until, advance)


def _candidate(before: BoundsInForce, after: BoundsInForce) -> BoundsInForce:
    """The bounds as if they had been in force for good: no zone of others runs out under them first."""
    return before if after == before else after.model_copy(update={"zones_until": {}})


def _replay(
    entries: Iterable[LedgerEntry], candidate: BoundsInForce, since: datetime, until: datetime, advance: Advance
) -> ReplayAnswer:
    problem = candidate.unreadable()
    if problem is not None:
        raise InvalidInput("(bounds)", problem)
    span = span_of(candidate, since, until)
    replay = Replay(candidate, span)
    with sorted_events(past_events(told(entries, advance), span)) as events:
        # They were counted when they were read; whoever sets a limit of time still has a say.
        for event in in_order(_once(told(events, lambda _: advance(0)))):
            replay.add(event)
    return replay.findings.wire(candidate.bounds.tenant)


def _once(events: Iterable[PastEvent]) -> Iterator[PastEvent]:
    """The events, which come by time and entry. Raises `InvalidInput` for one that comes twice, and would count so."""
    last: PastEvent | None = None
    for event in events:
        if last is not None and (last.at, last.entry_id) == (event.at, event.entry_id):
            raise _stands_twice(f"the chain of intent {event.action_intent_id}")
        yield event
        last = event


def _stands_twice(what: str) -> InvalidInput:
    way_out = "name one export, as remit export wrote it; remit verify FILE says what else is wrong with this one"
    return InvalidInput("FILE", f"{what} stands in it twice", way_out)


def told(things: Iterable[Any], advance: Advance) -> Iterator[Any]:
    """`things`, of which `advance` is told."""
    read = iter(things)
    while some := list(islice(read, TOLD_EVERY)):
        yield from some
        advance(len(some))


def _parsed(lines: Iterable[bytes]) -> Iterator[LedgerEntry]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield LedgerEntry.parse(line)
        except ValueError as error:
            problem = f"line {number} is no ledger entry ({error})"
            raise InvalidInput("FILE", problem, "name a file that remit export wrote") from None


class _About(Struct):
    """The facts of an exported file before it is replayed: its bounds, and from when until when it tells."""

    tenant_id: str
    configs: ConfigHistory
    first: datetime | None = None
    last: datetime | None = None
    _chain: str = ""
    _sequences: dict[str | None, int] = field(default_factory=dict)
    """Of the tenant's own chain, and of the intent's chain that is being read, the last entry's."""

    def read(self, entry: LedgerEntry) -> None:
        if entry.tenant_id != self.tenant_id:
            problem = f"holds entries of {entry.tenant_id!r}, and the bounds are those of {self.tenant_id!r}"
            raise InvalidInput("FILE", problem, "name an export of the same tenant")
        try:
            at = utc(datetime.fromisoformat(entry.at))
            if entry.event_type == "CONFIG_CHANGED":
                self.configs.add(entry.data, at)
        except MALFORMED as error:
            problem = f"entry {entry.entry_id} cannot be read ({error})"
            raise InvalidInput("FILE", problem, "verify the file with remit verify --file") from None
        self._follow(entry)
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)

    def _follow(self, entry: LedgerEntry) -> None:
        """A chain of an intent that stands twice elsewhere shows when its decisions are put in order."""
        name = entry.action_intent_id
        if name is not None and name != self._chain:
            self._sequences.pop(self._chain, None)
            self._chain = name
        if entry.sequence <= self._sequences.get(name, 0):
            raise _stands_twice("the tenant's own chain" if name is None else f"the chain of intent {name}")
        self._sequences[name] = entry.sequence
