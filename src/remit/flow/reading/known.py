"""Names that are known: those of which anything is stored. A name that is not is likely misspelt."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from remit.core.errors import NeverSeen, NotFound
from remit.core.gate.autonomy import StopScope
from remit.core.gate.bounds import names_account, names_action_type
from remit.core.records import DAILY_COUNTS, Key
from remit.core.values import check_identifier
from remit.flow.context import Context, bounds_now, chain_head_key, one
from remit.flow.reading.usage import accounts_of, used_today
from remit.ports import CaseFilter

if TYPE_CHECKING:
    from remit.core.notifications.daily_counts import DailyCounts

COUNTED_DAYS = 14
MOST_NAMES = 500


def require_tenant(context: Context, tenant_id: str) -> None:
    """Raises `NotFound` for a tenant of which nothing is stored."""
    check_identifier("tenant", tenant_id)
    if not _is_known(context, tenant_id):
        raise NotFound("tenant", tenant_id, tenant_id)


def require_seen(context: Context, scope: StopScope) -> None:
    """
    Raises `NeverSeen` for a scope with an account or a type that neither the bounds name nor any intent has. Of
    principals that the bounds do not name, nobody knows which there are.
    """
    tenant_id, account_id, action_type = scope.tenant_id, scope.account_id, scope.action_type
    if tenant_id is None:
        return
    if not _is_known(context, tenant_id):
        raise NeverSeen("tenant", tenant_id, tenant_id)
    bounds = bounds_now(context, tenant_id).bounds
    if account_id and not names_account(bounds, account_id):
        _require_case(context, tenant_id, "account", account_id, CaseFilter(account_id=account_id))
    if action_type and not names_action_type(bounds, action_type):
        _require_case(context, tenant_id, "action type", action_type, CaseFilter(action_type=action_type))


def accounts_in_sight(context: Context, tenant_id: str, now: datetime) -> set[str]:
    """The accounts that the bounds name, that were charged today, or for which something waits."""
    bounds = bounds_now(context, tenant_id)
    waiting = context.store.waiting_counts(tenant_id, ["account_id"])
    return {*accounts_of(bounds, used_today(context, bounds, now)), *(count.name for count in waiting)}


def names_in_use(context: Context, tenant_id: str, now: datetime) -> dict[str, list[str]]:
    """
    The accounts, action types and reasons that there are, to choose from: what the bounds name, and what was decided in
    the last `COUNTED_DAYS`. No intent is read for it; of very many accounts the first `MOST_NAMES` are named.
    """
    bounds = bounds_now(context, tenant_id)
    days = _counted_days(context, tenant_id, now)
    policies = bounds.policies()
    own = set() if isinstance(policies, str) else {rule.reason for rule in policies.rules.values()}
    types = {*bounds.bounds.action_types, *(name for day in days for name in day.decided_types)}
    return {
        "accounts": sorted(accounts_in_sight(context, tenant_id, now))[:MOST_NAMES],
        "action_types": sorted(types)[:MOST_NAMES],
        "reasons": sorted({*own, *(line.reason for day in days for line in day.decisions)})[:MOST_NAMES],
    }


def _counted_days(context: Context, tenant_id: str, now: datetime) -> list[DailyCounts]:
    first = now.date() - timedelta(days=COUNTED_DAYS)
    keys = [Key(DAILY_COUNTS, tenant_id, str(first + timedelta(days=n))) for n in range(COUNTED_DAYS + 2)]
    seen = context.store.read(keys)
    return [day for key in keys if (day := seen.get(key)) is not None]


def _is_known(context: Context, tenant_id: str) -> bool:
    # Most have bounds, and so a chain of their own.
    return one(context, chain_head_key(tenant_id)) is not None or context.store.has_tenant(tenant_id)


def _require_case(context: Context, tenant_id: str, what: str, name: str, which: CaseFilter) -> None:
    if not context.store.cases(tenant_id, which, None, 1):
        raise NeverSeen(what, name, tenant_id)
