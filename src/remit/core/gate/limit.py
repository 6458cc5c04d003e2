"""
Limits with a name: how many actions, or how much of something, may run alone in a calendar window.

A limit counts actions, or sums an amount that their types declare (`amount`), for each account or principal or over the
whole tenant. Its windows have ids of their own, `start instant|period|zone|scope|limit name`: what a limit is over does
not change under its name, so that no window ever holds two things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Struct
from msgspec.structs import replace
from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator, model_validator

from remit.core.errors import InvalidInput
from remit.core.gate.action_type import ActionTypeSpec, is_empty, is_none
from remit.core.gate.amount import (
    Amount,
    AmountName,
    AmountUnknown,
    Unit,
    amount_of,
    decimal_text,
    in_units,
    parse_most,
)
from remit.core.gate.budget import (
    AMOUNT_UNKNOWN,
    DEFAULT_ZONE,
    ONLY,
    PRINCIPAL_MISSING,
    Limit,
    TimeZone,
    Unmeasured,
    is_of_named_limit,
)
from remit.core.gate.charging import Charge
from remit.core.gate.period import CalendarWindow, Period, window_of
from remit.core.gate.sampling import StopAfter
from remit.core.gate.zones import check_zone, zone_loads
from remit.core.intent import ActionIntentV1
from remit.core.values import ActionTypeName, Document, Request, UtcTime

if TYPE_CHECKING:
    from remit.core.proposal import Proposal

MOST_LIMITS = 32
"""Of a tenant. Each is a record more that a decision reads and writes; DynamoDB holds 100 in one transaction."""
MOST_COUNTED = 10**9
MOST_STOPPED = 20
"""Action types whose stop switches one answer pulls: each is an entry of its write."""
Scope = Literal["account", "principal", "tenant"]
LimitName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]


def _checked_types(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError("names an action type twice")
    return names


class LimitSpec(Request):
    """
    A limit as bounds list it: at most so many actions, or with `sum` so much of `unit`, in each window.

    `log_only` counts and says what it would have refused, and refuses nothing. `stop_after` says when people's answers
    about what was charged to it stop what it is over, for the account, principal or tenant that it was charged for.
    """

    name: LimitName
    sum: AmountName | None = Field(default=None, exclude_if=is_none)
    unit: Unit | None = Field(default=None, exclude_if=is_none)
    most: Annotated[int | str, WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]})]
    per: Period
    of: Scope
    action_types: (
        Annotated[list[ActionTypeName], Field(min_length=1, max_length=500), AfterValidator(_checked_types)] | None
    ) = Field(default=None, exclude_if=is_none)
    timezone: TimeZone = DEFAULT_ZONE
    log_only: bool = Field(default=False, exclude_if=is_empty)
    stop_after: StopAfter | None = Field(default=None, exclude_if=is_none)

    @field_validator("most", mode="before")
    @classmethod
    def _counted(cls, value: Any, info: ValidationInfo) -> int | str:
        if info.data.get("sum") is not None:
            return _most_of_a_sum(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_COUNTED:
            raise ValueError(f"is not a whole number from 0 to {MOST_COUNTED}")
        return value

    @model_validator(mode="after")
    def _a_sum_has_a_unit(self) -> LimitSpec:
        if self.sum is not None and self.unit is None:
            raise ValueError("a sum is of a unit; write unit: EUR, say")
        if self.sum is None and self.unit is not None:
            raise ValueError("a count has no unit; write sum: with the name of the amount, or drop the unit")
        return self

    @model_validator(mode="after")
    def _few_are_stopped(self) -> LimitSpec:
        if self.stop_after is not None and len(self.action_types or ()) > MOST_STOPPED:
            raise ValueError(f"stop_after stops at most {MOST_STOPPED} action types; list fewer, or none for all")
        return self

    @property
    def most_units(self) -> int:
        """In ten-thousandths where it is a sum."""
        return in_units(self.most)

    def concerns(self, action_type: str) -> bool:
        return self.action_types is None or action_type in self.action_types

    def owner_of(self, account_id: str, principal: str | None) -> str | None:
        """The part of a window's id that says whose it is; `None` where no principal is named."""
        if self.of == "principal":
            return f"principal:{principal}" if principal else None
        return f"account:{account_id}" if self.of == "account" else "tenant"

    def charged(self, intent: ActionIntentV1, charges: Sequence[Charge]) -> str | None:
        """
        The owner of the window of it that was charged for the intent, as the window's id says it; `None` if none was.
        """
        owner = self.owner_of(intent.account_id, intent.on_behalf_of)
        end = f"|{owner}|{self.name}"
        named = (taken.window_id for taken in charges if is_of_named_limit(taken.window_id))
        return owner if any(window_id.endswith(end) for window_id in named) else None

    def measure(
        self, intent: ActionIntentV1 | Proposal, action_type: ActionTypeSpec | None, amounts: Amounts | None = None
    ) -> int | Unmeasured:
        """The amount that the intent takes of it; 1 of a count. `amounts` keeps what was found, for the next limit."""
        if self.of == "principal" and not intent.on_behalf_of:
            return Unmeasured(PRINCIPAL_MISSING, "no principal is named (on_behalf_of)")
        if self.sum is None:
            return 1
        amounts = {} if amounts is None else amounts
        if self.sum not in amounts:
            amounts[self.sum] = _amount(self.sum, intent, action_type)
        found = amounts[self.sum]
        if isinstance(found, AmountUnknown):
            return Unmeasured(AMOUNT_UNKNOWN, found.problem)
        if found.unit != self.unit:
            return Unmeasured(AMOUNT_UNKNOWN, f"it is in {found.unit}, the limit in {self.unit}")
        return found.ten_thousandths


Amounts = dict[str, Amount | AmountUnknown]
"""What is known of an intent's amounts, by name."""


def _amount(name: str, intent: ActionIntentV1 | Proposal, action_type: ActionTypeSpec | None) -> Amount | AmountUnknown:
    spec = action_type.amounts.get(name) if action_type else None
    if spec is None:
        return AmountUnknown(f"{intent.action_type} declares no amount {name}")
    return amount_of(spec, intent.parameters)


def _most_of_a_sum(value: Any) -> str:
    try:
        return decimal_text(parse_most(value, "most"))
    except InvalidInput as error:
        raise ValueError(f"{error.problem}; {error.way_out}") from None


class LimitInForce(Struct, frozen=True):
    """A limit in its window of one moment."""

    spec: LimitSpec
    window: CalendarWindow

    def usage_id(self, account_id: str, principal: str | None) -> str | None:
        """The record that it counts in, which is its window's id; `None` where no principal is named."""
        owner = self.spec.owner_of(account_id, principal)
        return None if owner is None else f"{self.window}|{owner}|{self.spec.name}"

    def over(self, account_id: str) -> LimitOverAccount:
        """As it is over one account, worked out once."""
        spec, window, usage_id = self.spec, self.window, self.usage_id(account_id, None) or ""
        most, watches = spec.most_units, spec.log_only
        limit = Limit(
            scope=spec.of,
            usage_id=usage_id,
            counter=ONLY,
            window_id=usage_id,
            limit=None if watches else most,
            timezone=window.timezone,
            starts_at=window.starts_at,
            resets_at=window.ends_at,
            name=spec.name,
            unit=spec.unit,
            would_be_limit=most if watches else None,
        )
        return LimitOverAccount(self, limit, spec.sum is None and spec.of != "principal")


class LimitOverAccount(Struct, frozen=True):
    """A limit in its window as it is over one account; `limit` takes 1, and names no principal."""

    in_force: LimitInForce
    limit: Limit
    alike: bool
    """Does every action take 1 of the same window?"""

    def usage_id(self, principal: str | None) -> str | None:
        """The record that what is on behalf of that principal would be charged to."""
        return self.limit.usage_id or self.in_force.usage_id("", principal)

    def on(self, intent: ActionIntentV1, action_type: ActionTypeSpec | None, amounts: Amounts) -> Limit:
        """As it applies to that intent, which is of a type that it concerns."""
        if self.alike:
            return self.limit
        spec, taken = self.in_force.spec, self.in_force.spec.measure(intent, action_type, amounts)
        if isinstance(taken, Unmeasured):
            return replace(self.limit, taken=0, unmeasured=taken)
        if spec.of != "principal":
            return replace(self.limit, taken=taken)
        usage_id = self.in_force.usage_id("", intent.on_behalf_of)
        return replace(self.limit, taken=taken, usage_id=usage_id, window_id=usage_id)


def give_autonomy(limits: Sequence[LimitSpec]) -> bool:
    """Does one of them bound each account, or each principal, so that something may run alone?"""
    return any(spec.of != "tenant" and not spec.log_only for spec in limits)


class RetiredLimit(Document):
    """A limit that is gone, and until when its last window stands: so long its name means it, and nothing else."""

    limit: LimitSpec
    until: UtcTime


def retired_limits(
    known: Mapping[str, RetiredLimit], before: Sequence[LimitSpec], after: Sequence[LimitSpec], now: datetime
) -> dict[str, RetiredLimit]:
    """Those whose windows still stand after a change of a tenant's limits."""
    named = {spec.name for spec in after}
    gone = {
        spec.name: RetiredLimit(limit=spec, until=window_of(now, spec.per, spec.timezone).ends_at)
        for spec in before
        # In a zone that is gone nothing was counted.
        if zone_loads(spec.timezone)
    }
    return {
        name: retired
        for name, retired in sorted({**known, **gone}.items())
        if now < retired.until and name not in named
    }


_FIXED = ("sum", "unit", "action_types", "per", "of", "timezone")
"""What a limit is over: the same for good under one name."""


def check_unchanged(
    known: Mapping[str, RetiredLimit], before: Sequence[LimitSpec], after: Sequence[LimitSpec], now: datetime
) -> None:
    """Raises `InvalidInput` for a limit whose name means something else already."""
    meant = {name: retired.limit for name, retired in known.items() if now < retired.until}
    meant |= {spec.name: spec for spec in before}
    for index, spec in enumerate(after):
        if (old := meant.get(spec.name)) is None:
            continue
        for field in _FIXED:
            if _comparable(old, field) != _comparable(spec, field):
                raise InvalidInput(
                    f"limits.{index}.{field}",
                    f"changes from {_said(old, field)} to {_said(spec, field)} under the name {spec.name!r}",
                    "give the changed limit a new name; it counts from zero",
                )


def _comparable(spec: LimitSpec, field: str) -> Any:
    value = getattr(spec, field)
    return frozenset(value) if isinstance(value, list) else value


def _said(spec: LimitSpec, field: str) -> str:
    value = getattr(spec, field)
    return "none" if value is None else ", ".join(value) if isinstance(value, list) else str(value)


def from_zero(known: Mapping[str, RetiredLimit], before: Sequence[LimitSpec], after: Sequence[LimitSpec]) -> list[str]:
    """The limits of `after` that nothing was counted for before."""
    counted = {*known, *(spec.name for spec in before)}
    return [spec.name for spec in after if spec.name not in counted]


def check_limits(limits: Sequence[LimitSpec], action_types: Mapping[str, ActionTypeSpec]) -> None:
    """Raises `InvalidInput` for limits that cannot be counted: by name, zone, or the amounts that types declare."""
    names: set[str] = set()
    for index, spec in enumerate(limits):
        field = f"limits.{index}"
        if spec.name in names:
            raise InvalidInput(f"{field}.name", f"{spec.name!r} is the name of another limit too", "name it otherwise")
        names.add(spec.name)
        check_zone(f"{field}.timezone", spec.timezone)
        if spec.sum is not None:
            _check_sum(field, spec, action_types)
        if spec.stop_after is not None:
            _check_stop_after(field, spec, action_types)


def _check_stop_after(field: str, spec: LimitSpec, action_types: Mapping[str, ActionTypeSpec]) -> None:
    if not any(kind.sample for name, kind in action_types.items() if spec.concerns(name)):
        way_out = "write sample: 0.02, say, at one of its action types"
        raise InvalidInput(f"{field}.stop_after", "counts answers about sampled actions, and it is over none", way_out)


def _check_sum(field: str, spec: LimitSpec, action_types: Mapping[str, ActionTypeSpec]) -> None:
    for name in action_types if spec.action_types is None else spec.action_types:
        if name not in action_types:
            continue
        amount = action_types[name].amounts.get(spec.sum or "")
        if amount is None:
            way_out = f"declare it under action_types.{name}.amounts, or list only types that have it as action_types"
            raise InvalidInput(f"{field}.sum", f"{name} declares no amount {spec.sum!r}", way_out)
        if amount.fixed_unit not in (None, spec.unit):
            problem = f"is {spec.unit}, and the amount {spec.sum!r} of {name} is in {amount.fixed_unit}"
            raise InvalidInput(f"{field}.unit", problem, "no unit is converted; make it a limit of its own")
