"""The demonstration, as a newcomer runs it: in an empty directory, without an answer to give."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from remit import Remit
from tests.e2e.processes import Process

REASONS = [
    *("MISSING_INPUT", "INTENT_NOT_FOUND"),
    *("INTENT_EXPIRED", "AUTONOMY_STOPPED", "EDITED_BY_PERSON"),
    "ACTION_TYPE_NOT_ALLOWLISTED",
    *("ACTION_TYPE_DISABLED", "PROPOSE_ONLY", "TENANT_POLICY", "RISK_LEVEL_HIGH", "CONFIDENCE_BELOW_THRESHOLD"),
    "POLICY_ERROR",
    *("BUDGET_NOT_CONFIGURED", "BUDGET_EXCEEDED"),
]


@dataclass(frozen=True)
class Run:
    code: int
    output: str
    seconds: float


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def first(directory: Path) -> Iterator[Run]:
    yield _demo(directory)


def _demo(directory: Path) -> Run:
    began = time.monotonic()
    with Process("-m", "remit", "demo", cwd=directory) as process:
        output = process.everything()
        code = process.wait()
    return Run(code, output + process.errors, time.monotonic() - began)


def test_the_demo_ends_well_within_a_minute(first: Run) -> None:
    assert first.code == 0, first.output
    assert first.seconds < 60
    assert "Traceback" not in first.output


@pytest.mark.parametrize("reason", REASONS)
def test_the_demo_shows_every_reason_of_the_gate(first: Run, reason: str) -> None:
    assert reason in first.output


def test_the_demo_shows_a_tenants_own_rule_and_what_autopilot_did(first: Run) -> None:
    assert "REFUND_ABOVE_50" in first.output
    assert "Autopilot did" in first.output


def test_the_demo_leaves_a_database_that_is_sound(first: Run, directory: Path) -> None:
    with Remit.open(f"sqlite:///{directory}/remit-demo.db") as remit:
        report = remit.verify("acme")
        counts = remit.counts("acme")

    assert report.ok, report.findings
    assert report.autonomous > 0
    assert report.approved_by_people > 0
    assert {"SUCCEEDED", "UNKNOWN", "REJECTED", "EXPIRED", "AWAITING_APPROVAL"} <= set(counts)


def test_the_demo_can_be_run_again(first: Run, directory: Path) -> None:
    second = _demo(directory)

    assert second.code == 0, second.output
    assert [second.output.count(reason) for reason in REASONS] == [first.output.count(reason) for reason in REASONS]
