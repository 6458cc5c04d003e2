"""The demonstration, as a newcomer runs it: in an empty directory, without an answer to give."""

from __future__ import annotations

import time
from dataclasses import dataclass

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


def _demo(directory):
    began = time.monotonic()
    with Process("-m", "remit", "demo", cwd=directory) as process:
        output = process.everything()
        code = process.wait()
    return Run(code, output + process.errors, time.monotonic() - began)


def test_the_demo_shows_every_reason_and_leaves_a_sound_database_and_can_be_run_again(tmp_path):
    # One run after the other in one directory: the second one must not mind what the first one left.
    for _ in range(2):
        run = _demo(tmp_path)

        assert run.code == 0, run.output
        assert run.seconds < 60
        assert [reason for reason in REASONS if reason not in run.output] == []
        assert "REFUND_ABOVE_50" in run.output, "a tenant's own rule"
        assert "Autopilot did" in run.output
        assert "Traceback" not in run.output
        _assert_explorable(f"sqlite:///{tmp_path}/remit-demo.db")


def _assert_explorable(url):
    with Remit.open(url) as remit:
        report = remit.verify("acme")
        counts = remit.counts("acme")

    assert report.ok, report.findings
    assert report.autonomous > 0
    assert report.approved_by_people > 0
    assert {"SUCCEEDED", "UNKNOWN", "REJECTED", "EXPIRED", "AWAITING_APPROVAL"} <= set(counts)
