"""
The parts of a tenant's bounds that are read and replaced by themselves: each at every level it exists on.

A part names all of its levels: what an account does not list there, it has not of its own any more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from remit.core.errors import InvalidInput
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.bounds import AccountBounds, Bounds, Modes, PrincipalBounds
from remit.core.gate.bounds_checks import check_action_types, check_policy_texts, check_zone_of
from remit.core.gate.budget import Budget, TenantBudget
from remit.core.gate.limit import MOST_LIMITS, LimitSpec
from remit.core.gate.policy import PolicySource
from remit.core.invalid_fields import explain_invalid
from remit.core.values import ActionTypeName, Identifier, Request


class BoundsPart(Request, ABC):
    """
    One part. What is sent replaces what the bounds have of it; the other parts stay as they are.

    `route` is where doors show it; `reading` and `replacing` say in words what is answered there and what a
    replacement does.
    """

    route: ClassVar[str]
    reading: ClassVar[str]
    replacing: ClassVar[str]

    @classmethod
    @abstractmethod
    def of(cls, bounds: Bounds) -> BoundsPart:
        """This part of `bounds`."""

    @abstractmethod
    def within(self, bounds: Bounds) -> Bounds:
        """`bounds` with this part in the place of theirs."""


class ActionTypes(BoundsPart):
    """Every registered action type by name."""

    route = "/v1/action-types"
    reading = "The registered action types by name."
    replacing = "Replace all action types. A changed one gets its next version; what is proposed already keeps its own."

    action_types: dict[ActionTypeName, ActionTypeSpec]

    @classmethod
    def of(cls, bounds: Bounds) -> ActionTypes:
        return cls.model_construct(action_types=bounds.action_types)

    def within(self, bounds: Bounds) -> Bounds:
        return bounds.model_copy(update={"action_types": self.action_types})


class Allowlists(BoundsPart):
    """The tenant's list (null: none, so nothing runs by itself) and each account's own, which replaces it."""

    route = "/v1/allowlists"
    reading = "The action types that may ever run without a person: the tenant's, and each account's own."
    replacing = "Replace all allowlists. An account that is not listed, or listed with null, has the tenant's."

    tenant: list[ActionTypeName] | None
    accounts: dict[Identifier, list[ActionTypeName] | None]

    @classmethod
    def of(cls, bounds: Bounds) -> Allowlists:
        return cls.model_construct(tenant=bounds.allowlist, accounts=_own(bounds, "allowlist"))

    def within(self, bounds: Bounds) -> Bounds:
        accounts = _with_own(bounds, "allowlist", self.accounts)
        return bounds.model_copy(update={"allowlist": self.tenant, "accounts": accounts})


class AutonomyModes(BoundsPart):
    """The mode of each action type, and under `default` of all others, for the tenant and each account."""

    route = "/v1/modes"
    reading = "The autonomy modes: the tenant's, and each account's own."
    replacing = "Replace all autonomy modes."

    tenant: Modes
    accounts: dict[Identifier, Modes]

    @classmethod
    def of(cls, bounds: Bounds) -> AutonomyModes:
        return cls.model_construct(tenant=bounds.modes, accounts=_own(bounds, "modes"))

    def within(self, bounds: Bounds) -> Bounds:
        accounts = _with_own(bounds, "modes", self.accounts)
        return bounds.model_copy(update={"modes": self.tenant, "accounts": accounts})


class Budgets(BoundsPart):
    """The default of the tenant's accounts, what an account has merged over it, and the ceiling over all together."""

    route = "/v1/budgets"
    reading = "The daily budgets: the accounts' default, each account's own, and the ceiling over all together."
    replacing = "Replace all budgets. What is used today stays used."

    tenant: Budget | None
    accounts: dict[Identifier, Budget | None]
    ceiling: TenantBudget | None

    @classmethod
    def of(cls, bounds: Bounds) -> Budgets:
        own = _own(bounds, "budget")
        return cls.model_construct(tenant=bounds.budget, accounts=own, ceiling=bounds.tenant_budget)

    def within(self, bounds: Bounds) -> Bounds:
        accounts = _with_own(bounds, "budget", self.accounts)
        changed = {"budget": self.tenant, "tenant_budget": self.ceiling, "accounts": accounts}
        return bounds.model_copy(update=changed)

    @model_validator(mode="after")
    def _zones_are_there(self) -> Self:
        check_zone_of("tenant", self.tenant)
        check_zone_of("ceiling", self.ceiling)
        for name, own in self.accounts.items():
            check_zone_of(f"accounts.{name}", own)
        return self


class Limits(BoundsPart):
    """The tenant's limits in their order: the first that has no room says why a person is asked."""

    route = "/v1/limits"
    reading = "The limits with names, in their order: counts and sums, for each account or principal or the tenant."
    replacing = (
        "Replace all limits. What one is over (amount, unit, action types, period, whose, zone) does not change under "
        "its name: a changed limit gets a new one, and counts from zero."
    )

    limits: Annotated[list[LimitSpec], Field(max_length=MOST_LIMITS)]

    @classmethod
    def of(cls, bounds: Bounds) -> Limits:
        return cls.model_construct(limits=bounds.limits)

    def within(self, bounds: Bounds) -> Bounds:
        return bounds.model_copy(update={"limits": self.limits})


class Principals(BoundsPart):
    """The principals with their scopes, and for each account that is confined to some: those."""

    route = "/v1/principals"
    reading = (
        "The principals on whose behalf agents act, with their scopes, and the accounts that are confined to some."
    )
    replacing = "Replace all principals. An account that is not listed, or listed with null, is not confined."

    tenant: dict[Identifier, PrincipalBounds]
    accounts: dict[Identifier, list[Identifier] | None]

    @classmethod
    def of(cls, bounds: Bounds) -> Principals:
        return cls.model_construct(tenant=bounds.principals, accounts=_own(bounds, "principals"))

    def within(self, bounds: Bounds) -> Bounds:
        accounts = _with_own(bounds, "principals", self.accounts)
        return bounds.model_copy(update={"principals": self.tenant, "accounts": accounts})


class Policies(BoundsPart):
    """The tenant's own Cedar policies, file by file."""

    route = "/v1/policies"
    reading = "The tenant's own Cedar policies in force, file by file."
    replacing = "Replace all of the tenant's own policies."

    policies: list[PolicySource]

    @classmethod
    def of(cls, bounds: Bounds) -> Policies:
        return cls.model_construct(policies=bounds.policies)

    def within(self, bounds: Bounds) -> Bounds:
        return bounds.model_copy(update={"policies": self.policies})


PARTS: tuple[type[BoundsPart], ...] = (ActionTypes, Allowlists, AutonomyModes, Budgets, Limits, Principals, Policies)

P = TypeVar("P", bound=BoundsPart)


def parse_part(kind: type[P], data: Any) -> P:
    """Check one part as people wrote it. Raises `InvalidInput` naming the first field that is wrong."""
    if not isinstance(data, Mapping):
        raise InvalidInput("(body)", "is not a JSON object", f"send {', '.join(kind.model_fields)}")
    try:
        part = kind.model_validate(dict(data))
    except ValidationError as error:
        raise explain_invalid(error) from None
    if isinstance(part, ActionTypes):
        check_action_types(part.action_types)
    if isinstance(part, Policies):
        check_policy_texts(part.policies)
    return part


_NOTHING = AccountBounds()


def _own(bounds: Bounds, field: str) -> dict[str, Any]:
    """The accounts' own bounds."""
    without = getattr(_NOTHING, field)
    own = {name: getattr(account, field) for name, account in bounds.accounts.items()}
    return {name: value for name, value in own.items() if value != without}


def _with_own(bounds: Bounds, field: str, values: Mapping[str, Any]) -> dict[str, AccountBounds]:
    without = getattr(_NOTHING, field)
    accounts = {
        name: _with(bounds.accounts.get(name, _NOTHING), field, values.get(name, without))
        for name in dict.fromkeys([*bounds.accounts, *values])
    }
    # An account that has lost its last is not named any more; one that was named with nothing stays named.
    return {
        name: account
        for name, account in accounts.items()
        if account != _NOTHING or bounds.accounts.get(name) == _NOTHING
    }


def _with(account: AccountBounds, field: str, value: Any) -> AccountBounds:
    # Of thousands one changes: what stays is the same object, as whoever looks for what changed finds at once.
    return account if getattr(account, field) == value else account.model_copy(update={field: value})
