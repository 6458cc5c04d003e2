"""What a proposer does with its own intents after it has proposed them."""

from __future__ import annotations

from collections.abc import Callable

from remit.app.part import Part
from remit.core.execution.proposer import Proposer
from remit.core.identity.credential import PROCESS, Credential
from remit.core.lifecycle import Case
from remit.core.values import check_person, check_text
from remit.flow import withdraw
from remit.flow.context import Context
from remit.ports import Clock


class OwnIntents(Part):
    """The verbs of a proposer. `answered` is told the tenant of whatever may wait for people no more."""

    def __init__(self, context: Context, clock: Clock, answered: Callable[[str], None]) -> None:
        super().__init__(context, clock)
        self._answered = answered

    def withdraw(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        reason: str | None = None,
        credential: Credential = PROCESS,
        accounts: frozenset[str] | None = None,
    ) -> Case:
        """
        Take back an intent of `by`'s own that nobody has started; a charge that was taken for it is given back.

        `accounts` are those that the credential is for, if it is not for all. A second time returns the first. Raises
        `NotFound`, `Forbidden` for another's intent, or `NotInThatState` for one that was started or has ended.
        """
        check_person("by", by)
        check_text("reason", reason or "")
        proposer, now = Proposer(by, credential, accounts), self.clock.now()
        case = self._one(
            withdraw.withdraw_unit(self.context, tenant_id, action_intent_id, proposer=proposer, reason=reason, now=now)
        )
        self._answered(tenant_id)
        return case
