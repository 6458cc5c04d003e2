"""
A person's answers: `{"verb", "tenant_id", "action_intent_id", "by", …}`; verbs are `approve`, `reject`, `edit`,
`resolve` and `erase`.

`approve` takes the `digest` that the person saw, `reject` a `reason`, `edit` the `changes`, `resolve` a `status` and a
`note`, `erase` a `reason` and `paths`. Whoever may invoke this function speaks for every person of every tenant: it is
for a trusted back end. People themselves come through the HTTP door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from remit.core.errors import InvalidInput
from remit.core.mirrors import view_of
from remit.entrypoints.aws_lambda.entry import entry
from remit.entrypoints.aws_lambda.responses import answered, require_known, text
from remit.entrypoints.web import answers
from remit.wiring import Remit

if TYPE_CHECKING:
    from remit.core.views import ApprovedAnswer, ErasedAnswer, RejectedAnswer, ResolutionAnswer, VerdictAnswer


@answered
def review(remit: Remit, event: Mapping[str, Any]) -> Mapping[str, Any]:
    verb = VERBS.get(text(event, "verb"))
    if verb is None:
        raise InvalidInput("verb", f"is {event['verb']!r}", f"send one of {', '.join(VERBS)}")
    require_known(event, (*COMMON, *verb.takes))
    return verb.carry_out(remit, text(event, "tenant_id"), text(event, "action_intent_id"), text(event, "by"), event)


def _approve(remit: Remit, tenant_id: str, intent_id: str, by: str, event: Mapping[str, Any]) -> ApprovedAnswer:
    return answers.approved(intent_id, remit.approve(tenant_id, intent_id, by=by, digest=text(event, "digest")))


def _reject(remit: Remit, tenant_id: str, intent_id: str, by: str, event: Mapping[str, Any]) -> RejectedAnswer:
    reason = text(event, "reason") if "reason" in event else None
    case = remit.reject(tenant_id, intent_id, by=by, reason=reason)
    return {"action_intent_id": intent_id, "status": case.status}


def _edit(remit: Remit, tenant_id: str, intent_id: str, by: str, event: Mapping[str, Any]) -> VerdictAnswer:
    changes = event.get("changes")
    if not isinstance(changes, Mapping):
        raise InvalidInput("changes", "is not an object", "send the fields to change")
    return remit.edit(tenant_id, intent_id, by=by, changes=changes).wire()


def _resolve(remit: Remit, tenant_id: str, intent_id: str, by: str, event: Mapping[str, Any]) -> ResolutionAnswer:
    note = text(event, "note") if "note" in event else None
    status: Any = text(event, "status")
    return view_of(remit.resolve(tenant_id, intent_id, by=by, status=status, note=note))


def _erase(remit: Remit, tenant_id: str, intent_id: str, by: str, event: Mapping[str, Any]) -> ErasedAnswer:
    paths = event.get("paths")
    if paths is not None and not (isinstance(paths, list) and all(isinstance(path, str) for path in paths)):
        raise InvalidInput("paths", "is not a list of paths", "send paths such as parameters.customer.email")
    return view_of(remit.erase(tenant_id, intent_id, by=by, reason=text(event, "reason"), paths=paths))


class Verb(NamedTuple):
    """`takes` are the fields that it looks at beside those of every verb."""

    carry_out: Callable[[Remit, str, str, str, Mapping[str, Any]], Mapping[str, Any]]
    takes: tuple[str, ...]


COMMON = ("verb", "tenant_id", "action_intent_id", "by")
VERBS = {
    "approve": Verb(_approve, ("digest",)),
    "reject": Verb(_reject, ("reason",)),
    "edit": Verb(_edit, ("changes",)),
    "resolve": Verb(_resolve, ("status", "note")),
    "erase": Verb(_erase, ("reason", "paths")),
}

handler = entry(review, publishes=True)
