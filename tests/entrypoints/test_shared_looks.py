"""Streams of one tenant share their looks at the ledger."""

import asyncio
import threading
from typing import Any, cast

from remit.entrypoints.web.stream import SharedLooks
from remit.entrypoints.web.turns import Turns
from remit.flow.reading.timeline import Followed, StreamCursor
from tests.waiting import happened


class Ledger:
    """Stands for a Remit: whoever looks waits until `go_on` is set."""

    def __init__(self):
        self.looks: list[str] = []
        self.at_work = self.most_at_work = 0
        self.looking, self.go_on = threading.Event(), threading.Event()

    def since(self, tenant_id, cursor):
        self.looks.append(f"{tenant_id} {cursor.position}")
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        self.looking.set()
        happened(self.go_on, what="the look may go on")
        self.at_work -= 1
        return Followed([("p2", cast(Any, {"text": "told"}))], StreamCursor("p2"), more=False)


def looked(ledger, *places):
    """What streams at these places of a tenant are told; the first of them leaves before its look is over."""

    async def looks():
        shared, turns = SharedLooks(), Turns()
        streams = [asyncio.create_task(shared.look(ledger, turns, tenant, StreamCursor(at))) for tenant, at in places]
        await asyncio.to_thread(happened, ledger.looking, what="somebody looks")
        streams[0].cancel()
        ledger.go_on.set()
        return await asyncio.gather(*streams[1:])

    return asyncio.run(looks())


def test_streams_that_stand_at_the_same_place_share_one_look_whoever_of_them_leaves():
    ledger = Ledger()

    told = looked(ledger, *[("acme", "p1")] * 5)

    assert ledger.looks == ["acme p1"]
    assert len(told) == 4
    assert {(seen.events, seen.cursor.position) for seen in told} == {
        (b'id: p2\nevent: timeline\ndata: {"text":"told"}\n\n', "p2")
    }


def test_looks_of_one_tenant_come_one_after_the_other():
    ledger = Ledger()

    looked(ledger, *[("acme", f"p{number}") for number in range(4)])

    assert len(ledger.looks) == 4
    assert ledger.most_at_work == 1


def test_another_tenants_look_is_its_own():
    ledger = Ledger()

    looked(ledger, ("acme", "p1"), ("acme", "p1"), ("beta", "p1"))

    assert sorted(ledger.looks) == ["acme p1", "beta p1"]
