"""The proposer of an intent, and what is its alone: taking back what nobody has started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from remit.core.errors import Forbidden
from remit.core.identity.credential import PROCESS, Credential
from remit.core.lifecycle import Case


@dataclass(frozen=True, slots=True)
class Proposer:
    """Somebody who deals with what it proposed. A credential with `accounts` is for those alone."""

    name: str
    credential: Credential = PROCESS
    accounts: frozenset[str] | None = None

    def require_own(self, case: Case) -> None:
        """Raises `Forbidden` for another's intent, and for one of an account that the credential is not for."""
        if case.proposed_by != self.name:
            raise Forbidden(
                f"intent {case.action_intent_id!r} was not proposed by {self.name!r}; only its proposer may"
            )
        if self.accounts is not None and case.account_id not in self.accounts:
            raise Forbidden(f"the credential of {self.name} is not for the account {case.account_id!r}")


def check_may_withdraw(case: Case, proposer: Proposer) -> bool:
    """
    Refuse to take back what may not be. The first row that applies:

    | the intent                                           | answer                   |
    |------------------------------------------------------|--------------------------|
    | is another's, or not of an account of the credential | raises `Forbidden`       |
    | is withdrawn already                                 | false: return that       |
    | is not answered yet, or approved and not started     | true: withdraw it        |
    | is anything else                                     | raises `NotInThatState`  |
    """
    proposer.require_own(case)
    if case.status == "WITHDRAWN":
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
