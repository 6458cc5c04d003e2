"""Ask back: a person's question to the agent, and the agent's supplement. Neither changes what is proposed."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from remit.core.execution.proposer import Proposer
from remit.core.execution.question import (
    Question,
    check_may_ask,
    check_may_supplement,
    question_data,
    supplement_data,
)
from remit.core.identity.credential import Credential
from remit.core.ledger.history import IntentHistory
from remit.flow.context import Context, found_in, intent_keys
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes

Questions = list[Question]


class AskProposer(Struct, frozen=True):
    """
    Ask the agent something about an intent that waits. Answers all that was asked so far.

    Raises `NotFound`, `NotInThatState` for what does not wait, or `Conflict` where enough was asked.
    """

    context: Context
    tenant_id: str
    action_intent_id: str
    by: str
    credential: Credential
    text: str
    now: datetime

    def unit(self) -> UnitOfWork[Questions]:
        return UnitOfWork(intent_keys(self.tenant_id, self.action_intent_id), self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Questions]:
        case, history = found_in(snapshot, self.tenant_id, self.action_intent_id)
        check_may_ask(case, history.questions)
        writer = CaseWriter(self.context, case, self.now)
        asked = question_data(self.by, self.credential, self.text, case.digest)
        writer.append("QUESTION_ASKED", asked, actor=self.by)
        return _told(writer, history)


class SupplementIntent(Struct, frozen=True):
    """
    Answer what is asked about an intent, as its proposer. Answers all that was asked so far.

    Raises `NotFound`, `Forbidden` for another's intent, `NotInThatState`, or `Conflict` where no question is open.
    """

    context: Context
    tenant_id: str
    action_intent_id: str
    proposer: Proposer
    text: str
    now: datetime

    def unit(self) -> UnitOfWork[Questions]:
        return UnitOfWork(intent_keys(self.tenant_id, self.action_intent_id), self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Questions]:
        case, history = found_in(snapshot, self.tenant_id, self.action_intent_id)
        check_may_supplement(case, history.intent, history.questions, self.proposer)
        writer = CaseWriter(self.context, case, self.now)
        said = supplement_data(self.proposer, self.text, case.digest)
        writer.append("QUESTION_ANSWERED", said, actor=self.proposer.name)
        return _told(writer, history)


def _told(writer: CaseWriter, history: IntentHistory) -> Writes[Questions]:
    return writer.writes(history.after(writer.entries).questions)
