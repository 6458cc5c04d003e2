"""
The gate, called with `{action_intent_id, tenant_id, account_id}`, or woken by an `ACTION_PROPOSED` event with them.

Answers `{result, reason, explanation, action_intent_id, already_published, …}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from remit.core.values import Identifier
from remit.entrypoints.aws_lambda.entry import entry
from remit.flow.gate import GateRequest
from remit.wiring import Remit

if TYPE_CHECKING:
    from remit.core.views import VerdictAnswer

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


def decide(remit: Remit, event: Any) -> VerdictAnswer:
    """Decide one intent; a decision that exists is returned as it was made, and published if it still has to be."""
    named = _data(event)
    names = (_name(named, field) for field in ("action_intent_id", "tenant_id", "account_id"))
    return remit.gate(GateRequest(*names)).wire()


def _data(event: Any) -> Mapping[str, Any]:
    """The request in a call, or in an event's detail."""
    found = event
    for part in ("detail", "data"):
        found = found.get(part, found) if isinstance(found, Mapping) else found
    return found if isinstance(found, Mapping) else {}


def _name(named: Mapping[str, Any], field: str) -> str:
    """Empty, which the gate calls missing, for whatever can be no id."""
    try:
        return _IDENTIFIER.validate_python(named.get(field), strict=True)
    except ValidationError:
        return ""


handler = entry(decide, publishes=True)
