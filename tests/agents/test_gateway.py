"""The gateway between real clients and a real server: what runs, what waits, and that nothing runs twice."""

import asyncio

import pytest
from mcp.shared.exceptions import MCPError

from remit.entrypoints.gateway.replies import INTENT_META_KEY
from tests.entrypoints.http_world import ACME, bounds
from tests.waiting import until_in_loop

from .gateway_world import gateway_world, shop_command
from .mcp_shop import MEBIBYTE, PICTURE

ORDER = {"order_id": "o-1", "amount": 5}
KEY = {"claudecode/toolUseId": "toolu-1"}


@pytest.fixture
def gate(tmp_path):
    with gateway_world(tmp_path) as here:
        yield here


@pytest.fixture(params=["stdio", "http"])
def talk(gate, request):
    """Runs a conversation with a client of the handshake's era: it is told in words what waits."""

    def run(conversation, **options):
        async def whole():
            async with gate.client(request.param, **{"mode": "legacy", **options}) as client:
                return await conversation(client)

        return asyncio.run(whole())

    return run


def text_of(result):
    return " ".join(part.text for part in result.content if part.type == "text")


def intent_of(result):
    return result.meta[INTENT_META_KEY]


async def asked_again(client, waits, **more):
    return await client.call_tool("remit_answer", {"intent_id": intent_of(waits), **more})


WAITS = ("not decided yet", "has not answered yet", "Begin it now", "is being carried out")
"""Each is said while it waits; the first between a person's edit and what the gate says of it."""


async def settled(client, waits):
    """Asked until it waits no more."""
    result = waits
    while any(words in text_of(result) for words in WAITS):
        result = await asked_again(client, waits)
    return result


def test_what_is_within_bounds_is_forwarded_at_once(gate, talk):
    result = talk(lambda client: client.call_tool("note"))

    assert (text_of(result), result.is_error) == ("note done", False)
    assert (gate.effects, gate.statuses()) == (["note"], ["SUCCEEDED"])


def test_the_command_alone_starts_its_servers_and_forwards_a_call(gate):
    gate.settings["servers"]["shop"] = shop_command(gate.directory)

    async def conversation():
        async with gate.by_its_command() as client:
            return await client.call_tool("note")

    assert text_of(asyncio.run(conversation())) == "note done"
    assert (gate.effects, gate.statuses()) == (["note"], ["SUCCEEDED"])


def test_what_is_free_is_no_intent(gate, talk):
    result = talk(lambda client: client.call_tool("search"))

    assert (text_of(result), gate.effects, gate.statuses()) == ("search done", ["search"], [])


def test_what_is_asked_is_told_and_carried_out_once_after_a_yes(gate, talk):
    async def conversation(client):
        waits = await client.call_tool("refund", ORDER, meta=KEY)
        assert waits.is_error and "has not answered yet" in text_of(waits) and gate.effects == []
        gate.approve(intent_of(waits))
        first = await settled(client, waits)
        return first, await settled(client, waits), await client.call_tool("refund", ORDER, meta=KEY)

    results = talk(conversation)

    assert [text_of(result) for result in results] == ["refund done"] * 3
    assert (gate.effects, gate.statuses()) == (["refund o-1 5"], ["SUCCEEDED"])


def test_a_persons_no_is_told_with_who_and_why(gate, talk):
    async def conversation(client):
        waits = await client.call_tool("refund", ORDER)
        gate.world.remit.reject(ACME, intent_of(waits), by="bob", reason="already refunded")
        return await settled(client, waits)

    result = talk(conversation)

    assert result.is_error and "bob rejected REFUND" in text_of(result) and "already refunded" in text_of(result)
    assert gate.effects == []


def test_what_a_person_made_of_it_is_what_runs(gate, talk):
    async def conversation(client):
        waits = await client.call_tool("refund", ORDER)
        edited = gate.world.remit.edit(ACME, intent_of(waits), by="bob", changes={"parameters.amount": 3})
        gate.approve(edited.action_intent_id)
        return await settled(client, waits)

    assert text_of(talk(conversation)) == "refund done"
    assert gate.effects == ["refund o-1 3"]


def test_what_people_ask_back_is_told_and_answered(gate, talk):
    async def conversation(client):
        waits = await client.call_tool("refund", ORDER)
        gate.world.remit.ask(ACME, intent_of(waits), by="bob", text="Which customer?")
        asked = await asked_again(client, waits)
        while "Which customer" not in text_of(asked):
            asked = await asked_again(client, waits)
        return asked, await asked_again(client, waits, supplement="Number 7.")

    asked, waits = talk(conversation)

    assert "Which customer?" in text_of(asked) and "has not answered yet" in text_of(waits)


@pytest.mark.parametrize("meta", [KEY, None])
def test_a_call_made_again_is_the_same_call(gate, talk, meta):
    async def conversation(client):
        return [await client.call_tool("note", {"order_id": "o-1"}, meta=meta) for _ in range(2)]

    first, again = talk(conversation)

    assert first == again and gate.effects == ["note o-1"]


def test_other_calls_and_other_words_are_other_calls(gate, talk):
    async def conversation(client):
        for number in range(2):
            await client.call_tool("note", {"order_id": "o-1"}, meta={"claudecode/toolUseId": f"toolu-{number}"})
            await client.call_tool("note", {"order_id": f"o-{number}"})
        return await client.call_tool("note", {"order_id": "o-9"}, meta={"claudecode/toolUseId": "toolu-1"})

    reused = talk(conversation)

    assert reused.is_error and "Nothing was done" in text_of(reused)
    assert gate.effects == ["note o-1", "note o-0", "note o-1", "note o-1"]


def test_reads_in_the_same_words_are_calls_of_their_own(gate, talk):
    gate.settings["tools"]["note"] = {"read_only": True}

    async def conversation(client):
        for _ in range(2):
            await client.call_tool("note")

    talk(conversation)

    assert gate.effects == ["note", "note"]


def test_calls_that_come_at_once_in_the_same_words_run_once(gate, talk):
    async def conversation(client):
        return await asyncio.gather(*(client.call_tool("note", meta=KEY) for _ in range(3)))

    assert [text_of(result) for result in talk(conversation)] == ["note done"] * 3
    assert gate.effects == ["note"]


def test_an_error_of_a_tool_leaves_it_open_whether_it_acted(gate, talk):
    async def conversation(client):
        return [await client.call_tool("fail", meta=KEY) for _ in range(2)]

    first, again = talk(conversation)

    assert first == again and first.is_error
    assert "the till is on fire" in text_of(first) and "Do NOT do it again" in text_of(first)
    assert (gate.effects, gate.statuses()) == (["fail"], ["UNKNOWN"])


def test_an_error_of_a_tool_that_changes_nothing_is_a_failure(gate, talk):
    gate.settings["tools"]["fail"] = {"read_only": True}

    result = talk(lambda client: client.call_tool("fail"))

    assert result.is_error and text_of(result) == "the till is on fire"
    assert gate.statuses() == ["FAILED"]


def test_a_server_that_dies_in_the_middle_leaves_it_open_and_is_started_again(gate, talk):
    async def conversation(client):
        died = await client.call_tool("die", meta=KEY)
        return died, await client.call_tool("die", meta=KEY), await client.call_tool("note")

    died, again, after = talk(conversation)

    assert died.is_error and "may have happened" in text_of(died) and "may have happened" in text_of(again)
    assert text_of(after) == "note done"
    assert (gate.effects, sorted(gate.statuses())) == (["die", "note"], ["SUCCEEDED", "UNKNOWN"])


def test_a_server_that_does_not_start_is_said_and_nothing_is_proposed(gate, talk):
    gate.settings["servers"]["gone"] = {"command": "/nowhere/at-all"}
    # Its tools are waited for so long.
    gate.settings["answer_within_s"] = 15
    gate.settings["tools"]["shop__note"] = {"action_type": "NOTE"}

    async def conversation(client):
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("gone__note")
        return await client.call_tool("shop__note")

    assert text_of(talk(conversation)) == "note done"


def test_where_remit_cannot_be_reached_only_what_is_free_runs(gate, talk):
    gate.settings["remit"]["url"] = "http://127.0.0.1:9"

    async def conversation(client):
        return await client.call_tool("note"), await client.call_tool("search")

    refused, free = talk(conversation)

    assert refused.is_error and "Remit cannot be asked" in text_of(refused)
    assert (text_of(free), gate.effects) == ("search done", ["search"])


def test_a_key_that_does_not_hold_lets_nothing_run(gate, talk):
    gate.environ["SHOP_KEY"] = "rk.acme.k.nothing"

    result = talk(lambda client: client.call_tool("note"))

    assert result.is_error and "Nothing was done" in text_of(result) and gate.effects == []


def test_an_answer_of_a_mebibyte_passes_whole_and_is_known_by_its_hash_afterwards(gate, talk):
    async def conversation(client):
        return [await client.call_tool("large", meta=KEY) for _ in range(2)]

    first, again = talk(conversation)

    assert text_of(first) == "x" * MEBIBYTE
    assert "was done" in text_of(again) and "only its hash is kept" in text_of(again)
    assert gate.effects == ["large"]


def test_pictures_structure_and_meta_pass_and_come_again_as_they_were(gate, talk):
    async def conversation(client):
        pictures = [await client.call_tool("picture", meta=KEY) for _ in range(2)]
        return pictures, await client.call_tool("structured")

    (first, again), structured = talk(conversation)

    assert first == again and [part.type for part in first.content] == ["text", "image"]
    assert (first.content[1].data, first.meta["shop/page"], structured.structured_content) == (PICTURE, 7, {"total": 5})


def test_what_waits_owes_no_structure(gate, talk):
    gate.settings["tools"]["structured"] = {"action_type": "REFUND"}

    assert "has not answered yet" in text_of(talk(lambda client: client.call_tool("structured")))


def test_progress_passes_while_the_tool_runs(gate, talk):
    heard = []

    async def progress(done, total, message):
        heard.append((done, total, message))
        (gate.directory / "go").touch()

    result = talk(lambda client: client.call_tool("slow", progress_callback=progress))

    assert (heard, text_of(result)) == ([(1, 2, "half of it")], "slow done")


def test_a_call_that_is_cancelled_while_it_waits_is_taken_back(gate, talk):
    gate.settings["hold_s"] = 60

    async def conversation(client):
        call = asyncio.create_task(client.call_tool("refund", ORDER))
        await until_in_loop(lambda: gate.world.remit.waiting(ACME), what="a person is asked")
        (waits,) = gate.world.remit.waiting(ACME)
        call.cancel()
        await until_in_loop(lambda: gate.status(waits.action_intent_id) == "WITHDRAWN", what="it is taken back")

    talk(conversation)

    assert gate.effects == []


def test_wrong_arguments_are_the_clients_mistake(gate, talk):
    gate.settings["tools"]["note"] = {"target": ["order", "order_id"]}

    async def conversation(client):
        return await client.call_tool("note"), await client.call_tool("note", {"order_id": 2**53 + 1})

    for result in talk(conversation):
        assert result.is_error and "order_id" in text_of(result)
    assert gate.effects == []


def test_a_server_may_raise_a_risk(gate, talk):
    gate.settings["tools"]["wipe"] = {"risk": "LOW"}

    result = talk(lambda client: client.call_tool("wipe"))

    assert "RISK" in text_of(result) or "risk" in text_of(result)
    assert gate.effects == []


def test_what_a_worker_carries_out_is_waited_for_and_told(gate, talk):
    tool = {"connector": "internal", "operation": "create_note"}
    types = {"NOTE": {"risk_tier": "LOW", "min_confidence": "none", "tool": tool}}
    gate.world.remit.apply(bounds(action_types=types, allowlist=["NOTE"]), by="the test")

    async def conversation(client):
        waits = await client.call_tool("note", {"text": "hello"})
        await asyncio.to_thread(gate.world.work)
        result = waits
        while "about to be carried out" in text_of(result) or "is being carried out" in text_of(result):
            result = await asked_again(client, waits)
        return waits, result

    waits, result = talk(conversation)

    assert "about to be carried out" in text_of(waits)
    assert '"object_type"' in text_of(result) and gate.effects == []
