"""One intent: its story, every check of its decision, its ledger; and the answers it may still take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from remit.core.ledger.history import RESULT_CONTENT
from remit.core.lifecycle import WAITING
from remit.core.notifications.narration import story
from remit.core.private_values import is_commitment
from remit.core.rendering import rows
from remit.entrypoints.console.auth import (
    HOME,
    AnswererVisitor,
    AnyVisitor,
    EraserVisitor,
    FormRoute,
    ResolverVisitor,
    Visitor,
)
from remit.entrypoints.console.cards import card_of, ending_of, facts_beside, intent_of
from remit.entrypoints.console.render import page
from remit.entrypoints.web.bodies import IntentId
from remit.entrypoints.web.callers import CurrentRemit
from remit.wiring import Remit

if TYPE_CHECKING:
    from remit.core.views import EntryAnswer, IntentAnswer, ResultAnswer, StatusAnswer

router = APIRouter(route_class=FormRoute)


@router.get("/intents/{action_intent_id}")
def intent(request: Request, remit: CurrentRemit, visitor: AnyVisitor, action_intent_id: IntentId) -> Response:
    stands = remit.status(visitor.tenant_id, action_intent_id)
    proposed = intent_of(stands)
    visitor.principal.require_sight_of(proposed["proposed_by"], proposed["account_id"])
    chain = remit.ledger(visitor.tenant_id, action_intent_id)
    why = remit.why(visitor.tenant_id, action_intent_id)
    waits, result = stands["status"] in WAITING, _result(remit, visitor, stands, proposed["proposed_by"])
    return page(
        request,
        "intent.html",
        stands=stands,
        intent=proposed,
        why=why,
        card=card_of(remit, stands, why) if waits else None,
        recorded_facts=facts_beside(stands["facts"], {}),
        facts_before_call=facts_beside(stands["rechecked"], {}),
        ending=None if waits else ending_of(stands, why, remit.now()),
        steps=story(chain),
        chain=chain,
        result=result,
        erasable=_erasable(proposed, result, chain) if visitor.may("erase") else [],
        waits=waits,
    )


def _result(
    remit: Remit, visitor: Visitor, stands: StatusAnswer, proposed_by: str
) -> ResultAnswer | dict[str, Any] | None:
    """The tool's answer; without a `state` where the visitor may only see what is known of it."""
    known, name = stands["result"], stands["action_intent_id"]
    if known is None:
        return None
    people = remit.result_settings(visitor.tenant_id, name).people
    may = visitor.principal.may_read_result_of(proposed_by, people=people)
    return remit.result(visitor.tenant_id, name) if may else {**known, "state": None, "content": None}


@router.post("/intents/{action_intent_id}/resolve")
def resolve(
    remit: CurrentRemit,
    visitor: ResolverVisitor,
    action_intent_id: IntentId,
    status: Annotated[Literal["SUCCEEDED", "FAILED"], Form()],
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Write down what a person found out."""
    remit.resolve(visitor.tenant_id, action_intent_id, by=visitor.name, status=status, note=note.strip() or None)
    return RedirectResponse(f"{HOME}intents/{action_intent_id}", status_code=303)


@router.post("/intents/{action_intent_id}/erase")
def erase(
    remit: CurrentRemit,
    visitor: EraserVisitor,
    action_intent_id: IntentId,
    what: Annotated[Literal["result", "private"], Form()],
    reason: Annotated[str, Form(min_length=1, max_length=2000)],
) -> Response:
    """Forget for good what the tool answered, or the intent's private values; the ledger keeps what they hashed to."""
    act = remit.erase_result if what == "result" else remit.erase
    act(visitor.tenant_id, action_intent_id, by=visitor.name, reason=reason, credential=visitor.credential)
    return RedirectResponse(f"{HOME}intents/{action_intent_id}", status_code=303)


def _erasable(intent: IntentAnswer, result: Mapping[str, Any] | None, chain: Sequence[EntryAnswer]) -> list[str]:
    """The parts of it that are kept and can be erased: its result, its private values."""
    gone = {entry["data"]["content"] for entry in chain if entry["event_type"] == "CONTENT_ERASED"}
    is_kept = result is not None and result["not_kept"] is None and result["state"] in (None, "KEPT")
    there = {"result": is_kept and RESULT_CONTENT not in gone, "private": _has_private_values(intent, chain)}
    return [name for name, is_there in there.items() if is_there]


def _has_private_values(intent: IntentAnswer, chain: Sequence[EntryAnswer]) -> bool:
    """Is one to be read of those that stand as commitments in the ledger?"""
    committed = {row.path for row in rows(chain[0]["data"]) if is_commitment(row.value)}
    return any(row.path in committed and not is_commitment(row.value) for row in rows(intent))


@router.post("/intents/{action_intent_id}/question")
def question(
    remit: CurrentRemit,
    visitor: AnswererVisitor,
    action_intent_id: IntentId,
    text: Annotated[str, Form(min_length=1, max_length=2000)],
) -> Response:
    """Ask the agent something instead of answering."""
    remit.ask(visitor.tenant_id, action_intent_id, by=visitor.name, text=text, credential=visitor.credential)
    return RedirectResponse(f"{HOME}intents/{action_intent_id}", status_code=303)
