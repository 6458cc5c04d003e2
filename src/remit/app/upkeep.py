"""The part of the app that nobody waits for: reconciling, and recovery after a restore."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from remit.app.gating import Gating
from remit.app.part import Part
from remit.app.results import Results
from remit.app.settings import Settings
from remit.core.errors import RemitError
from remit.core.gate.autonomy import StopScope
from remit.core.identity.person import check_person
from remit.core.ledger.verification import KeptHead
from remit.core.lifecycle import Case
from remit.flow import execute, reconcile
from remit.flow.gate import GateRequest
from remit.flow.publish import IntentRef
from remit.flow.queue_limit import QueueLimit
from remit.flow.recover import STOP_REASON, Recovered, recover_tenant

ROUND = 50
"""The number of cases that a round of reconciling looks at, at most."""


class Reconciled(Struct, frozen=True):
    """The numbers of cases that a round of reconciling moved on, by what was done."""

    gated: int = 0
    published: int = 0
    expired: int = 0
    lapsed: int = 0
    erased: int = 0
    """Results whose time is over."""

    @property
    def total(self) -> int:
        return self.gated + self.published + self.expired + self.lapsed + self.erased


class Upkeep(Part):
    """Moves on what its proposer, worker or caller has left."""

    def __init__(self, gating: Gating, settings: Settings, results: Results, queue_limit: QueueLimit) -> None:
        super().__init__(gating.context, gating.clock)
        self._gating, self._settings, self._results = gating, settings, results
        self._queue_limit = queue_limit

    def reconcile(self, limit: int = ROUND, *, erasing: bool = True) -> Reconciled:
        """
        One round: gate what its proposer left, publish what is reserved, publish again what nobody started or
        whose worker is gone, expire, end what its caller began and did not finish in time, and, if it is `erasing`,
        erase results whose time is over.
        """
        now = self.clock.now()
        due = reconcile.due(self.context, now, limit)
        published = self._gating.publish([_ref(case) for case in due.get("publish", [])])
        published += self._gating.publish([_ref(case) for case in due.get("publish_again", [])], again=True)
        expired = _done(reconcile.expire(self.context, due.get("expire", []), now))
        expired += _done(execute.expire_begun(self.context, due.get("expire_begun", []), now))
        lapsed = _done(execute.lapse(self.context, due.get("lapse", []), now))
        # Last: it is refused where there is no way out, and holds up nothing else then.
        left = [GateRequest(c.action_intent_id, c.tenant_id, c.account_id) for c in due.get("gate", [])]
        gated = self._gating.gate(left)
        self._queue_limit.answered()
        erased = self._results.erase_over() if erasing else 0
        return Reconciled(gated=len(gated), published=published, expired=expired, lapsed=lapsed, erased=erased)

    def recover(self, *, by: str, kept: Mapping[str, Iterable[KeptHead]] | None = None) -> list[Recovered]:
        """
        After a restore from a backup: stop autonomy everywhere, say what is found of each tenant, and end what is open.

        It stays stopped until somebody resumes it. `kept` are heads of exports that may be newer than the backup, by
        tenant. Run it before any worker or server is started on what was restored.
        """
        check_person("by", by)
        self._settings.stop(StopScope(), by=by, reason=STOP_REASON)
        return [
            recover_tenant(self.context, tenant_id, self.clock.now(), by=by, kept=(kept or {}).get(tenant_id))
            for tenant_id in self.context.store.tenants()
        ]

    def busy(self) -> bool:
        """Is anything left that Remit itself has to do, now or soon?"""
        return self.context.store.busy(self.context.runnable) or bool(self.context.store.due(self.clock.now(), 1))


def _ref(case: Case) -> IntentRef:
    return IntentRef(case.tenant_id, case.action_intent_id)


def _done(answers: Sequence[bool | RemitError]) -> int:
    return sum(answer is True for answer in answers)
