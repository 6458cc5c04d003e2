"""A worker looks facts up before it marks a call: many beside each other, and a slow one holds up no other."""

from __future__ import annotations

import threading

import pytest

from remit.connectors.http import HttpFacts
from remit.core.execution.outcome import CallResult
from remit.entrypoints.server.worker import work
from remit.wiring import Remit
from tests.far_side import egress, listed
from tests.record_keeper import record_keeper
from tests.waiting import PATIENCE_S, ended, happened, until

ORDER = {"total": 12.5}


class Far:
    """A far side that is never wrong and remembers what it was asked."""

    always_honours_key = False

    def __init__(self):
        self.called: list[str] = []

    def check(self, tool):
        """Anything goes."""

    def map(self, tool, intent):
        return {}

    def invoke(self, call):
        self.called.append(call.intent.action_intent_id)
        return CallResult(acted="yes")


@pytest.fixture
def keeper():
    with record_keeper() as keeper:
        keeper.records |= {f"/orders/o-{n}": ORDER for n in range(12)}
        yield keeper


@pytest.fixture
def far():
    return Far()


@pytest.fixture
def remit(keeper, far):
    with Remit.open("memory://", connectors={"far": far}, environ={}, settings={}) as remit:
        object.__setattr__(remit.context, "fact_source", HttpFacts(listed({}), egress()))
        order = {"url": f"{keeper.url}/orders/{{target.entity_id}}", "keep": ["total"], "timeout_s": 10.0}
        plain = {"risk_tier": "LOW", "tool": {"connector": "far"}}
        types = {"REFUND": {**plain, "facts": {"order": {**order, "recheck": True}}}, "NOTE": plain}
        remit.apply(
            {
                "tenant": "acme",
                "allowed_hosts": [keeper.host],
                "action_types": types,
                "allowlist": [*types],
                "modes": {"default": "AUTO_EXECUTE"},
                "budget": {"max_autonomous_per_day": 100},
            },
            by="ann",
        )
        yield remit


def submit(remit, name, order="o-0", action_type="REFUND"):
    fields = {"tenant_id": "acme", "account_id": "a-1", "action_type": action_type, "proposed_by": "agent"}
    target = {"entity_type": "order", "entity_id": order}
    answer = remit.submit({**fields, "action_intent_id": name, "confidence_score": 0.9, "target": target})
    assert answer.result == "AUTO_EXECUTED"


def status(remit, name):
    return remit.status("acme", name)["status"]


def used(remit):
    return remit.usage("acme")["accounts"][0]["used"]


def test_each_is_called_or_cancelled_by_what_its_own_fact_is_then(remit, keeper, far):
    for n in range(12):
        submit(remit, f"i-{n}", f"o-{n}")
    changed = {n for n in range(12) if n % 3 == 0}
    for n in changed:
        keeper.records[f"/orders/o-{n}"] = {"total": 980}
    done: list[str] = []

    work(remit, until_idle=True, on_done=done.append)

    assert {n for n in range(12) if status(remit, f"i-{n}") == "CANCELLED"} == changed
    assert sorted(far.called) == sorted(f"i-{n}" for n in range(12) if n not in changed)
    assert (done.count("SUCCEEDED"), done.count("CANCELLED"), len(done)) == (8, 4, 12)
    assert used(remit) == 8
    assert remit.verify("acme").ok


def test_a_slow_lookup_holds_up_no_other_call(remit, keeper, far):
    submit(remit, "slow")
    submit(remit, "note", action_type="NOTE")
    asked, go_on, stop = threading.Event(), threading.Event(), threading.Event()
    keeper.says.append(lambda: (asked.set(), go_on.wait(PATIENCE_S), (200, {}, b'{"total": 12.5}'))[2])
    worker = threading.Thread(target=lambda: work(remit, stop=stop))
    worker.start()
    try:
        happened(asked, what="the lookup")
        submit(remit, "quick", "o-1")

        until(lambda: {"note", "quick"} <= {*far.called}, what="the calls of the others")
        assert status(remit, "slow") == "RUNNING" and "slow" not in far.called
        go_on.set()
        until(lambda: status(remit, "slow") == "SUCCEEDED", what="the slow one's call")
    finally:
        go_on.set()
        stop.set()
        ended(worker)
    assert remit.verify("acme").ok
