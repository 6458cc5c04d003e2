"""A proposer's own intents, after it has proposed them: take back, begin, finish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from remit.app.execution import Execution
from remit.app.part import Part
from remit.core.execution import permit
from remit.core.execution.outcome import ErrorClass, ExternalObjectRef
from remit.core.execution.permit import Acted, Begun, Finished, PermitRecord
from remit.core.execution.proposer import Proposer
from remit.core.execution.question import Question, checked_words
from remit.core.execution.result import ToolResult
from remit.core.identity.credential import PROCESS, Credential
from remit.core.identity.person import check_named
from remit.core.lifecycle import Case
from remit.core.values import check_moment, check_text
from remit.flow import ask, execute, mark_waiting, withdraw
from remit.flow.facts import CallFacts
from remit.hooks import Hooks


class OwnIntents(Part):
    """
    The verbs of a proposer, each for `by`, who proposed it, through `credential`. One for single `accounts`, or bound
    to a principal (`on_behalf_of`), is for what is theirs alone.

    `answered` is told the tenant of whatever may wait for people no more.
    """

    def __init__(self, execution: Execution, hooks: Hooks, answered: Callable[[str], None]) -> None:
        super().__init__(execution.context, execution.clock)
        self._hooks, self._answered, self._lookups = hooks, answered, execution.lookups

    def withdraw(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        reason: str | None = None,
        credential: Credential = PROCESS,
        accounts: frozenset[str] | None = None,
        on_behalf_of: str | None = None,
    ) -> Case:
        """
        Take back an intent that nobody has started; a charge that was taken for it is given back. One that was
        replaced, by a person's edit say, is followed to the newest. Answers the case of what was taken back.

        A second time returns the first. Raises `NotFound`, `Forbidden` for another's intent, or `NotInThatState` for
        one that was started or has ended.
        """
        check_text("reason", reason or "")
        proposer, now = _proposer(by, credential, accounts, on_behalf_of), self.clock.now()
        case = withdraw.withdraw(self.context, tenant_id, action_intent_id, proposer=proposer, reason=reason, now=now)
        self._answered(tenant_id)
        return case

    def begin(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        key: str | None = None,
        credential: Credential = PROCESS,
        accounts: frozenset[str] | None = None,
        on_behalf_of: str | None = None,
        waits: bool = True,
    ) -> Begun:
        """
        The permit to execute an approved intent oneself, once; or why there is none.

        Asked again under the same `key` while the permit lives, the same one is answered; without a key it cannot be
        had again. An intent that was replaced is followed to the newest. For one that a worker executes there is none.
        Facts that its type has looked at again are looked up before; where they are not as decided on, it ends.
        Raises `NotFound`, or `Forbidden` for another's intent; `TryLater` where none could be looked up now, and
        `FactsOutdated`, with nothing done, where it would wait for them and not `waits`.
        """
        proposer, began_ns = _proposer(by, credential, accounts, on_behalf_of), self._hooks.begin()
        begun = execute.begin(
            self.context,
            tenant_id,
            action_intent_id,
            proposer=proposer,
            holder=self.holder(proposer, key),
            facts=CallFacts(self._lookups, looks_up=waits),
            clock=self.clock,
        )
        self._hooks.begun(began_ns, begun)
        return begun

    def holder(self, proposer: Proposer, key: str | None) -> str:
        """The holder of what this proposer begins under that key. Raises `InvalidInput` for a key that is none."""
        permit.check_key(key)
        return permit.holder_of(proposer, self.context.new_id() if key is None else key)

    def finish(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        approval_id: str,
        acted: Acted,
        external_object_refs: Sequence[ExternalObjectRef] = (),
        error_code: str | None = None,
        error_class: ErrorClass | None = None,
        error_message: str | None = None,
        result: ToolResult | None = None,
        credential: Credential = PROCESS,
        accounts: frozenset[str] | None = None,
        on_behalf_of: str | None = None,
    ) -> Finished:
        """
        Say what came of a permit: `acted` is `yes`, `no`, or `unknown` where nobody can tell.

        `result` is what the tool answered (`answered`, `json_answer`), kept as its type says. Only what certainly did
        not happen is a `no`. Lapsed or not, it is recorded; a lapsed one's outcome is resolved by it. Twice is once.
        Raises `NotFound`, `Forbidden` for another's intent, `NotInThatState` for one that was
        not begun, `Conflict` for another's permit, or `InvalidInput`.
        """
        told = permit.finish_result(
            acted,
            external_object_refs=external_object_refs,
            error_code=error_code,
            error_class=error_class,
            error_message=error_message,
            answer=result,
        )
        proposer, began_ns = _proposer(by, credential, accounts, on_behalf_of), self._hooks.begin()
        keys = execute.Keys(tenant_id, action_intent_id, approval_id)
        finished = self._one(execute.FinishIntent(self.context, keys, proposer, told, self.clock.now()).unit())
        self._hooks.finished(began_ns, tenant_id, finished)
        return finished

    def renew(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        approval_id: str,
        credential: Credential = PROCESS,
        accounts: frozenset[str] | None = None,
        on_behalf_of: str | None = None,
    ) -> PermitRecord:
        """
        Prolong a permit by the time that it was first given for.

        Raises as `finish` does, and `NotInThatState` for one whose outcome is recorded.
        """
        proposer = _proposer(by, credential, accounts, on_behalf_of)
        keys = execute.Keys(tenant_id, action_intent_id, approval_id)
        return self._one(execute.RenewPermit(self.context, keys, proposer, self.clock.now()).unit())

    def supplement(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        text: str,
        credential: Credential = PROCESS,
        accounts: frozenset[str] | None = None,
        on_behalf_of: str | None = None,
    ) -> list[Question]:
        """
        Answer what people asked about an intent that waits. Answers all that was asked so far.

        Raises `NotFound`, `Forbidden` for another's intent, `NotInThatState`, `Conflict` where no question is open, or
        `InvalidInput`.
        """
        checked_words("text", text)
        proposer, now = _proposer(by, credential, accounts, on_behalf_of), self.clock.now()
        supplement = ask.SupplementIntent(self.context, tenant_id, action_intent_id, proposer, text, now)
        return self._one(supplement.unit())

    def mark_waiting(self, tenant_id: str, action_intent_id: str, until: datetime) -> None:
        """
        Note that somebody waits for this intent until then, at least; a mark is never set back.

        Raises `NotFound`.
        """
        check_moment("until", until)
        self._one(mark_waiting.MarkWaiting(tenant_id, action_intent_id, until).unit())


def _proposer(by: str, credential: Credential, accounts: frozenset[str] | None, on_behalf_of: str | None) -> Proposer:
    # Only who proposed it gets further, and what is under way has to come to its end.
    check_named("by", by)
    return Proposer(by, credential, accounts, on_behalf_of)
