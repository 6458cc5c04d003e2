"""The state machine in a second interpreter, around the same functions: two readings of the language that agree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.local.emulator import function_arn
from infra.state_machine import STEPS, definition
from remit.core.errors import TryLater
from remit.core.execution.approval import event_data
from remit.core.gate.autonomy import StopScope
from remit.core.records import chain_key
from tests.conftest import NODE_MODULES
from tests.flow.world import TENANT

from .broken import Broken

SCRIPT = Path(__file__).with_name("second_interpreter.mjs")
RUN_WITHIN_S = 120


@pytest.fixture(scope="session")
def interpreter():
    """Node.js with the package that carries out state machines."""
    found = shutil.which("node") and (NODE_MODULES / "aws-local-stepfunctions").is_dir()
    if not found and os.environ.get("CI"):
        raise RuntimeError("no Node.js with aws-local-stepfunctions: run './dev test' with npm installed")
    if not found:
        pytest.skip("no Node.js with aws-local-stepfunctions: run './dev test' with npm installed")
    return shutil.which("node")


@pytest.fixture
def execute(interpreter, deployment):
    """`execute(data)` carries out the execution that this approval's data begins."""

    def execute(data, holder="arn:execution:1"):
        machine = definition({name: function_arn(name) for name in STEPS.values()})
        given = {
            "packages": str(NODE_MODULES.resolve()),
            "definition": machine,
            "input": {"data": data},
            "holder": holder,
            "lambda": deployment.cloud.emulator.url,
        }
        run = subprocess.run(
            [interpreter, SCRIPT],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=RUN_WITHIN_S,
            check=True,
        )
        return json.loads(run.stdout)

    return execute


def approved(deployment, name):
    """The data of an approval's event that is under way to nobody but this test."""
    deployment.propose(name)
    deployment.front.script.append("unreachable")
    approval_id = deployment.gate(name)["approval_id"]
    history = deployment.remit.context.store.read([chain_key(TENANT, name)]).get(chain_key(TENANT, name))
    return event_data(history.approval(approval_id))


def nothing_wrong(deployment, monkeypatch, data):
    return data


def stopped(deployment, monkeypatch, data):
    deployment.remit.stop(StopScope(tenant_id=TENANT), by="ann", reason="incident")
    return data


def forged(deployment, monkeypatch, data):
    return {**data, "intent_digest": "0" * 64}


def unmapped(deployment, monkeypatch, data):
    def no_template(tool, intent):
        raise KeyError("template")

    monkeypatch.setattr(deployment.far, "map", no_template)
    return data


def answers(*script):
    def scripted(deployment, monkeypatch, data):
        deployment.far.script.extend(script)
        return data

    return scripted


def breaks(step, error, times=None):
    def broken(deployment, monkeypatch, data):
        handlers = deployment.cloud.emulator.functions.handlers
        monkeypatch.setitem(handlers, STEPS[step], Broken(handlers[STEPS[step]], "before", error, times))
        return data

    return broken


WAYS = {
    "carried out": nothing_wrong,
    "stopped": stopped,
    "forged": forged,
    "unmapped": unmapped,
    "refused for a while": answers("no RATE_LIMIT", "no DOWNSTREAM"),
    "refused for good": answers("no VALIDATION"),
    "answer lost": answers("lost"),
    **{f"{step} busy": breaks(step, TryLater("busy"), times=1) for step in STEPS},
    **{f"{step} broken": breaks(step, ZeroDivisionError()) for step in STEPS},
}


@pytest.mark.parametrize("way", WAYS)
def test_both_enter_the_same_states_and_end_the_same_way(deployment, execute, way):
    first, second = approved(deployment, "first"), approved(deployment, "second")

    with pytest.MonkeyPatch.context() as patched:
        deployment.cloud.put("ACTION_APPROVED", WAYS[way](deployment, patched, first))
        deployment.settle()
    with pytest.MonkeyPatch.context() as patched:
        ran = execute(WAYS[way](deployment, patched, second))

    (by_moto,) = deployment.cloud.executions()
    assert (ran["entered"], ran["status"]) == (deployment.cloud.states_of(by_moto), by_moto["status"])
    assert deployment.status("second") == deployment.status("first")
    deployment.assert_sound()


def test_a_repeated_event_does_nothing_the_second_time(deployment, execute):
    data = approved(deployment, "i-1")
    execute(data)

    again = execute(data, holder="arn:execution:2")

    assert (again["entered"][-1], again["status"]) == ("NothingToDo", "SUCCEEDED")
    assert len(deployment.far.calls) == 1
