"""Exports of the first format, as the first release wrote them, verify for ever."""

import copy
import json
from pathlib import Path

import pytest

from remit.app.offline import verify_export
from remit.core.ledger.entries import entry_hash

EXPORT = Path(__file__).parent / "format_1.jsonl"


@pytest.fixture
def old_lines():
    return [json.loads(line) for line in EXPORT.read_text().splitlines()]


def test_an_export_of_the_first_format_with_everything_in_it_is_sound(old_lines):
    report = verify_export(iter(old_lines))

    assert report.ok and report.sealed, [str(finding) for finding in report.findings]
    assert (report.entries, report.running, report.newer) == (109, 1, set())
    assert all("v" not in line for line in old_lines)


@pytest.mark.parametrize("left_out", range(108))
def test_no_line_of_it_can_be_left_out(old_lines, left_out):
    del old_lines[left_out]

    assert not verify_export(iter(old_lines)).ok


@pytest.mark.parametrize("changes", [{"heads": {}}, {"entries": 5}, {"parts": 2}, {"intents": 3}])
def test_a_seal_of_the_first_format_that_was_altered_is_found(old_lines, changes):
    seal = copy.deepcopy(old_lines[-1])
    seal["data"] |= changes
    seal["hash"] = entry_hash(seal)

    report = verify_export(iter([*old_lines[:-1], seal]))

    assert {finding.invariant for finding in report.findings} == {6}
