"""Autonomy: the allowlist, the modes with their precedence, and the stop switches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct
from pydantic import Field

from remit.core.errors import InvalidInput
from remit.core.identity.person import check_not_system
from remit.core.intent import ActionIntentV1
from remit.core.values import PLATFORM, Document, UtcTime, check_identifier, check_text

AutonomyMode = Literal["AUTO_EXECUTE", "APPROVAL_REQUIRED", "PROPOSE_ONLY", "DISABLED"]
StopLevel = Literal["autonomy", "everything"]

DEFAULT = "default"


class ResolvedAllowlist(Struct, frozen=True):
    """The list in force and where it came from: `account`, `tenant` or `none`."""

    action_types: list[str]
    level: Literal["account", "tenant", "none"]


class ResolvedMode(Struct, frozen=True):
    """The mode in force and the entry it came from."""

    mode: AutonomyMode
    source: str


def resolve_allowlist(account: Sequence[str] | None, tenant: Sequence[str] | None) -> ResolvedAllowlist:
    """An account's list, when present, replaces the tenant's, even when it is empty. No list means none."""
    if account is not None:
        return ResolvedAllowlist(action_types=list(account), level="account")
    if tenant is not None:
        return ResolvedAllowlist(action_types=list(tenant), level="tenant")
    return ResolvedAllowlist(action_types=[], level="none")


def resolve_mode(action_type: str, account: dict[str, AutonomyMode], tenant: dict[str, AutonomyMode]) -> ResolvedMode:
    """
    The most specific entry wins, but `DISABLED` at any matching level wins over all of them.

    `account` and `tenant` map an action type or `"default"` to a mode. Nothing set at all means
    `APPROVAL_REQUIRED`.
    """
    levels: list[tuple[str, AutonomyMode | None]] = [
        ("account + type", account.get(action_type)),
        ("tenant + type", tenant.get(action_type)),
        ("account default", account.get(DEFAULT)),
        ("tenant default", tenant.get(DEFAULT)),
    ]
    for source, mode in levels:
        if mode == "DISABLED":
            return ResolvedMode(mode=mode, source=source)
    for source, mode in levels:
        if mode is not None:
            return ResolvedMode(mode=mode, source=source)
    return ResolvedMode(mode="APPROVAL_REQUIRED", source="nothing set")


class StopScope(Document):
    """
    The range of a stop: everything (no tenant), a tenant, and within it an account, a principal, a type, or what is of
    all those that are named.
    """

    tenant_id: str | None = None
    account_id: str | None = None
    action_type: str | None = None
    # What came later is left out where nobody has set it, so that older stops read as they were written.
    principal: str | None = Field(default=None, exclude_if=lambda value: value is None)

    def covers(self, intent: ActionIntentV1) -> bool:
        return (
            self.tenant_id in (None, intent.tenant_id)
            and self.account_id in (None, intent.account_id)
            and self.action_type in (None, intent.action_type)
            and self.principal in (None, intent.on_behalf_of)
        )

    @property
    def owner(self) -> str:
        """The tenant in whose ledger the stop stands, or the platform."""
        return self.tenant_id or PLATFORM

    def __str__(self) -> str:
        of_account = [("tenant", self.tenant_id), ("account", self.account_id)]
        named = [*of_account, ("principal", self.principal), ("action type", self.action_type)]
        return ", ".join(f"{what} {name}" for what, name in named if name) or "everything everywhere"


class Stop(Document):
    """One pulled stop switch."""

    scope: StopScope
    level: StopLevel
    stopped_by: str
    reason: str
    stopped_at: UtcTime


class Stops(Document):
    """The stop switches of one tenant, or of the platform, that are pulled now."""

    stops: list[Stop] = []

    def with_stop(self, stop: Stop) -> Stops:
        """Pulled; a stop of the same scope and level is replaced, one of the other level stays."""
        others = [s for s in self.stops if (s.scope, s.level) != (stop.scope, stop.level)]
        return Stops(stops=[*others, stop])

    def of_level(self, level: StopLevel) -> Stops:
        """Those of one level alone."""
        return Stops(stops=[stop for stop in self.stops if stop.level == level])

    def without(self, scope: StopScope, level: StopLevel) -> Stops:
        return Stops(stops=[s for s in self.stops if (s.scope, s.level) != (scope, level)])


def check_stop(scope: StopScope, by: str, reason: str) -> None:
    """Refuse a stop, or its end, that names nobody, gives no reason, or covers no one place. Raises `InvalidInput`."""
    for field, value in (("by", by), ("reason", reason)):
        check_text(field, value)
        if not value.strip():
            raise InvalidInput(field, "is empty", "a stop and its end name who and why")
    check_not_system("by", by)
    for field in ("tenant_id", "account_id", "action_type", "principal"):
        if getattr(scope, field) is not None:
            check_identifier(field, getattr(scope, field))
    if scope.tenant_id is None and (scope.account_id or scope.action_type or scope.principal):
        raise InvalidInput("tenant", "is missing", "name the tenant whose account, principal or action type is meant")


def stop_in_force(stops: Iterable[Stops], intent: ActionIntentV1) -> Stop | None:
    """The strictest stop that covers this action, `everything` before `autonomy`; `None` if nothing stops it."""
    covering = [stop for group in stops for stop in group.stops if stop.scope.covers(intent)]
    return min(covering, key=lambda stop: stop.level != "everything") if covering else None


def stops_all(stops: Iterable[Stop]) -> bool:
    """Does one of a tenant's stops cover all that is of it?"""
    return any(stop.scope == StopScope(tenant_id=stop.scope.tenant_id) for stop in stops)


def stopped_for(source: str, stop: Stop | None) -> bool:
    """Does this stop forbid an execution approved by `source`? `autonomy` stops only policy's approvals."""
    return stop is not None and (stop.level == "everything" or source == "POLICY")
