"""What agents do: propose, and ask the gate."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from remit.answers import IntentAnswer, ProposedAnswer, VerdictAnswer
from remit.core.access import Principal
from remit.core.errors import InvalidInput, RemitError
from remit.core.intent import ActionIntentV1
from remit.entrypoints.http.callers import Here, permitted, require_own_tenant
from remit.entrypoints.http.problems import answer, problem_of, says
from remit.entrypoints.http.shapes import MOST_INTENTS, GateBody, ProposalBody
from remit.flow.gate import GateAnswer, GateRequest

router = APIRouter(tags=["agents"])
Proposer = Annotated[Principal, permitted("propose")]


@router.post("/v1/intents", responses=says(VerdictAnswer | IntentAnswer | ProposedAnswer))
def propose(
    remit: Here,
    caller: Proposer,
    body: ProposalBody,
    gate: Annotated[bool, Query(description="false only stores the proposal")] = True,
) -> Any:
    """
    Propose one intent, or up to 500, and have each decided.

    One proposal is answered with its verdict or a problem; a list with `items` in the same order, each
    the verdict or the problem of that one.
    """
    proposals = body if isinstance(body, list) else [body]
    if not 1 <= len(proposals) <= MOST_INTENTS:
        raise InvalidInput("(body)", f"holds {len(proposals)} intents", f"send 1 to {MOST_INTENTS}")
    answers = _decided(remit, caller, proposals, gate)
    if isinstance(body, list):
        return {"items": answers}
    return answer(answers[0]) if "type" in answers[0] else JSONResponse(answers[0])


def _decided(remit: Here, caller: Principal, proposals: list[Any], gate: bool) -> list[dict[str, Any]]:
    ready: list[Any] = []
    refused: dict[int, RemitError] = {}
    for place, proposal in enumerate(proposals):
        try:
            ready.append(require_own_tenant(caller, proposal) if isinstance(proposal, dict) else proposal)
        except RemitError as error:
            refused[place] = error
    stored = iter(remit.submit(ready) if gate else remit.propose(ready))
    return [_shown(refused[place] if place in refused else next(stored)) for place in range(len(proposals))]


def _shown(answered: GateAnswer | ActionIntentV1 | RemitError) -> dict[str, Any]:
    if isinstance(answered, RemitError):
        return problem_of(answered)
    return answered.wire()


@router.post("/v1/gate", responses=says(VerdictAnswer))
def gate(remit: Here, caller: Proposer, body: GateBody) -> Any:
    """
    Decide one stored intent; a decision that exists is returned as it was made.

    An unknown intent is answered with `INTENT_NOT_FOUND`, and nothing is stored.
    """
    require_own_tenant(caller, {"tenant_id": body.tenant_id or caller.tenant_id})
    (answered,) = remit.gate([GateRequest(body.action_intent_id, caller.tenant_id, body.account_id)])
    if isinstance(answered, RemitError):
        raise answered
    return answered.wire()
