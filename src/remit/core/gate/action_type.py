"""Action types: how risky, how sure an agent must be, how long a proposal lives, and the tool that executes it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from remit.core.gate.result_settings import BY_DEFAULT, ResultSetting, ResultSettings
from remit.core.values import ActionTypeName, Document, Duration, Request, RiskLevel

DEFAULT_MIN_CONFIDENCE = 0.7
DEFAULT_EXPIRES_AFTER = "7d"


class Tool(Request):
    """
    Which connector executes a type and what it is told.

    Every connector has fields of its own beside these; it checks them itself when bounds are applied.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    connector: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    honours_idempotency_key: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 5

    @property
    def name(self) -> str:
        """The connector and what it is asked to do, for people: `internal create_note`, `http PATCH`."""
        extra = self.model_extra or {}
        return " ".join([self.connector, *(str(extra[key]) for key in ("operation", "method") if key in extra)])

    def wire(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


class ActionTypeSpec(Request):
    """An action type as bounds list it."""

    risk_tier: RiskLevel
    min_confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = DEFAULT_MIN_CONFIDENCE
    expires_after: Duration = DEFAULT_EXPIRES_AFTER
    approvals_required: Annotated[int, Field(ge=1, le=10)] = 1
    tool: Tool
    result: ResultSetting | None = None

    @property
    def results(self) -> ResultSettings:
        """What holds of its results, whether or not the bounds say it."""
        return self.result or BY_DEFAULT


class ActionType(Document):
    """One version of a registered type. Every change makes the next version; an intent pins the one it saw."""

    name: ActionTypeName
    version: int
    spec: ActionTypeSpec
