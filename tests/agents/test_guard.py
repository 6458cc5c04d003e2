"""A guarded call in what every adapter rests on, beside what each of them does (`suite`)."""

import asyncio
import threading
from dataclasses import replace

import pytest

from remit import AsyncRemitClient
from remit.agents import Asked, AsyncGuard, Expired, Withdrawn
from remit.client.permit import Permit
from remit.core.errors import RemitError
from tests.entrypoints.http_world import ACME, NOTE, OWN, bounds
from tests.waiting import until, until_in_loop

from .guarded import agents_world, asked, call

NAME = "thread-1:call-1"


@pytest.fixture(params=["blocking", "awaited"])
def agents(request, tmp_path):
    with agents_world(tmp_path, request.param) as here:
        yield here


def test_the_same_call_made_again_answers_what_it_had_answered_and_runs_no_more(agents):
    agents.run(call())

    assert agents.run(call()) == {"refunded": 5}
    assert len(agents.shop.refunds) == 1


def test_a_call_that_is_held_goes_on_when_a_person_has_said_yes(agents):
    said = []
    thread = threading.Thread(target=lambda: said.append(agents.run(asked(), wait_s=60)))
    thread.start()
    until(lambda: agents.world.remit.waiting(ACME), what="a person is asked")

    agents.approve(NAME)
    thread.join(60)

    assert said == [{"refunded": 5}]


@pytest.mark.parametrize(("ending", "error"), [("expired", Expired), ("withdrawn", Withdrawn)])
def test_what_is_over_before_it_began_is_said_and_does_not_run(agents, ending, error):
    more = {"confidence_score": 0.1, "created_at": "2020-01-01T00:00:00Z", "expires_at": "2020-01-02T00:00:00Z"}
    if ending == "expired":
        with pytest.raises(error):
            agents.run(call(more=more))
    else:
        with pytest.raises(Asked):
            agents.run(asked())
        agents.world.remit.withdraw(ACME, NAME, by=agents.world.remit.intent(ACME, NAME).proposed_by)
        with pytest.raises(error, match="taken back"):
            agents.run(asked())
    assert agents.shop.refunds == []


def test_who_is_broken_off_has_perhaps_acted(agents):
    agents.shop.fails = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        agents.run(call())

    assert agents.status(NAME) == "UNKNOWN"


def test_what_the_bounds_refuse_as_wrong_is_an_error_of_the_call(agents):
    with pytest.raises(RemitError, match="parameters"):
        agents.run(call(arguments={"amount": 2**53}))
    assert agents.shop.refunds == []


def test_what_a_worker_executes_is_waited_for_and_its_answer_comes_back(agents):
    note = call(action_type=NOTE, arguments={"text": "hello"})
    with pytest.raises(Asked, match="about to be carried out"):
        agents.run(note)
    made = []
    thread = threading.Thread(target=lambda: made.append(agents.run(note, worker_s=60)))
    thread.start()
    agents.world.work()
    thread.join(60)

    assert made[0]["object_type"] == "note" and agents.shop.refunds == []
    assert agents.run(note) == made[0]


def test_while_a_worker_is_at_it_the_call_waits_and_may_not_be_made_here(agents):
    agents.world.submit(NAME, action_type=NOTE, parameters={"text": "hello"}, target=None, proposed_by="agent-1")
    (taken,) = agents.world.remit.take(1, "w-1")

    with pytest.raises(Asked, match="is being carried out") as waits:
        agents.run(call(action_type=NOTE, arguments={"text": "hello"}, target=None))

    assert (waits.value.status, agents.shop.refunds) == ("RUNNING", [])
    agents.world.remit.settle([(taken, agents.world.remit.carry_out([taken])[0])])


async def at_once(client, slow):
    return await AsyncGuard(client).call(call(), slow)


async def between_two_hooks(client, slow):
    """As a framework does that runs the tool itself."""
    paused = AsyncGuard(client).paused(call())
    step = await paused.until_act()
    await paused.acted(await slow(step.arguments))
    return paused.answer


@pytest.mark.parametrize("runs", [at_once, between_two_hooks])
def test_the_permit_of_a_tool_that_runs_long_is_renewed_while_it_does(tmp_path, monkeypatch, runs):
    renewed = []

    async def renew(permit):
        renewed.append(permit.lease_until)
        return replace(permit, answer=await real(permit))

    async def real(permit):
        return (await permit._client.renew(permit.action_intent_id, approval_id=permit.approval_id)).answer

    async def slow(arguments):
        await until_in_loop(lambda: renewed, what="its permit is renewed")
        return "done"

    with agents_world(tmp_path, "awaited") as agents:
        tool = {"connector": "caller", "timeout_s": 0.01}
        short = {OWN: {"risk_tier": "LOW", "tool": tool}}
        agents.world.remit.apply(bounds(action_types=short, allowlist=[OWN]), by="the test")
        monkeypatch.setattr(Permit, "renew", renew)

        async def connected():
            async with AsyncRemitClient(agents.world.url, agents.world.keys[ACME, "agent"]) as client:
                return await runs(client, slow)

        assert asyncio.run(connected()) == "done"
        assert agents.status(NAME) == "SUCCEEDED"
