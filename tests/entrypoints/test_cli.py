"""The command line as people and machines use it: a process of its own, in a folder of its own, on a SQLite file."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from remit.core.gate.zones import zone
from remit.core.values import in_zone
from tests.waiting import PATIENCE_S, ended

SOURCE = Path(__file__).parents[2] / "src"
BOUNDS = """
tenant: acme
allowed_hosts: [127.0.0.1]
action_types:
  CREATE_NOTE: {{risk_tier: LOW, tool: {{connector: internal, operation: create_note}}}}
  CALL_FAR_SIDE: {{risk_tier: LOW, tool: {{connector: http, method: POST, url: "http://127.0.0.1:{port}/", max_attempts: 1}}}}
allowlist: [CREATE_NOTE, CALL_FAR_SIDE]
modes: {{default: APPROVAL_REQUIRED, CREATE_NOTE: AUTO_EXECUTE, CALL_FAR_SIDE: AUTO_EXECUTE}}
budget: {{max_autonomous_per_day: 20, max_per_action_type: {{CREATE_NOTE: 5}}, timezone: "{zone}"}}
tenant_budget: {{max_autonomous_per_day: 500, timezone: "{zone}"}}
accounts:
  acct-2: {{modes: {{CREATE_NOTE: DISABLED}}}}
"""  # noqa: E501


def zone_at_noon():
    """A zone in which it is about noon: whatever takes its time here, the day does not end in between."""
    # The sign is turned round in these names.
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


ZONE = zone_at_noon()


def bounds(*, port):
    return BOUNDS.format(port=port, zone=ZONE)


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REMIT_")}
    own = {"PYTHONPATH": str(SOURCE), "TZ": "Asia/Tokyo", "PYTHONUTF8": "1", "REMIT_PRIVATE_HOSTS": "127.0.0.1"}
    return {**kept, **own, **more}


@dataclass(frozen=True)
class Desk:
    """A folder to work in, and what the commands run there answered."""

    folder: Path

    def run(self, *words, stdin="", code=0, encoding="utf-8", **more):
        done = subprocess.run(
            [sys.executable, "-m", "remit", *words],
            cwd=self.folder,
            env=environment(**more),
            input=stdin,
            capture_output=True,
            encoding=encoding,
            timeout=PATIENCE_S,
        )
        assert done.returncode == code, f"remit {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *words, stdin="", code=0):
        return objects(self.run(*words, "--json", stdin=stdin, code=code).stdout)

    def one(self, *words, code=0):
        (answer,) = self.json(*words, code=code)
        return answer

    def error(self, *words, code, **more):
        done = self.run(*words, "--json", code=code, **more)
        told = objects(done.stderr)[-1]
        assert done.stdout == ""
        assert set(told) >= {"error", "field", "message", "way_out"}
        return told


def objects(text):
    return [json.loads(line) for line in text.split("\n") if line]


def proposal(name, **changes):
    return {
        "action_intent_id": name,
        "tenant_id": "acme",
        "account_id": "acct-1",
        "action_type": "CREATE_NOTE",
        "target": {"entity_type": "contact", "entity_id": "c-1"},
        "parameters": {"text": "hello"},
        "confidence_score": 0.9,
        **changes,
    }


LINES = [
    json.dumps(proposal("note")),
    json.dumps(proposal("unsure", confidence_score=0.2, parameters={"text": "hi \x1b[31mred", "n": 1})),
    "",
    json.dumps(proposal("blocked", account_id="acct-2")),
    json.dumps(proposal("note", parameters={"text": "other"})),
    "{not json",
    json.dumps(proposal("large", parameters={"n": 2**53})),
    '{"action_intent_id": "nan", "parameters": {"n": NaN}}',
    '{"action_intent_id": "twice", "parameters": {"n": 1, "n": 2}}',
    "[1]",
    json.dumps(proposal("typo", risk_level="low")),
    json.dumps(proposal("long", why=["x" * 2**20])),
    json.dumps(proposal("call", action_type="CALL_FAR_SIDE")),
]


@contextmanager
def far_side_that_hangs_up():
    """It takes a request and never answers: nobody knows whether it acted."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Day:
    """What one day's commands answered, and the folder they left."""

    folder: Path
    previewed: str
    applied: str
    proposed: subprocess.CompletedProcess[str]
    worked: dict[str, Any]


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """Bounds applied, intents proposed from a file, approved ones executed."""
    folder = tmp_path_factory.mktemp("day")
    desk = Desk(folder)
    with far_side_that_hangs_up() as port:
        (folder / "bounds.yaml").write_text(bounds(port=port))
        (folder / "intents.jsonl").write_text("\n".join(LINES))
        previewed = desk.run("apply", "bounds.yaml", "--dry-run").stdout
        applied = desk.run("apply", "bounds.yaml", "--by", "ann").stdout
        proposed = desk.run("propose", "intents.jsonl", "--json", code=2)
        worked = desk.one("worker", "--until-idle")
    return Day(folder, previewed, applied, proposed, worked)


@pytest.fixture
def desk(day, tmp_path):
    """A copy of that day's folder."""
    shutil.copytree(day.folder, tmp_path / "desk")
    return Desk(tmp_path / "desk")


def test_bounds_are_previewed_and_then_applied(day):
    told = "+ budget.max_autonomous_per_day: 20\n"

    assert told in day.previewed
    assert "nothing was changed" in day.previewed
    assert told in day.applied
    assert "in force for tenant acme (bounds number 1)" in day.applied


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


def test_an_executed_intent_is_shown_and_explained(desk, day):
    status = desk.one("status", "note", "--tenant", "acme")
    why = desk.one("why", "note", "--tenant", "acme")
    shown = desk.run("why", "unsure", "--tenant", "acme").stdout

    assert day.worked == {"executed": 2, "by_status": {"SUCCEEDED": 1, "UNKNOWN": 1}}
    assert (status["status"], status["outcome"]["auto_executed"]) == ("SUCCEEDED", True)
    assert status["created_at"].endswith("Z")
    assert [check["check"] for check in why["decision"]["checks"]][-1] == "budget"
    assert "forbid" in shown and "CONFIDENCE_BELOW_THRESHOLD" in shown and " JST" in shown


def test_waiting_says_what_became_of_an_intent_in_words(desk):
    done = desk.run("wait", "note", "--tenant", "acme").stdout
    unknown = desk.one("wait", "call", "--tenant", "acme")
    waits = desk.run("wait", "unsure", "--tenant", "acme", "--timeout", "0", code=5).stdout

    assert done.startswith("CREATE_NOTE on contact c-1 was done")
    assert unknown["settled"]
    assert "Do NOT do it again" in unknown["text"]
    assert "has not answered yet" in waits


def test_what_a_tool_answered_is_shown_and_erased(desk):
    read = desk.one("result", "note", "--tenant", "acme")
    shown = desk.run("result", "note", "--tenant", "acme").stdout
    raw = desk.run("result", "note", "--tenant", "acme", "--raw").stdout
    none = desk.error("result", "call", "--tenant", "acme", code=3)
    erased = desk.run("erase-result", "note", "--tenant", "acme", "--by", "ann", "--reason", "asked for").stdout
    gone = desk.one("result", "note", "--tenant", "acme")

    assert raw == read["content"]
    assert json.loads(raw)["fields"]["text"] == "hello"
    assert "kept" in shown and " JST" in shown and raw in shown
    assert none["error"] == "NotFound"
    assert read["sha256"] in erased
    assert (gone["state"], gone["content"]) == ("ERASED", None)


def test_what_is_not_known_is_not_found(desk):
    told = desk.error("status", "note", "--tenant", "other", code=3)
    line = desk.run("why", "nobody", "--tenant", "acme", code=3).stderr

    assert told["error"] == "NotFound"
    assert line == "error: intent 'nobody' is not known to tenant 'acme'; check the name and the tenant\n"


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

    assert (answer["approvals_required"], answer["approved_by"]) == (2, ["ann"])
    assert all("1 of 2: ann, 20" in text and "JST" in text for text in [told, *texts])
    assert ("unsure" in own, "unsure" in bobs) == (False, True)


def test_a_tool_that_keeps_failing_is_shown_and_resumed(desk):
    # One call of that day has failed already.
    twice = {"REMIT_PAUSE_TOOL_AFTER": "2"}
    with far_side_that_hangs_up() as port:
        (desk.folder / "bounds.yaml").write_text(bounds(port=port))
        desk.run("apply", "bounds.yaml", "--by", "ann")
        desk.run("propose", "-", stdin=json.dumps(proposal("again", action_type="CALL_FAR_SIDE")))
        desk.run("worker", "--until-idle", **twice)
    desk.run("propose", "-", stdin=json.dumps(proposal("behind", action_type="CALL_FAR_SIDE")))

    status, why = (desk.run(word, "behind", "--tenant", "acme").stdout for word in ("status", "why"))
    (tool,) = desk.json("tools", "list", "--tenant", "acme")
    listed = desk.run("tools", "list", "--tenant", "acme").stdout
    resume = ["tools", "resume", "CALL_FAR_SIDE", "--tenant", "acme"]
    first, again = desk.run(*resume, "--by", "ann"), desk.one(*resume)

    waits = "CALL_FAR_SIDE's tool is paused since"
    assert waits in status and waits in why and waits in tool["explanation"]
    assert (tool["failures"], tool["last_error"].split()[0]) == (2, "DOWNSTREAM")
    assert "next trial" in listed and "JST" in listed
    assert "called again" in first.stdout and again == {"action_type": "CALL_FAR_SIDE", "resumed": False}
    assert desk.json("tools", "list", "--tenant", "acme") == []
    assert desk.error("tools", "list", "--tenant", "acme", code=2, REMIT_PAUSE_TOOL_AFTER="often")["field"] == (
        "REMIT_PAUSE_TOOL_AFTER"
    )


def test_what_waits_is_counted_by_proposer_and_the_limit_on_it_names_the_way_out(desk):
    line = json.dumps(proposal("more", confidence_score=0.1))
    done = desk.run("propose", "-", "--json", stdin=line, code=4, REMIT_MOST_WAITING="1")
    groups = desk.one("queue", "--tenant", "acme", "--groups")

    (told,) = objects(done.stdout)
    assert (told["error"], told["action_intent_id"]) == ("QueueFull", "more")
    assert "REMIT_MOST_WAITING" in told["message"] and "supersede one that waits" in told["way_out"]
    assert groups["by_proposer"][0]["proposed_by"] == "agent"
    assert "wait" in desk.run("queue", "--tenant", "acme", "--groups").stdout


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


def test_private_values_are_shown_until_they_are_erased(desk):
    (desk.folder / "private.yaml").write_text(
        """tenant: clinic
action_types:
  SEND_MAIL: {risk_tier: HIGH, private: [parameters.iban, why], tool: {connector: internal, operation: create_note}}
"""
    )
    desk.run("apply", "private.yaml", "--by", "ann")
    sent = {"parameters": {"iban": "DE02", "text": "x"}, "why": ["for alice"], "action_type": "SEND_MAIL"}
    desk.run("propose", "-", stdin=json.dumps(proposal("private", tenant_id="clinic", **sent)))
    about = ["private", "--tenant", "clinic"]

    shown = desk.run("status", *about).stdout + desk.run("why", *about).stdout
    erased = desk.run("erase", *about, "--by", "dora", "--reason", "asked for")
    again = desk.one("erase", *about, "--by", "dora", "--reason", "asked for")
    after = desk.run("status", *about).stdout + desk.run("why", *about).stdout
    lines = desk.run("ledger", "--tenant", "clinic").stdout

    assert "DE02" in shown and "for alice" in shown
    assert "private: erased parameters.iban, why" in erased.stdout
    assert again == {"action_intent_id": "private", "paths": []}
    assert "ERASED" in after and "(erased)" in after
    assert not any(value in after + lines for value in ("DE02", "for alice"))
    assert desk.run("verify", "--tenant", "clinic").returncode == 0


def test_a_stop_holds_until_it_is_resumed_and_outlives_new_bounds(desk):
    (desk.folder / "less.yaml").write_text("tenant: acme\nallowlist: [CREATE_NOTE]\n")
    who = ["--by", "ann", "--reason", "odd notes"]
    scope = ["--tenant", "acme", "--account", "acct-1", "--everything"]

    pulled = desk.one("stop", *scope, *who)
    less = desk.one("apply", "less.yaml")
    shown = desk.run("usage", "--tenant", "acme").stdout
    resumed = desk.one("resume", *scope, *who)
    again = desk.run("resume", *scope, *who).stdout

    assert pulled["level"] == "everything"
    assert "STOPPED everything: tenant acme, account acct-1, by ann" in shown
    assert resumed["resumed"] is True
    assert again == "everything was not stopped for tenant acme, account acct-1; nothing changed\n"
    # The file is everything: what it does not list has gone.
    assert {(change["path"], change["kind"]) for change in less["changes"]} >= {
        ("allowlist", "removed"),
        ("budget.max_autonomous_per_day", "removed"),
        ("accounts.acct-2.modes.CREATE_NOTE", "removed"),
        ("action_types.CREATE_NOTE.risk_tier", "removed"),
    }
    assert shown.splitlines()[1].split()[:5] == ["acct-1", "everything", "2", "no", "budget"]


def test_a_policy_that_is_not_sound_is_refused_with_its_line_in_the_file(desk):
    (desk.folder / "mine.cedar").write_text("forbid everything")
    (desk.folder / "mine.yaml").write_text("tenant: acme\npolicies: [mine.cedar]\n")

    refused = desk.error("apply", "mine.yaml", code=2)

    assert (refused["field"], refused["file"], refused["line"], refused["column"]) == ("policies", "mine.cedar", 1, 8)
    assert "is not Cedar" in refused["message"]


def test_a_stop_of_what_was_never_seen_is_not_found(desk):
    who = ["--by", "ann", "--reason", "odd notes"]
    for scope, name in (
        (["--account", "acct-11"], "acct-11"),
        (["--action-type", "CREATE_NOTES"], "CREATE_NOTES"),
        (["--everything"], None),
    ):
        tenant = "acme" if name else "acem"
        told = desk.error("stop", "--tenant", tenant, *scope, *who, code=3)

        assert f"{name or tenant!r} was never seen" in told["message"].replace('"', "'")
        assert "--even-if-unknown" in told["way_out"]
        desk.run("stop", "--tenant", tenant, *scope, *who, "--even-if-unknown")
        desk.run("resume", "--tenant", tenant, *scope, *who)


@pytest.mark.parametrize(
    "words",
    [
        ["queue"],
        ["usage"],
        ["timeline"],
        ["export"],
        ["key", "list"],
        ["subscription", "list"],
        ["why", "i-1"],
        ["approve", "i-1", "--by", "ann"],
        ["stop", "--by", "ann", "--reason", "odd"],
    ],
    ids=" ".join,
)
def test_asking_about_what_is_not_there_says_so_and_makes_no_database(desk, tmp_path, words):
    other = tmp_path / "other.db"

    unknown = desk.run(*words, "--tenant", "acem", code=3)
    missing = desk.run(*words, "--tenant", "acme", "--db", f"sqlite:///{other}", code=3)

    assert unknown.stdout == missing.stdout == ""
    assert "acem" in unknown.stderr or "i-1" in unknown.stderr or "not known" in unknown.stderr
    assert missing.stderr.startswith(
        f"error: there is no database at SQLite {tmp_path / 'other.db'}; name it with --db"
    )
    assert not (tmp_path / "other.db").exists()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_what_an_encoding_lacks_is_escaped_and_json_stays_the_same_value(desk, encoding):
    odd = {"text": "100 \u20ac \U0001f600 \u2028"}
    line = proposal("odd", confidence_score=0.1, parameters=odd, target={"entity_type": "c", "entity_id": "Zo\u00eb"})
    desk.run("propose", "-", stdin=json.dumps(line))
    narrow = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}

    for words in (["queue"], ["intents"], ["timeline"], ["status", "odd"], ["why", "odd"], ["usage"], ["--help"]):
        desk.run(*words, *([] if words == ["--help"] else ["--tenant", "acme"]), encoding=encoding, **narrow)
    shown = desk.run("queue", "--tenant", "acme", "--json", encoding=encoding, **narrow).stdout
    refused = desk.run("status", "\u20ac", "--tenant", "acme", "--json", encoding=encoding, code=3, **narrow)

    assert [item["parameters"] for item in objects(shown) if item["action_intent_id"] == "odd"] == [odd]
    assert "\u20ac" in objects(refused.stderr)[0]["message"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_that_is_in_use_is_said_in_one_line(desk, host):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = desk.run("serve", "--host", host, "--port", str(port), code=2)

    assert refused.stderr.startswith(f"error: {host}:{port}: is in use already; ")
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""


def test_a_certificate_that_cannot_be_used_is_said_in_one_line(desk):
    (desk.folder / "bad.pem").write_text("no certificate")
    for words in (["--tls-certificate", "nowhere.pem"], ["--tls-certificate", "bad.pem"], ["--tls-key", "bad.pem"]):
        refused = desk.run("serve", "--port", "0", *words, code=2)

        assert refused.stderr.startswith("error: --tls-certificate: ")
        assert refused.stderr.count("\n") == 1


def test_what_has_the_last_word_on_a_part_of_the_bounds_is_said_when_they_are_applied(desk):
    (desk.folder / "listed.yaml").write_text("tenant: acme\nallowlist: [CREATE_NOTE]\n")

    told = desk.run("apply", "listed.yaml", "--dry-run").stdout

    assert "! allowlist: CREATE_NOTE may run alone by the list, but its mode still asks a person" in told
    assert "! budget: there is none, and no limit" in told


def test_wrong_bounds_change_nothing_and_name_the_line(desk):
    (desk.folder / "wrong.yaml").write_text("tenant: acme\nmodes:\n  CREATE_NOTE: AUTO\n")
    (desk.folder / "tool.yaml").write_text(
        "tenant: acme\naction_types:\n  X: {risk_tier: LOW, tool: {connector: pigeon}}\n"
    )

    wrong = desk.error("apply", "wrong.yaml", code=2)
    tool = desk.run("apply", "tool.yaml", "--dry-run", code=2).stderr

    assert (wrong["file"], wrong["line"], wrong["field"]) == ("wrong.yaml", 3, "modes.CREATE_NOTE")
    assert tool.startswith("error: tool.yaml:3:30: action_types.X.tool.connector: 'pigeon' is not known; use one of ")


def test_everything_that_is_wrong_with_a_file_is_told_at_once_and_makes_no_database(tmp_path):
    desk = Desk(tmp_path)
    (tmp_path / "mine.cedar").write_text("forbid (principal, action, resource)\nwhen { context.nope == 1 };")
    (tmp_path / "wrong.yaml").write_text(
        "tenant: acme\nmodes: {default: AUTO}\npolicies: [mine.cedar]\n"
        "action_types:\n  X: {risk_tier: LOW, tool: {connector: pigeon}}\n"
    )

    told = desk.run("apply", "wrong.yaml", code=2).stderr

    places = [line.split(": ")[1] for line in told.splitlines()]
    assert places == ["wrong.yaml:2:9", "wrong.yaml:5:30", "mine.cedar:2:16"]
    assert not (tmp_path / "remit.db").exists()


def test_a_tool_whose_host_is_not_listed_is_said_when_it_is_applied(desk):
    text = bounds(port=1).replace("http://127.0.0.1:1/", "https://crm.example.com/{target.entity_id}")
    (desk.folder / "unlisted.yaml").write_text(text)

    said = desk.run("apply", "unlisted.yaml", "--dry-run").stdout
    told = desk.one("apply", "unlisted.yaml", "--dry-run")

    (warning,) = [each for each in told["warnings"] if each.startswith("action_types.CALL_FAR_SIDE.tool: ")]
    assert "crm.example.com:443 is not among" in warning
    assert f"! {warning}" in said


def test_lists_are_read_page_by_page(desk):
    tenant = ["--tenant", "acme"]

    first = desk.run("intents", *tenant, "--limit", "2", "--json")
    cursor = objects(first.stderr)[0]["next"]
    rest = desk.json("intents", *tenant, "--after", cursor, "--status", "UNKNOWN", "--reason", "WITHIN_BOUNDS")
    timeline = desk.json("timeline", *tenant, "--account", "acct-1", "--limit", "20")
    table = desk.run("queue", *tenant).stdout

    assert [item["action_intent_id"] for item in objects(first.stdout)] == ["unsure", "note"]
    assert [item["action_intent_id"] for item in rest] == ["call"]
    assert any(item["text"].startswith("Autopilot did CREATE_NOTE") for item in timeline)
    assert "BLOCKED" in table and " JST" in table


def test_usage_tells_what_is_left_and_when_it_resets(desk):
    used = desk.one("usage", "--tenant", "acme", "--account", "acct-1", "--db", "sqlite:///remit.db")

    (account,) = used["accounts"]
    assert (account["used"], account["left"], account["timezone"]) == (2, 18, ZONE)
    assert account["per_action_type"]["CREATE_NOTE"] == {"limit": 5, "used": 1, "left": 4}
    resets_at = in_zone(datetime.fromisoformat(account["resets_at"]), zone(ZONE))
    assert (resets_at.hour, resets_at.minute) == (0, 0)
    assert (used["ceiling"]["used"], used["ceiling"]["left"], used["stops"]) == (2, 498, [])


def test_overview_says_what_ran_alone_what_waits_and_what_is_the_fullest(desk):
    seen = desk.one("overview", "--tenant", "acme")
    shown = desk.run("overview", "--tenant", "acme").stdout

    assert (seen["waiting"]["count"], seen["unknown"]) == (2, 1)
    assert {each["of"] for each in seen["most_used"]} == {"account:acct-1", "tenant"}
    assert "nobody knows" in shown and "CREATE_NOTE" in shown and "the oldest since" in shown


def test_a_part_of_the_ledger_is_that_of_some_days_and_has_no_seal(desk):
    tenant = ("export", "--tenant", "acme")

    part = objects(desk.run(*tenant, "--from", "2020-01-01").stdout)

    assert len(part) > 5 and "LEDGER_SEALED" not in {entry["event_type"] for entry in part}
    assert desk.run(*tenant, "--to", "2020-01-01").stdout == ""
    assert "is no day" in desk.run(*tenant, "--from", "soon", code=2).stderr


def test_an_exported_ledger_proves_itself_without_a_database(desk, tmp_path):
    ledger = desk.run("export", "--tenant", "acme").stdout
    elsewhere = Desk(tmp_path)
    (tmp_path / "ledger.jsonl").write_text(ledger)
    (tmp_path / "changed.jsonl").write_text(ledger.replace('"text":"hello"', '"text":"howdy"'))

    report = elsewhere.one("verify", "ledger.jsonl")
    changed = elsewhere.one("verify", "changed.jsonl", code=1)
    named = elsewhere.run("verify", "-", stdin="".join(ledger.splitlines(keepends=True)[:-1]), code=1).stdout
    live = desk.one("verify", "--tenant", "acme")

    fields = ["account_id", "action_intent_id", "actor", "at", "data", "entry_id", "event_type", "hash"]
    fields += ["previous_hash", "sequence", "tenant_id", "v"]
    assert all(list(entry) == fields for entry in objects(ledger))
    assert (report["ok"], report["sealed"], report["intents"]) == (True, True, 4)
    assert changed["first_broken"].startswith("invariant 6 ") and changed["findings"][0]["invariant"] == 6
    assert named.startswith("invariant 6 (every chain is unbroken") and "the export was cut off" in named
    assert live["ok"] is True
    assert not list(tmp_path.glob("*.db"))


def test_a_ledger_that_has_grown_is_held_against_an_export_that_was_kept(desk):
    kept = desk.run("export", "--tenant", "acme").stdout
    (desk.folder / "kept.jsonl").write_text(kept)
    desk.run("propose", "-", stdin=json.dumps(proposal("later")))
    (desk.folder / "later.jsonl").write_text(desk.run("export", "--tenant", "acme").stdout)
    _, *rest = kept.splitlines(keepends=True)
    (desk.folder / "cut.jsonl").write_text("".join(rest))

    live = desk.one("verify", "--tenant", "acme", "--against", "kept.jsonl")
    file = desk.one("verify", "later.jsonl", "--against", "kept.jsonl")
    back = desk.one("verify", "kept.jsonl", "--against", "later.jsonl", code=1)
    unsound = desk.error("verify", "--tenant", "acme", "--against", "cut.jsonl", code=2)

    assert live["ok"] and file["ok"]
    assert back["first_broken"].endswith(
        "at intent later: an export or a seal that was kept has it, and it is not here"
    )
    assert (unsound["field"], unsound["way_out"]) == ("--against", "take another copy")


def test_an_export_of_another_tenant_is_nothing_to_compare_with(desk):
    (desk.folder / "globex.yaml").write_text("tenant: globex")
    desk.run("apply", "globex.yaml", "--by", "ann")
    (desk.folder / "globex.jsonl").write_text(desk.run("export", "--tenant", "globex").stdout)

    error = desk.error("verify", "--tenant", "acme", "--against", "globex.jsonl", code=2)

    assert error["field"] == "--against" and "an export of tenant 'globex', not of 'acme'" in error["message"]


def test_recovering_says_what_it_found_and_stops_autonomy_until_somebody_resumes(desk):
    (desk.folder / "kept.jsonl").write_text(desk.run("export", "--tenant", "acme").stdout)

    told = desk.run("recover", "--by", "ann", "--against", "kept.jsonl").stdout
    found = desk.json("recover", "--by", "ann")
    stops = desk.one("usage", "--tenant", "acme")["stops"]
    desk.run("resume", "--by", "ann", "--reason", "compared with the CRM")

    assert "until: remit resume --by NAME" in told
    (acme,) = [each for each in found if each["tenant_id"] == "acme"]
    assert (acme["attempts"], acme["findings"], acme["failed"]) == ([], [], [])
    assert [(stop["stopped_by"], stop["scope"]["tenant_id"]) for stop in stops] == [("ann", None)]
    assert desk.one("usage", "--tenant", "acme")["stops"] == []


def test_lines_that_are_no_entries_break_the_chain_and_a_file_and_a_tenant_are_one_too_many(desk):
    (desk.folder / "no.jsonl").write_text('{"a": 1}\n\n{"a": 1, "a": 2}\n{"entry_id": "cut o')

    told = desk.run("verify", "no.jsonl", "--json", code=1)
    both = desk.error("verify", "no.jsonl", "--tenant", "acme", code=2)

    assert "invariant 6" in json.loads(told.stdout)["first_broken"]
    assert both["field"] == "FILE"


def test_a_database_that_cannot_be_reached_is_to_be_tried_later(desk):
    nobody = "postgresql://127.0.0.1:1/remit"

    later = desk.error("--db", nobody, "usage", "--tenant", "acme", code=5)
    unknown = desk.error("usage", "--tenant", "acme", code=2, REMIT_DATABASE_URL="carrier://pigeon")

    assert (later["error"], later["way_out"]) == ("TryLater", "send it again in a moment")
    assert "use sqlite:///FILE" in unknown["way_out"]


def test_a_command_that_is_mistyped_is_wrong_input(desk):
    missing = desk.error("status", "note", code=2)
    mistyped = desk.run("staus", code=2).stderr

    assert missing == {
        "error": "InvalidInput",
        "field": "--tenant",
        "message": "--tenant: Missing option '--tenant'",
        "way_out": "see 'remit status --help'",
    }
    assert mistyped.startswith("error: ") and "'status'" in mistyped and mistyped.count("\n") == 1


FUNCTIONS = """
import remit

@remit.action("SHIP_ORDER", execute="worker")
def ship(order_id: str) -> str:
    return f"shipped {order_id}"

@remit.action("COUNT_STOCK")
def count(shelf: str) -> int:
    raise AssertionError("it runs where it is called")
"""
SHIPPING = """
tenant: acme
action_types: {SHIP_ORDER: {risk_tier: LOW, tool: {connector: function}}}
allowlist: [SHIP_ORDER]
modes: {default: AUTO_EXECUTE}
budget: {max_autonomous_per_day: 20}
"""


@pytest.fixture
def shipping(desk):
    """Two orders to ship, and a module of functions in a package."""
    (desk.folder / "app").mkdir()
    (desk.folder / "app" / "actions.py").write_text(FUNCTIONS)
    (desk.folder / "shipping.yaml").write_text(SHIPPING)
    desk.run("apply", "shipping.yaml")
    proposal = {"tenant_id": "acme", "account_id": "a-1", "action_type": "SHIP_ORDER", "confidence_score": 0.9}
    lines = [json.dumps({**proposal, "action_intent_id": f"o-{n}", "parameters": {"order_id": f"{n}"}}) for n in (1, 2)]
    desk.run("propose", "-", stdin="\n".join(lines))
    return desk


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_worker_runs_the_functions_of_the_modules_that_it_imports_and_others_leave_them(shipping, processes):
    assert shipping.one("worker", "--until-idle")["executed"] == 0

    worked = shipping.one("worker", "--until-idle", "--import", "app.actions", "--processes", processes)

    assert worked["by_status"] == {"SUCCEEDED": 2}
    assert shipping.one("result", "o-2", "--tenant", "acme")["content"] == "shipped 2"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["worker", "--import", "app.nothing"], "app.nothing cannot be imported"),
        (["worker", "--import", "json"], "json has no function with"),
        (["worker", "--processes", "2", "--import", "app.nothing"], "app.nothing cannot be imported"),
        (["serve", "--no-worker", "--import", "app.actions"], "leave out --no-worker"),
    ],
)
def test_a_module_without_functions_for_a_worker_is_refused(shipping, words, said):
    assert said in shipping.run(*words, code=2).stderr


def test_a_worker_that_is_told_to_end_ends(desk):
    reconciled = desk.one("reconcile")
    with subprocess.Popen(
        [sys.executable, "-m", "remit", "worker"],
        cwd=desk.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        started = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)

    assert reconciled == {"gated": 0, "published": 0, "expired": 0, "lapsed": 0, "erased": 0}
    assert started.startswith("working")
    assert (process.returncode, out, err) == (0, "executed 0\n", "")


def test_help_and_proof_need_no_database_driver(tmp_path):
    script = (
        "import sys, runpy\n"
        "try:\n    runpy.run_module('remit', run_name='__main__')\n"
        "finally:\n"
        "    print(sorted({'sqlalchemy', 'psycopg', 'alembic'} & set(sys.modules)), file=sys.stderr)\n"
    )
    (tmp_path / "empty.jsonl").write_text("")

    for words, code in ((["--help"], 0), (["verify", "empty.jsonl"], 1), (["--version"], 0)):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], cwd=tmp_path, env=environment(), capture_output=True, text=True
        )

        assert (done.returncode, done.stderr) == (code, "[]\n")
        assert done.stdout


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_what_is_of_the_first_or_the_last_moment_of_the_calendar_hides_nothing(desk, zone):
    ends = {"created_at": "0001-01-01T00:00:00Z", "expires_at": "9999-12-31T23:59:59.999999Z"}
    lines = json.dumps(proposal("ever", confidence_score=0.1, **ends))
    desk.run("propose", "-", stdin=lines, TZ=zone)

    for words in (["queue"], ["intents"], ["timeline"], ["status", "ever"], ["why", "ever"], ["usage"]):
        shown = desk.run(*words, "--tenant", "acme", TZ=zone).stdout
        assert "ever" in shown or words == ["usage"]
    approved = desk.run("approve", "ever", "--tenant", "acme", "--by", "bob", "--yes", TZ=zone)

    assert "9999-12-31 " in approved.stdout


def test_what_a_command_changes_is_told_with_the_login_that_typed_it(desk):
    made = json.loads(
        desk.run("key", "create", "--tenant", "acme", "--name", "bob", "--role", "agent", "--json").stdout
    )
    desk.run("key", "revoke", made["key_id"], "--tenant", "acme", "--by", "zoe")

    told = [json.loads(line) for line in desk.run("export", "--tenant", "acme").stdout.splitlines()]

    changed = [line for line in told if line["event_type"] == "KEY_CHANGED"]
    assert [line["data"]["change"] for line in changed] == ["CREATED", "REVOKED"]
    (login,) = {line["data"]["credential"]["id"] for line in changed}
    assert [line["actor"] for line in changed] == [login, "zoe"]
    assert {line["data"]["credential"]["kind"] for line in changed} == {"command_line"}
    assert made["key"].rpartition(".")[2] not in str(told)


def test_the_ledger_is_written_as_it_is_stored_and_grows_by_nothing(desk):
    lines = desk.run("ledger", "--tenant", "acme").stdout
    first = json.loads(lines.splitlines()[0])["action_intent_id"]
    of_intent = desk.run("ledger", "--tenant", "acme", "--intent", first).stdout

    exported = desk.run("export", "--tenant", "acme").stdout.splitlines()
    assert lines.splitlines() == exported[:-1]
    assert of_intent.splitlines() == [line for line in exported if json.loads(line)["action_intent_id"] == first]
    assert desk.run("ledger", "--tenant", "acme", "--intent", "nobody's", code=3).stdout == ""


def test_a_database_is_moved_and_says_so(desk):
    before = desk.run("ledger", "--tenant", "acme").stdout

    moved = desk.one("migrate", "sqlite:///remit.db", "sqlite:///new.db")
    again = desk.one("migrate", "sqlite:///remit.db", "sqlite:///new.db")

    assert (moved["tenants"], moved["intents"], moved["already"], again["already"]) == (1, 4, False, True)
    assert desk.run("--db", "sqlite:///new.db", "ledger", "--tenant", "acme").stdout == before
    assert desk.error("status", "any", "--tenant", "acme", code=2)["field"] == "url"
    assert desk.error("migrate", "sqlite:///none.db", "sqlite:///other.db", code=3)
    assert desk.error("migrate", "sqlite:///new.db", "sqlite:///new.db", code=2)["field"] == "TO"


# --- replays ---


@pytest.fixture
def tighter(desk):
    """The same bounds with no autonomy for notes, in a file beside."""
    text = (desk.folder / "bounds.yaml").read_text().replace("CREATE_NOTE: AUTO_EXECUTE", "CREATE_NOTE: PROPOSE_ONLY")
    (desk.folder / "tighter.yaml").write_text(text)
    return "tighter.yaml"


def test_a_replay_shows_what_the_history_would_have_been(desk, tighter):
    shown = desk.run("apply", tighter, "--dry-run", "--replay", "1d").stdout

    assert "nothing was changed" in shown
    assert "would now ask" in shown
    assert "PROPOSE_ONLY" in shown
    _, _, replay = shown.partition("replay of ")
    assert max(map(len, replay.splitlines())) <= 80, replay


def test_a_replay_of_an_export_needs_no_database_and_says_the_same(desk, tighter):
    stored = json.loads(desk.run("apply", tighter, "--dry-run", "--replay", "1d", "--json").stdout)["replay"]
    exported = desk.run("export", "--tenant", "acme").stdout
    for file in desk.folder.glob("remit.db*"):
        file.unlink()
    (desk.folder / "export.jsonl").write_text(exported)

    by_file = desk.run("apply", tighter, "--dry-run", "--replay-file", "export.jsonl", "--json").stdout
    by_pipe = desk.run("apply", tighter, "--dry-run", "--replay-file", "-", "--json", stdin=exported).stdout

    told = ("decisions", "unchanged", "would_run", "would_ask", "would_be_blocked", "telling", "not_judged")
    for answer in (by_file, by_pipe):
        assert {name: json.loads(answer)["replay"][name] for name in told} == {name: stored[name] for name in told}
    assert stored["would_ask"]["count"] > 0
    assert not list(desk.folder.glob("remit.db*"))


@pytest.mark.parametrize("words", [("--replay", "1d"), ("--replay-file", "export.jsonl")])
def test_a_replay_goes_with_a_dry_run(desk, words):
    refused = desk.run("apply", "bounds.yaml", *words, code=2).stderr

    assert f"{words[0]}: goes with --dry-run" in refused


def test_a_log_only_policy_is_watched_and_promoted(desk):
    (desk.folder / "none.cedar").write_text('@id("no_notes") forbid (principal, action, resource);')
    with (desk.folder / "bounds.yaml").open("a") as file:
        file.write("policies: [{name: none.cedar, log_only: true}]\n")
    desk.run("apply", "bounds.yaml", "--by", "ann")

    would = desk.run("promote", "none.cedar", "--tenant", "acme", "--dry-run", "--replay", "1d").stdout
    did = desk.run("promote", "none.cedar", "--tenant", "acme", "--by", "ann").stdout

    assert "- policies.none.cedar.log_only: true" in would and "would now ask" in would
    assert "in force for tenant acme" in did
    assert desk.error("promote", "other.cedar", "--tenant", "acme", code=2)["field"] == "name"


# --- proofs ---


def test_a_dry_run_says_whether_bounds_become_narrower_and_shows_an_action(desk, tighter):
    shown = desk.run("apply", tighter, "--dry-run").stdout

    assert "proof: narrower: " in shown
    assert "narrower, such as CREATE_NOTE in " in shown
    assert "runs alone (WITHIN_BOUNDS) -> asks a person (PROPOSE_ONLY)" in shown
    said = json.loads(desk.run("apply", tighter, "--dry-run", "--json").stdout)["proof"]
    assert (said["verdict"], said["wider"]) == ("NARROWER", None)


def test_bounds_are_proved_against_those_in_force_and_against_a_file(desk, tighter):
    live = json.loads(desk.run("prove", tighter, "--json").stdout)
    by_file = json.loads(desk.run("prove", "bounds.yaml", "--against", tighter, "--json").stdout)

    assert (live["tenant_id"], live["verdict"], by_file["verdict"]) == ("acme", "NARROWER", "WIDER")


def test_what_never_runs_alone_is_proved_or_shown_with_exit_code_1(desk):
    proved = desk.run("prove", "bounds.yaml", "--never", 'risk == "HIGH"').stdout
    broken = desk.run("prove", "bounds.yaml", "--never", 'action_type == "CREATE_NOTE"', code=1).stdout

    assert 'never risk == "HIGH": proved' in proved
    assert 'never action_type == "CREATE_NOTE": broken' in broken and "runs alone: CREATE_NOTE in" in broken


def test_a_file_that_breaks_a_property_is_refused_with_its_line(desk):
    text = (desk.folder / "bounds.yaml").read_text()
    (desk.folder / "broken.yaml").write_text(f"{text}\nnever:\n  - confidence_said\n")

    refused = desk.run("apply", "broken.yaml", code=2).stderr

    assert "broken.yaml:" in refused and "never.0: confidence_said would run alone: " in refused


def test_the_doctor_finds_what_is_wrong_and_says_what_helps(desk, tmp_path):
    sound = desk.json("doctor", "--no-connect")
    missing = Desk(tmp_path).json("doctor", code=1)

    assert {each["check"] for each in sound} >= {"versions", "zone rules", "database", "clock", "bounds", "keys"}
    assert {each["state"] for each in sound} <= {"ok", "look"}, sound
    assert desk.error("doctor", "--tenant", "nobody", code=3)["error"] == "NotFound"
    (database,) = [each for each in missing if each["check"] == "database"]
    assert (database["state"], database["way_out"]) == ("wrong", "name it with --db, or begin with 'remit apply'")
    assert not (tmp_path / "remit.db").exists()
