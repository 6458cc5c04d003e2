"""Large exports: several processes read one, and say what one process says of it."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import active_children

import pytest

from remit.core.errors import TryLater
from remit.core.ledger.entries import entry_hash
from remit.entrypoints.cli import exports, shared_reading
from remit.entrypoints.cli.exports import verify_file
from remit.entrypoints.cli.output import TRY_LATER, exit_code
from remit.entrypoints.cli.shared_reading import SHARED_FROM_BYTES, processes_for, verified_by_several

from ...waiting import until

SHORT = 2000
"""Bytes of a part: less than a chain is long."""


def rewritten(place, **changes):
    """One line with other fields, and its right hash."""

    def change(lines):
        entry = {**json.loads(lines[place]), **changes}
        return [*lines[:place], json.dumps({**entry, "hash": entry_hash(entry)}).encode(), *lines[place + 1 :]]

    return change


CHANGES = {
    "nothing": lambda lines: lines,
    "blank lines": lambda lines: [each for line in lines for each in (b"", line, b"  ")],
    "no last line end": lambda lines: lines,
    "cut off": lambda lines: lines[:-3],
    "cut off within a line": lambda lines: [*lines[:-3], lines[-3][:50]],
    "a chain left out": lambda lines: [line for line in lines if json.loads(line)["action_intent_id"] != _name(lines)],
    "no entries among them": lambda lines: [*lines[:9], b"not JSON", b"[]", b"{}", *lines[9:]],
    "decided by somebody else": lambda lines: [
        line.replace(b'"actor":"', b'"actor":"not ') if b'"GATE_DECIDED"' in line else line for line in lines
    ],
    "another tenant's": rewritten(12, tenant_id="globex"),
    "a newer version's": rewritten(12, v=99),
    "the own chain's first": lambda lines: [*_own(lines), *[line for line in lines if line not in _own(lines)]],
    "an own chain of nothing": lambda lines: [line for line in lines if line not in _own(lines)],
    "the other way round": lambda lines: lines[::-1],
    "spelled otherwise": lambda lines: [json.dumps(json.loads(line)).encode() for line in lines],
    "escaped": lambda lines: [line.replace(b"action_intent_id", b"action\\u005fintent_id") for line in lines],
}

SOUND = ("nothing", "blank lines", "no last line end", "the own chain's first", "spelled otherwise", "escaped")


def _name(lines):
    return str(json.loads(lines[10])["action_intent_id"])


def _own(lines):
    return [line for line in lines if json.loads(line)["action_intent_id"] is None]


@pytest.fixture
def lines(desk):
    return desk.run("export", "--tenant", "acme").stdout.encode().splitlines()


@pytest.mark.parametrize("name", CHANGES)
def test_several_processes_say_what_one_says(name, lines, tmp_path, monkeypatch):
    export = tmp_path / "ledger.jsonl"
    export.write_bytes(b"\n".join(CHANGES[name](lines)) + (b"" if name == "no last line end" else b"\n"))
    alone = verify_file(str(export))
    monkeypatch.setattr(shared_reading, "SHARED_FROM_BYTES", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(exports, "PART_BYTES", SHORT)

    together = verify_file(str(export))

    assert together.wire() == alone.wire() and alone.ok is (name in SOUND)


@pytest.mark.parametrize("name", ["nothing", "a chain left out", "no entries among them", "decided by somebody else"])
def test_they_do_so_without_its_being_read_as_one(name, lines, tmp_path):
    export = tmp_path / "ledger.jsonl"
    export.write_bytes(b"\n".join(CHANGES[name](lines)) + b"\n")

    report = verified_by_several(str(export), 2, SHORT)

    assert report is not None and report.wire() == verify_file(str(export)).wire()


def test_a_process_that_is_killed_leaves_nothing_known_and_that_is_said(lines, tmp_path):
    export = tmp_path / "ledger.jsonl"
    export.write_bytes(b"\n".join(lines) + b"\n")
    with ThreadPoolExecutor(1) as caller:
        answer = caller.submit(verified_by_several, str(export), 2, SHORT)
        # They load what they need before they read anything, so that neither is through. Both: a pool that breaks while
        # it starts another waits for that one for good.
        until(lambda: len(active_children()) == 2, what="both processes were started")
        os.kill(active_children()[0].pid, signal.SIGKILL)

        with pytest.raises(TryLater, match="nothing is known of it") as error:
            answer.result()

    assert exit_code(error.value) == TRY_LATER


def test_a_small_file_waits_for_no_process_to_start():
    assert processes_for(SHARED_FROM_BYTES - 1) == 1
    assert processes_for(SHARED_FROM_BYTES) == min(os.cpu_count() or 1, 4)


def test_a_list_of_entries_is_read_as_one(lines, tmp_path):
    export = tmp_path / "ledger.json"
    export.write_bytes(b"[\n" + b",\n".join(lines) + b"\n]")

    assert verified_by_several(str(export), 2, SHORT) is None and verify_file(str(export)).ok
