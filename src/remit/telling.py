"""The part of `App` that follows the ledger: it counts every day, and people can look at the days."""

from __future__ import annotations

import logging
from typing import Any

from remit.core.errors import OutcomeUnknown, TryLater
from remit.core.values import PLATFORM
from remit.flow import follow
from remit.flow.context import Context
from remit.ports import Clock

log = logging.getLogger(__name__)


class Telling:
    """One method a verb, like those of `App`, which has them all."""

    def __init__(self, context: Context, clock: Clock) -> None:
        self.context, self.clock = context, clock

    def follow(self) -> bool:
        """
        One bounded round over every tenant: count what is new. True if there is more to count already.

        Several processes may do this at once; each entry counts once.
        """
        tenants = [name for name in self.context.store.tenants() if name != PLATFORM]
        return sum(self._follow(name) for name in tenants) > 0

    def _follow(self, tenant_id: str) -> bool:
        try:
            return follow.count(self.context, tenant_id, self.clock.now())
        except (TryLater, OutcomeUnknown) as error:
            # One tenant's trouble is not the others'; what was not written is found again.
            log.warning("following tenant %s again in a moment: %s", tenant_id, error)
            return False

    def tally(self, tenant_id: str, first_day: str, last_day: str) -> dict[str, Any]:
        """
        What each day from the first to the last came to, as far as it is counted. Days are ISO dates.

        Raises `InvalidInput` for more than `LONGEST_SPAN_DAYS`, or what is no day.
        """
        return follow.days(self.context, tenant_id, first_day, last_day, self.clock.now())
