"""
A tenant's bounds: everything people set, in one value.

`Bounds` is what people write (the file). `BoundsInForce` is what is stored: the same, numbered by
`config_sequence`, with the version of every action type and the time zones that run out with the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import Field, model_validator

from remit.core.delegation import Scopes, effective_scopes
from remit.core.errors import Forbidden
from remit.core.gate.action_type import DEFAULT_EXPIRES_AFTER, ActionTypeSpec, is_empty, is_none
from remit.core.gate.autonomy import (
    DEFAULT,
    AutonomyMode,
    ResolvedAllowlist,
    ResolvedMode,
    resolve_allowlist,
    resolve_mode,
)
from remit.core.gate.budget import DEFAULT_ZONE, Budget, BudgetInForce, Day, TenantBudget, TimeZone, day_of, merge
from remit.core.gate.limit import (
    MOST_LIMITS,
    LimitInForce,
    LimitSpec,
    RetiredLimit,
    check_limits,
    check_unchanged,
    retired_limits,
)
from remit.core.gate.never import MOST_NEVER, Never
from remit.core.gate.parameters_schema import ParametersSchema
from remit.core.gate.period import window_of
from remit.core.gate.plans import Plans
from remit.core.gate.policy import PLATFORM_SET, PlatformSet, PolicySet, PolicySource, load_policies
from remit.core.gate.policy_input import TypeInForce
from remit.core.gate.sampling import share_text
from remit.core.gate.zones import zone_loads
from remit.core.intent import ActionIntentV1
from remit.core.values import (
    HOST_SHAPE,
    ActionTypeName,
    Document,
    Identifier,
    Request,
    UtcTime,
    check_identifier,
    parse_duration,
)

if TYPE_CHECKING:
    from remit.core.proposal import Proposal

Modes = dict[ActionTypeName | Literal["default"], AutonomyMode]
Host = Annotated[str, Field(pattern=HOST_SHAPE)]


class AccountBounds(Request):
    """One account's own bounds; the rest is the tenant's."""

    allowlist: list[ActionTypeName] | None = None
    modes: Modes = {}
    budget: Budget | None = None
    principals: list[Identifier] | None = Field(default=None, exclude_if=is_none)
    """Those on whose behalf alone anything may be proposed for it; without, anybody, and nobody."""


class PrincipalBounds(Request):
    """A person or service on whose behalf agents act: the scopes it has, of which agents may be given a part."""

    scopes: Scopes = []


class Bounds(Request):
    """A tenant's whole bounds, as people write them."""

    tenant: Identifier
    allowed_hosts: list[Host] = []
    action_types: dict[ActionTypeName, ActionTypeSpec] = {}
    allowlist: list[ActionTypeName] | None = None
    modes: Modes = {}
    budget: Budget | None = None
    tenant_budget: TenantBudget | None = None
    limits: Annotated[list[LimitSpec], Field(max_length=MOST_LIMITS)] = Field(default=[], exclude_if=is_empty)
    policies: list[PolicySource] = []
    never: Annotated[list[Never], Field(max_length=MOST_NEVER)] = Field(default=[], exclude_if=is_empty)
    """Conditions under which nothing may ever run alone: bounds of which that is not proved are refused (`never`)."""
    proposer_may_approve: bool | None = None
    independent_approvers: bool = True
    principals: dict[Identifier, PrincipalBounds] = Field(default={}, exclude_if=is_empty)
    accounts: dict[Identifier, AccountBounds] = {}

    @model_validator(mode="after")
    def _no_type_is_called_default(self) -> Bounds:
        if DEFAULT in self.action_types:
            raise ValueError("'default' is not an action type")
        return self


_LATER = {"independent_approvers": True}


class ZoneUntil(Document):
    """A time zone that was changed and stays in force until its day has ended."""

    timezone: TimeZone
    until: UtcTime


class BoundsInForce(Document):
    """A tenant's bounds as stored, one record per tenant, replaced whole by every change."""

    config_sequence: int
    bounds: Bounds
    type_versions: dict[str, int]
    # Accounts by id; "*" for every account that is named nowhere; "*tenant" for the ceiling.
    zones_until: dict[str, ZoneUntil] = {}
    retired_limits: dict[str, RetiredLimit] = Field(default={}, exclude_if=is_empty)
    """Those that are gone and whose windows still stand, by name."""

    def wire(self) -> dict[str, Any]:
        """As JSON values. What came to bounds later is left out where nobody has set it, so that old hashes stay."""
        # By way of the text: several times faster where there are thousands of accounts.
        whole: dict[str, Any] = msgspec.json.decode(self.model_dump_json())
        for name, unset in _LATER.items():
            if whole["bounds"][name] == unset:
                del whole["bounds"][name]
        return whole

    @property
    def plans(self) -> Plans:
        """All that follows from these bounds, worked out once."""
        kept: Plans | None = self.__dict__.get("_plans")
        # A copy that was changed takes along what was kept beside the first.
        if kept is None or kept.bounds is not self:
            # Not a field: it is neither compared nor written.
            kept = self.__dict__["_plans"] = Plans(self)
        return kept

    def account(self, account_id: str) -> AccountBounds:
        return self.bounds.accounts.get(account_id) or _NOTHING_OF_ITS_OWN

    def allowlist(self, account_id: str) -> ResolvedAllowlist:
        return resolve_allowlist(self.account(account_id).allowlist, self.bounds.allowlist)

    def mode(self, account_id: str, action_type: str) -> ResolvedMode:
        return resolve_mode(action_type, dict(self.account(account_id).modes), dict(self.bounds.modes))

    def policies(self, platform: PlatformSet | None = None) -> PolicySet | str:
        """
        The platform's rules, as this release has them or another had, with the tenant's beside them; or why they do
        not load.
        """
        return load_policies(tuple(self.bounds.policies), platform or PLATFORM_SET)

    def unreadable(self, account_id: str | None = None) -> str | None:
        """The reason why nothing can be decided by these bounds, for that account or for any; `None` if it can."""
        # The platform's own rules load; Cedar need not be brought to say so, and most commands decide nothing.
        policies = self.policies() if self.bounds.policies else None
        if isinstance(policies, str):
            return f"the policies do not load: {policies}"
        if account_id is None:
            found = filter(None, map(self.unreadable_schema, self.bounds.action_types))
            if (problem := next(found, None)) is not None:
                return problem
        accounts = [account_id] if account_id else [_UNNAMED, *self.bounds.accounts]
        zones = [_ceiling_zone(self.bounds), *(_account_zone(self.bounds, account) for account in accounts)]
        zones += [limit.timezone for limit in self.bounds.limits]
        gone = next((zone for zone in zones if not zone_loads(zone)), None)
        return f"{gone!r} is not a time zone (any more); use an IANA name such as Europe/Berlin" if gone else None

    def unreadable_schema(self, action_type: str) -> str | None:
        """
        The reason why nothing can be decided about actions of that type: its schema cannot be used; `None` if it can.
        """
        schema = self.plans.schema(action_type)
        return f"the schema of {action_type} cannot be used: {schema}" if isinstance(schema, str) else None

    def action_type(self, name: str) -> ActionTypeSpec | None:
        return self.bounds.action_types.get(name)

    def type_in_force(self, name: str) -> TypeInForce:
        return TypeInForce(self.action_type(name), self.type_versions.get(name))

    def expires_after(self, action_type: str) -> timedelta:
        """The time that a proposal of this type lives, unless it says so itself."""
        spec = self.action_type(action_type)
        return parse_duration(spec.expires_after if spec else DEFAULT_EXPIRES_AFTER)

    def registry_version(self, action_type: str) -> int | None:
        """The version that a proposal of this type pins now; `None` for a type that is not registered, or no more."""
        return self.type_versions.get(action_type) if self.action_type(action_type) else None

    def connector(self, name: str) -> str:
        """The connector that executes a type; "" for one that is not registered."""
        spec = self.action_type(name)
        return spec.tool.connector if spec else ""

    def scopes_of(self, intent: ActionIntentV1 | Proposal) -> tuple[str, ...]:
        """The scopes of the principal on whose behalf it is, narrowed by every hop; none where there is none."""
        principal = self.bounds.principals.get(intent.on_behalf_of or "")
        return effective_scopes(principal.scopes if principal else (), intent.delegation)

    def private(self, action_type: str) -> Sequence[str]:
        """The paths of an intent of this type whose values are private."""
        spec = self.action_type(action_type)
        return spec.private if spec else ()

    def approvals_required(self, action_type: str) -> int:
        """The number of different people who have to approve an action of this type."""
        spec = self.action_type(action_type)
        return spec.approvals_required if spec else 1

    def sample(self, action_type: str) -> str | UnsetType:
        """The share of this type's automatic actions that people are shown afterwards, as an approval carries it."""
        spec = self.action_type(action_type)
        return share_text(spec.sample) if spec is not None and spec.sample else UNSET

    def budget(self, account_id: str, now: datetime) -> BudgetInForce:
        """The budget of an account at `now`, each part in its zone's day."""
        zone, tenant_zone = map(_zone_that_loads, self.budget_zones(account_id, now))
        return self.budget_on(account_id, day_of(now, zone), day_of(now, tenant_zone))

    def budget_zones(self, account_id: str, now: datetime) -> tuple[str, str]:
        """The zones in whose days an account and the ceiling are counted at `now`, whether or not they load here."""
        return self._zone(account_id, now), self._tenant_zone(now)

    def budget_on(self, account_id: str, day: Day, tenant_day: Day) -> BudgetInForce:
        """The budget of an account on these days of its zone and of the ceiling's."""
        return BudgetInForce(
            budget=merge(self.bounds.budget, self.account(account_id).budget),
            day=day,
            tenant_budget=self.bounds.tenant_budget,
            tenant_day=tenant_day,
        )

    def limits_at(self, now: datetime) -> list[LimitInForce]:
        """The limits in their order, each in its window of that moment."""
        limits = self.bounds.limits
        kinds = {(limit.per, limit.timezone) for limit in limits}
        windows = {(per, zone): window_of(now, per, _zone_that_loads(zone)) for per, zone in kinds}
        return [LimitInForce(limit, windows[limit.per, limit.timezone]) for limit in limits]

    def day(self, now: datetime) -> Day:
        """The tenant's day: that of the accounts which the bounds do not name."""
        return day_of(now, _zone_that_loads(self._zone(_UNNAMED, now)))

    def zones(self, now: datetime) -> set[str]:
        """Every zone whose today holds usage of this tenant."""
        named = {*self.bounds.accounts, *self.zones_until} - {_UNNAMED, _TENANT}
        found = {self._zone(account, now) for account in [*named, _UNNAMED]} | {self._tenant_zone(now)}
        return set(map(_zone_that_loads, found))

    def _zone(self, account_id: str, now: datetime) -> str:
        named = account_id in self.bounds.accounts or account_id in self.zones_until
        running_out = self.zones_until.get(account_id if named else _UNNAMED)
        return _in_force(running_out, _account_zone(self.bounds, account_id), now)

    def _tenant_zone(self, now: datetime) -> str:
        return _in_force(self.zones_until.get(_TENANT), _ceiling_zone(self.bounds), now)


_NOTHING_OF_ITS_OWN = AccountBounds.model_construct()
_TENANT = "*tenant"
# Not in the alphabet of ids: stands for every account that the bounds do not name.
_UNNAMED = "*"


def nothing_set(tenant_id: str) -> BoundsInForce:
    """The bounds of a tenant before its first: no list, no budget, so no autonomy."""
    check_identifier("tenant", tenant_id)
    # Nothing in it is left to check, and to build the checks takes a command longer than most of what it reads.
    bounds = Bounds.model_construct(tenant=tenant_id)
    return BoundsInForce.model_construct(config_sequence=0, bounds=bounds, type_versions={})


def names_account(bounds: Bounds, account_id: str) -> bool:
    return account_id in bounds.accounts


def names_action_type(bounds: Bounds, name: str) -> bool:
    """Is it registered, or at least listed anywhere?"""
    return name in bounds.action_types or any(name == listed for _, listed in unregistered(bounds))


def unregistered(bounds: Bounds) -> list[tuple[str, str]]:
    """Places that name an action type which the bounds do not register, and which: allowed, but often a slip."""
    levels: list[tuple[str, Bounds | AccountBounds]] = [("", bounds)]
    levels += [(f"accounts.{name}.", account) for name, account in bounds.accounts.items()]
    named: list[tuple[str, str]] = []
    for prefix, level in levels:
        named += [(f"{prefix}allowlist", name) for name in level.allowlist or []]
        named += [(f"{prefix}modes", name) for name in level.modes if name != DEFAULT]
        if level.budget:
            named += [(f"{prefix}budget.max_per_action_type", name) for name in level.budget.max_per_action_type]
    named += [(f"limits.{limit.name}", name) for limit in bounds.limits for name in limit.action_types or []]
    return [(path, name) for path, name in named if name not in bounds.action_types]


def check_principal(bounds: BoundsInForce, proposal: Proposal | ActionIntentV1) -> None:
    """Raises `Forbidden` where the account is confined to principals, and the proposal is on behalf of none of them."""
    allowed, named = bounds.account(proposal.account_id).principals, proposal.on_behalf_of
    if allowed is not None and named not in allowed:
        whose = f"{named!r} is not one of them" if named else "none is named (on_behalf_of)"
        raise Forbidden(f"the account {proposal.account_id!r} is confined to principals, and {whose}")


def check_arguments(bounds: BoundsInForce, proposal: Proposal) -> None:
    """
    Raises `InvalidInput` naming the argument that does not fit the schema of its action type.

    Where the schema itself cannot be used, what is proposed is stored and the gate blocks it (`unreadable_schema`).
    """
    schema = bounds.plans.schema(proposal.action_type)
    if isinstance(schema, ParametersSchema):
        schema.check(proposal)


def replace_bounds(before: BoundsInForce, after: Bounds, now: datetime) -> BoundsInForce:
    """
    The next state of a tenant's bounds.

    An action type whose text changed gets its next version, and a type that comes back never gets a
    version that was used before. A changed time zone takes effect when its current day has ended.
    Raises `InvalidInput` for limits that cannot be counted, or that would count something else under the same name.
    """
    check_limits(after.limits, after.action_types)
    check_unchanged(before.retired_limits, before.bounds.limits, after.limits, now)
    versions = dict(before.type_versions)
    for name, spec in after.action_types.items():
        if before.bounds.action_types.get(name) != spec:
            versions[name] = versions.get(name, 0) + 1
    return BoundsInForce(
        config_sequence=before.config_sequence + 1,
        bounds=after,
        type_versions=versions,
        zones_until=_zones_running_out(before, after, now),
        retired_limits=retired_limits(before.retired_limits, before.bounds.limits, after.limits, now),
    )


def changed_types(before: BoundsInForce, after: BoundsInForce) -> list[str]:
    """The action types of which `after` has a version that `before` had not."""
    return [name for name in after.bounds.action_types if after.type_versions[name] != before.type_versions.get(name)]


def _zones_running_out(before: BoundsInForce, after: Bounds, now: datetime) -> dict[str, ZoneUntil]:
    named = _may_have_changed_zone(before, after)
    pairs = {account: (before._zone(account, now), _account_zone(after, account)) for account in named}
    pairs[_UNNAMED] = (before._zone(_UNNAMED, now), _account_zone(after, _UNNAMED))
    pairs[_TENANT] = (before._tenant_zone(now), _ceiling_zone(after))
    # Before the first bounds nothing was charged, so no day has to end.
    if before.config_sequence == 0:
        return {}
    changed = {name for name, (old, new) in pairs.items() if old != new}
    if _UNNAMED in changed:
        # An account that is no longer named keeps its own zone: what runs out for the others is not its day.
        changed |= named - set(after.accounts)
    return {
        name: ZoneUntil(timezone=old, until=day_of(now, old).ends_at)
        for name, (old, _) in pairs.items()
        # In a zone that is gone nothing was counted, so no day has to end.
        if name in changed and zone_loads(old)
    }


def _may_have_changed_zone(before: BoundsInForce, after: Bounds) -> set[str]:
    """Of the accounts that were or are named, all but those of which nothing was changed that says their zone."""
    old, new, running_out = before.bounds.accounts, after.accounts, before.zones_until
    named = {*old, *new, *running_out} - {_UNNAMED, _TENANT}
    if _account_zone(before.bounds, _UNNAMED) != _account_zone(after, _UNNAMED):
        return named
    return {account for account in named if account in running_out or old.get(account) != new.get(account)}


def _zone_that_loads(zone: str) -> str:
    # By bounds whose zone is gone nothing is decided or charged (`unreadable`); days are still told.
    return zone if zone_loads(zone) else DEFAULT_ZONE


def _account_zone(bounds: Bounds, account_id: str) -> str:
    own = bounds.accounts.get(account_id)
    budget = merge(bounds.budget, own.budget if own else None)
    return (budget and budget.timezone) or DEFAULT_ZONE


def _ceiling_zone(bounds: Bounds) -> str:
    return (bounds.tenant_budget and bounds.tenant_budget.timezone) or DEFAULT_ZONE


def _in_force(running_out: ZoneUntil | None, configured: str, now: datetime) -> str:
    return running_out.timezone if running_out and now < running_out.until else configured
