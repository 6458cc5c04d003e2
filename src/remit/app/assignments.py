"""The part of the app for whose a card is. It gives nobody a right: whoever may answer may answer it still."""

from __future__ import annotations

from datetime import datetime

from remit.app.part import Part
from remit.core.execution.assignment import Handover, checked_handover
from remit.core.identity.credential import PROCESS, Credential
from remit.core.identity.person import check_person
from remit.core.lifecycle import Case
from remit.core.values import check_moment, check_tenant
from remit.flow import assign
from remit.flow.reading import deputies


class Assignments(Part):
    """Cards assigned to a person, and queues handed to another for a time."""

    def assign(
        self, tenant_id: str, action_intent_id: str, *, by: str, to: str | None, credential: Credential = PROCESS
    ) -> Case:
        """
        Make a waiting card `to`'s to answer, or nobody's. It waits on, and others may still answer it.

        Raises `NotFound`, or `NotInThatState` for what does not wait.
        """
        check_person("by", by)
        if to is not None:
            check_person("to", to)
        now = self.clock.now()
        assigning = assign.AssignCard(self.context, tenant_id, action_intent_id, by, to, credential, now)
        return self._one(assigning.unit())

    def hand_over(
        self,
        tenant_id: str,
        *,
        by: str,
        to: str | None = None,
        until: datetime | None = None,
        credential: Credential = PROCESS,
    ) -> Handover:
        """
        Make the cards that are assigned to `by` somebody else's until then; without both, their own again.

        Raises `InvalidInput`.
        """
        check_tenant(tenant_id)
        check_person("by", by)
        if to is not None:
            check_person("to", to)
        check_moment("until", until)
        now = self.clock.now()
        handover = checked_handover(by, to, until, now)
        return self._one(assign.HandQueueOver(self.context, tenant_id, handover, credential, now).unit())

    def handovers(self, tenant_id: str) -> list[Handover]:
        """Those that last."""
        return deputies.handovers(self.context, tenant_id, self.clock.now())
