"""
Consumers of the ledger in a copy of it: their positions are those of FROM, and mean nothing in TO.

Nobody writes to FROM any more. So its consumers are followed to their ends as ever, but what they count and tell is
written in TO: then everything that TO holds has been met, and TO's own last position says so. What a release before
positions left behind is a time, which means the same in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast

from msgspec import Struct

from remit.core.ledger.position import LedgerConsumer
from remit.core.records import CONSUMER, Key
from remit.core.values import PLATFORM
from remit.flow.context import Context
from remit.flow.notifications import call_back, collect
from remit.flow.notifications.count import Counting
from remit.ports import Snapshot, Store, UnitOfWork, Writes, answer_of

_EVERY = 1_000_000


class _FollowedIntoTarget:
    """A store whose ledger and lists are FROM's, and whose records are TO's, where they are written."""

    def __init__(self, source: Store, target: Store) -> None:
        self._source = source
        self.read, self.transact = target.read, target.transact

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def carry_over(source: Store, target: Store, tenants: Sequence[str], now: datetime, new_id: Callable[[], str]) -> None:
    """
    Count and tell in `target` what nobody has met yet in `source`, and have all consumers stand at its end.

    Of a frozen `source` of which `target` holds every record and entry; done again on such a copy it comes to the
    same.
    """
    followed = cast(Store, _FollowedIntoTarget(source, target))
    context, counting = Context(store=followed, new_id=new_id, connectors={}), Counting()
    for tenant_id in tenants:
        if tenant_id != PLATFORM:
            _follow_to_the_end(context, counting, tenant_id, now)
    end = target.ledger_position(PLATFORM)
    for tenant_id in tenants:
        for id, consumer in list(target.records(CONSUMER, tenant_id)):
            if consumer.position:
                standing = StandAt(Key(CONSUMER, tenant_id, id), consumer, end)
                answer_of(target.transact([standing.unit()]))


def _follow_to_the_end(context: Context, counting: Counting, tenant_id: str, now: datetime) -> None:
    while counting.count(context, tenant_id, now).more:
        pass
    while collect.collect(context, tenant_id, now, counted=True).more:
        pass
    while call_back.call_back(context, tenant_id, now, most_undelivered=_EVERY).more:
        pass


class StandAt(Struct, frozen=True):
    """Have a consumer stand at this position, whatever it has met."""

    key: Key[LedgerConsumer]
    consumer: LedgerConsumer
    position: str

    def unit(self) -> UnitOfWork[None]:
        return UnitOfWork([self.key], self.decide)

    def decide(self, _: Snapshot) -> Writes[None]:
        standing = LedgerConsumer(position=self.position, latest_at=self.consumer.latest_at)
        return Writes(answer=None, puts=[(self.key, standing)])
