"""Problems that every route may answer with, and the limits on all of them."""

from __future__ import annotations

import json

import pytest

from remit.core.errors import RemitError
from remit.core.records import CHAIN
from remit.entrypoints.web.settings import HttpSettings
from remit.testing.faults import FaultyStore
from tests.entrypoints.http_world import (
    ACME,
    GLOBEX,
    NOTE,
    http_world,
    problem,
    proposal,
)


def test_an_unknown_path_and_a_wrong_method_are_problems_too(shared):
    unknown, wrong = shared.client("agent").get("/v2/intents"), shared.client("agent").delete("/v1/intents")

    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
    assert (wrong.status_code, wrong.headers["content-type"]) == (405, "application/problem+json")
    assert unknown.json()["detail"].startswith("there is no such route; ")
    assert wrong.json()["detail"].startswith("this route takes another method; ")
    assert {"GET", "POST"} >= set(wrong.headers["allow"].replace(",", " ").split())


@pytest.mark.parametrize("path", ["/v1/queue", "/v1/intents"])
def test_a_request_with_two_credentials_is_nobodys(shared, path):
    keys = [shared.keys[tenant, "approver"] for tenant in (ACME, GLOBEX)]
    both = [("Authorization", f"Bearer {key}") for key in keys]

    for headers in (both, both[:1] * 2):
        told = problem(shared.client(None).get(path, headers=headers), 401, "unauthenticated")
        assert "send one" in told["detail"]


def test_a_proposal_with_two_credentials_is_nobodys(shared):
    both = [("Authorization", f"Bearer {shared.keys[tenant, 'agent']}") for tenant in (ACME, GLOBEX)]

    told = shared.client(None).post("/v1/intents", headers=both, json=proposal("by-two"))

    problem(told, 401, "unauthenticated")
    assert shared.client("approver").get("/v1/intents/by-two").status_code == 404


def test_a_key_of_a_permit_goes_with_begin(shared):
    told = problem(shared.client("agent").post("/v1/intents?key=again", json=proposal("keyed")), 422)

    assert (told["field"], told["way_out"]) == ("key", "add begin=true, or leave it out")


@pytest.mark.parametrize(
    ("method", "path", "name", "way_out"),
    [
        ("PUT", "/v1/bounds?dryrun=true", "dryrun", "there is: dry_run, proof, replay"),
        ("PUT", "/v1/modes?dry-run=true", "dry-run", "there is: dry_run, proof"),
        ("GET", "/v1/intents?statuses=FAILED", "statuses", "account_id"),
        ("GET", "/v1/queue?limit=5&account=a", "account", "account_id"),
        ("GET", "/v1/bounds?account_id=a", "account_id", "leave the query out"),
        ("POST", "/v1/intents?gates=false", "gates", "there is: begin, gate, key"),
        ("POST", "/v1/gate?dry_run=true", "dry_run", "leave the query out"),
        ("POST", "/v1/intents/i-1/begin?key=a", "key", "leave the query out"),
        ("GET", "/v1/intents/i-1/answer?wait=3", "wait", "there is: wait_s"),
        ("GET", "/v1/stream?after=3", "after", ""),
        ("GET", "/v1/ledger/export?from=2026-01-01", "from", "there is: before, since"),
    ],
)
def test_a_query_that_no_route_knows_is_refused_and_nothing_is_done(shared, method, path, name, way_out):
    agent = path.startswith(("/v1/intents?gates", "/v1/gate", "/v1/intents/i-1/"))
    caller = shared.client("agent" if agent else "auditor" if "export" in path else "admin")
    before = shared.remit.bounds(ACME).config_sequence

    told = problem(caller.request(method, path, json=None if method == "GET" else {"action_types": {}}), 422)

    assert told["field"] == name and way_out in told["way_out"]
    assert shared.remit.bounds(ACME).config_sequence == before
    problem(shared.client(None).request(method, path, json=None if method == "GET" else {}), 401, "unauthenticated")


def test_what_stands_in_a_secret_s_place_is_not_repeated(shared):
    admin, secret = shared.client("admin"), "sk-live-1"
    asked = [
        {"channel": "webhook", "url": "https://hooks.example.com/in", "signing_secret": secret},
        {"channel": "slack", "slack_channel": "C012345", "bot_token": secret, "signing_secret": "${NAME}"},
        {"channel": "slack", "url": [secret]},
    ]
    facts = {"order": {"url": "https://shop.example.com/", "keep": ["a"], "headers": {"Authorization": 8675309}}}
    types = {NOTE: {"risk_tier": "LOW", "facts": facts}}

    told = [problem(admin.put("/v1/subscriptions/ops", json=each), 422) for each in asked]
    told.append(problem(admin.put("/v1/bounds", json={"action_types": types}), 422))

    assert not any(secret in str(each) or "8675309" in str(each) for each in told)
    assert "${NAME}" in told[0]["way_out"]


def test_a_store_that_is_busy_is_worth_another_try(tmp_path):
    with http_world(tmp_path) as world:
        agent = world.client("agent")
        agent.get("/v1/intents/none")
        faulty = FaultyStore(world.remit.context.store)
        world.goes_through(faulty)

        faulty.arm("try_later")
        later = agent.post("/v1/intents", json=proposal("i-1"))
        faulty.arm("lost_answer")
        unknown = agent.post("/v1/intents", json=proposal("i-1"))
        again = agent.post("/v1/intents", json=proposal("i-1"))

        problem(later, 503, "try-later")
        assert later.headers["retry-after"] == "1"
        problem(unknown, 503, "outcome-unknown")
        assert again.json()["result"] == "AUTO_EXECUTED"
        assert world.remit.usage(ACME)["accounts"][0]["used"] == 1


class Broken(FaultyStore):
    def read(self, keys):
        if any(key.kind is CHAIN for key in keys):
            raise RuntimeError("the driver says: password=hunter2")
        return super().read(keys)


def test_an_error_of_our_own_is_a_problem_that_tells_nothing(tmp_path):
    with http_world(tmp_path) as world:
        world.goes_through(Broken(world.remit.context.store))

        answer = world.client("approver").get("/v1/intents/i-1")

        problem(answer, 500, "internal")
        assert "hunter2" not in answer.text


def test_who_asks_too_often_waits_and_others_do_not(tmp_path):
    with http_world(tmp_path, HttpSettings(requests_per_minute=3)) as world:
        answers = [world.client("approver").get("/v1/usage") for _ in range(5)]
        other = world.client("auditor").get("/v1/usage")

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[3].headers["retry-after"]) >= 1
    problem(answers[3], 429, "too-many-requests")
    assert other.status_code == 200


def _in_pieces(size):
    for _ in range(size // 1024):
        yield b" " * 1024


def test_a_body_that_is_too_large_is_refused_with_or_without_its_length_announced(tmp_path):
    with http_world(tmp_path, HttpSettings(largest_body_bytes=100_000)) as world:
        agent, headers = world.client("agent"), {"Content-Type": "application/json"}

        announced = agent.post("/v1/intents", content=b" " * 100_001, headers=headers)
        chunked = agent.post("/v1/intents", content=_in_pieces(200_000), headers=headers)
        fitting = agent.post(
            "/v1/intents", content=b" " * 90_000 + json.dumps(proposal("i-1")).encode(), headers=headers
        )

    for answer in (announced, chunked):
        assert "100000 bytes" in problem(answer, 413, "too-large")["detail"]
    assert fitting.status_code == 200


def test_what_a_database_says_stands_in_the_log_and_not_in_the_answer(world, monkeypatch, caplog):
    def refused(*_, **__):
        raise RemitError("DynamoDB table 'remit': arn:aws:iam::123456789012:role/door may not read it")

    monkeypatch.setattr(world.remit.context.store, "cases", refused)

    answer = world.client("auditor").get("/v1/intents")

    problem(answer, 500, "internal")
    assert "123456789012" not in answer.text
    assert "123456789012" in caplog.text
