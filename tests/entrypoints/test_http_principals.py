"""On whose behalf a credential acts: what it is bound to is filled in, and anything else is refused."""

from __future__ import annotations

import pytest

from tests.entrypoints.http_world import ACME, NOTE, bounds, problem, proposal


def key(world, **asked):
    """A client with a new agent's key."""
    made = world.client("admin").post("/v1/keys", json={"name": "agent-1", "roles": ["agent"], **asked}).json()
    client = world.client(None)
    client.headers["Authorization"] = f"Bearer {made['key']}"
    return client


def stored(world, name):
    return world.client("approver").get(f"/v1/intents/{name}").json()["intent"]


def test_a_key_that_is_bound_to_a_principal_proposes_on_its_behalf_and_on_nobody_elses(world):
    alice = key(world, on_behalf_of="alice", tier="subagent")

    assert alice.post("/v1/intents", json=proposal("i-1")).json()["result"] == "AUTO_EXECUTED"
    assert alice.post("/v1/intents", json=proposal("i-2", on_behalf_of="alice")).status_code == 200
    refused = problem(alice.post("/v1/intents", json=proposal("i-3", on_behalf_of="bob")), 403, "forbidden")

    assert "on_behalf_of comes from the credential" in refused["detail"]
    assert [stored(world, name)["on_behalf_of"] for name in ("i-1", "i-2")] == ["alice", "alice"]
    assert stored(world, "i-1")["agent_tier"] == "subagent"
    assert world.client("approver").get("/v1/intents/i-3").status_code == 404


def test_each_of_a_list_is_bound_by_itself(world):
    alice = key(world, on_behalf_of="alice")

    answer = alice.post("/v1/intents", json=[proposal("i-1", on_behalf_of="bob"), proposal("i-2", on_behalf_of=None)])
    first, second = answer.json()["items"]

    assert (first["status"], second["result"]) == (403, "AUTO_EXECUTED")
    assert stored(world, "i-2")["on_behalf_of"] == "alice"


def test_a_key_that_is_bound_to_nobody_may_name_whom_it_acts_for(world):
    agent = world.client("agent")
    hop = {"agent": "agent-1", "scopes": ["crm:read"]}

    agent.post("/v1/intents", json=proposal("i-1", on_behalf_of="bob", delegation=[hop]))
    agent.post("/v1/intents", json=proposal("i-2"))

    assert (stored(world, "i-1")["on_behalf_of"], stored(world, "i-1")["delegation"]) == ("bob", [hop])
    assert (stored(world, "i-2")["on_behalf_of"], stored(world, "i-2")["agent_tier"]) == (None, "api")


@pytest.mark.parametrize("tier", ["interactive", "background"])
def test_a_tier_is_the_credential_s_word_and_not_the_agent_s(world, tier):
    answer = world.client("agent").post("/v1/intents", json=proposal("i-1", agent_tier=tier))
    refused = problem(answer, 403, "forbidden")

    assert "agent_tier comes from the credential" in refused["detail"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"tier": "boss"}, "tier"), ({"on_behalf_of": "two words"}, "on_behalf_of")],
)
def test_a_key_is_for_a_known_use_and_one_principal(world, asked, field):
    told = problem(world.client("admin").post("/v1/keys", json={"name": "n", "roles": ["agent"], **asked}), 422)

    assert told["field"].endswith(field)


def test_keys_say_whose_and_what_for_they_are_and_the_ledger_does(world):
    key(world, on_behalf_of="alice", tier="background")
    key(world, name="plain")

    listed = {each["name"]: each for each in world.client("admin").get("/v1/keys").json()["items"]}
    told = {
        entry.data["key"]["name"]: entry.data["key"]
        for entry in world.remit.context.store.chain(ACME, None)
        if entry.event_type == "KEY_CHANGED"
    }

    assert (listed["plain"]["on_behalf_of"], listed["plain"]["tier"]) == (None, "api")
    assert told["agent-1"]["on_behalf_of"] == "alice" and told["agent-1"]["tier"] == "background"
    assert not {"on_behalf_of", "tier"} & set(told["plain"])
    assert world.client("auditor").post("/v1/verify").json()["ok"] is True


def test_an_account_that_is_confined_refuses_others_with_403(world):
    world.remit.apply(bounds(accounts={"acct-1": {"principals": ["alice"]}}), by="ann")

    answer = world.client("agent").post("/v1/intents", json=proposal("i-1", on_behalf_of="bob"))
    refused = problem(answer, 403, "forbidden")

    assert "confined to principals" in refused["detail"]


def test_an_argument_that_does_not_fit_is_named_over_http(world):
    types = bounds()["action_types"]
    schema = {"properties": {"text": {"type": "string", "maxLength": 5}}}
    world.remit.apply(bounds(action_types={**types, NOTE: {**types[NOTE], "parameters": schema}}), by="ann")
    agent = world.client("agent")

    one = problem(agent.post("/v1/intents", json=proposal("i-1", parameters={"text": "too long"})), 422)
    listed = agent.post("/v1/intents", json=[proposal("i-2"), proposal("i-3", parameters={"text": 5})]).json()["items"]

    assert one["field"] == "parameters.text"
    assert listed[0]["result"] == "AUTO_EXECUTED" and listed[1]["field"] == "parameters.text"


def test_principals_are_read_and_replaced_by_themselves(world):
    admin = world.client("admin")
    wanted = {"tenant": {"alice": {"scopes": ["crm:read"]}}, "accounts": {"acct-1": ["alice"]}}

    changed = admin.put("/v1/principals", json=wanted).json()

    assert {change["path"].partition(".")[0] for change in changed["changes"]} == {"principals", "accounts"}
    assert admin.get("/v1/principals").json() == wanted
    assert admin.get("/v1/bounds").json()["accounts"]["acct-1"]["principals"] == ["alice"]
