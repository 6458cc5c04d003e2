"""
After a restore from a backup: nothing that may have run since the backup runs again on a guess.

What was executed after the backup is not known here, so every approval without an outcome may have been carried out.
Each ends `UNKNOWN`, keeps its charge, and is a person's to find out about; what was not decided yet goes to people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict

from remit.core.errors import Conflict, RemitError
from remit.core.execution.approval import held_until
from remit.core.execution.outcome import CallResult, Conclusion
from remit.core.execution.publication import UNFINISHED, is_reserved
from remit.core.ledger.verification import KeptHead
from remit.core.lifecycle import WAITING, Case
from remit.core.records import CASE, Key
from remit.core.values import PLATFORM, instant
from remit.flow.context import Context
from remit.flow.execute.common import Keys, end_with, take_attempt
from remit.flow.gate import GateRequest, gate
from remit.flow.reading.verify import verify_live
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes

RESTORED = "RESTORED"
"""The error code of an outcome that nobody knows because the database forgot what came after its backup."""
STOP_REASON = "restored from a backup; resume when what is UNKNOWN or waits was compared with the far sides"
_BATCH = 100
_HOLDER = "recover"


class Recovered(Struct):
    """
    Findings about one tenant, by intent, and what verification found before anything was changed.

    `attempts` were running, `reserved` and `published` were approved and not begun: all of them ended, `UNKNOWN`
    unless an answer was noted already, or is among the `failed` ones, with why. `proposed` were not decided yet and
    wait for a person now; `waiting` is how many did so before.
    """

    tenant_id: str
    attempts: list[str] = field(default_factory=list)
    reserved: list[str] = field(default_factory=list)
    published: list[str] = field(default_factory=list)
    proposed: list[str] = field(default_factory=list)
    waiting: int = 0
    findings: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def wire(self) -> dict[str, Any]:
        return asdict(self)


def recover_tenant(
    context: Context, tenant_id: str, now: datetime, *, by: str, kept: Iterable[KeptHead] | None = None
) -> Recovered:
    """
    Look at one tenant and end what is open. Autonomy is stopped already. `kept` are the heads of an export that may
    be newer than the backup: what it holds beyond is among the findings.

    May be run again: what has ended stays as it is.
    """
    found = Recovered(tenant_id)
    if tenant_id != PLATFORM:
        report = verify_live(context, tenant_id, now, kept=kept)
        found.findings = [str(finding) for finding in report.findings]
    every = context.store.each(CASE, tenant_id)
    while cases := list(islice(every, _BATCH)):
        _note(found, cases)
        _settle(context, found, cases, by, now)
    return found


def _note(found: Recovered, cases: Sequence[Case]) -> None:
    for case in cases:
        name = case.action_intent_id
        if case.status in WAITING:
            found.waiting += 1
        elif case.status == "PROPOSED":
            found.proposed.append(name)
        elif case.status == "RUNNING":
            found.attempts.append(name)
        elif case.status == "APPROVED":
            (found.reserved if is_reserved(case.publication) else found.published).append(name)


def _settle(context: Context, found: Recovered, cases: Sequence[Case], by: str, now: datetime) -> None:
    ended = [case for case in cases if case.status in UNFINISHED]
    answers: list[Any] = list(context.store.transact([EndOpenIntent(context, case, by, now).unit() for case in ended]))
    proposed = [case for case in cases if case.status == "PROPOSED"]
    # Autonomy is stopped, so that nothing has to be looked up.
    answers += gate(context, [GateRequest(c.action_intent_id, c.tenant_id, c.account_id) for c in proposed], None, now)
    for case, answer in zip([*ended, *proposed], answers, strict=True):
        if isinstance(answer, RemitError):
            found.failed.append(f"{case.action_intent_id}: {answer}")


class EndOpenIntent(Struct, frozen=True):
    """Take the one attempt of an approved intent, or take it over, and end it."""

    context: Context
    seen: Case
    by: str
    now: datetime

    def unit(self) -> UnitOfWork[str | None]:
        return UnitOfWork(self._keys.begun(), self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        return [*self._keys.pinned_type(snapshot), *self._keys.charged(snapshot)]

    def decide(self, snapshot: Snapshot) -> Writes[str | None]:
        keys = self._keys
        case = snapshot.get(keys.case)
        if case is None or case.status not in UNFINISHED or case.approval_id != keys.approval_id:
            return Writes(answer=None)
        if (until := held_until(case.publication, self.now)) is not None:
            # Before that nothing is published or begun, and whether it was taken back since the backup nobody knows.
            raise Conflict(f"its approval may be taken back until {instant(until)}; run this again then")
        writer = CaseWriter(self.context, case, self.now)
        if case.attempt is None:
            _take(writer, snapshot, keys, self.by)
        attempt = writer.case.attempt
        assert attempt is not None
        # An answer that was noted before the backup is known, whatever came after.
        ending = attempt.conclusion or Conclusion(status="UNKNOWN", result=_nobody_knows())
        return end_with(writer, snapshot, keys, attempt, ending, ending.status)

    @property
    def _keys(self) -> Keys:
        return Keys.of_case(self.seen)


def _take(writer: CaseWriter, snapshot: Snapshot, keys: Keys, by: str) -> None:
    """The attempt of what was approved and not begun, so that nothing else may begin it, a late event among that."""
    publication = writer.case.publication
    if publication is not None and is_reserved(publication):
        # It may have left after the backup: that nobody published it cannot be said any more.
        writer.mark_published(publication)
    take_attempt(writer, snapshot, keys, holder=_HOLDER, until=writer.now, by=by)


def _nobody_knows() -> CallResult:
    return CallResult(
        acted="unknown",
        error_code=RESTORED,
        error_class="UNKNOWN",
        error_message="the database was restored from a backup: nobody knows whether it ran after the backup was made",
    )
