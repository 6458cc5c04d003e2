"""Routes of agents: propose, and ask the gate."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from remit.app.single_proposals import BATCH
from remit.core.errors import InvalidInput, RemitError
from remit.core.identity.principal import Principal
from remit.core.intent import ActionIntentV1
from remit.core.mirrors import view_of
from remit.core.views import IntentAnswer, Problem, ProposedAnswer, VerdictAnswer
from remit.entrypoints.web.bodies import MOST_INTENTS, CallerKey, GateBody, ProposalBody
from remit.entrypoints.web.callers import (
    CurrentRemit,
    Entry,
    ProposerCaller,
    principals_of,
    remit_of,
    require_own_tenant,
    require_within_tenant,
)
from remit.entrypoints.web.fact_waits import FactWaits
from remit.entrypoints.web.problem_details import problem_of
from remit.entrypoints.web.problems import responds_with
from remit.entrypoints.web.reading_bodies import JsonAnswer, LeanRoute, is_usual_id, leanly, turns_of
from remit.entrypoints.web.request_batcher import RequestBatcher
from remit.flow.facts import FactsOutdated
from remit.flow.gate import GateAnswer, GateRequest
from remit.ports import attempt, in_order
from remit.wiring import Remit

T = TypeVar("T")
_Asked = tuple[Entry, Any]
"""Who proposes, and what."""
router = APIRouter(tags=["agents"], route_class=LeanRoute)


class Submit:
    """Single proposals: those that wait for nobody share a commit, and those that need facts wait by themselves."""

    def __init__(self, remit: Remit, waits: FactWaits) -> None:
        self._remit, self._waits = remit, waits
        self._together: RequestBatcher[_Asked, GateAnswer] = RequestBatcher(
            self._at_once, BATCH, lambda asked: asked[0].tenant_id
        )

    async def ask(self, entry: Entry, proposal: Any) -> GateAnswer:
        if not self._looks_up_facts(entry, proposal):
            try:
                return await self._together.ask((entry, proposal))
            except FactsOutdated:
                # Decided on what is known no more: it waits for facts after all.
                pass
        return await self._waits.carry_out(entry.tenant_id, partial(self._alone, entry, proposal))

    def _looks_up_facts(self, entry: Entry, proposal: Any) -> bool:
        named = proposal.get("action_type") if isinstance(proposal, dict) else None
        return isinstance(named, str) and self._remit.looks_up_facts(entry.tenant_id, named)

    def _at_once(self, asked: Sequence[_Asked]) -> list[GateAnswer | RemitError]:
        # Callers are looked up in the thread that decides: nobody waits for one round of each.
        callers = principals_of([entry for entry, _ in asked])
        proposals = [
            caller if isinstance(caller, RemitError) else attempt(partial(_proposed_by, caller, proposal))
            for caller, (_, proposal) in zip(callers, asked, strict=True)
        ]
        return in_order(proposals, RemitError, self._remit.submit_at_once)

    def _alone(self, entry: Entry, proposal: Any) -> GateAnswer:
        answer: GateAnswer = self._remit.submit(_proposed_by(entry.principal(), proposal))
        return answer


def _proposed_by(caller: Principal, proposal: Any) -> Any:
    require_within_tenant(caller, "propose")
    # What is no object at all is refused where every proposal is checked.
    return require_own_tenant(caller, proposal) if isinstance(proposal, dict) else proposal


async def submit_of(request: Request) -> Submit:
    submit: Submit = request.app.state.submit
    return submit


async def _propose_one(request: Request, entry: Entry, body: Any) -> Response | None:
    if type(body) is not dict:
        return None
    if asked := request.scope["query_string"]:
        query = _USUAL_BEGIN.fullmatch(asked)
        if query is None:
            return None
        key = query["key"].decode() if query["key"] else None
        return JsonAnswer(await _begun(request, entry, body, key))
    submit: Submit = request.app.state.submit
    return JsonAnswer((await submit.ask(entry, body)).wire())


_USUAL_BEGIN = re.compile(rb"begin=true(&key=(?P<key>[A-Za-z0-9._~-]{1,200}))?")


async def _begun(
    request: Request, entry: Entry, proposal: dict[str, Any], key: str | None
) -> VerdictAnswer | IntentAnswer:
    remit = await remit_of(request)

    def work() -> VerdictAnswer | IntentAnswer:
        caller = require_within_tenant(entry.principal(), "propose")
        begin = _verb_for(remit, caller, gate=True, begin=True, key=key)
        (answered,) = begin([require_own_tenant(caller, proposal)])
        return _raised_or_shown(answered)

    return await _at_work(request, remit, entry.tenant_id, work)


@router.post("/v1/intents", responses=responds_with(VerdictAnswer | IntentAnswer | ProposedAnswer))
@leanly(_propose_one)
async def propose(
    request: Request,
    remit: CurrentRemit,
    submit: Annotated[Submit, Depends(submit_of)],
    caller: ProposerCaller,
    body: ProposalBody,
    gate: Annotated[bool, Query(description="false only stores the proposal")] = True,
    begin: Annotated[bool, Query(description="also begin what policy approves, in the same write")] = False,
    key: Annotated[CallerKey | None, Query(description="with `begin`: the key to ask for the permit again")] = None,
) -> Any:
    """
    Propose one intent, or up to 500, and have each decided; with `begin=true` also begun, where policy approves it.

    One proposal is answered with its verdict or a problem; a list with `items` in the same order, each
    the verdict or the problem of that one.
    """
    if key is not None and not begin:
        raise InvalidInput("key", "goes with begin", "add begin=true, or leave it out")
    verb = _verb_for(remit, caller, gate=gate, begin=begin, key=key)
    if isinstance(body, list):
        return await _at_work(request, remit, caller.tenant_id, partial(_each, verb, caller, body))
    if gate and not begin:
        return JsonAnswer((await submit.ask(Entry(caller.tenant_id, lambda: caller), body)).wire())
    proposal = _proposed_by(caller, body)
    (answered,) = await _at_work(request, remit, caller.tenant_id, lambda: verb([proposal]))
    return JsonAnswer(_raised_or_shown(answered))


_ProposalVerb = Callable[[list[Any]], Sequence[GateAnswer | ActionIntentV1 | RemitError]]


def _verb_for(remit: Remit, caller: Principal, *, gate: bool, begin: bool, key: str | None) -> _ProposalVerb:
    if not begin:
        return remit.submit if gate else remit.propose
    if not gate:
        raise InvalidInput("begin", "goes with the gate", "leave out gate=false")
    # What is begun is the caller's own to execute.
    caller.require("act_on_own")
    return lambda proposals: remit.submit_and_begin(proposals, key=key, credential=caller.credential)


def _each(verb: _ProposalVerb, caller: Principal, proposals: list[Any]) -> JsonAnswer:
    if not 1 <= len(proposals) <= MOST_INTENTS:
        raise InvalidInput("(body)", f"holds {len(proposals)} intents", f"send 1 to {MOST_INTENTS}")
    return JsonAnswer({"items": _decided(verb, caller, proposals)})


def _decided(
    verb: _ProposalVerb, caller: Principal, proposals: list[Any]
) -> list[VerdictAnswer | IntentAnswer | Problem]:
    checked = [attempt(partial(_proposed_by, caller, proposal)) for proposal in proposals]
    answers = in_order(checked, RemitError, verb)
    return [_shown(answer) for answer in answers]


def _raised_or_shown(answered: GateAnswer | ActionIntentV1 | RemitError) -> VerdictAnswer | IntentAnswer:
    if isinstance(answered, RemitError):
        raise answered
    return answered.wire() if isinstance(answered, GateAnswer) else view_of(answered)


def _shown(answered: GateAnswer | ActionIntentV1 | RemitError) -> VerdictAnswer | IntentAnswer | Problem:
    return problem_of(answered) if isinstance(answered, RemitError) else _raised_or_shown(answered)


async def _gate_one(request: Request, entry: Entry, body: Any) -> Response | None:
    if request.scope["query_string"] or type(body) is not dict or not _GATE_FIELDS.issuperset(body):
        return None
    if not body.keys() >= _GATE_FIELDS - {"tenant_id"} or not all(map(is_usual_id, body.values())):
        return None
    remit = await remit_of(request)

    def work() -> VerdictAnswer:
        caller = require_within_tenant(entry.principal(), "propose")
        return remit.gate(_gate_request(caller, **body)).wire()

    return JsonAnswer(await _at_work(request, remit, entry.tenant_id, work))


async def _at_work(request: Request, remit: Remit, tenant_id: str, work: Callable[[], T]) -> T:
    """In a thread in the tenant's turn; where it may wait for facts, among those who wait."""
    if remit.looks_up_facts(tenant_id):
        waits: FactWaits = request.app.state.fact_waits
        return await waits.carry_out(tenant_id, work)
    async with turns_of(request).of(tenant_id):
        return await run_in_threadpool(work)


_GATE_FIELDS = frozenset(GateBody.model_fields)


def _gate_request(
    caller: Principal, *, action_intent_id: str, account_id: str, tenant_id: str | None = None
) -> GateRequest:
    require_own_tenant(caller, {"tenant_id": tenant_id or caller.tenant_id, "account_id": account_id})
    return GateRequest(action_intent_id, caller.tenant_id, account_id, caller.name)


@router.post("/v1/gate")
@leanly(_gate_one)
def gate(remit: CurrentRemit, caller: ProposerCaller, body: GateBody) -> VerdictAnswer:
    """
    Decide one stored intent of the caller's own; a decision that exists is returned as it was made.

    An unknown intent, and another's, is answered with `INTENT_NOT_FOUND`, and nothing is stored.
    """
    return remit.gate(_gate_request(caller, **dict(body))).wire()
