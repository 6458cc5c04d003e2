"""What the bus carries and where it goes: the same data makes the deployed rules and the local ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

DEFAULT_SOURCE = "remit"
GATE, EXECUTION = "gate", "execution"


@dataclass(frozen=True, slots=True)
class Rule:
    """Events of one detail type go to one target; `input_paths` and `template` say what that is given of them."""

    name: str
    detail_type: str
    target: str
    input_paths: dict[str, str] | None = None
    template: str | None = None

    def pattern(self, source: str = DEFAULT_SOURCE) -> dict[str, Any]:
        return {"source": [source], "detail-type": [self.detail_type]}

    def transformer(self) -> dict[str, Any] | None:
        """As EventBridge spells it; `None` where the target is given the whole event."""
        if self.template is None:
            return None
        return {"InputPathsMap": self.input_paths, "InputTemplate": self.template}


RULES = (
    Rule("action-proposed", "ACTION_PROPOSED", GATE),
    # The approval's own data, `approval_source` and `auto_executed` among it, is what the state machine starts from.
    Rule("action-approved", "ACTION_APPROVED", EXECUTION, {"data": "$.detail.data"}, '{"data":<data>}'),
)


def pattern_json(rule: Rule, source: str = DEFAULT_SOURCE) -> str:
    return json.dumps(rule.pattern(source))
