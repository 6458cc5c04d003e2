"""`remit serve` as a process: killed and asked again, its secrets, and the addresses it may listen on."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from remit import Remit
from remit.core.errors import InvalidInput
from remit.entrypoints.server.serve import check_binding
from tests.e2e.processes import Process
from tests.entrypoints.http_world import (
    ACME,
    bounds,
    proposal,
)
from tests.waiting import PATIENCE_S, happened


class Served(Process):
    """`remit serve` over a database."""

    def __init__(self, url):
        super().__init__("-m", "remit", "serve", "--port", "0", "--db", url)

    def listening(self):
        found = re.search(r"http://[\d.]+:\d+", self.line())
        assert found
        return found[0]


def _key(url, *roles):
    with Remit.open(url) as remit:
        remit.apply(bounds(budget={"max_autonomous_per_day": 1000}), by="the test")
        return remit.create_key(ACME, {"name": "all", "roles": list(roles)}, by="the test")[1]


def test_a_server_that_is_killed_answers_the_same_when_it_is_asked_again(sqlite_url):
    headers = {"Authorization": f"Bearer {_key(sqlite_url, 'agent', 'auditor')}"}
    names = [f"i-{number}" for number in range(400)]
    answered: dict[str, Any] = {}
    enough = threading.Event()

    def send(base, mine):
        with httpx.Client(base_url=base, headers=headers, trust_env=False, timeout=PATIENCE_S) as client:
            for name in mine:
                try:
                    answered[name] = client.post("/v1/intents", json=proposal(name)).json()
                except httpx.TransportError:
                    return
                if len(answered) >= 40:
                    enough.set()

    with Served(sqlite_url) as server:
        base = server.listening()
        with ThreadPoolExecutor(8) as pool:
            for n in range(8):
                pool.submit(send, base, names[n::8])
            happened(enough, what="forty answers")
            server.kill()
    before = dict(answered)
    assert 40 <= len(before) < len(names)

    with Served(sqlite_url) as server:
        with httpx.Client(base_url=server.listening(), headers=headers, trust_env=False, timeout=PATIENCE_S) as client:
            items = client.post("/v1/intents", json=[proposal(name) for name in names]).json()["items"]
            used = client.get("/v1/usage").json()["accounts"][0]["used"]
            report = client.post("/v1/verify").json()
        server.terminate()
        assert server.wait() == 0

    again = {item["action_intent_id"]: item for item in items}
    assert {item["result"] for item in items} == {"AUTO_EXECUTED"}
    for name, first in before.items():
        same = ("result", "reason", "explanation", "approval_id", "trace_id")
        assert [again[name][field] for field in same] == [first[field] for field in same]
    assert used == len(names)
    assert report["ok"], report["findings"]


def test_a_keys_secret_stands_in_no_log_no_answer_and_no_file(sqlite_url, tmp_path):
    key = _key(sqlite_url, "admin", "approver")
    secret = key.rpartition(".")[2]
    with Served(sqlite_url) as server:
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=server.listening(), headers=headers, trust_env=False, timeout=PATIENCE_S) as client:
            made = client.post("/v1/keys", json={"name": "bot", "roles": ["agent"]}).json()["key"]
            answers = [client.get(path) for path in ("/v1/keys", "/v1/usage", "/v1/queue", "/v1/intents/none")]
            answers.append(client.get("/v1/usage", headers={"Authorization": f"Bearer {key}x"}))
            answers.append(client.get("/v1/usage", headers={"Authorization": f"Bearer {made[:-1]}"}))
        server.terminate()
        said = server.everything() + server.errors

    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 401, 401]
    for hidden in (secret, made.rpartition(".")[2]):
        assert not [answer.url for answer in answers if hidden in answer.text]
        assert hidden not in said
        assert not [path for path in tmp_path.iterdir() if hidden.encode() in path.read_bytes()]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])
def test_an_address_others_can_reach_is_refused_without_tls(host):
    with pytest.raises(InvalidInput, match=r"--tls-certificate and --tls-key, or --trusted-proxy ADDRESS"):
        check_binding(host, certificate=None, trusted_proxy=None)

    check_binding(host, certificate="server.pem", trusted_proxy=None)
    check_binding(host, certificate=None, trusted_proxy="10.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_tls(host):
    check_binding(host, certificate=None, trusted_proxy=None)


def test_serving_beyond_loopback_without_tls_ends_with_what_to_set(sqlite_url):
    with Process("-m", "remit", "serve", "--host", "0.0.0.0", "--port", "0", "--db", sqlite_url) as server:
        said = server.everything() + server.errors

        assert server.wait() == 2
    assert "--tls-certificate" in said
