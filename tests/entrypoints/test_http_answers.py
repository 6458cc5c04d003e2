"""The answer to a proposal over HTTP: asked for, or waited for, by whoever may."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from remit.client.http_client import AsyncRemitClient, RemitClient
from remit.core.errors import TryLater
from remit.entrypoints.web.settings import HttpSettings
from tests.entrypoints.http_world import ACME, EMAIL, http_world, problem
from tests.waiting import PATIENCE_S, until

LONG_S = 60


def waiting(world, name="i-1", **changes):
    """An intent that the agent of the test proposed, and that waits for a person."""
    world.submit(name, action_type=EMAIL, proposed_by="agent-1", **changes)
    return f"/v1/intents/{name}/answer"


def waits(world):
    return world.app.state.waits._waiting


def is_waited(world, many=1):
    until(lambda: len(waits(world)) >= many, what="they wait")


def test_an_agent_asks_what_became_of_it(world):
    path = waiting(world)

    told = world.client("agent").get(path).json()

    assert (told["status"], told["settled"]) == ("AWAITING_APPROVAL", False)
    assert "Nothing has been done" in told["text"]


def test_it_is_held_until_a_person_has_answered(world):
    path = waiting(world)
    agent, approver = world.client("agent"), world.client("approver")

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(agent.get, path, params={"wait_s": LONG_S})
        is_waited(world)
        approver.post("/v1/intents/i-1/reject", json={"reason": "no"})
        told = asked.result().json()

    assert (told["status"], told["rejected_by"], told["reason"]) == ("REJECTED", "approver-1", "no")
    assert not waits(world)


def test_when_its_time_is_over_it_is_answered_as_it_stands(world):
    path = waiting(world)

    told = world.client("agent").get(path, params={"wait_s": 0.05}).json()

    assert (told["status"], told["settled"]) == ("AWAITING_APPROVAL", False)


@pytest.mark.parametrize("wait_s", ["-1", "61", "nan", "inf", "soon"])
def test_how_long_is_within_bounds(world, wait_s):
    told = problem(world.client("agent").get(waiting(world), params={"wait_s": wait_s}), 422)

    assert told["field"] == "wait_s"


@pytest.mark.parametrize("query", [{}, {"wait_s": LONG_S}])
def test_another_agent_and_another_tenant_get_no_answer(world, query):
    path = waiting(world)
    _, key = world.remit.create_key(ACME, {"name": "agent-2", "roles": ["agent"]}, by="the test")
    other = world.client(None)
    other.headers["Authorization"] = f"Bearer {key}"

    problem(other.get(path, params=query), 403, "forbidden")
    problem(world.client("agent", "globex").get(path, params=query), 404, "not-found")
    assert not waits(world)


def test_people_are_told_and_have_the_result_where_its_type_says_so(world):
    world.submit("i-1", proposed_by="agent-1")
    world.work()

    agents, auditors = (world.client(role).get("/v1/intents/i-1/answer").json() for role in ("agent", "auditor"))

    assert "hello" in agents["result"]["content"]
    assert "hello" in agents["text"]
    assert (auditors["status"], auditors["result"]) == ("SUCCEEDED", None)
    assert "The tool answered" not in auditors["text"]


def test_one_credential_holds_so_many_and_no_more(tmp_path):
    with http_world(tmp_path, HttpSettings(most_waits_of_credential=2)) as world:
        path = waiting(world)
        agent = world.client("agent")
        with ThreadPoolExecutor(2) as pool:
            held = [pool.submit(agent.get, path, params={"wait_s": LONG_S}) for _ in range(2)]
            is_waited(world, 2)

            refused = problem(agent.get(path, params={"wait_s": 1}), 429, "too-many-requests")
            at_once = agent.get(path)

            world.client("approver").post("/v1/intents/i-1/reject", json={})
            assert {each.result().json()["status"] for each in held} == {"REJECTED"}
    assert "ask without wait_s" in refused["detail"]
    assert at_once.is_success


def test_a_server_that_ends_answers_whoever_waits(world):
    path = waiting(world)
    agent = world.client("agent")

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(agent.get, path, params={"wait_s": LONG_S})
        is_waited(world)
        world.stop()
        told = asked.result().json()

    assert told["status"] == "AWAITING_APPROVAL"


def test_who_has_gone_holds_no_place(world):
    path = waiting(world)
    agent = world.client("agent")

    with pytest.raises(httpx.ReadTimeout):
        agent.get(path, params={"wait_s": LONG_S}, timeout=httpx.Timeout(PATIENCE_S, read=0.5))

    until(lambda: not waits(world), what="its place is free")


# --- the clients ---


def test_a_client_waits_for_longer_than_one_question_is_held(world, monkeypatch):
    waiting(world)
    asked, enter = [], world.app.state.waits.enter
    monkeypatch.setattr(world.app.state.waits, "enter", lambda caller: asked.append(caller.name) or enter(caller))
    monkeypatch.setattr("remit.client.http_client.LONGEST_WAIT_S", 0.05)
    with RemitClient(world.url, world.keys[ACME, "agent"]) as client, ThreadPoolExecutor(1) as pool:
        told = pool.submit(client.wait, "i-1", timeout_s=PATIENCE_S)
        until(lambda: len(asked) > 1, what="it has asked again")
        world.client("approver").post("/v1/intents/i-1/reject", json={})

        assert told.result()["status"] == "REJECTED"


def test_a_client_goes_on_waiting_when_a_question_comes_to_nothing(world, monkeypatch):
    waiting(world)
    sound, failed = world.app.state.waits.enter, []

    def enter(caller):
        if len(failed) < 2:
            failed.append(caller.name)
            raise TryLater("not now")
        return sound(caller)

    monkeypatch.setattr("remit.client.http_client.LOOK_AGAIN_S", 0.01)
    monkeypatch.setattr(world.app.state.waits, "enter", enter)
    world.remit.reject(ACME, "i-1", by="bob")

    with RemitClient(world.url, world.keys[ACME, "agent"]) as client:
        assert client.wait("i-1", timeout_s=PATIENCE_S)["status"] == "REJECTED"
        assert len(failed) == 2


def test_a_client_that_reaches_nobody_says_so_when_its_time_is_over():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"

        with RemitClient(url, "rk.acme.k.s") as client, pytest.raises(TryLater):
            client.wait("i-1", timeout_s=0.05)


def test_a_client_s_wait_ends_in_time(world):
    waiting(world)

    with RemitClient(world.url, world.keys[ACME, "agent"]) as client:
        assert client.wait("i-1", timeout_s=0.05)["status"] == "AWAITING_APPROVAL"
        assert client.answer("i-1")["settled"] is False


def test_an_async_client_waits_for_many_at_once(world):
    names = [f"i-{number}" for number in range(20)]
    for name in names:
        waiting(world, name)

    async def all_of_them():
        async with AsyncRemitClient(world.url, world.keys[ACME, "agent"]) as client:
            waited = asyncio.gather(*(client.wait(name, timeout_s=PATIENCE_S) for name in names))
            rejecting = asyncio.to_thread(_reject_all, world, names)
            return (await asyncio.gather(waited, rejecting))[0]

    told = asyncio.run(all_of_them())

    assert {each["status"] for each in told} == {"REJECTED"}
    assert threading.active_count() < 60


def _reject_all(world, names):
    is_waited(world, len(names))
    for name in names:
        world.client("approver").post(f"/v1/intents/{name}/reject", json={})


# --- asking back ---


def test_a_person_asks_back_and_the_agent_answers(world):
    path = waiting(world)
    agent, approver = world.client("agent"), world.client("approver")

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(agent.get, path, params={"wait_s": LONG_S})
        is_waited(world)
        approver.post("/v1/intents/i-1/question", json={"text": "Which order?"})
        told = asked.result().json()
    said = agent.post("/v1/intents/i-1/supplement", json={"text": "Order 17."}).json()

    assert told["settled"]
    assert [each["text"] for each in told["questions"]] == ["Which order?"]
    (shown,) = said["items"]
    assert (shown["asked_by"], shown["supplement"]) == ("approver-1", "Order 17.")
    (item,) = approver.get("/v1/queue").json()["items"]
    assert item["questions"] == said["items"]
    assert world.client("auditor").post("/v1/verify").json()["ok"]


def test_another_agent_says_nothing_about_it(world):
    waiting(world)
    world.client("approver").post("/v1/intents/i-1/question", json={"text": "Which order?"})
    _, key = world.remit.create_key(ACME, {"name": "agent-2", "roles": ["agent"]}, by="the test")
    other = world.client(None)
    other.headers["Authorization"] = f"Bearer {key}"

    problem(other.post("/v1/intents/i-1/supplement", json={"text": "mine"}), 403, "forbidden")
    problem(world.client("agent").post("/v1/intents/i-1/question", json={"text": "?"}), 403, "forbidden")
