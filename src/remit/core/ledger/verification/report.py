"""The answer of a verification."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from remit.core.views import ReportAnswer

INVARIANTS = {
    1: "a window's counter equals the unreleased policy approvals charged to it",
    2: "no charge was made above the limit of the bounds it saw",
    3: "an intent has at most one unreleased approval and one outcome, and they agree",
    4: "every execution points to an approval whose digest is the intent's",
    5: "every approval ends released, or published and then in an outcome or still running",
    6: "every chain is unbroken and reaches the head that the seal names",
    7: "nothing of one tenant stands under another",
    8: "what decided is what the ledger says was in force",
}

Broken = Callable[[int, str, str], None]
"""Takes down one finding: the invariant, where, the problem."""


class Finding(Struct, frozen=True):
    """One broken invariant: its number, where, and what is wrong there."""

    invariant: int
    where: str
    problem: str

    def __str__(self) -> str:
        return f"invariant {self.invariant} ({INVARIANTS[self.invariant]}) is broken at {self.where}: {self.problem}"


MOST_FINDINGS = 1000
"""How many findings a report names; the rest is counted."""


class Report(Struct):
    """
    The findings of a verification. `ok` if nothing is broken; `sealed` if a seal covers the whole file.

    `findings` holds the first `MOST_FINDINGS`, `broken_count` says how many there were. `newer` names what a newer
    version wrote and this one cannot judge: it is not broken.
    """

    tenant_id: str | None = None
    entries: int = 0
    intents: int = 0
    autonomous: int = 0
    approved_by_people: int = 0
    running: int = 0
    windows: int = 0
    sealed: bool = False
    findings: list[Finding] = field(default_factory=list)
    broken_count: int = 0
    newer: set[str] = field(default_factory=set)

    @property
    def ok(self) -> bool:
        return not self.findings

    def broken(self, invariant: int, where: str, problem: str) -> None:
        self.broken_count += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(invariant, where, problem))

    def add(self, part: Report) -> None:
        """Append the findings and counts of the part that follows."""
        self.tenant_id = part.tenant_id if self.tenant_id is None else self.tenant_id
        self.findings += part.findings[: MOST_FINDINGS - len(self.findings)]
        self.entries += part.entries
        self.intents += part.intents
        self.autonomous += part.autonomous
        self.approved_by_people += part.approved_by_people
        self.running += part.running
        self.broken_count += part.broken_count
        self.newer |= part.newer

    def wire(self) -> ReportAnswer:
        return {
            "ok": self.ok,
            "tenant_id": self.tenant_id,
            "entries": self.entries,
            "intents": self.intents,
            "autonomous": self.autonomous,
            "approved_by_people": self.approved_by_people,
            "running": self.running,
            "windows": self.windows,
            "sealed": self.sealed,
            "broken_count": self.broken_count,
            "newer": sorted(self.newer),
            "findings": [
                {"invariant": f.invariant, "name": INVARIANTS[f.invariant], "where": f.where, "problem": f.problem}
                for f in self.findings
            ],
        }
