"""Whoever is broken off while a call waits takes it back: what nobody waits for does not run later."""

import asyncio
import threading

import pytest

from remit import AsyncRemitClient, RemitClient
from remit.agents import AsyncGuard, Guard, action, calling
from remit.core.errors import TryLater
from tests.entrypoints.http_world import ACME, NOTE, OWN
from tests.waiting import until

from .guarded import agents_world, asked, call

NAME = "thread-1:call-1"


@pytest.fixture
def agents(tmp_path):
    with agents_world(tmp_path, "awaited") as here:
        yield here


def broken_off(agents, begin, *, when):
    """Begin something in an event loop, and cancel it when it is time."""

    async def run():
        async with AsyncRemitClient(agents.world.url, agents.world.keys[ACME, "agent"]) as client:
            await agents.cancelled(begin(client), when=when)

    asyncio.run(run())


def waits(agents):
    return lambda: bool(agents.world.remit.waiting(ACME))


def guarded(agents, tool_call, **patience):
    return lambda client: AsyncGuard(client, **patience).call(tool_call, agents.shop.refund)


def test_a_call_that_is_cancelled_while_a_person_is_asked_is_taken_back(agents):
    broken_off(agents, guarded(agents, asked(), wait_s=60), when=waits(agents))

    assert agents.status(NAME) == "WITHDRAWN"
    assert agents.world.remit.why(ACME, NAME)["withdrawal"]["reason"] == "its caller stopped waiting"


def test_a_decorated_function_that_is_cancelled_while_it_waits_is_taken_back(agents):
    async def waiting(client):
        @action(OWN, account_id="acct-1", client=client, confidence_score=0.1, wait_s=60)
        async def refund(amount):
            """Never called."""

        with calling("thread-1", "call-1"):
            await refund(5)

    broken_off(agents, waiting, when=waits(agents))

    assert agents.status(NAME) == "WITHDRAWN"


def test_of_a_call_that_a_person_has_edited_the_newest_is_taken_back(agents):
    def edited():
        if not agents.world.remit.waiting(ACME):
            return False
        edit = agents.world.remit.edit(ACME, NAME, by="bob", changes={"parameters.amount": 3})
        newest.append(edit.action_intent_id)
        return True

    newest = []
    broken_off(agents, guarded(agents, asked(), wait_s=60), when=edited)

    assert (agents.status(NAME), agents.status(newest[0])) == ("SUPERSEDED", "WITHDRAWN")


def test_a_call_that_waits_for_a_worker_is_taken_back_if_none_has_taken_it(agents):
    note = call(action_type=NOTE, arguments={"text": "hello"})

    broken_off(agents, guarded(agents, note, worker_s=60), when=lambda: agents.world.remit.intents(ACME)[0])
    agents.world.work()

    assert agents.status(NAME) == "WITHDRAWN"


def test_what_a_worker_has_begun_is_not_taken_back(agents):
    taken = []

    def begun():
        taken.extend(agents.world.remit.take(1, "w-1"))
        return bool(taken)

    note = call(action_type=NOTE, arguments={"text": "hello"})
    broken_off(agents, guarded(agents, note, worker_s=60), when=begun)
    agents.world.remit.settle(list(zip(taken, agents.world.remit.carry_out(taken), strict=True)))

    assert agents.status(NAME) == "SUCCEEDED"


def test_what_has_a_permit_is_not_taken_back_but_has_perhaps_acted(agents):
    inside = threading.Event()

    async def refund(arguments):
        inside.set()
        await asyncio.Event().wait()

    broken_off(agents, lambda client: AsyncGuard(client).call(call(), refund), when=inside.is_set)

    until(lambda: agents.status(NAME) == "UNKNOWN", what="its end is told")


class Interrupted:
    """A client to which Ctrl-C comes while it asks for the answer of one verb, before or after it has asked."""

    def __init__(self, client, verb, *, after):
        self._client, self._verb, self._after = client, verb, after

    def __getattr__(self, name):
        ask = getattr(self._client, name)
        if name != self._verb:
            return ask

        def interrupted(*args, **kwargs):
            if self._after:
                ask(*args, **kwargs)
            raise KeyboardInterrupt

        return interrupted


def interrupted(agents, tool_call, verb, *, after):
    with RemitClient(agents.world.url, agents.world.keys[ACME, "agent"]) as client, pytest.raises(KeyboardInterrupt):
        Guard(Interrupted(client, verb, after=after)).call(tool_call, agents.shop.refund)
    assert agents.shop.refunds == []


@pytest.mark.parametrize("after", [False, True])
def test_ctrl_c_while_a_call_waits_takes_it_back(agents, after):
    interrupted(agents, asked(), "wait", after=after)

    assert agents.status(NAME) == "WITHDRAWN"


def test_a_permit_whose_answer_nobody_heard_is_given_up(agents):
    interrupted(agents, call(), "propose_and_begin", after=True)

    assert agents.status(NAME) == "FAILED"
    assert agents.world.remit.status(ACME, NAME)["outcome"]["error_message"] == "its caller stopped waiting"


def test_what_was_never_proposed_is_nothing_to_take_back(agents):
    interrupted(agents, call(), "propose_and_begin", after=False)

    assert agents.world.remit.intents(ACME)[0] == []


def test_an_error_on_the_way_takes_nothing_back(agents):
    class Unreached:
        def __init__(self, client):
            self._client = client

        def __getattr__(self, name):
            return getattr(self._client, name)

        def wait(self, *args, **kwargs):
            raise TryLater("not reached")

    with RemitClient(agents.world.url, agents.world.keys[ACME, "agent"]) as client, pytest.raises(TryLater):
        Guard(Unreached(client)).call(asked(), agents.shop.refund)

    assert agents.status(NAME) == "AWAITING_APPROVAL"
