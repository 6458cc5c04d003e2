"""Proposing from files, from a pipe and from a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
import threading

import pytest

from tests.waiting import PATIENCE_S, ended

from .desk import LINES, environment, objects, proposal


def test_lines_are_answered_in_their_order_and_bad_ones_hold_no_other_back(day):
    answers = objects(day.proposed.stdout)

    assert [answer["line"] for answer in answers] == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    verdicts = [
        (answer["action_intent_id"], answer["result"], answer["reason"], answer["status"])
        for answer in answers
        if "error" not in answer
    ]
    assert verdicts == [
        ("note", "AUTO_EXECUTED", "WITHIN_BOUNDS", "APPROVED"),
        ("unsure", "REQUIRE_APPROVAL", "CONFIDENCE_BELOW_THRESHOLD", "AWAITING_APPROVAL"),
        ("blocked", "REQUIRE_APPROVAL", "ACTION_TYPE_DISABLED", "BLOCKED"),
        ("call", "AUTO_EXECUTED", "WITHIN_BOUNDS", "APPROVED"),
    ]
    assert all(answer["explanation"] for answer in answers if "error" not in answer)


def test_a_bad_line_is_told_with_its_number_and_field(day):
    bad = {answer["line"]: answer for answer in objects(day.proposed.stdout) if "error" in answer}

    assert {line: (answer["error"], answer["field"]) for line, answer in bad.items()} == {
        5: ("IntentIdReused", None),
        6: ("NotJson", "(json)"),
        7: ("InvalidInput", "parameters.n"),
        8: ("NotJson", "(json)"),
        9: ("InvalidInput", "n"),
        10: ("InvalidInput", "(intent)"),
        11: ("InvalidInput", "risk_level"),
        12: ("InvalidInput", "(json)"),
    }
    assert bad[7]["action_intent_id"] == "large"
    assert "differs in parameters" in bad[5]["message"]
    assert [told["line"] for told in objects(day.proposed.stderr)] == list(bad)


def test_only_conflicts_end_with_the_code_for_conflicts(desk):
    again = "\n".join([LINES[0], LINES[4]])

    done = desk.run("propose", "-", stdin=again, code=4)

    assert done.stdout.startswith("1  note  AUTO_EXECUTED  WITHIN_BOUNDS: ")
    assert "error: line 2: intent 'note' is stored already and differs in parameters; send changed" in done.stderr
    assert done.stderr.endswith("1 AUTO_EXECUTED, 1 refused\n")


def test_an_intent_is_stored_first_and_gated_later(desk):
    bare = {"action_intent_id": "later", "action_type": "CREATE_NOTE", "target": proposal("")["target"]}
    defaults = ["--tenant", "acme", "--account", "acct-1", "--proposed-by", "bot-7", "--no-gate"]
    place = ["--tenant", "acme", "--account", "acct-1"]

    (stored,) = desk.json("propose", "-", *defaults, stdin=json.dumps(bare))
    answers = desk.json("gate", "later", "nobody", *place, code=3)

    assert (stored["line"], stored["proposed_by"], stored["account_id"]) == (1, "bot-7", "acct-1")
    assert [answer["reason"] for answer in answers] == ["CONFIDENCE_BELOW_THRESHOLD", "INTENT_NOT_FOUND"]


@pytest.mark.parametrize("text", [json.dumps, lambda items: "\n".join(json.dumps(each, indent=2) for each in items)])
def test_a_list_and_objects_over_several_lines_are_proposed_as_lines_are(desk, text):
    items = [proposal("p-1"), proposal("p-2", risk_level="low"), proposal("p-3")]

    done = desk.run("propose", "-", "--json", stdin=text(items), code=2)

    answers = objects(done.stdout)
    assert [each["action_intent_id"] for each in answers] == ["p-1", "p-2", "p-3"]
    assert [each.get("field") for each in answers] == [None, "risk_level", None]
    assert answers[1]["line"] == text(items[:1]).count("\n") + 1 + ("\n" in text(items))


def test_an_action_type_or_a_tenant_that_is_likely_a_slip_is_told_beside_the_answers(desk):
    lines = [
        proposal("a", action_type="CREATE_NOTES"),
        proposal("b", tenant_id="acem"),
        proposal("c", action_type="FLY"),
    ]

    done = desk.run("propose", "-", stdin="\n".join(map(json.dumps, lines)))

    assert done.stderr.splitlines() == [
        "3 REQUIRE_APPROVAL",
        "! CREATE_NOTES is not an action type of tenant 'acme', so a person is asked; is CREATE_NOTE meant?",
        "! tenant 'acem' has no action types yet; put bounds in force with 'remit apply'",
        "! FLY is not an action type of tenant 'acme', so a person is asked; register it in the bounds",
    ]


def test_a_slow_writer_is_answered_line_by_line(desk):
    with subprocess.Popen(
        [sys.executable, "-m", "remit", "propose", "-", "--json"],
        cwd=desk.folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(LINES[0] + "\n")
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        process.stdin.write(json.dumps(proposal("second")) + "\n")
        process.stdin.close()
        second = json.loads(process.stdout.readline())

    assert (first["line"], second["line"], process.returncode) == (1, 2, 0)


def test_what_waits_is_counted_by_proposer_and_the_limit_on_it_names_the_way_out(desk):
    line = json.dumps(proposal("more", confidence_score=0.1))
    done = desk.run("propose", "-", "--json", stdin=line, code=4, REMIT_MOST_WAITING="1")
    groups = desk.one("queue", "--tenant", "acme", "--groups")

    (told,) = objects(done.stdout)
    assert (told["error"], told["action_intent_id"]) == ("QueueFull", "more")
    assert "REMIT_MOST_WAITING" in told["message"] and "supersede one that waits" in told["way_out"]
    assert groups["by_proposer"][0]["proposed_by"] == "agent"
    assert "wait" in desk.run("queue", "--tenant", "acme", "--groups").stdout
    refused = desk.error("queue", "--tenant", "acme", "--groups", "--account", "acct-1", code=2)
    assert "--account" in str(refused)


def test_a_bar_on_the_terminal_takes_nothing_from_the_output(desk):
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "remit", "propose", "intents.jsonl", "--json"]
    with subprocess.Popen(
        words, cwd=desk.folder, env={**environment(), "TERM": "xterm"}, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        drain = threading.Thread(target=_read_all, args=(ours, shown := bytearray()))
        drain.start()
        out, _ = process.communicate(timeout=PATIENCE_S)
        ended(drain)
    os.close(ours)

    assert len(objects(out)) == 12
    assert b"proposing" in shown and b"IntentIdReused" in shown


def _read_all(descriptor, into):
    # A terminal whose other end is closed answers with an error instead of an end.
    with contextlib.suppress(OSError):
        while chunk := os.read(descriptor, 4096):
            into += chunk
