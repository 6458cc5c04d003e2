"""
The crash matrix on every store, and that it would not pass a flow that is less careful.
"""

from importlib import import_module

import pytest

from remit.core.execution import fulfilment
from remit.core.execution.outcome import ExecutionAttempt
from remit.flow import writers
from remit.flow.execute.preflight import before_call
from remit.stores.memory import MemoryStore

from ..conftest import QUEUES_NOTHING
from .crash_matrix import FAULTS, STEPS, Shared
from .crash_page import expected, markdown, rows_of, shown

# By name: the package's attribute of this name is the step itself.
INVOKE = import_module("remit.flow.execute.invoke")
# Where a cell goes over a wire: nothing was written, all was, and all was and nobody knows. Faults are placed in front
# of the store, so that their kinds differ for the flow alone; a store differs in what it shows afterwards.
SLOW, ONE_OF_A_KIND = ("postgres", "dynamodb"), ("crash_before", "crash_after", "lost_answer")
BY_NAME = {step.name: step for step in STEPS}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_wherever_a_step_fails_nothing_is_lost_and_nothing_is_done_twice(opened, store_kind, step):
    shared = Shared(opened, queues=store_kind not in QUEUES_NOTHING)
    if step.takes and not shared.queues:
        pytest.skip("this store is no queue")
    faults = FAULTS if store_kind not in SLOW else ONE_OF_A_KIND
    rows = list(rows_of(step, shared, both_ways=store_kind == "memory", faults=faults))

    wrong = {(row.write, fault): result for row in rows for fault, result in row.results.items() if result != "ok"}
    assert rows and not wrong
    everywhere, there = (shown(where).get(step.name) for where in ("every store", "DynamoDB"))
    assert expected(rows) == ((store_kind == "dynamodb" and there) or everywhere)


def test_the_page_shows_the_steps_in_their_order_and_no_others():
    assert [*shown("every store")] == [step.name for step in STEPS]
    assert {*shown("DynamoDB")} < {step.name for step in STEPS}


def test_the_matrix_can_be_read_as_a_table():
    table = markdown({"memory": list(rows_of(BY_NAME["gate"], Shared(MemoryStore)))})

    assert "| gate | 1 of 1 | ok | ok | ok | ok | ok |" in table
    assert len(FAULTS) == 5


def results(name):
    """Every cell of a step; where not even a clean run passes, that alone."""
    shared = Shared(MemoryStore)
    try:
        return [result for row in rows_of(BY_NAME[name], shared) for result in row.results.values()]
    except AssertionError as error:
        return [str(error)]


def test_a_worker_that_forgets_a_noted_answer_is_caught(monkeypatch):
    """Crash between the far side's answer and its outcome: who takes over must not call again."""

    def forgetful(self, changed=ExecutionAttempt.changed, **changes):
        return changed(self, **{name: value for name, value in changes.items() if name != "conclusion"})

    monkeypatch.setattr(ExecutionAttempt, "changed", forgetful)

    assert any("written 2 times" in result for result in results("execute"))


def test_a_call_without_a_mark_before_it_is_caught(monkeypatch):
    def unmarked(worker, ref, **_):
        return before_call(worker, ref, None)

    monkeypatch.setattr(INVOKE, "before_call", unmarked)

    assert any(result != "ok" for result in results("execute"))


def test_a_charge_that_is_not_given_back_is_caught(monkeypatch):
    monkeypatch.setattr(writers, "release", lambda charges, usages: (charges, {}))

    assert any(result != "ok" for result in results("expire, reserved"))
    assert any(result != "ok" for result in results("cancel, stopped"))


def test_a_takeover_on_a_guess_is_caught(monkeypatch):
    monkeypatch.setattr(fulfilment, "concluded_before", lambda *_, **__: None)
    monkeypatch.setattr(INVOKE, "concluded_before", lambda *_, **__: None)

    assert any("UNKNOWN" not in result and result != "ok" for result in results("execute"))
    assert any(result != "ok" for result in results("take what a dead worker took"))
