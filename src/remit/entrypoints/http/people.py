"""Routes of people: look at the queue, approve, reject, edit, resolve, erase."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query

from remit.core.errors import RemitError
from remit.core.identity.principal import Principal
from remit.core.mirrors import view_of
from remit.core.values import ActionTypeName, Identifier
from remit.core.views import (
    ApprovedAnswer,
    ApprovedManyAnswer,
    AssignedAnswer,
    DecidedAgainManyAnswer,
    ErasedAnswer,
    HandoverAnswer,
    HandoversAnswer,
    JudgedAnswer,
    Problem,
    QuestionsAnswer,
    QueueAnswer,
    QueueGroupsAnswer,
    RejectedAnswer,
    RejectedManyAnswer,
    ResolutionAnswer,
    SampledManyAnswer,
    UndoneAnswer,
    VerdictAnswer,
)
from remit.entrypoints.http.paging import AccountQuery, AfterQuery, LimitQuery, page
from remit.entrypoints.web import answers
from remit.entrypoints.web.bodies import (
    ApproveBody,
    AssignBody,
    BulkApproveBody,
    BulkRejectBody,
    DecideAgainBody,
    EditBody,
    EraseBody,
    HandoverBody,
    IntentId,
    JudgeBody,
    QuestionBody,
    RejectBody,
    ResolveBody,
)
from remit.entrypoints.web.callers import (
    AnswererCaller,
    CurrentRemit,
    DecidingAgainCaller,
    EraserCaller,
    ReaderCaller,
    ResolverCaller,
)
from remit.entrypoints.web.problem_details import problem_of
from remit.entrypoints.web.reading_bodies import JsonRoute
from remit.flow.reading.queue import QueueOrder
from remit.ports import attempt

T = TypeVar("T")
router = APIRouter(tags=["people"], route_class=JsonRoute)


@router.get("/v1/queue")
def queue(
    remit: CurrentRemit,
    caller: ReaderCaller,
    account_id: AccountQuery = None,
    proposed_by: Annotated[Identifier | None, Query(description="only of this proposer")] = None,
    reason: Annotated[str | None, Query(pattern="^[A-Z][A-Z0-9_]{0,127}$", description="only for this reason")] = None,
    action_type: Annotated[ActionTypeName | None, Query(description="only of this type")] = None,
    assigned_to: Annotated[
        Identifier | None, Query(description="only cards that this person has: theirs, or handed over to them")
    ] = None,
    order: Annotated[QueueOrder, Query(description="only `turns` has further pages")] = "turns",
    include_voted: Annotated[bool, Query(description="also what you have approved and which waits for others")] = False,
    after: Annotated[str | None, Query(max_length=8192, description="`next` of the page before")] = None,
    limit: LimitQuery = 50,
) -> QueueAnswer:
    """
    Intents that need you: proposers take turns, and of each the soonest to expire comes first.

    Left out is what you have approved and which waits for others.
    """
    answerer = None if include_voted else caller.name
    return page(
        remit.queue(
            caller.tenant_id,
            account_id=account_id,
            proposed_by=proposed_by,
            reason=reason,
            action_type=action_type,
            assigned_to=assigned_to,
            order=order,
            answerer=answerer,
            after=after,
            limit=limit,
        )
    )


@router.get("/v1/queue/groups")
def queue_groups(remit: CurrentRemit, caller: ReaderCaller) -> QueueGroupsAnswer:
    """
    The numbers of what needs you, by who proposed it, why a person is asked, type and account: the largest group first.
    """
    return remit.queue_groups(caller.tenant_id, answerer=caller.name).wire()


@router.post("/v1/intents/{action_intent_id}/approve")
def approve(
    remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: ApproveBody
) -> ApprovedAnswer:
    """
    Approve exactly what the digest stands for. A second approve returns the first.

    Where the action type asks for several approvers, all but the last are answered with the `votes` so far.
    """
    return _approved(remit, caller, action_intent_id, body)


def _approved(remit: CurrentRemit, caller: Principal, action_intent_id: str, body: ApproveBody) -> ApprovedAnswer:
    answered = remit.approve(
        caller.tenant_id,
        action_intent_id,
        by=caller.name,
        digest=body.digest,
        credential=caller.credential,
        undo_for_s=body.undo_for_s,
    )
    return answers.approved(action_intent_id, answered)


@router.post("/v1/intents/{action_intent_id}/undo")
def undo(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId) -> UndoneAnswer:
    """Take back one's own approval, while its `not_before` lies ahead: the intent waits again."""
    case = remit.undo(caller.tenant_id, action_intent_id, by=caller.name, credential=caller.credential)
    return {"action_intent_id": action_intent_id, "status": case.status}


@router.post("/v1/intents/{action_intent_id}/reject")
def reject(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: RejectBody) -> RejectedAnswer:
    """Say no, for good."""
    return _rejected(remit, caller, action_intent_id, body.reason)


def _rejected(remit: CurrentRemit, caller: Principal, action_intent_id: str, reason: str | None) -> RejectedAnswer:
    case = remit.reject(caller.tenant_id, action_intent_id, by=caller.name, reason=reason, credential=caller.credential)
    return {"action_intent_id": action_intent_id, "status": case.status}


@router.post("/v1/intents/{action_intent_id}/question")
def question(
    remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: QuestionBody
) -> QuestionsAnswer:
    """Ask the agent something instead of answering: it is told, and the intent waits on."""
    return answers.questions_shown(
        remit.ask(caller.tenant_id, action_intent_id, by=caller.name, text=body.text, credential=caller.credential)
    )


@router.post("/v1/intents/{action_intent_id}/assign")
def assign(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: AssignBody) -> AssignedAnswer:
    """Make a waiting intent somebody's to answer, or nobody's. It gives no right, and others may still answer it."""
    remit.assign(caller.tenant_id, action_intent_id, by=caller.name, to=body.to, credential=caller.credential)
    return {"action_intent_id": action_intent_id, "assigned_to": body.to}


@router.get("/v1/sampled")
def sampled(
    remit: CurrentRemit,
    caller: ReaderCaller,
    account_id: AccountQuery = None,
    after: AfterQuery = None,
    limit: LimitQuery = 50,
) -> SampledManyAnswer:
    """Automatic actions that people are shown afterwards and nobody judged yet, by id."""
    return page(remit.sampled(caller.tenant_id, account_id=account_id, after=after, limit=limit))


@router.post("/v1/intents/{action_intent_id}/judge")
def judge(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: JudgeBody) -> JudgedAnswer:
    """
    Say whether a sampled action was right. The same answer again returns the first.

    The answer that makes as many disagreements as `stop_after` allows stops its type, or what a limit is over.
    """
    judged = remit.judge(
        caller.tenant_id,
        action_intent_id,
        by=caller.name,
        right=body.right,
        reason=body.reason,
        credential=caller.credential,
    )
    return view_of(judged)


@router.get("/v1/queue/handovers")
def handovers(remit: CurrentRemit, caller: ReaderCaller) -> HandoversAnswer:
    """The handovers of cards at the moment."""
    return {"items": [view_of(each) for each in remit.handovers(caller.tenant_id)]}


@router.post("/v1/queue/handovers")
def hand_over(remit: CurrentRemit, caller: AnswererCaller, body: HandoverBody) -> HandoverAnswer:
    """Hand the cards assigned to you to another until then, or, with neither named, take them back."""
    handed = remit.hand_over(
        caller.tenant_id, by=caller.name, to=body.to, until=body.until, credential=caller.credential
    )
    return view_of(handed)


@router.post("/v1/intents/{action_intent_id}/edit")
def edit(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: EditBody) -> VerdictAnswer:
    """Replace a waiting intent by an edited one, which waits for a person. Answers the new one's verdict."""
    return remit.edit(caller.tenant_id, action_intent_id, by=caller.name, changes=body.changes).wire()


@router.post("/v1/intents/{action_intent_id}/resolve")
def resolve(
    remit: CurrentRemit, caller: ResolverCaller, action_intent_id: IntentId, body: ResolveBody
) -> ResolutionAnswer:
    """Say what became of an intent whose outcome is `UNKNOWN`."""
    resolution = remit.resolve(caller.tenant_id, action_intent_id, by=caller.name, status=body.status, note=body.note)
    return view_of(resolution)


@router.post("/v1/intents/{action_intent_id}/erase")
def erase(remit: CurrentRemit, caller: EraserCaller, action_intent_id: IntentId, body: EraseBody) -> ErasedAnswer:
    """Forget private values of an intent for good. Its ledger keeps their commitments, and says who erased them."""
    erased = remit.erase(
        caller.tenant_id,
        action_intent_id,
        by=caller.name,
        reason=body.reason,
        paths=body.paths,
        credential=caller.credential,
    )
    return view_of(erased)


@router.post("/v1/approve")
def approve_many(remit: CurrentRemit, caller: AnswererCaller, body: BulkApproveBody) -> ApprovedManyAnswer:
    """Approve several; each is answered by itself, in the same order."""
    return {"items": [_each(partial(_approved, remit, caller, item.action_intent_id, item)) for item in body.items]}


@router.post("/v1/reject")
def reject_many(remit: CurrentRemit, caller: AnswererCaller, body: BulkRejectBody) -> RejectedManyAnswer:
    """Reject several; each is answered by itself, in the same order."""
    return {"items": [_each(partial(_rejected, remit, caller, name, body.reason)) for name in body.action_intent_ids]}


@router.post("/v1/decide-again")
def decide_again(remit: CurrentRemit, caller: DecidingAgainCaller, body: DecideAgainBody) -> DecidedAgainManyAnswer:
    """
    Have waiting intents decided again by the bounds as they are; each is answered by itself, in the same order.

    What runs now is superseded by the same, charged and approved as any other. The rest waits on as it did.
    """
    answered = remit.decide_again(
        caller.tenant_id, body.action_intent_ids, by=caller.name, credential=caller.credential
    )
    return {"items": [problem_of(each) if isinstance(each, RemitError) else each.wire() for each in answered]}


def _each(carry_out: Callable[[], T]) -> T | Problem:
    answered = attempt(carry_out)
    return problem_of(answered) if isinstance(answered, RemitError) else answered
