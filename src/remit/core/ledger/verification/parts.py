"""
An export in parts, each of whole chains: every one is read by itself, and what they say is put together.

Together they say what a reading of the whole file says, in its words and order; of a file of which that is not certain
nothing is said, and whoever asks reads it as one.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from remit.core.errors import InvalidInput
from remit.core.ledger.entries import Head
from remit.core.ledger.seal import HeadRun
from remit.core.ledger.verification.lines import SoundEntry
from remit.core.ledger.verification.report import Report
from remit.core.ledger.verification.samples import SampleAnswered
from remit.core.ledger.verification.successions import Told
from remit.core.ledger.verification.tenant_chain import TenantChain
from remit.core.ledger.verification.verifier import LedgerLine, Verifier
from remit.core.ledger.verification.windows import Window


class Part(Struct, frozen=True):
    """
    The findings about a part, and what it adds to what spans chains.

    `heads` is `None` where its chains do not come in the order of their names: it holds 32 bytes of each. `own_head` is
    that of the tenant's own chain if it stands here, with `own_entries` of it. `strays` are no entries: of those alone
    findings say how many entries came before.
    """

    report: Report
    heads: HeadRun | None
    own_head: Head | None
    own_entries: int
    strays: int
    windows: dict[str, Window]
    answers: list[SampleAnswered]
    successions: Told


class PartReader:
    """Reads parts of one export, in whatever order, against the tenant's own chain, which is read first."""

    def __init__(self, own_chain: Iterable[LedgerLine]) -> None:
        # What is wrong in that chain itself is told once, where the parts are put together.
        self._own = _foreseen(Verifier(Report()), own_chain)

    def read(self, entries: Iterable[LedgerLine], *, entries_before: int = 0) -> Part:
        """`entries` begin with the first of a chain and end with the last of one."""
        report = Report(entries=entries_before)
        verifier = Verifier(report)
        verifier.own, verifier.heads.fold = self._own, HeadRun()
        verifier.read(entries)
        report.entries -= entries_before
        run = verifier.heads.fold
        return Part(
            report,
            run if isinstance(run, HeadRun) else None,
            verifier.own_head,
            verifier.own_entries,
            verifier.strays,
            verifier.windows.by_id(),
            verifier.samples.in_order(),
            verifier.successions.told,
        )


def verify_parts(parts: Iterable[Part], *, own_chain: Iterable[LedgerLine]) -> Report | None:
    """
    The report about the export that `parts` are, in their order; `None` where it has to be read as one.

    That is so of an export of the first format, whose seal names every chain; of one whose chains do not come in the
    order of their names or are of different tenants; and where `own_chain` is not all that the parts have of it.
    """
    verifier = Verifier(Report())
    own = _foreseen(verifier, own_chain)
    if own is None or own.seals.name_heads:
        return None
    for part in parts:
        if not _add(verifier, part) or verifier.own_entries > verifier.foreseen:
            return None
    return verifier.finish(must_be_sealed=True) if verifier.own_entries == verifier.foreseen else None


def may_begin_part(entry: LedgerLine | None, before: LedgerLine | None) -> bool:
    """May a part begin with this entry? Only where it is plain that the one before it ended another chain."""
    if type(entry) is not SoundEntry or type(before) is not SoundEntry:
        return False
    return entry["action_intent_id"] not in (None, before["action_intent_id"])


def _foreseen(verifier: Verifier, own_chain: Iterable[LedgerLine]) -> TenantChain | None:
    verifier.foresee(own_chain)
    return verifier.own


def _add(verifier: Verifier, part: Part) -> bool:
    """Answers false for what does not follow what came before it."""
    if part.heads is None or verifier.report.tenant_id not in (None, part.report.tenant_id):
        return False
    try:
        verifier.heads.add_run(part.heads, part.report.intents)
    except InvalidInput:
        return False
    verifier.report.add(part.report)
    verifier.own_head = part.own_head or verifier.own_head
    verifier.own_entries += part.own_entries
    verifier.windows.add_all(part.windows)
    for answered in part.answers:
        verifier.samples.add(answered)
    verifier.successions.add_all(part.successions)
    return True
