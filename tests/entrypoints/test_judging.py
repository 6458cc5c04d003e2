"""Was this right? Automatic actions that people judge afterwards, through every door."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from typer.testing import CliRunner

from remit.client import RemitClient
from remit.core.errors import Conflict, InvalidInput
from remit.core.identity.principal import Principal
from remit.entrypoints.cli import app
from tests.waiting import PATIENCE_S

from .http_world import ACME, NOTE, bounds, http_world, problem

ONE_OF_TWENTY = {"disagreements": 2, "of_sampled": 20}


@pytest.fixture
def world(tmp_path):
    with http_world(tmp_path) as opened:
        own = bounds()
        own["action_types"][NOTE] |= {"sample": 1, "stop_after": ONE_OF_TWENTY}
        opened.remit.apply(own, by="root")
        for number in range(1, 6):
            opened.submit(f"i-{number}")
        opened.work()
        yield opened


def listed(world):
    return [item["action_intent_id"] for item in world.remit.sampled(ACME)[0]]


def test_over_http_and_from_the_client(world):
    approver = world.client("approver")
    page = approver.get("/v1/sampled", params={"limit": 2}).json()
    rest = approver.get("/v1/sampled", params={"after": page["next"]}).json()
    assert [item["action_intent_id"] for item in page["items"] + rest["items"]] == listed(world)
    assert page["items"][0]["external_object_refs"] and rest["next"] is None

    problem(approver.post("/v1/intents/i-1/judge", json={"right": "no"}), 422)
    problem(approver.post("/v1/intents/i-1/judge", json={"right": True, "answered_by": "eve"}), 422)
    problem(world.client("agent").post("/v1/intents/i-1/judge", json={"right": True}), 403, "forbidden")
    answer = approver.post("/v1/intents/i-1/judge", json={"right": True}).json()
    assert (answer["right"], answer["stopped"], answer["disagreements"], answer["of_sampled"]) == (True, False, 0, 1)

    with RemitClient(world.url, world.keys[ACME, "approver"]) as client:
        assert [item["action_intent_id"] for item in client.sampled()["items"]] == ["i-2", "i-3", "i-4", "i-5"]
        assert not client.judge("i-2", right=False, reason="the wrong contact")["stopped"]
        assert client.judge("i-3", right=False)["stopped"]
        with pytest.raises(Conflict):
            client.judge("i-3", right=True)
        assert client.status("i-2")["sample_answer"]["reason"] == "the wrong contact"
        assert client.usage()["stops"][0]["scope"]["action_type"] == NOTE


def test_from_the_command_line(world):
    def remit(*words):
        return CliRunner().invoke(app, [*words, "--tenant", ACME, "--db", world.remit.url])

    shown = remit("sampled", "--limit", "2")
    judged = remit("judge", "i-1", "--by", "bob", "--wrong", "--reason", "it was another one")
    again = remit("judge", "i-1", "--by", "bob", "--right")
    unclear = remit("judge", "i-2", "--by", "bob")
    stopping = remit("judge", "i-2", "--by", "bob", "--wrong")
    as_json = remit("judge", "i-3", "--by", "bob", "--right", "--json")

    assert shown.exit_code == judged.exit_code == 0, judged.output
    assert "i-1" in shown.output and "i-3" not in shown.output
    assert isinstance(again.exception, Conflict) and isinstance(unclear.exception, InvalidInput)
    assert "runs alone no more" in stopping.output
    assert json.loads(as_json.stdout)["number"] == 3
    assert listed(world) == ["i-4", "i-5"]


def test_at_the_console(world):
    cookie = world.remit.begin_session(Principal("ann", ACME, frozenset({"approver", "auditor"})))
    with httpx.Client(
        base_url=world.url, cookies={"remit_session": cookie}, trust_env=False, timeout=PATIENCE_S
    ) as browser:
        queue, before = browser.get("/console/queue"), browser.get("/console/sampled")
        csrf = re.search(r'name="csrf" value="(\w+)"', before.text)[1]
        form = {"csrf": csrf, "right": "no", "reason": "the wrong contact", "back": "/console/intents/i-1"}
        judged = browser.post("/console/intents/i-1/judge", data=form)
        own = browser.get("/console/intents/i-1")
        after, open_one = browser.get("/console/sampled"), browser.get("/console/intents/i-2")
        told = browser.get("/console/did", params={"which": "judged"})
        report = browser.get("/console/report", params={"from": "2020-01-01", "to": "2035-01-01"})

    assert "Was this right? 5 automatic actions to judge" in queue.text
    assert 'action="/console/intents/i-1/judge"' in before.text and "Create internal note" in before.text
    assert (judged.status_code, judged.headers["location"]) == (303, "/console/intents/i-1")
    assert "ann says that it was wrong" in own.text and "the wrong contact" in own.text
    assert "/intents/i-1/judge" not in after.text and "/intents/i-2/judge" in open_one.text
    for page in (told, report):
        assert page.status_code == 200 and "the wrong contact" in page.text


def test_a_limit_that_an_answer_stopped_is_put_back_through_every_door(world):
    own = bounds()
    own["action_types"][NOTE] |= {"sample": 1}
    stop_after = {"disagreements": 1, "of_sampled": 20}
    own["limits"] = [{"name": "each", "most": 50, "per": "day", "of": "principal", "stop_after": stop_after}]
    world.remit.apply(own, by="root")
    for name in ("a-1", "a-2", "a-3"):
        world.submit(name, on_behalf_of="alice")
    world.work()

    def remit(*words):
        return CliRunner().invoke(app, [*words, "--tenant", ACME, "--db", world.remit.url])

    said = remit("judge", "a-1", "--by", "bob", "--wrong").output
    shown = remit("usage").output
    resumed = remit("resume", "--principal", "alice", "--by", "ann", "--reason", "looked at").output
    with RemitClient(world.url, world.keys[ACME, "operator"]) as client:
        judged = world.client("approver").post("/v1/intents/a-2/judge", json={"right": False}).json()
        (pulled,) = client.usage()["stops"]
        assert client.resume(reason="looked at", principal="alice")["resumed"]
        assert client.stop(reason="again", principal="alice")["scope"]["principal"] == "alice"
    assert "limit each of principal alice runs alone no more" in " ".join(said.split())
    assert "principal alice" in shown and "principal alice" in resumed
    counted = {"limit": "each", "scope": "principal:alice", "number": 2, "stopped": True}
    assert judged["limits"] == [{**counted, "disagreements": 1, "of_sampled": 1}] and not judged["stopped"]
    assert pulled["scope"] == {"tenant_id": ACME, "account_id": None, "action_type": None, "principal": "alice"}

    cookie = world.remit.begin_session(Principal("ann", ACME, frozenset({"operator", "admin"})))
    with httpx.Client(
        base_url=world.url, cookies={"remit_session": cookie}, trust_env=False, timeout=PATIENCE_S
    ) as browser:
        page, own_page, its_bounds = (
            browser.get(path).text for path in ("/console/", "/console/intents/a-2", "/console/bounds")
        )
        csrf = re.search(r'name="csrf" value="(\w+)"', page)[1]
        form = {"csrf": csrf, "principal": "alice", "reason": "enough"}
        browser.post("/console/resume", data=form)
        assert world.remit.stops(ACME) == []
        browser.post("/console/stop", data=form)
    assert "1 principal stopped" in page and 'name="principal" value="alice"' in page
    assert "that stopped what limit each is over, for principal alice" in own_page
    assert "stops after 1 of 20 judged wrong" in its_bounds
    assert [stop.scope.principal for stop in world.remit.stops(ACME)] == ["alice"]
