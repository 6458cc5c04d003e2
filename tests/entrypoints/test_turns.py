"""Turns of tenants at a door's threads."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from remit.entrypoints.web import turns
from remit.entrypoints.web.turns import Turns


class Crowd:
    """Requests that begin when it is their turn and end when they are told to."""

    def __init__(self, most=3, most_of_tenant=2, beside_others=None):
        self.turns = Turns(most, most_of_tenant, beside_others)
        self.at_work, self._end, self.tasks = [], {}, {}

    def send(self, *names):
        for name in names:
            self._end[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._request(name))

    async def _request(self, name):
        async with self.turns.of(name[0]):
            self.at_work.append(name)
            try:
                await self._end[name].wait()
            finally:
                self.at_work.remove(name)

    async def ended(self, *names):
        for name in names:
            self._end[name].set()
            await self.tasks[name]
        await self.settled()

    async def settled(self):
        for _ in range(10):
            await asyncio.sleep(0)


@asynccontextmanager
async def crowd(**limits):
    here = Crowd(**limits)
    yield here
    for task in here.tasks.values():
        task.cancel()
    await asyncio.gather(*here.tasks.values(), return_exceptions=True)


def in_loop(test):
    return lambda: asyncio.run(test())


@in_loop
async def test_a_tenant_is_at_work_in_its_share_and_another_beside_it():
    async with crowd() as here:
        here.send("a1", "a2", "a3", "b1", "b2")
        await here.settled()

        assert here.at_work == ["a1", "a2", "b1"]


@in_loop
async def test_who_waits_comes_in_turns_of_tenants_and_each_in_its_order():
    async with crowd(most=1) as here:
        here.send("a1", "a2", "a3", "b1", "b2")
        began = []
        for _ in range(5):
            await here.settled()
            began += here.at_work
            await here.ended(*here.at_work)

        assert began == ["a1", "a2", "b1", "a3", "b2"]


@in_loop
async def test_who_goes_away_while_it_waits_keeps_nobody_else_waiting():
    async with crowd(most=1) as here:
        here.send("a1", "a2", "a3")
        await here.settled()
        here.tasks["a2"].cancel()
        await here.ended("a1")

        assert here.at_work == ["a3"]


@in_loop
async def test_who_goes_away_in_the_moment_of_its_turn_gives_it_on():
    async with crowd(most=1) as here:
        here.send("a1", "b1", "c1")
        await here.settled()
        here._end["a1"].set()
        while here.turns._at_work.total() != 1 or "a1" in here.at_work:
            await asyncio.sleep(0)
        here.tasks["b1"].cancel()
        await here.settled()

        assert here.at_work == ["c1"]


@in_loop
async def test_a_request_that_fails_ends_its_turn():
    turns = Turns(most=1)
    with pytest.raises(ZeroDivisionError):
        async with turns.of("a"):
            raise ZeroDivisionError

    async with asyncio.timeout(5), turns.of("b"):
        pass


@in_loop
async def test_nothing_is_kept_of_tenants_that_are_done():
    async with crowd(most=1) as here:
        here.send("a1", "b1", "c1")
        await here.settled()
        await here.ended("a1", "b1", "c1")

        assert not here.turns._at_work and not here.turns._waiting


@in_loop
async def test_beside_another_tenant_a_tenant_is_at_work_once_at_a_time_and_alone_twice():
    async with crowd(beside_others=1) as here:
        here.send("a1", "a2", "a3")
        await here.settled()
        alone = list(here.at_work)
        here.send("b1", "b2")
        await here.settled()
        shared = list(here.at_work)
        await here.ended("a1")
        one_left = list(here.at_work)
        await here.ended("a2")

        assert alone == ["a1", "a2"]
        assert shared == ["a1", "a2", "b1"]
        # The second of a's ends first: beside b one at a time is at work.
        assert one_left == ["a2", "b1"]
        assert here.at_work == ["b1", "a3"]


@in_loop
async def test_another_tenant_that_has_asked_for_nothing_for_a_while_takes_no_turn_away():
    now = [0.0]
    async with crowd(beside_others=1) as here:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(turns, "_now", lambda: now[0])
            here.send("b1")
            await here.settled()
            await here.ended("b1")
            now[0] += turns.RECENT_S
            here.send("a1", "a2")
            await here.settled()

            assert here.at_work == ["a1", "a2"]
