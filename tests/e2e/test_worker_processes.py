"""Several worker processes behind one command."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from remit import Remit
from tests.e2e.processes import HoldingCrm, Process
from tests.waiting import received, until

TENANT = "acme"


@pytest.fixture(autouse=True)
def consent(monkeypatch):
    """An operator's, who lets workers call far sides on this machine."""
    monkeypatch.setenv("REMIT_PRIVATE_HOSTS", "127.0.0.1")


@pytest.fixture
def crm():
    with HoldingCrm.start() as crm:
        yield crm


@pytest.fixture
def remit(sqlite_url, crm):
    with Remit.open(sqlite_url) as remit:
        remit.apply(_bounds(crm), by="ann")
        yield remit


def _bounds(crm):
    tool = {"connector": "http", "method": "POST", "url": f"{crm.url}/notes", "body": "{parameters}"}
    return {
        "tenant": TENANT,
        "allowed_hosts": ["127.0.0.1"],
        "action_types": {"NOTE": {"risk_tier": "LOW", "tool": {**tool, "honours_idempotency_key": True}}},
        "allowlist": ["NOTE"],
        "modes": {"default": "AUTO_EXECUTE"},
        "budget": {"max_autonomous_per_day": 100},
    }


def _submit(remit, *names):
    plain = {"tenant_id": TENANT, "account_id": "a-1", "action_type": "NOTE", "confidence_score": 0.9}
    target = {"entity_type": "contact", "entity_id": "c-1"}
    remit.submit([{**plain, "action_intent_id": name, "target": target, "proposed_by": "agent"} for name in names])


def _workers(of):
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(of.pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in told.stdout.split()]


def _gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_two_processes_work_beside_each_other_and_say_together_what_they_did(sqlite_url, remit, crm):
    command = ("-m", "remit", "worker", "--db", sqlite_url, "--processes", "2", "--concurrency", "1", "--json")
    with Process(*command) as workers:
        _submit(remit, "i-1", "i-2")
        # Neither has been answered: one process alone would have called once.
        for _ in range(2):
            received(crm.acted, what="a call of the far side")
        workers.terminate()
        crm.go_on.set()
        told = json.loads(workers.line())
        code = workers.wait()

    assert (code, told) == (0, {"executed": 2, "by_status": {"SUCCEEDED": 2}})


def test_a_process_that_dies_is_replaced(sqlite_url, remit, crm):
    crm.go_on.set()
    with Process("-m", "remit", "worker", "--db", sqlite_url, "--processes", "2", "--json") as workers:
        first = until(lambda: (found := _workers(workers)) and len(found) == 2 and found, what="two workers")
        for pid in first:
            os.kill(pid, signal.SIGKILL)

        _submit(remit, "i-1")

        received(crm.acted, what="a call of the far side")
        assert set(_workers(workers)).isdisjoint(first)
        workers.terminate()
        assert workers.wait() == 0


def test_none_outlives_the_command_however_that_ends(sqlite_url, remit):
    with Process("-m", "remit", "worker", "--db", sqlite_url, "--processes", "2") as workers:
        pids = until(lambda: (found := _workers(workers)) and len(found) == 2 and found, what="two workers")

        workers.kill()

        until(lambda: all(map(_gone, pids)), what="the workers end")


def test_processes_end_by_themselves_when_nothing_is_left(sqlite_url, remit, crm):
    crm.go_on.set()
    _submit(remit, "i-1", "i-2", "i-3")

    command = ("-m", "remit", "worker", "--db", sqlite_url, "--processes", "2", "--until-idle")
    with Process(*command) as workers:
        told = workers.everything()

    assert told.strip() == "executed 3: 3 SUCCEEDED"


def test_a_database_of_one_process_cannot_be_shared():
    with Process("-m", "remit", "worker", "--db", "memory://", "--processes", "2") as workers:
        assert workers.wait() == 2
        workers.everything()
    assert "memory://" in workers.errors
