"""Action types: how risky, how sure an agent must be, how long a proposal lives, and the tool that executes it."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, PlainValidator, WithJsonSchema, model_validator

from remit.core.canonical import canonical
from remit.core.delegation import Scopes
from remit.core.gate.amount import MOST_AMOUNTS, AmountName, AmountSpec
from remit.core.gate.fact import MOST_FACTS, FactName, FactSpec
from remit.core.gate.result_settings import BY_DEFAULT, ResultSetting, ResultSettings
from remit.core.gate.sampling import Share, StopAfter
from remit.core.headline import Title
from remit.core.private_values import check_private, private_path_at
from remit.core.values import ActionTypeName, Document, Duration, Request, RiskLevel

DEFAULT_MIN_CONFIDENCE = 0.7
DEFAULT_EXPIRES_AFTER = "7d"
CALLER = "caller"
"""The connector of what its proposer executes itself."""
FUNCTION = "function"
"""The connector of what a worker runs that has a function for it."""
NO_MIN_CONFIDENCE = "none"
"""The threshold of a type whose agents need not say how sure they are."""


def _checked_confidence(value: Any) -> float | str:
    if value == NO_MIN_CONFIDENCE:
        return NO_MIN_CONFIDENCE
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"is not a number from 0 to 1, and not {NO_MIN_CONFIDENCE!r}")
    return float(value)


# One validator, not one for each of both: an error is about the field, not about one of its kinds.
MinConfidence = Annotated[
    float | Literal["none"],
    PlainValidator(_checked_confidence),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"const": NO_MIN_CONFIDENCE}]}),
]


# What came later is left out where nobody has set it, so that the hashes of older bounds stay.
def is_none(value: object) -> bool:
    return value is None


def is_empty(value: object) -> bool:
    return not value


class Tool(Request):
    """
    The connector that executes a type, and what it is told.

    Every connector has fields of its own beside these; it checks them itself when bounds are applied.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    connector: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    honours_idempotency_key: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 5

    @cached_property
    def name(self) -> str:
        """The connector and what it is asked to do, for people: `internal create_note`, `http PATCH`."""
        extra = self.model_extra or {}
        return " ".join([self.connector, *(str(extra[key]) for key in ("operation", "method") if key in extra)])

    @property
    def summary(self) -> str:
        """Its name and where it goes, as the bounds say it: `http PATCH ${CRM_URL}/contacts/{target.entity_id}`."""
        return " ".join([self.name, *(str(extra) for extra in [(self.model_extra or {}).get("url")] if extra)])

    def wire(self) -> dict[str, Any]:
        # Asked for by every execution.
        return dict(self._described)

    @cached_property
    def canonical(self) -> bytes:
        """The RFC 8785 form of `wire`."""
        return canonical(self._described)

    @cached_property
    def _described(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def __copy__(self) -> Self:
        # Of a copy that is changed, none of these may be known before.
        copied = super().__copy__()
        for name in ("_described", "canonical", "name"):
            copied.__dict__.pop(name, None)
        return copied


def _checked_private(paths: list[str]) -> list[str]:
    check_private(paths)
    return paths


class ActionTypeSpec(Request):
    """
    An action type as bounds list it.

    `if_nobody_waits` says what becomes of an approved action whose caller waited and has gone: `execute` it, which is
    what holds where nothing is said, or let it `expire`.
    """

    risk_tier: RiskLevel
    min_confidence: MinConfidence = DEFAULT_MIN_CONFIDENCE
    expires_after: Duration = DEFAULT_EXPIRES_AFTER
    approvals_required: Annotated[int, Field(ge=1, le=10)] = 1
    tool: Tool
    parameters: dict[str, JsonValue] | None = Field(default=None, exclude_if=is_none)
    """The JSON Schema (2020-12) that arguments have to fit (`parameters_schema`)."""
    amounts: Annotated[dict[AmountName, AmountSpec], Field(max_length=MOST_AMOUNTS)] = Field(
        default={}, exclude_if=is_empty
    )
    """The sums among its arguments, by name (`amount`)."""
    facts: Annotated[dict[FactName, FactSpec], Field(max_length=MOST_FACTS)] = Field(default={}, exclude_if=is_empty)
    """What the gate looks up itself before it decides, by name (`fact`)."""
    required_scopes: Scopes = Field(default=[], exclude_if=is_empty)
    """Those that the principal must have, and every agent on the way must have been given."""
    if_nobody_waits: Literal["execute", "expire"] | None = Field(default=None, exclude_if=is_none)
    result: ResultSetting | None = Field(default=None, exclude_if=is_none)
    private: Annotated[list[str], AfterValidator(_checked_private)] = Field(default=[], exclude_if=is_empty)
    """The paths of an intent's private values (`private_values`)."""
    title: Title | None = Field(default=None, exclude_if=is_none)
    """What people read of an intent on one line (`headline`)."""
    sample: Share | None = Field(default=None, exclude_if=is_none)
    """The share of its automatic actions that people are shown afterwards (`sampling`)."""
    stop_after: StopAfter | None = Field(default=None, exclude_if=is_none)
    """When their answers stop its autonomy."""

    @model_validator(mode="after")
    def _no_amount_is_private(self) -> ActionTypeSpec:
        for name, amount in self.amounts.items():
            for path in amount.paths:
                # Sums of them stand in the ledger.
                if (private := private_path_at(path, self.private)) is not None:
                    raise ValueError(f"amounts.{name} is at {path}, and {private} is private; an amount cannot be")
        return self

    @model_validator(mode="after")
    def _answers_can_come(self) -> ActionTypeSpec:
        if self.stop_after is not None and not self.sample:
            raise ValueError("stop_after counts answers about sampled actions; write sample: 0.02, say")
        return self

    @property
    def results(self) -> ResultSettings:
        """The settings of its results, whether or not the bounds say it."""
        return self.result or BY_DEFAULT

    @property
    def rechecks(self) -> bool:
        """Is a fact of it looked up again before each call?"""
        return any(fact.recheck for fact in self.facts.values())


class ActionType(Document):
    """One version of a registered type. Every change makes the next version; an intent pins the one it saw."""

    name: ActionTypeName
    version: int
    spec: ActionTypeSpec
