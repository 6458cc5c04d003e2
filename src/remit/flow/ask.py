"""Ask back: a person's question to the agent, and the agent's supplement. Neither changes what is proposed."""

from __future__ import annotations

from datetime import datetime

from remit.core.errors import NotFound
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
from remit.core.lifecycle import Case
from remit.core.records import case_key, chain_key
from remit.flow.context import CaseWriter, Context
from remit.ports import Snapshot, UnitOfWork, Writes

Questions = list[Question]


def ask_unit(
    context: Context,
    tenant_id: str,
    action_intent_id: str,
    *,
    by: str,
    credential: Credential,
    text: str,
    now: datetime,
) -> UnitOfWork[Questions]:
    """
    Ask the agent something about an intent that waits. Answers all that was asked so far.

    Raises `NotFound`, `NotInThatState` for what does not wait, or `Conflict` where enough was asked.
    """
    names = tenant_id, action_intent_id

    def change(snapshot: Snapshot) -> Writes[Questions]:
        case, history = _found(snapshot, *names)
        check_may_ask(case, history.questions)
        writer = CaseWriter(context, case, now)
        writer.append("QUESTION_ASKED", question_data(by, credential, text, case.digest), actor=by)
        return _told(writer, history)

    return UnitOfWork(reads=[case_key(*names), chain_key(*names)], decide=change)


def supplement_unit(
    context: Context, tenant_id: str, action_intent_id: str, *, proposer: Proposer, text: str, now: datetime
) -> UnitOfWork[Questions]:
    """
    Answer what is asked about an intent, as its proposer. Answers all that was asked so far.

    Raises `NotFound`, `Forbidden` for another's intent, `NotInThatState`, or `Conflict` where no question is open.
    """
    names = tenant_id, action_intent_id

    def change(snapshot: Snapshot) -> Writes[Questions]:
        case, history = _found(snapshot, *names)
        check_may_supplement(case, history.intent, history.questions, proposer)
        writer = CaseWriter(context, case, now)
        writer.append("QUESTION_ANSWERED", supplement_data(proposer, text, case.digest), actor=proposer.name)
        return _told(writer, history)

    return UnitOfWork(reads=[case_key(*names), chain_key(*names)], decide=change)


def _found(snapshot: Snapshot, tenant_id: str, action_intent_id: str) -> tuple[Case, IntentHistory]:
    case = snapshot.get(case_key(tenant_id, action_intent_id))
    history = snapshot.get(chain_key(tenant_id, action_intent_id))
    if case is None or history is None:
        raise NotFound("intent", action_intent_id, tenant_id)
    return case, history


def _told(writer: CaseWriter, history: IntentHistory) -> Writes[Questions]:
    return writer.writes(history.after(writer.entries).questions)
