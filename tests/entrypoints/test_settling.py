"""A worker settles beside its taking: forced with a store that lets a settlement wait."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager

import pytest

from remit import Remit
from remit.core.errors import TryLater
from remit.core.execution.outcome import CallResult
from remit.entrypoints.server.worker import work
from tests.waiting import ended, happened, until

BOUNDS = {
    "tenant": "acme",
    "action_types": {"CALL": {"risk_tier": "LOW", "tool": {"connector": "far"}}},
    "allowlist": ["CALL"],
    "modes": {"default": "AUTO_EXECUTE"},
    "budget": {"max_autonomous_per_day": 1000},
}


class Far:
    always_honours_key = True

    def __init__(self):
        self.called: set[str] = set()

    def check(self, tool):
        """Anything goes."""

    def map(self, tool, intent):
        return {}

    def invoke(self, call):
        self.called.add(call.intent.action_intent_id)
        return CallResult(acted="yes")


@pytest.fixture
def far():
    return Far()


@pytest.fixture
def remit(far):
    with Remit.open("memory://", connectors={"far": far}, environ={}) as remit:
        remit.apply(BOUNDS, by="ann")
        yield remit


def _submit(remit, name):
    intent = {
        "tenant_id": "acme",
        "account_id": "a-1",
        "action_intent_id": name,
        "action_type": "CALL",
        "confidence_score": 0.9,
        "proposed_by": "agent",
        "target": {"entity_type": "contact", "entity_id": "c-1"},
    }
    (answer,) = remit.submit([intent])
    assert answer.result == "AUTO_EXECUTED"


def _succeeded(remit, name):
    return remit.status("acme", name)["status"] == "SUCCEEDED"


@contextmanager
def _working(remit, raised=None):
    stop = threading.Event()

    def working():
        try:
            work(remit, stop=stop)
        except Exception as error:
            (raised if raised is not None else []).append(error)

    worker = threading.Thread(target=working)
    worker.start()
    try:
        yield worker
    finally:
        stop.set()
        ended(worker)


def test_an_execution_is_taken_while_another_one_is_being_settled(remit, far, monkeypatch):
    settle, settling, go_on = remit.settle, threading.Event(), threading.Event()

    def slow(results):
        settling.set()
        happened(go_on, what="the word to settle")
        return settle(results)

    monkeypatch.setattr(remit, "settle", slow)
    with _working(remit):
        try:
            _submit(remit, "first")
            happened(settling, what="the settlement of the first call")
            _submit(remit, "second")
            until(lambda: "second" in far.called, what="the second call")
            assert not _succeeded(remit, "first")
        finally:
            go_on.set()
        until(lambda: _succeeded(remit, "first") and _succeeded(remit, "second"), what="both settlements")


def test_what_the_store_could_not_take_is_settled_again(remit, monkeypatch, caplog):
    settle, failures = remit.settle, [TryLater("the store is held by another writer")]

    def failing(results):
        if failures:
            raise failures.pop()
        return settle(results)

    monkeypatch.setattr(remit, "settle", failing)
    with caplog.at_level(logging.WARNING), _working(remit):
        _submit(remit, "first")
        until(lambda: _succeeded(remit, "first"), what="the settlement")
    assert "settling again in a moment: the store is held by another writer" in caplog.text


def test_a_worker_ends_with_what_its_settling_ended_with(remit, monkeypatch):
    fault = RuntimeError("settling is broken")

    def broken(results):
        raise fault

    monkeypatch.setattr(remit, "settle", broken)
    raised: list[Exception] = []
    with _working(remit, raised) as worker:
        _submit(remit, "first")
        ended(worker)
    assert raised == [fault]


def test_calls_that_end_after_their_worker_are_settled(remit, far, monkeypatch):
    """Interrupted while a call is under way: the call is waited for, and what it came to is recorded."""
    invoke, calling, go_on = far.invoke, threading.Event(), threading.Event()

    def slow(call):
        calling.set()
        happened(go_on, what="the end of the call")
        return invoke(call)

    def interrupted(**asked):
        if calling.is_set():
            go_on.set()
            raise KeyboardInterrupt
        return reconcile(**asked)

    reconcile = remit.reconcile
    monkeypatch.setattr(far, "invoke", slow)
    monkeypatch.setattr(remit, "reconcile", interrupted)
    _submit(remit, "first")
    with pytest.raises(KeyboardInterrupt):
        work(remit)
    assert _succeeded(remit, "first")


def test_a_worker_that_ends_says_what_the_store_never_took(remit, monkeypatch, caplog):
    def refused(results):
        raise TryLater("the store is held by another writer")

    def interrupted(**asked):
        if "settling again in a moment" in caplog.text:
            raise KeyboardInterrupt
        return reconcile(**asked)

    reconcile = remit.reconcile
    monkeypatch.setattr(remit, "settle", refused)
    monkeypatch.setattr(remit, "reconcile", interrupted)
    _submit(remit, "first")
    with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
        work(remit)
    assert "what 1 calls came to is not recorded: their leases run out" in caplog.text
    assert remit.status("acme", "first")["status"] == "RUNNING"
