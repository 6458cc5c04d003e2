"""Answers of people: approving, rejecting, editing, resolving, and taking back."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

from tests.waiting import PATIENCE_S

from .desk import bounds, environment, objects


def test_approving_shows_what_is_approved_and_binds_to_it(desk):
    wrong = desk.error("approve", "unsure", "--tenant", "acme", "--by", "ann", "--digest", "0" * 64, code=4)
    done = desk.run("approve", "unsure", "--tenant", "acme", "--by", "ann", "--json")
    (approval,) = objects(done.stdout)
    late = desk.error("reject", "unsure", "--tenant", "acme", "--by", "bob", code=4)

    assert wrong["error"] == "DigestChanged"
    (shown,) = objects(done.stderr)
    assert shown["approving"]["digest"] == approval["intent_digest"]
    assert shown["approving"]["parameters"] == {"text": "hi \x1b[31mred", "n": 1}
    assert (approval["approval_source"], approval["approved_by"]) == ("HUMAN", "ann")
    assert late["error"] == "NotInThatState"


def test_a_person_reads_what_waits_why_and_what_runs(desk):
    queued = desk.run("queue", "--tenant", "acme").stdout
    explained = desk.run("why", "unsure", "--tenant", "acme").stdout
    shown = desk.run("approve", "unsure", "--tenant", "acme", "--by", "ann").stdout

    assert 'n 1, text "hi \\u001b[31mred"' in queued
    for text in (explained, shown):
        said = {" ".join(line.split()) for line in text.splitlines()}
        assert said >= {"runs internal create_note", "target contact c-1", "parameters.n 1", "action type CREATE_NOTE"}
    assert "why it asks CONFIDENCE_BELOW_THRESHOLD: " in " ".join(shown.split())


def test_the_first_of_two_votes_is_shown_and_leaves_that_persons_queue(desk):
    text = bounds(port=1).replace("risk_tier: LOW, tool", "risk_tier: LOW, approvals_required: 2, tool")
    (desk.folder / "bounds.yaml").write_text(text)
    desk.run("apply", "bounds.yaml", "--by", "ann")
    answer = desk.one("approve", "unsure", "--tenant", "acme", "--by", "ann")
    told = desk.run("approve", "unsure", "--tenant", "acme", "--by", "ann").stdout

    texts = [
        desk.run(*words, "--tenant", "acme").stdout for words in (["queue"], ["status", "unsure"], ["why", "unsure"])
    ]
    own, bobs = (
        [item["action_intent_id"] for item in desk.json("queue", "--tenant", "acme", "--by", name)]
        for name in ("ann", "bob")
    )

    report = desk.run("report", "--tenant", "acme", "--from", "2026-01-01", "--no-verify").stdout.splitlines()
    assert "by approved rejected edited voted median" in [" ".join(line.split()) for line in report]
    (anns,) = [line.split() for line in report if line.startswith("ann ")]
    assert anns[1:5] == ["0", "0", "0", "1"]
    assert (answer["approvals_required"], answer["approved_by"]) == (2, ["ann"])
    assert all("1 of 2: ann, 20" in text and "JST" in text for text in [told, *texts])
    assert ("unsure" in own, "unsure" in bobs) == (False, True)


def test_a_queue_says_what_is_left_of_a_budget_only_where_there_is_one(desk):
    before = desk.run("queue", "--tenant", "acme").stdout
    text = re.sub(r"(?m)^(tenant_)?budget: .*$", "", bounds(port=1))
    limit = "limits: [{name: notes, most: 5, per: day, of: account}]\n"
    (desk.folder / "bounds.yaml").write_text(text + limit)
    desk.run("apply", "bounds.yaml", "--by", "ann")

    after = desk.run("queue", "--tenant", "acme").stdout

    assert " of 20 " in before
    assert " 0 of 0 " not in after


def test_on_a_terminal_a_person_is_asked_before_it_is_approved(desk):
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "remit", "approve", "unsure", "--tenant", "acme", "--by", "ann"]
    with subprocess.Popen(
        words, cwd=desk.folder, env=environment(), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        os.write(ours, b"n\n")
        shown, asked = process.communicate(timeout=PATIENCE_S)
    os.close(ours), os.close(theirs)

    assert process.returncode == 130
    assert b"Approve this?" in asked and b"digest" in shown
    # What an agent wrote reaches the terminal as text, not as a colour.
    assert rb"hi \u001b[31mred" in shown and b"\x1b" not in shown
    assert desk.one("status", "unsure", "--tenant", "acme")["status"] == "AWAITING_APPROVAL"


def test_an_edited_intent_replaces_the_one_it_was_made_of(desk):
    by = ["--tenant", "acme", "--by", "ann"]

    unclear = desk.error("edit", "unsure", *by, "--set", "parameters.text", code=2)
    changes = ["--set", "parameters.text=call [back]", "--set", 'parameters.tags=["a"]', "--unset", "parameters.n"]
    edited = desk.one("edit", "unsure", *by, *changes)
    queue = desk.json("queue", "--tenant", "acme", "--account", "acct-1")

    assert unclear["field"] == "--set"
    assert (edited["reason"], edited["supersedes"]) == ("EDITED_BY_PERSON", "unsure")
    assert [item["action_intent_id"] for item in queue] == [edited["action_intent_id"]]
    assert queue[0]["parameters"] == {"text": "call [back]", "tags": ["a"]}
    assert queue[0]["digest"] == edited["digest"]


def test_what_waits_is_taken_back_in_its_proposer_s_name_by_whoever_has_the_database(desk):
    other = desk.error("withdraw", "unsure", "--tenant", "acme", "--by", "another-agent", code=2)
    back = desk.one("withdraw", "unsure", "--tenant", "acme", "--reason", "found it")
    late = desk.error("reject", "unsure", "--tenant", "acme", "--by", "bob", code=4)

    assert "only its proposer may" in other["message"]
    assert (back["status"], back["withdrawn_by"]) == ("WITHDRAWN", "agent")
    assert "is WITHDRAWN" in late["message"]
    told = desk.one("why", "unsure", "--tenant", "acme")["withdrawal"]
    assert (told["reason"], told["credential"]["kind"]) == ("found it", "command_line")


def test_a_blocked_intent_cannot_be_approved_and_can_be_rejected(desk):
    by = ["--tenant", "acme", "--by", "ann"]

    blocked = desk.error("approve", "blocked", *by, code=4)
    unseen = desk.error("reject", "blocked", *by, "--digest", "0" * 64, code=4)
    rejected = desk.one("reject", "blocked", *by, "--reason", "not now")

    assert blocked["way_out"] == "lift the block first"
    assert "you saw 000000000000…" in unseen["message"]
    assert (rejected["status"], rejected["rejected_by"]) == ("REJECTED", "ann")


def test_a_person_resolves_what_nobody_could_know(desk):
    by = ["--tenant", "acme", "--by", "ann"]

    neither = desk.error("resolve", "call", *by, code=2)
    resolved = desk.one("resolve", "call", *by, "--succeeded", "--note", "seen there")

    assert neither["field"] == "--succeeded"
    assert (resolved["status"], resolved["note"]) == ("SUCCEEDED", "seen there")
