"""Routes of people: look at the queue, approve, reject, edit, resolve, erase."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query

from remit.core.errors import RemitError
from remit.core.identity.principal import Principal
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
from remit.entrypoints.web.problems import responds_with
from remit.entrypoints.web.reading_bodies import JsonRoute
from remit.flow.reading.status import QueueOrder
from remit.ports import attempt

router = APIRouter(tags=["people"], route_class=JsonRoute)


@router.get("/v1/queue", responses=responds_with(QueueAnswer))
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
) -> Any:
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


@router.get("/v1/queue/groups", responses=responds_with(QueueGroupsAnswer))
def queue_groups(remit: CurrentRemit, caller: ReaderCaller) -> Any:
    """
    The numbers of what needs you, by who proposed it, why a person is asked, type and account: the largest group first.
    """
    return remit.queue_groups(caller.tenant_id, answerer=caller.name).wire()


@router.post("/v1/intents/{action_intent_id}/approve", responses=responds_with(ApprovedAnswer))
def approve(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: ApproveBody) -> Any:
    """
    Approve exactly what the digest stands for. A second approve returns the first.

    Where the action type asks for several approvers, all but the last are answered with the `votes` so far.
    """
    return _approved(remit, caller, action_intent_id, body)


def _approved(remit: CurrentRemit, caller: Principal, action_intent_id: str, body: ApproveBody) -> dict[str, Any]:
    answered = remit.approve(
        caller.tenant_id,
        action_intent_id,
        by=caller.name,
        digest=body.digest,
        credential=caller.credential,
        undo_for_s=body.undo_for_s,
    )
    return answers.approved(action_intent_id, answered)


@router.post("/v1/intents/{action_intent_id}/undo", responses=responds_with(UndoneAnswer))
def undo(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId) -> Any:
    """Take back one's own approval, while its `not_before` lies ahead: the intent waits again."""
    case = remit.undo(caller.tenant_id, action_intent_id, by=caller.name, credential=caller.credential)
    return {"action_intent_id": action_intent_id, "status": case.status}


@router.post("/v1/intents/{action_intent_id}/reject", responses=responds_with(RejectedAnswer))
def reject(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: RejectBody) -> Any:
    """Say no, for good."""
    return _rejected(remit, caller, action_intent_id, body.reason)


def _rejected(remit: CurrentRemit, caller: Principal, action_intent_id: str, reason: str | None) -> dict[str, Any]:
    case = remit.reject(caller.tenant_id, action_intent_id, by=caller.name, reason=reason, credential=caller.credential)
    return {"action_intent_id": action_intent_id, "status": case.status}


@router.post("/v1/intents/{action_intent_id}/question", responses=responds_with(QuestionsAnswer))
def question(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: QuestionBody) -> Any:
    """Ask the agent something instead of answering: it is told, and the intent waits on."""
    return answers.questions_shown(
        remit.ask(caller.tenant_id, action_intent_id, by=caller.name, text=body.text, credential=caller.credential)
    )


@router.post("/v1/intents/{action_intent_id}/assign", responses=responds_with(AssignedAnswer))
def assign(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: AssignBody) -> Any:
    """Make a waiting intent somebody's to answer, or nobody's. It gives no right, and others may still answer it."""
    remit.assign(caller.tenant_id, action_intent_id, by=caller.name, to=body.to, credential=caller.credential)
    return {"action_intent_id": action_intent_id, "assigned_to": body.to}


@router.get("/v1/sampled", responses=responds_with(SampledManyAnswer))
def sampled(
    remit: CurrentRemit,
    caller: ReaderCaller,
    account_id: AccountQuery = None,
    after: AfterQuery = None,
    limit: LimitQuery = 50,
) -> Any:
    """Automatic actions that people are shown afterwards and nobody judged yet, by id."""
    return page(remit.sampled(caller.tenant_id, account_id=account_id, after=after, limit=limit))


@router.post("/v1/intents/{action_intent_id}/judge", responses=responds_with(JudgedAnswer))
def judge(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: JudgeBody) -> Any:
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
    return judged.wire()


@router.get("/v1/queue/handovers", responses=responds_with(HandoversAnswer))
def handovers(remit: CurrentRemit, caller: ReaderCaller) -> Any:
    """The handovers of cards at the moment."""
    return {"items": [each.wire() for each in remit.handovers(caller.tenant_id)]}


@router.post("/v1/queue/handovers", responses=responds_with(HandoverAnswer))
def hand_over(remit: CurrentRemit, caller: AnswererCaller, body: HandoverBody) -> Any:
    """Hand the cards assigned to you to another until then, or, with neither named, take them back."""
    handed = remit.hand_over(
        caller.tenant_id, by=caller.name, to=body.to, until=body.until, credential=caller.credential
    )
    return handed.wire()


@router.post("/v1/intents/{action_intent_id}/edit", responses=responds_with(VerdictAnswer))
def edit(remit: CurrentRemit, caller: AnswererCaller, action_intent_id: IntentId, body: EditBody) -> Any:
    """Replace a waiting intent by an edited one, which waits for a person. Answers the new one's verdict."""
    return remit.edit(caller.tenant_id, action_intent_id, by=caller.name, changes=body.changes).wire()


@router.post("/v1/intents/{action_intent_id}/resolve", responses=responds_with(ResolutionAnswer))
def resolve(remit: CurrentRemit, caller: ResolverCaller, action_intent_id: IntentId, body: ResolveBody) -> Any:
    """Say what became of an intent whose outcome is `UNKNOWN`."""
    resolution = remit.resolve(caller.tenant_id, action_intent_id, by=caller.name, status=body.status, note=body.note)
    return resolution.wire()


@router.post("/v1/intents/{action_intent_id}/erase", responses=responds_with(ErasedAnswer))
def erase(remit: CurrentRemit, caller: EraserCaller, action_intent_id: IntentId, body: EraseBody) -> Any:
    """Forget private values of an intent for good. Its ledger keeps their commitments, and says who erased them."""
    erased = remit.erase(
        caller.tenant_id,
        action_intent_id,
        by=caller.name,
        reason=body.reason,
        paths=body.paths,
        credential=caller.credential,
    )
    return erased.wire()


@router.post("/v1/approve", responses=responds_with(ApprovedManyAnswer))
def approve_many(remit: CurrentRemit, caller: AnswererCaller, body: BulkApproveBody) -> Any:
    """Approve several; each is answered by itself, in the same order."""
    return {"items": [_each(partial(_approved, remit, caller, item.action_intent_id, item)) for item in body.items]}


@router.post("/v1/reject", responses=responds_with(RejectedManyAnswer))
def reject_many(remit: CurrentRemit, caller: AnswererCaller, body: BulkRejectBody) -> Any:
    """Reject several; each is answered by itself, in the same order."""
    return {"items": [_each(partial(_rejected, remit, caller, name, body.reason)) for name in body.action_intent_ids]}


@router.post("/v1/decide-again", responses=responds_with(DecidedAgainManyAnswer))
def decide_again(remit: CurrentRemit, caller: DecidingAgainCaller, body: DecideAgainBody) -> Any:
    """
    Have waiting intents decided again by the bounds as they are; each is answered by itself, in the same order.

    What runs now is superseded by the same, charged and approved as any other. The rest waits on as it did.
    """
    answered = remit.decide_again(
        caller.tenant_id, body.action_intent_ids, by=caller.name, credential=caller.credential
    )
    return {"items": [problem_of(each) if isinstance(each, RemitError) else each.wire() for each in answered]}


def _each(carry_out: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    answered = attempt(carry_out)
    return problem_of(answered) if isinstance(answered, RemitError) else answered
