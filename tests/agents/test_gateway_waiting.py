"""What waits: each client is told in its own way, and what is approved runs when its client or its gateway has gone."""

import asyncio

import httpx
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError

from remit.entrypoints.gateway.dialect import LAST_ROUND
from tests.entrypoints.http_world import ACME
from tests.waiting import PATIENCE_S, until, until_in_loop

from .gateway_world import gateway_world, shop_command
from .mcp_tasks import Tasks, of_task
from .test_gateway import KEY, ORDER, intent_of, settled, text_of


@pytest.fixture
def gate(tmp_path):
    with gateway_world(tmp_path) as here:
        yield here


@pytest.mark.parametrize("over", ["stdio", "http"])
def test_a_client_that_knows_tasks_is_given_one_and_polls_it(gate, over):
    async def conversation():
        async with gate.client(over, extensions=[Tasks()]) as client:
            task = text_of(await client.call_tool("refund", ORDER))
            assert (await of_task(client, "get", task))["status"] == "working"
            gate.approve(gate.waiting().action_intent_id)
            while (found := await of_task(client, "get", task))["status"] == "working":
                await asyncio.sleep(0)
            return found

    found = asyncio.run(conversation())

    assert (found["status"], found["result"]["content"][0]["text"]) == ("completed", "refund done")
    assert gate.effects == ["refund o-1 5"]


def test_a_task_that_is_cancelled_is_taken_back(gate):
    async def conversation():
        async with gate.client("http", extensions=[Tasks()]) as client:
            task = text_of(await client.call_tool("refund", ORDER))
            await of_task(client, "cancel", task)
            return await of_task(client, "get", task)

    assert asyncio.run(conversation())["status"] == "cancelled"
    assert (gate.statuses(), gate.effects) == (["WITHDRAWN"], [])


def test_tasks_are_only_for_who_announced_them_and_cannot_be_guessed(gate):
    async def conversation():
        with gate.gateway() as url:
            async with gate.at(url, extensions=[Tasks()]) as client:
                task = text_of(await client.call_tool("refund", ORDER))
                with pytest.raises(MCPError, match="not found"):
                    await of_task(client, "get", task[:-1] + ("0" if task[-1] != "0" else "1"))
            async with gate.at(url) as client:
                with pytest.raises(MCPError, match="not announced"):
                    await of_task(client, "get", task)

    asyncio.run(conversation())


@pytest.mark.parametrize("over", ["stdio", "http"])
def test_a_client_that_opens_urls_is_shown_the_page_and_has_the_result_when_somebody_said_yes(gate, over):
    pages = []

    async def asked(_, params):
        pages.append(params.url)
        gate.approve(params.url.rpartition("/")[2])
        return types.ElicitResult(action="accept")

    async def conversation():
        async with gate.client(over, elicitation_callback=asked, input_required_max_rounds=10) as client:
            return await client.call_tool("refund", ORDER)

    gate.settings["hold_s"] = 2
    result = asyncio.run(conversation())

    assert text_of(result) == "refund done" and gate.effects == ["refund o-1 5"]
    (page,) = pages
    assert page.startswith(f"{gate.world.url}/console/intents/")


def test_a_page_that_its_person_does_not_want_to_see_is_not_shown_again(gate):
    async def refused(_, params):
        return types.ElicitResult(action="decline")

    async def conversation():
        async with gate.client("http", elicitation_callback=refused) as client:
            return await client.call_tool("refund", ORDER)

    assert "has not answered yet" in text_of(asyncio.run(conversation()))


def test_a_client_of_today_without_more_is_asked_to_come_again_and_told_in_words_before_it_gives_up(gate):
    async def conversation():
        async with gate.client("http") as client:
            return await client.call_tool("refund", ORDER)

    result = asyncio.run(conversation())

    assert result.is_error and "remit_answer" in text_of(result)
    assert LAST_ROUND == 9 and gate.statuses() == ["AWAITING_APPROVAL"]


def test_what_a_client_brings_back_holds_for_its_own_call_alone(gate):
    async def conversation():
        async with gate.client("http") as client:
            first = await client.session.call_tool("refund", ORDER, allow_input_required=True)
            with pytest.raises(MCPError, match="requestState"):
                await client.session.call_tool("refund", {"order_id": "o-2"}, request_state=first.request_state)
            with pytest.raises(MCPError, match="requestState"):
                await client.session.call_tool("refund", ORDER, request_state="mine")

    asyncio.run(conversation())


def test_a_client_of_before_that_opens_urls_is_told_the_page_by_an_error(gate):
    async def unused(_, params):
        raise AssertionError("an error says it")

    async def conversation():
        async with gate.client("stdio", mode="legacy", elicitation_callback=unused) as client:
            with pytest.raises(MCPError) as told:
                await client.call_tool("refund", ORDER)
            return UrlElicitationRequiredError.from_error(told.value.error)

    (asked,) = asyncio.run(conversation()).elicitations

    assert asked.url == f"{gate.world.url}/console/intents/{asked.elicitation_id}"


def test_what_is_approved_runs_when_its_client_has_gone_and_its_result_is_there_when_it_comes_again(gate):
    async def asks(url):
        async with gate.at(url, mode="legacy") as client:
            return await client.call_tool("refund", ORDER, meta=KEY)

    with gate.gateway() as url:
        waits = asyncio.run(asks(url))
        gate.approve(intent_of(waits))
        gate.becomes(intent_of(waits), "SUCCEEDED")
        again = asyncio.run(asks(url))

    assert text_of(again) == "refund done" and gate.effects == ["refund o-1 5"]


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_what_waited_when_a_gateway_ended_is_carried_out_by_the_next(gate, how):
    async def asks(url):
        async with gate.at(url, mode="legacy") as client:
            return await client.call_tool("refund", ORDER, meta=KEY)

    first = gate.started()
    waits = asyncio.run(asks(gate.url_of(first)))
    getattr(first, how)()
    first.ended()
    gate.approve(intent_of(waits))
    assert gate.status(intent_of(waits)) == "APPROVED" and gate.effects == []

    with gate.gateway() as url:
        gate.becomes(intent_of(waits), "SUCCEEDED")
        again = asyncio.run(asks(url))

    assert text_of(again) == "refund done" and gate.effects == ["refund o-1 5"]
    assert list((gate.directory / "gateway.waiting").iterdir()) == []


def test_of_two_gateways_that_wait_for_one_call_one_carries_it_out(gate):
    async def asks(url):
        async with gate.at(url, mode="legacy") as client:
            return await client.call_tool("refund", ORDER, meta=KEY)

    async def later(url, waits):
        async with gate.at(url, mode="legacy") as client:
            return await settled(client, waits)

    with gate.gateway() as one:
        waits = asyncio.run(asks(one))
        with gate.gateway() as other:
            asyncio.run(asks(other))
            gate.approve(intent_of(waits))
            results = [asyncio.run(later(url, waits)) for url in (one, other)]

    assert [text_of(result) for result in results] == ["refund done"] * 2
    assert gate.effects == ["refund o-1 5"]


def test_a_client_that_brings_a_key_of_its_own_acts_as_that_agent(gate):
    _, key = gate.world.remit.create_key(ACME, {"name": "other-agent", "roles": ["agent"]}, by="the test")
    gate.settings["callers_key"] = True

    async def conversation(url):
        async with gate.at(url, headers={"Authorization": f"Bearer {key}"}) as client:
            return await client.call_tool("note")

    with gate.gateway() as url:
        refused = httpx.post(url, json={}, trust_env=False, timeout=PATIENCE_S)
        result = asyncio.run(conversation(url))

    assert (refused.status_code, refused.headers["www-authenticate"], text_of(result)) == (401, "Bearer", "note done")
    (line,) = gate.world.client("auditor").get("/v1/intents").json()["items"]
    assert gate.world.remit.intent(ACME, line["action_intent_id"]).proposed_by == "other-agent"


def test_nobody_without_one_key_of_their_own_acts_as_the_gateways_agent(gate):
    gate.settings["callers_key"] = True
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "note", "arguments": {}}}
    accepts = [("Accept", "application/json, text/event-stream"), ("MCP-Protocol-Version", "2025-06-18")]
    sent: list[list[str | bytes]] = [
        ["Basic x", "Bearer x"],
        ["Bearer x", "Basic x"],
        [b"Bearer \xa0"],
        [b"Bearer \x85"],
        ["Bearer"],
        [],
    ]

    with gate.gateway() as url:
        answers = [
            httpx.post(
                url,
                json=call,
                headers=[*(("Authorization", each) for each in headers), *accepts],
                trust_env=False,
                timeout=PATIENCE_S,
            )
            for headers in sent
        ]

    assert [answer.status_code for answer in answers] == [401] * len(sent)
    assert (gate.statuses(), gate.effects) == ([], [])


def test_a_tool_runs_only_for_an_approved_call_of_its_own_type(gate):
    agent = gate.world.client("agent")

    async def conversation():
        async with gate.client("http", mode="legacy") as client:
            waits = await client.call_tool("refund", ORDER)
            asked = agent.get(f"/v1/intents/{intent_of(waits)}").json()["intent"]
            said = {"parameters": ORDER, "why": asked["why"], "account_id": asked["account_id"]}
            agent.post("/v1/intents", json={"action_intent_id": "disguised", "action_type": "NOTE", **said})
            return await settled(client, await client.call_tool("remit_answer", {"intent_id": "disguised"}))

    result = asyncio.run(conversation())

    assert "another action type" in text_of(result)
    assert gate.effects == []


def test_nothing_of_one_key_is_told_to_another(gate):
    _, key = gate.world.remit.create_key(ACME, {"name": "other-agent", "roles": ["agent"]}, by="the test")

    async def conversation():
        with gate.gateway() as url:
            async with gate.at(url, mode="legacy") as client:
                waits = await client.call_tool("refund", ORDER)
            async with gate.at(url, mode="legacy", headers={"Authorization": f"Bearer {key}"}) as client:
                return await client.call_tool("remit_answer", {"intent_id": intent_of(waits)})

    result = asyncio.run(conversation())

    assert result.is_error and "REFUND" not in text_of(result)


def test_an_approval_while_its_server_is_away_is_carried_out_when_it_is_back(gate):
    async def asks(url):
        async with gate.at(url, mode="legacy") as client:
            return await client.call_tool("refund", ORDER, meta=KEY)

    first = gate.started()
    waits = asyncio.run(asks(gate.url_of(first)))
    first.ended()
    away = gate.directory / "away"
    gate.settings["servers"]["shop"] = shop_command(gate.directory, SHOP_AWAY=str(away))
    away.touch()
    gate.approve(intent_of(waits))
    with gate.gateway():
        until(lambda: (gate.directory / "tried").exists(), what="the server is started in vain")
        assert gate.status(intent_of(waits)) == "APPROVED"
        away.unlink()
        gate.becomes(intent_of(waits), "SUCCEEDED")

    assert gate.effects == ["refund o-1 5"]


def test_a_gateway_that_is_killed_while_a_tool_runs_makes_no_second_call(gate):
    async def asks(url):
        async with gate.at(url, mode="legacy") as client:
            return await client.call_tool("slow", meta=KEY)

    async def killed(url, process):
        async with gate.at(url, mode="legacy") as client:
            call = asyncio.create_task(client.call_tool("slow", meta=KEY))
            await until_in_loop(lambda: gate.effects, what="the tool runs")
            process.kill()
            call.cancel()

    first = gate.started()
    asyncio.run(killed(gate.url_of(first), first))
    first.ended()
    (gate.directory / "go").touch()

    async def answer(url, name):
        async with gate.at(url, mode="legacy") as client:
            return await client.call_tool("remit_answer", {"intent_id": name})

    gate.settings["answer_within_s"] = 5
    (line,) = gate.world.client("auditor").get("/v1/intents").json()["items"]
    with gate.gateway() as url:
        told = asyncio.run(answer(url, line["action_intent_id"]))
        again = asyncio.run(asks(url))

    assert again.is_error and "Do not do it again" in text_of(again)
    assert "is being carried out" in text_of(told) and "Nothing has been done" not in text_of(told)
    assert gate.effects == ["slow"]


def test_a_tool_that_is_cancelled_while_it_runs_leaves_it_open(gate):
    async def conversation():
        async with gate.client("stdio", mode="legacy") as client:
            call = asyncio.create_task(client.call_tool("slow", meta=KEY))
            await until_in_loop(lambda: gate.effects, what="the tool runs")
            call.cancel()
            await until_in_loop(lambda: gate.statuses() == ["UNKNOWN"], what="nobody knows")

    asyncio.run(conversation())

    assert gate.effects == ["slow"]


def test_a_client_of_today_that_leaves_while_it_is_asked_takes_its_call_back(gate):
    gate.settings["hold_s"] = 60

    async def leaves(url):
        async with gate.at(url) as client:
            call = asyncio.create_task(client.call_tool("refund", ORDER))
            await until_in_loop(lambda: gate.world.remit.waiting(ACME), what="a person is asked")
            call.cancel()
            await until_in_loop(lambda: gate.statuses() == ["WITHDRAWN"], what="it is taken back")

    with gate.gateway() as url:
        asyncio.run(leaves(url))

    assert gate.effects == []
