"""Results over HTTP: read by who proposed, by people where the type says so, erased by admins."""

from __future__ import annotations

import json

import pytest

from remit.core.canonical import sha256_hex
from tests.entrypoints.http_world import ACME, NOTE, bounds, problem

SHOWN = {"risk_tier": "MINIMAL", "tool": {"connector": "internal", "operation": "create_note"}}


def done(world, name="i-1", **changes):
    """A note that an agent proposed, and that was made."""
    world.submit(name, proposed_by="agent-1", **changes)
    world.work()
    return f"/v1/intents/{name}/result"


def people_may_read(world):
    world.remit.apply(bounds(action_types={NOTE: {**SHOWN, "result": {"people": True}}}), by="the test")


def test_who_proposed_reads_what_the_tool_answered(world):
    answer = world.client("agent").get(done(world)).json()

    note = json.loads(answer["content"])
    assert (answer["state"], answer["encoding"], answer["media_type"]) == ("KEPT", "utf-8", "application/json")
    assert note["fields"]["text"] == "hello"
    assert answer["sha256"] == sha256_hex(answer["content"].encode())


def test_people_see_that_there_is_one_and_its_content_where_its_type_says_so(world):
    path = done(world)
    told = problem(world.client("auditor").get(path), 403, "forbidden")
    known = world.client("auditor").get("/v1/intents/i-1").json()["result"]
    people_may_read(world)
    later = done(world, "i-2")

    assert "result: {people: true}" in told["detail"]
    assert known["kept"]
    assert "content" not in known
    for role in ("approver", "operator", "admin", "auditor"):
        assert world.client(role).get(later).json()["state"] == "KEPT"
    # It was proposed under a version that did not say so.
    problem(world.client("auditor").get(path), 403, "forbidden")


def test_another_agent_and_another_tenant_read_nothing(world):
    people_may_read(world)
    path = done(world)
    _, key = world.remit.create_key(ACME, {"name": "agent-2", "roles": ["agent"]}, by="the test")
    other = world.client(None)
    other.headers["Authorization"] = f"Bearer {key}"

    problem(other.get(path), 403, "forbidden")
    problem(world.client("auditor", "globex").get(path), 404, "not-found")
    problem(world.client("platform").get(path), 403, "forbidden")


@pytest.mark.parametrize("name", ["waiting", "nobody"])
def test_before_there_is_a_result_it_is_not_found(world, name):
    world.submit("waiting", proposed_by="agent-1")

    problem(world.client("agent").get(f"/v1/intents/{name}/result"), 404, "not-found")


def test_an_admin_erases_it_and_the_ledger_says_through_which_credential(world):
    path = done(world)
    admin, agent = world.client("admin"), world.client("agent")

    erased = admin.delete(path, params={"reason": "asked for"})
    again = admin.delete(path)

    assert erased.json() == again.json()
    assert erased.json()["sha256"]
    read = agent.get(path).json()
    assert (read["state"], read["content"], read["sha256"]) == ("ERASED", None, erased.json()["sha256"])
    entry = world.remit.ledger(ACME, "i-1")[-1]
    assert (entry["event_type"], entry["actor"]) == ("CONTENT_ERASED", "admin-1")
    assert (entry["data"]["reason"], entry["data"]["credential"]["kind"]) == ("asked for", "key")


@pytest.mark.parametrize("role", ["agent", "approver", "operator", "auditor"])
def test_nobody_else_erases(world, role):
    problem(world.client(role).delete(done(world)), 403, "forbidden")
