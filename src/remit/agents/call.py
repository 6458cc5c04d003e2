"""One call of a tool, as an agent's framework makes it, and the intent that it is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ID = re.compile(r"[A-Za-z0-9._:@-]{1,128}")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """
    A call of a tool. `session` and `call_id` name it: whoever comes again with both goes on with the same intent,
    however often. `arguments` are those that the tool would be given, as JSON values.

    `more` are further fields of the proposal: `confidence_score`, `risk_level`, `why`, `expires_at`, `on_behalf_of`.
    """

    action_type: str
    arguments: Mapping[str, Any]
    account_id: str
    session: str
    call_id: str
    target: Mapping[str, str] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def action_intent_id(self) -> str:
        """Of session and call, never of the arguments: the same words may be meant twice."""
        name = f"{self.session}:{self.call_id}"
        # No two pairs meet: the first colon parts them, or the length does.
        if _ID.fullmatch(name) and ":" not in self.session:
            return name
        pair = f"{len(self.session)}:{name}".encode(errors="surrogatepass")
        return "call-" + hashlib.sha256(pair).hexdigest()

    def proposal(self) -> dict[str, Any]:
        """As `RemitClient.propose` takes it."""
        known = {
            "action_intent_id": self.action_intent_id,
            "account_id": self.account_id,
            "action_type": self.action_type,
            "parameters": dict(self.arguments),
        }
        target = {"target": dict(self.target)} if self.target is not None else {}
        return {**known, **target, **self.more}


def target_of(target: tuple[str, str] | None, arguments: Mapping[str, Any]) -> dict[str, str] | None:
    """The target that a pair of type and argument's name says: `("order", "order_id")`."""
    if target is None:
        return None
    entity_type, argument = target
    return {"entity_type": entity_type, "entity_id": str(arguments[argument])}
