"""One intent: its story, every check of its decision, its ledger; and the answers it may still take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from remit.entrypoints.console.auth import HOME, Anybody, CurrentRemit, Visitor, permitted
from remit.entrypoints.console.labels import EVENTS, reason, source
from remit.entrypoints.console.render import page
from remit.entrypoints.web.bodies import IntentId

router = APIRouter()
Resolver = Annotated[Visitor, permitted("resolve")]
Tone = Literal["good", "bad", "waiting", "plain"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an intent's story: `tone` is good, bad, waiting or plain."""

    at: str
    title: str
    told: str
    tone: Tone


@router.get("/intents/{action_intent_id}")
def intent(request: Request, remit: CurrentRemit, visitor: Anybody, action_intent_id: IntentId) -> Response:
    stands = remit.status(visitor.tenant_id, action_intent_id)
    visitor.principal.require_sight_of(stands["intent"]["proposed_by"])
    chain = remit.ledger(visitor.tenant_id, action_intent_id)
    usage = remit.usage(visitor.tenant_id, account_id=stands["account_id"])
    return page(
        request,
        "intent.html",
        stands=stands,
        intent=stands["intent"],
        why=remit.why(visitor.tenant_id, action_intent_id),
        steps=story(chain),
        chain=chain,
        budget=usage["accounts"][0],
        waits=stands["status"] in ("AWAITING_APPROVAL", "BLOCKED"),
    )


@router.post("/intents/{action_intent_id}/resolve")
def resolve(
    remit: CurrentRemit,
    visitor: Resolver,
    action_intent_id: IntentId,
    status: Annotated[Literal["SUCCEEDED", "FAILED"], Form()],
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Write down what a person found out."""
    remit.resolve(visitor.tenant_id, action_intent_id, by=visitor.name, status=status, note=note.strip() or None)
    return RedirectResponse(f"{HOME}intents/{action_intent_id}", status_code=303)


def story(chain: Sequence[Mapping[str, Any]]) -> list[Step]:
    """A chain of the ledger as the steps that a person follows."""
    return [_step(entry) for entry in chain]


def _step(entry: Mapping[str, Any]) -> Step:
    data, kind = entry["data"], entry["event_type"]
    tone: Tone = "plain"
    told = ""
    match kind:
        case "INTENT_PROPOSED":
            told = f"by {entry['actor']}"
        case "GATE_DECIDED":
            alone = data["result"] == "AUTO_EXECUTED"
            tone, told = ("good" if alone else "waiting"), f"{reason(data['reason'])}: {data['explanation']}"
        case "ACTION_APPROVED":
            tone = "good"
            told = f"by {source('POLICY')}" if data["auto_executed"] else f"by {data['approved_by']}"
        case "ACTION_REJECTED":
            tone, told = "bad", f"by {data['rejected_by']}" + (f": {data['reason']}" if data["reason"] else "")
        case "INTENT_SUPERSEDED":
            told = f"by {entry['actor']}, with intent {data['superseded_by']}"
        case "BUDGET_RELEASED":
            told = str(data["why"])
        case "ACTION_EXECUTED" | "ACTION_FAILED" | "ACTION_UNKNOWN" | "EXECUTION_CANCELLED":
            tone = "good" if kind == "ACTION_EXECUTED" else "bad"
            told = _outcome(data["outcome"])
        case "OUTCOME_RESOLVED":
            tone = "good" if data["outcome"]["status"] == "SUCCEEDED" else "bad"
            told = f"{data['outcome']['status'].lower()}, by {entry['actor']}"
    return Step(entry["at"], EVENTS.get(kind, kind), told, tone)


def _outcome(outcome: Mapping[str, Any]) -> str:
    made = ", ".join(" ".join((r["system"], r["object_type"], r["object_id"])) for r in outcome["external_object_refs"])
    return made or outcome["error_message"] or outcome["error_code"] or ""
