"""The proposer of an intent, and what is its alone: taking back what nobody has started."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from remit.core.errors import Forbidden
from remit.core.identity.credential import PROCESS, Credential
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import Case


class Proposer(Struct, frozen=True):
    """
    Somebody who deals with what it proposed. A credential with `accounts` is for those alone, and one with
    `on_behalf_of` for what is on that principal's behalf (`NOBODY`: on nobody's).
    """

    name: str
    credential: Credential = PROCESS
    accounts: frozenset[str] | None = None
    on_behalf_of: str | None = None

    def require_own(self, case: Case, intent: ActionIntentV1 | None) -> None:
        """Raises `Forbidden` for another's intent (`intent` is the case's), and for one the credential is not for."""
        if case.proposed_by != self.name:
            problem = f"intent {case.action_intent_id!r} was not proposed by {self.name!r}"
            raise Forbidden(f"{problem}; only its proposer may do this")
        if self.accounts is not None and case.account_id not in self.accounts:
            raise Forbidden(f"the credential of {self.name} is not for the account {case.account_id!r}")
        behalf = intent.on_behalf_of if intent else None
        if self.on_behalf_of is not None and (self.on_behalf_of or None) != behalf:
            problem = f"intent {case.action_intent_id!r} is on another's behalf"
            raise Forbidden(f"{problem} than the credential of {self.name}")


def check_may_withdraw(case: Case, intent: ActionIntentV1 | None, proposer: Proposer) -> bool:
    """
    Refuse to take back what may not be. The first row that applies:

    | the intent                                           | answer                   |
    |------------------------------------------------------|--------------------------|
    | is another's, or not one the credential is for       | raises `Forbidden`       |
    | is withdrawn already                                 | false: return that       |
    | was replaced                                         | false: look at that one  |
    | is not answered yet, or approved and not started     | true: withdraw it        |
    | is anything else                                     | raises `NotInThatState`  |
    """
    proposer.require_own(case, intent)
    if case.status in ("WITHDRAWN", "SUPERSEDED"):
        return False
    case.require("WITHDRAWN", "withdrawn")
    return True


def withdrawn_data(case: Case, proposer: Proposer, reason: str | None) -> dict[str, Any]:
    """The data of an `INTENT_WITHDRAWN` entry: by whom, through which credential, why, and what it was."""
    return {
        "withdrawn_by": proposer.name,
        "credential": proposer.credential.wire(),
        "reason": reason,
        "digest": case.digest,
    }
