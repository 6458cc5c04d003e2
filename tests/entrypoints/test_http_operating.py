"""Resolving, stopping and keys: the routes of operators and administrators."""

from __future__ import annotations

import json

import pytest

from tests.entrypoints.http_world import (
    GLOBEX,
    NOTE,
    SILENT,
    Down,
    Silent,
    bounds,
    http_world,
    problem,
    proposal,
    with_paused_tool,
)


def test_resolving_what_nobody_could_know(tmp_path):
    with http_world(tmp_path, connectors={"silent": Silent()}) as world:
        spec = {"risk_tier": "LOW", "tool": {"connector": "silent"}}
        world.remit.apply(bounds(action_types={NOTE: spec}), by="the test")
        world.submit("i-1")
        world.work()
        operator = world.client("operator")

        first = operator.post("/v1/intents/i-1/resolve", json={"status": "SUCCEEDED", "note": "seen it"})
        again = operator.post("/v1/intents/i-1/resolve", json={"status": "SUCCEEDED"})
        otherwise = operator.post("/v1/intents/i-1/resolve", json={"status": "FAILED"})

        assert first.json()["resolved_by"] == "operator-1"
        assert again.json() == first.json()
        problem(otherwise, 409, "conflict")
        assert operator.get("/v1/intents/i-1").json()["status"] == "SUCCEEDED"


def test_stopping_and_resuming(world):
    operator, agent = world.client("operator"), world.client("agent")
    scope = {"account_id": "acct-1", "reason": "an incident"}
    agent.post("/v1/intents", json=proposal("i-0"))

    stopped = operator.post("/v1/stop", json=scope).json()
    asked = agent.post("/v1/intents", json=proposal("i-1")).json()
    resumed = operator.post("/v1/resume", json=scope).json()
    again = operator.post("/v1/resume", json=scope).json()

    assert (stopped["stopped_by"], stopped["level"], stopped["scope"]["account_id"]) == (
        "operator-1",
        "autonomy",
        "acct-1",
    )
    assert asked["reason"] == "AUTONOMY_STOPPED"
    assert (resumed["resumed"], again["resumed"]) == (True, False)


def test_a_paused_tool_is_shown_and_resumed(tmp_path):
    down = Down()
    with http_world(tmp_path, connectors={"down": down}) as world:
        with_paused_tool(world)
        operator, admin = world.client("operator"), world.client("admin")

        (tool,) = admin.get("/v1/tools").json()["items"]
        waits = admin.get("/v1/intents/behind").json()
        lines = admin.get("/v1/intents").json()["items"]
        elsewhere = world.client("operator", GLOBEX).post(f"/v1/tools/{SILENT}/resume").json()
        resumed = operator.post(f"/v1/tools/{SILENT}/resume").json()
        again = operator.post(f"/v1/tools/{SILENT}/resume").json()

        assert (tool["action_type"], tool["failures"], tool["last_error"]) == (SILENT, 10, "DOWNSTREAM HTTP_503")
        assert (waits["status"], waits["paused_tool"]) == ("APPROVED", tool)
        assert [line["action_intent_id"] for line in lines if line["paused_tool"] == tool] == ["behind"]
        assert (elsewhere["resumed"], resumed["resumed"], again["resumed"]) == (False, True, False)
        down.up = True
        world.work()
        assert admin.get("/v1/intents/behind").json()["status"] == "SUCCEEDED"
        assert admin.get("/v1/tools").json() == {"items": []}


@pytest.mark.parametrize("scope", [{"account_id": "acct-11"}, {"action_type": "CREATE_NOTES"}])
def test_a_stop_of_what_was_never_seen_is_not_found_unless_it_says_so(world, scope):
    operator = world.client("operator")
    asked = {**scope, "reason": "an incident"}

    refused = operator.post("/v1/stop", json=asked)
    stops = operator.get("/v1/usage").json()["stops"]
    stopped = operator.post("/v1/stop", json={**asked, "even_if_unknown": True})

    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/not-found")
    assert "was never seen at tenant 'acme'" in refused.json()["detail"]
    assert stops == []
    assert stopped.status_code == 200


def test_a_key_is_shown_once(world):
    admin = world.client("admin")

    made = admin.post("/v1/keys", json={"name": "bot", "roles": ["agent"]})
    (listed,) = [key for key in admin.get("/v1/keys").json()["items"] if key["name"] == "bot"]
    revoked = admin.post(f"/v1/keys/{made.json()['key_id']}/revoke").json()

    assert made.status_code == 201
    secret = made.json()["key"].rpartition(".")[2]
    assert listed == {name: value for name, value in made.json().items() if name != "key"}
    assert secret not in json.dumps([listed, revoked])
    assert "secret_hash" not in listed
    assert revoked["revoked_by"] == "admin-1"
