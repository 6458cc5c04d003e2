"""
A person's answers: `{"verb": "approve" | "reject" | "edit" | "resolve", "tenant_id", "action_intent_id", "by", …}`.

`approve` takes the `digest` that the person saw, `reject` a `reason`, `edit` the `changes`, `resolve` a `status` and a
`note`. Whoever may invoke this function speaks for every person of every tenant: it is for a trusted back end. People
themselves come through the HTTP door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from remit.core.errors import InvalidInput
from remit.entrypoints.aws_lambda.entry import entry
from remit.entrypoints.aws_lambda.responses import answered, text
from remit.entrypoints.web import answers
from remit.wiring import Remit


@answered
def review(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    verb = VERBS.get(text(event, "verb"))
    if verb is None:
        raise InvalidInput("verb", f"is {event['verb']!r}", f"send one of {', '.join(VERBS)}")
    return verb(remit, text(event, "tenant_id"), text(event, "action_intent_id"), text(event, "by"), event)


def _approve(remit: Remit, tenant_id: str, intent_id: str, by: str, event: Mapping[str, Any]) -> dict[str, Any]:
    return answers.approved(intent_id, remit.approve(tenant_id, intent_id, by=by, digest=text(event, "digest")))


def _reject(remit: Remit, tenant_id: str, intent_id: str, by: str, event: Mapping[str, Any]) -> dict[str, Any]:
    reason = text(event, "reason") if "reason" in event else None
    case = remit.reject(tenant_id, intent_id, by=by, reason=reason)
    return {"action_intent_id": intent_id, "status": case.status}


def _edit(remit: Remit, tenant_id: str, intent_id: str, by: str, event: Mapping[str, Any]) -> dict[str, Any]:
    changes = event.get("changes")
    if not isinstance(changes, Mapping):
        raise InvalidInput("changes", "is not an object", "send the fields to change")
    return remit.edit(tenant_id, intent_id, by=by, changes=changes).wire()


def _resolve(remit: Remit, tenant_id: str, intent_id: str, by: str, event: Mapping[str, Any]) -> dict[str, Any]:
    note = text(event, "note") if "note" in event else None
    status: Any = text(event, "status")
    return remit.resolve(tenant_id, intent_id, by=by, status=status, note=note).wire()


VERBS: dict[str, Callable[[Remit, str, str, str, Mapping[str, Any]], dict[str, Any]]] = {
    "approve": _approve,
    "reject": _reject,
    "edit": _edit,
    "resolve": _resolve,
}

handler = entry(review, publishes=True)
