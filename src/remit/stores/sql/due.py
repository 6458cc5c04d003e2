"""
Due cases in turns by tenant, what moves before what rests.

The longest due are looked at first, of all tenants together. Only where those are more than are looked at, one tenant's
may be before all of another's; then tenants are gone through by themselves, from where the last look ended.
"""

from __future__ import annotations

from remit.core.records import CASE
from remit.stores.sql import queries
from remit.stores.sql.ledger_order import Fetch
from remit.stores.units import RecordId, tenants_in_turn

MOST_LOOKED_AT = 2000
_GROUPS = (
    (queries.UNTAKEN_DUE, queries.UNTAKEN_TENANTS, queries.UNTAKEN_DUE_OF),
    (queries.EXPIRING_DUE,),
    (queries.RESTING_DUE, queries.WAITING_TENANTS, queries.RESTING_DUE_OF),
)
"""What moves and is no worker's to take, what was a worker's and has expired, and what waits for a person."""


class DueCases:
    """Remembers which tenant was served last where tenants are gone through."""

    def __init__(self) -> None:
        self._last = ""

    def places(self, fetch: Fetch, now_us: int, limit: int) -> list[RecordId]:
        """The places of at most `limit` due cases, in the order in which they are to be moved on."""
        found: list[RecordId] = []
        for group in _GROUPS:
            if len(found) < limit:
                found += self._group(fetch, now_us, limit - len(found), *group)
        return found

    def _group(
        self, fetch: Fetch, now_us: int, limit: int, longest: str, tenants: str = "", due_of: str = ""
    ) -> list[RecordId]:
        most = max(limit, MOST_LOOKED_AT)
        rows = [(tenant_id, id) for tenant_id, id in fetch(longest, {"now": now_us, "limit": most})]
        if tenants and len(rows) >= most:
            rows = self._by_tenant(fetch, now_us, limit, tenants, due_of)
        places = [(CASE.name, tenant_id, id) for tenant_id, id in rows]
        return tenants_in_turn(places, limit, lambda place: place[1])

    def _by_tenant(self, fetch: Fetch, now_us: int, limit: int, tenants: str, due_of: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        behind = [name for (name,) in fetch(tenants, {"after": self._last, "limit": limit})]
        before = fetch(tenants, {"after": "", "limit": limit}) if len(behind) < limit else []
        for tenant_id in list(dict.fromkeys([*behind, *(name for (name,) in before)]))[:limit]:
            rows = fetch(due_of, {"tenant": tenant_id, "now": now_us, "limit": limit})
            found += [(tenant, id) for tenant, id in rows]
            self._last = tenant_id
        return found
