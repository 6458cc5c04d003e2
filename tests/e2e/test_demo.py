"""The demonstration, as a newcomer runs it: in an empty directory, without an answer to give."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass

import httpx

from remit import Remit
from tests.e2e.processes import Process
from tests.waiting import PATIENCE_S, until

REASONS = [
    *("MISSING_INPUT", "INTENT_NOT_FOUND"),
    *("INTENT_EXPIRED", "AUTONOMY_STOPPED", "EDITED_BY_PERSON"),
    "ACTION_TYPE_NOT_ALLOWLISTED",
    *("ACTION_TYPE_DISABLED", "PROPOSE_ONLY", "TENANT_POLICY", "RISK_LEVEL_HIGH", "CONFIDENCE_BELOW_THRESHOLD"),
    "POLICY_ERROR",
    *("BUDGET_NOT_CONFIGURED", "BUDGET_EXCEEDED"),
]


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, directory, *arguments):
        self.code = None
        self._shown = ""
        self._ours, theirs = pty.openpty()
        os.set_blocking(self._ours, False)
        environ = {name: value for name, value in os.environ.items() if name != "CI"} | {"COLUMNS": "400"}
        self._process = subprocess.Popen(
            [sys.executable, *arguments], cwd=directory, stdin=theirs, stdout=theirs, stderr=theirs, env=environ
        )
        os.close(theirs)

    def shown(self, pattern):
        """What it shows of this, once it does."""
        return until(lambda: re.search(pattern, self._read()), what=f"{pattern} at the terminal")[1]

    def _read(self):
        # Nothing new, or it has ended.
        with contextlib.suppress(OSError):
            self._shown += os.read(self._ours, 65536).decode(errors="replace")
        return self._shown

    def end(self):
        self._process.send_signal(signal.SIGINT)
        until(lambda: self._read() and self._process.poll() is not None, what="the end of the command")
        self.code = self._process.returncode
        os.close(self._ours)


@dataclass(frozen=True)
class Run:
    code: int
    output: str
    processor_s: float


def _demo(directory, *options):
    before = _processor_s()
    with Process("-m", "remit", "demo", *options, cwd=directory) as process:
        output = process.everything()
        code = process.wait()
    return Run(code, output + process.errors, _processor_s() - before)


def _processor_s():
    """Of the processes that have ended: how long theirs took does not depend on what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_demo_shows_every_reason_and_leaves_a_sound_database_and_can_be_run_again(tmp_path):
    # One run after the other in one directory: the second one must not mind what the first one left.
    for _ in range(2):
        run = _demo(tmp_path, "--full")

        assert run.code == 0, run.output
        assert run.processor_s < 60
        assert [reason for reason in REASONS if reason not in run.output] == []
        assert "REFUND_ABOVE_50" in run.output, "a tenant's own rule"
        assert "Autopilot did" in run.output
        assert "Traceback" not in run.output
        _assert_explorable(f"sqlite:///{tmp_path}/remit-demo.db")


def test_the_demo_tells_its_story_in_few_lines_and_without_a_terminal_it_ends(tmp_path):
    run = _demo(tmp_path)

    assert run.code == 0, run.output
    lines = run.output.strip().splitlines()
    assert 10 <= len(lines) <= 17, run.output
    for said in ("run alone", "need a person", "charged once", "every invariant holds", "--full"):
        assert said in run.output
    assert "/console/link/" not in run.output
    _assert_explorable(f"sqlite:///{tmp_path}/remit-demo.db")


def test_at_a_terminal_the_demo_leaves_its_console_open_on_a_link_that_signs_in(tmp_path):
    terminal = Terminal(tmp_path, "-m", "remit", "demo")
    try:
        url = terminal.shown(r"(http://\S+/console/link/\S+)")
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=PATIENCE_S) as client:
            signed_in = client.get(url)
        assert signed_in.status_code == 200 and "Needs your input" in signed_in.text
        assert 'class="card row' in signed_in.text
    finally:
        terminal.end()
    assert terminal.code == 0


def _assert_explorable(url):
    with Remit.open(url) as remit:
        report = remit.verify("acme")
        counts = remit.counts("acme")

    assert report.ok, report.findings
    assert report.autonomous > 0
    assert report.approved_by_people > 0
    assert {"SUCCEEDED", "UNKNOWN", "REJECTED", "EXPIRED", "AWAITING_APPROVAL"} <= set(counts)
