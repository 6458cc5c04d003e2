"""
What a look at the queue asks of DynamoDB where many cases wait: requests on the wire, and read units.

`python -m bench.queue_on_dynamodb MANY` prints both, against DynamoDB Local.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.dynamodb import NODE_MODULES, Counting
from infra.local.servers import LOCAL_CREDENTIALS, dynamodb_local
from remit.flow.context import Context
from remit.flow.reading.waiting import WaitingFilter, waiting, waiting_count, waiting_groups
from remit.ports import answer_of
from remit.stores.dynamodb import DynamoStore, create_table, open_client
from remit.testing.samples import NOON, TENANT, make_case, putting_cases
from remit.wiring import uuid7

PAGE = 50
_AT_ONCE = 20
_SOMEBODY = "bob"


@contextmanager
def filled(many: int, counting: Counting) -> Iterator[DynamoStore]:
    """A table in which so many cases of three proposers wait, and nothing else is."""
    os.environ |= LOCAL_CREDENTIALS
    with dynamodb_local(NODE_MODULES) as url:
        client = open_client(region="eu-central-1", endpoint_url=url, answer_within_s=60)
        create_table(client, "queue")
        store = DynamoStore(client, "queue")
        for first in range(0, many, _AT_ONCE):
            cases = map(_case, range(first, min(first + _AT_ONCE, many)))
            answer_of(store.transact([putting_cases(*cases)]))
        counting.hook(client)
        yield store
        store.close()
        client.close()


def _case(number: int) -> Any:
    return make_case(
        f"i-{number:06}",
        status="AWAITING_APPROVAL",
        reason="RISK_LEVEL_HIGH",
        account_id=f"account-{number % 50}",
        proposed_by=f"agent-{number % 3}",
        created_at=NOON + timedelta(seconds=number),
        expires_at=NOON + timedelta(days=9, seconds=number),
    )


def looks(store: DynamoStore) -> dict[str, Callable[[], Any]]:
    context, now = Context(store=store, new_id=uuid7, connectors={}), datetime.now(UTC)
    return {
        "a page of the list": lambda: waiting(context, TENANT, WaitingFilter(answerer=_SOMEBODY), None, PAGE),
        "all groups, and one's own": lambda: waiting_groups(context, TENANT, now, _SOMEBODY),
        "the number in the header": lambda: waiting_count(context, TENANT, _SOMEBODY),
    }


def main(many: int) -> None:
    counting = Counting()
    with filled(many, counting) as store:
        for what, look in looks(store).items():
            counting.requests.clear()
            counting.units.clear()
            look()
            asked = ", ".join(f"{n} {name}" for name, n in counting.requests.most_common())
            print(f"{what}: {counting.requests.total()} requests ({asked}), {counting.units['read']:.0f} read units")


if __name__ == "__main__":
    main(int(sys.argv[1]))
