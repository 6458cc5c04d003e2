"""Workers whose places several tenants and tools want, forced with calls that last until the test ends them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from queue import Queue

import pytest

from remit import Remit
from remit.core.execution.outcome import CallResult
from remit.core.execution.places import Places
from remit.entrypoints.server import settling
from remit.entrypoints.server.worker import work
from tests.waiting import ended, happened, received, until

OF_TOOL = 2
SLOW, SHORT, OTHER, AGAIN = "SLOW", "SHORT", "OTHER_SHORT", "AGAIN"


class Far:
    """A far side that answers `SLOW` only when it is told to, and `AGAIN` with a pause before the next call."""

    always_honours_key = True

    def __init__(self):
        self.go_on = threading.Event()
        self.begun: Queue[str] = Queue()
        self.paused: Queue[str] = Queue()

    def check(self, tool):
        """Anything goes."""

    def map(self, tool, intent):
        return {}

    def invoke(self, call):
        if call.intent.action_type == SLOW:
            self.begun.put(call.intent.action_intent_id)
            happened(self.go_on, what="the end of a slow call")
        if call.intent.action_type == AGAIN:
            self.paused.put(call.intent.action_intent_id)
            return CallResult(acted="no", error_class="RATE_LIMIT", error_code="429", retry_after_s=600.0)
        return CallResult(acted="yes")


@pytest.fixture
def far():
    far = Far()
    yield far
    far.go_on.set()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def remit(request, far):
    kind: str = request.param
    url = "memory://" if kind == "memory" else request.getfixturevalue(f"{kind}_url")
    with Remit.open(url, connectors={"far": far, "other": far}, environ={}) as remit:
        for tenant in ("acme", "beta"):
            remit.apply(_bounds(tenant), by="ann")
        yield remit


def _bounds(tenant):
    of = {SLOW: "far", SHORT: "far", AGAIN: "far", OTHER: "other"}
    types = {
        name: {"risk_tier": "LOW", "tool": {"connector": connector, "timeout_s": 600, "max_attempts": 5}}
        for name, connector in of.items()
    }
    plain = {"tenant": tenant, "action_types": types, "allowlist": list(types), "modes": {"default": "AUTO_EXECUTE"}}
    return {**plain, "budget": {"max_autonomous_per_day": 1000}}


def _submit(remit, tenant, action_type, count, name="i"):
    names = [f"{name}-{action_type}-{n}".lower() for n in range(count)]
    answers = remit.submit(
        [
            {
                "tenant_id": tenant,
                "account_id": "a-1",
                "action_intent_id": each,
                "action_type": action_type,
                "confidence_score": 0.9,
                "proposed_by": "agent",
                "target": {"entity_type": "contact", "entity_id": "c-1"},
            }
            for each in names
        ]
    )
    assert {answer.result for answer in answers} == {"AUTO_EXECUTED"}
    return names


@contextmanager
def _working(remit, far):
    stop = threading.Event()
    worker = threading.Thread(target=work, args=(remit,), kwargs={"stop": stop, "concurrency": OF_TOOL})
    worker.start()
    try:
        yield
    finally:
        far.go_on.set()
        stop.set()
        ended(worker)


def _succeeded(remit, tenant, name):
    return bool(remit.status(tenant, name)["status"] == "SUCCEEDED")


def _begun(far, count):
    for _ in range(count):
        received(far.begun, what="a slow call")


def test_beside_slow_calls_of_one_tenant_another_tenants_and_its_own_short_calls_go_on(remit, far):
    _submit(remit, "acme", SLOW, 30)
    with _working(remit, far):
        _begun(far, OF_TOOL)

        late = [
            (tenant, name)
            for tenant in ("beta", "acme")
            for kind in (SHORT, OTHER)
            for name in _submit(remit, tenant, kind, 5)
        ]

        for tenant, name in late:
            until(lambda tenant=tenant, name=name: _succeeded(remit, tenant, name), what=f"{name} of {tenant} ran")
        # Its places are its share: it waits for no one else, and no one for it.
        assert far.begun.empty()


def test_a_tool_that_waits_for_its_next_call_holds_no_place(remit, far):
    paused = _submit(remit, "acme", AGAIN, 4 * OF_TOOL)
    with _working(remit, far):
        for _ in paused:
            received(far.paused, what="a call that is to be made again")


def test_the_rest_of_a_slow_tools_queue_runs_when_its_calls_have_ended(remit, far):
    names = _submit(remit, "acme", SLOW, 3 * OF_TOOL)
    with _working(remit, far):
        _begun(far, OF_TOOL)
        far.go_on.set()

        for name in names:
            until(lambda name=name: _succeeded(remit, "acme", name), what=f"{name} ran")


def test_a_claim_takes_in_turns_by_tenant_and_by_tool(remit, far):
    for tenant in ("acme", "beta"):
        for kind in (SHORT, OTHER):
            _submit(remit, tenant, kind, 10)

    taken = remit.take(8, "w/1", Places(100))

    assert sorted((each.tenant_id, each.action_type) for each in taken) == sorted(
        [(tenant, kind) for tenant in ("acme", "beta") for kind in (SHORT, OTHER)] * 2
    )


def test_a_claim_goes_on_after_the_tenant_that_came_last(remit, far):
    for tenant in ("acme", "beta"):
        _submit(remit, tenant, SHORT, 3)

    taken = [remit.take(1, f"w/{n}")[0].tenant_id for n in range(4)]

    assert taken == ["acme", "beta", "acme", "beta"]


def test_there_is_nothing_to_take_for_a_worker_without_room(remit, far):
    _submit(remit, "acme", SHORT, 2)
    places = Places(1)
    places.take("acme", SHORT)

    assert not remit.has_queued(places)
    assert remit.take(10, "w/1", places) == []
    places.give_back("acme", SHORT)
    assert remit.has_queued(places)
    assert len(remit.take(10, "w/2", places)) == 1


def test_a_worker_that_found_all_it_asked_for_takes_again_without_a_look(remit, far, monkeypatch):
    monkeypatch.setattr(settling, "MOST_AT_ONCE", 2)
    steps, has_queued, take = [], remit.has_queued, remit.take
    monkeypatch.setattr(remit, "has_queued", lambda places: (steps.append("look"), has_queued(places))[1])
    monkeypatch.setattr(remit, "take", lambda *asked, **how: (steps.append("take"), take(*asked, **how))[1])
    _submit(remit, "acme", SHORT, 5)

    work(remit, until_idle=True, concurrency=64)

    assert steps[:4] == ["look", "take", "take", "take"]
    assert steps[4] == "look"
