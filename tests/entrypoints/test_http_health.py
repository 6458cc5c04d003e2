"""The HTTP door's own health: is it alive, can it answer, what does it count."""

from __future__ import annotations

from tests.entrypoints.http_world import World, proposal


def test_smoke(world: World) -> None:
    assert world.client("agent").post("/v1/intents", json=proposal("i-1")).json()["result"] == "AUTO_EXECUTED"
    world.work()
    assert world.client("approver").get("/v1/intents/i-1").json()["status"] == "SUCCEEDED"
