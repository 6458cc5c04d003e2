"""Names that are known: those of which anything is stored. A name that is not is likely misspelt."""

from __future__ import annotations

from datetime import datetime

from remit.core.errors import NeverSeen, NotFound
from remit.core.gate.autonomy import StopScope
from remit.core.gate.bounds import names_account, names_action_type
from remit.core.values import check_identifier
from remit.flow.context import Context, bounds_now, chain_head_key, one
from remit.flow.reading.pages import LARGEST_PAGE
from remit.flow.reading.usage import accounts_of, used_today
from remit.ports import CaseFilter


def require_tenant(context: Context, tenant_id: str) -> None:
    """Raises `NotFound` for a tenant of which nothing is stored."""
    check_identifier("tenant", tenant_id)
    if not _is_known(context, tenant_id):
        raise NotFound("tenant", tenant_id, tenant_id)


def require_seen(context: Context, scope: StopScope) -> None:
    """Raises `NeverSeen` for a scope with an account or a type that neither the bounds name nor any intent has."""
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
    waiting = context.store.waiting(tenant_id, None, None, LARGEST_PAGE)
    return {*accounts_of(bounds, used_today(context, bounds, now)), *(case.account_id for case in waiting)}


def _is_known(context: Context, tenant_id: str) -> bool:
    # Most have bounds, and so a chain of their own.
    return one(context, chain_head_key(tenant_id)) is not None or tenant_id in context.store.tenants()


def _require_case(context: Context, tenant_id: str, what: str, name: str, which: CaseFilter) -> None:
    if not context.store.cases(tenant_id, which, None, 1):
        raise NeverSeen(what, name, tenant_id)
