"""Results: what tools answered, read by those who may, and erased on time or on demand."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from remit.app.part import FlowMethod, Part
from remit.core.execution.result import ToolResult
from remit.core.identity.credential import PROCESS, Credential
from remit.core.identity.person import check_person
from remit.core.values import check_text
from remit.flow import erase_results
from remit.flow.context import Context
from remit.flow.reading import result as result_flow
from remit.pace import Pace
from remit.ports import Clock

if TYPE_CHECKING:
    from remit.core.views import ResultAnswer

ERASED_EVERY = timedelta(seconds=30)
"""How often a process looks for results whose time is over: nobody reads them from that moment on."""

ERASED_AT_ONCE = 20, 1000
"""The fewest and the most results that are erased in one write: each may be large,"""
ERASING_S = 0.020
"""and about how long that is to take: whoever else writes waits for it."""


class Results(Part):
    """Kept answers of tools. Whether somebody may read one, doors ask: `settings` says whom its type lets."""

    result_settings = FlowMethod(result_flow.result_settings)

    def __init__(self, context: Context, clock: Clock) -> None:
        super().__init__(context, clock)
        self._looked_at: datetime | None = None
        self._pace = Pace(*ERASED_AT_ONCE, ERASING_S, first=ERASED_AT_ONCE[0])

    def result(self, tenant_id: str, action_intent_id: str) -> ResultAnswer:
        """
        The tool's answer: the bytes that every reader gets, checked against the ledger's hash; or why there are
        none. Raises `NotFound` for an intent without an answer.
        """
        return result_flow.result(self.context, tenant_id, action_intent_id, self.clock.now())

    def erase_result(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        reason: str | None = None,
        credential: Credential = PROCESS,
    ) -> ToolResult:
        """Erase what is kept of an answer; the ledger says who did, and why. Raises `NotFound`."""
        check_person("by", by)
        check_text("reason", reason or "")
        now = self.clock.now()
        erasing = erase_results.EraseResult(self.context, tenant_id, action_intent_id, by, credential, reason, now)
        return self._one(erasing.unit())

    def erase_over(self, *, at_once: bool = False) -> int:
        """
        Erase results whose time is over, now and then; answers how many. Asked too soon, it looks at nothing, unless
        it is to be `at_once`.
        """
        now = self.clock.now()
        looked_lately = self._looked_at is not None and abs(now - self._looked_at) < ERASED_EVERY
        if looked_lately and not at_once:
            return 0
        began = time.monotonic()
        erased = erase_results.erase_over(self.context, now, self._pace.most)
        self._pace.wrote(erased, time.monotonic() - began)
        # There may be more, which the next round finds.
        self._looked_at = None if erased else now
        return erased
