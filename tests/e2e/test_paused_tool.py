"""A far side that is down, and workers as processes of their own: they pause its tool together, dead or alive."""

from __future__ import annotations

import pytest

from remit import Remit
from remit.demo.crm import Crm, CrmAnswer
from tests.e2e.processes import Process
from tests.waiting import until

TENANT, NOTE, OTHER = "acme", "NOTE", "OTHER"
AFTER, PROCESSES = 3, 2
MANY = 30


class DownCrm(Crm):
    """Refuses notes until it is up; all else it takes."""

    up = False

    def answer(self, asked):
        answer = super().answer(asked)
        return answer if self.up or not asked.path.startswith("/notes") else CrmAnswer(503, {"error": "down"})

    def asked_for_notes(self):
        return sum(asked.path.startswith("/notes") for asked in list(self.requests))


@pytest.fixture(autouse=True)
def operator(monkeypatch):
    """Lets workers call far sides on this machine, and has tools paused soon."""
    monkeypatch.setenv("REMIT_PRIVATE_HOSTS", "127.0.0.1")
    monkeypatch.setenv("REMIT_PAUSE_TOOL_AFTER", str(AFTER))


@pytest.fixture
def crm():
    with DownCrm.start() as crm:
        yield crm


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def remit(url, crm):
    tool = {"connector": "http", "method": "POST", "body": "{parameters}", "max_attempts": 1}
    types = {name: {**tool, "url": f"{crm.url}/{path}"} for name, path in ((NOTE, "notes"), (OTHER, "tasks"))}
    with Remit.open(url) as remit:
        remit.apply(
            {
                "tenant": TENANT,
                "allowed_hosts": ["127.0.0.1"],
                "action_types": {name: {"risk_tier": "LOW", "tool": tool} for name, tool in types.items()},
                "allowlist": [NOTE, OTHER],
                "modes": {"default": "AUTO_EXECUTE"},
                "budget": {"max_autonomous_per_day": 10 * MANY},
            },
            by="ann",
        )
        yield remit


def _submit(remit, action_type, count, name):
    plain = {"tenant_id": TENANT, "account_id": "a-1", "confidence_score": 0.9, "proposed_by": "agent"}
    target = {"entity_type": "contact", "entity_id": "c-1"}
    names = [f"{name}-{number}" for number in range(count)]
    answers = remit.submit(
        [{**plain, "action_type": action_type, "action_intent_id": each, "target": target} for each in names]
    )
    assert {answer.result for answer in answers} == {"AUTO_EXECUTED"}
    return names


def _workers(url):
    line = ("-m", "remit", "worker", "--db", url, "--processes", str(PROCESSES), "--concurrency", "1", "--json")
    return Process(*line)


def _executed(remit, names):
    """Called, and answered somehow."""
    return all(remit.status(TENANT, name)["status"] in ("SUCCEEDED", "FAILED") for name in names)


def _paused(remit):
    return [tool for tool in remit.failing_tools(TENANT) if tool["paused_since"]]


def test_processes_pause_a_tool_together_and_those_after_them_keep_it_paused(url, remit, crm):
    names = _submit(remit, NOTE, MANY, "note")
    with _workers(url) as workers:
        until(lambda: _paused(remit), what="the tool is paused")
        workers.kill()
    # Each process may have had one more call on its way; and the first trial may be over, if this took its time.
    seen = crm.asked_for_notes()
    assert AFTER <= seen <= AFTER + PROCESSES + 1

    with _workers(url) as workers:
        others = _submit(remit, OTHER, 5, "other")
        until(lambda: _executed(remit, others), what="the other tool is called")
        assert crm.asked_for_notes() <= seen + 2
        waiting = [name for name in names if remit.status(TENANT, name)["status"] == "APPROVED"]
        assert len(waiting) >= MANY - seen - 2 and remit.status(TENANT, waiting[-1])["paused_tool"]

        crm.up = True
        remit.resume_tool(TENANT, NOTE, by="ann")
        until(lambda: _executed(remit, waiting), what="all that waited is called")
        workers.terminate()
        assert workers.wait() == 0

    assert remit.failing_tools(TENANT) == []
    assert remit.verify(TENANT).ok
