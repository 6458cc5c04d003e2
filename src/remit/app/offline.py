"""
Verbs that need no store: over exported lines and written bounds alone.

What each of them alone needs is loaded when it is called: who checks an export waits for no lab.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from remit.core.ledger.verification import KeptHead, Report, verify
from remit.flow.reading.spool import spooled, spooled_lines

if TYPE_CHECKING:
    from remit.core.views import ProofAnswer, ReplayAnswer
    from remit.flow.reading.replay import Advance


@runtime_checkable
class HasOwnChain(Protocol):
    """Entries among which those of the tenant's own chain are quickly found."""

    def own_chain(self) -> Iterator[Mapping[str, Any]]:
        """All of it; there may be others among them."""
        ...


def verify_export(entries: Iterable[Mapping[str, Any]], *, kept: Iterable[KeptHead] = ()) -> Report:
    """
    The invariants over an exported file alone; `kept` are the heads that an earlier export named.

    The entries are read twice. What can be read only once, a generator say, is written to a temporary file first.
    """
    with spooled(entries) as lines:
        own_chain = lines.own_chain() if isinstance(lines, HasOwnChain) else lines
        return verify(lines, own_chain=own_chain, sealed=True, kept=kept)


def replay_export(
    lines: Iterable[bytes], bounds: Any, *, period: str | None = None, advance: Advance | None = None
) -> ReplayAnswer:
    """
    Replay an exported history with these bounds in force: all of it, or its last `period`.

    The lines are read twice. What can be read only once, a generator say, is written to a temporary file first.
    Raises `InvalidInput` for bounds or lines that cannot be read, or are of different tenants.
    """
    from remit.core.gate.bounds_checks import parse_bounds
    from remit.flow.reading.replay import no_progress, replay_lines

    with spooled_lines(lines) as kept:
        return replay_lines(kept, parse_bounds(bounds), period, advance or no_progress)


def prove_bounds(bounds: Any, against: Any, *, never: Sequence[str] = ()) -> ProofAnswer:
    """
    Whether bounds are wider or narrower than others of the same tenant, without a database, and what never runs alone
    by them. Raises `InvalidInput` for bounds that cannot be read.
    """
    from remit.core.gate.bounds_checks import parse_bounds
    from remit.flow.settings.proof import prove_written

    return prove_written(parse_bounds(bounds), parse_bounds(against), never)
