"""The ledger: exported, verified with and without a database, and held against a copy that was kept."""

from __future__ import annotations

import gzip
import json

import pytest

from .desk import Desk, objects, proposal


def test_a_part_of_the_ledger_is_that_of_some_days_and_has_no_seal(desk):
    tenant = ("export", "--tenant", "acme")

    part = objects(desk.run(*tenant, "--from", "2020-01-01").stdout)

    assert len(part) > 5 and "LEDGER_SEALED" not in {entry["event_type"] for entry in part}
    assert desk.run(*tenant, "--to", "2020-01-01").stdout == ""
    assert "is no day" in desk.run(*tenant, "--from", "soon", code=2).stderr
    # Nothing said is no day either: a script's empty variable is not the whole ledger.
    for words in (tenant, ("report", "--tenant", "acme"), ("intents", "--tenant", "acme")):
        assert "--from: '' is no day" in desk.run(*words, "--from", "", code=2).stderr


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


def test_lines_that_are_no_entries_break_the_chain_and_a_file_and_a_tenant_are_one_too_many(desk):
    (desk.folder / "no.jsonl").write_text('{"a": 1}\n\n{"a": 1, "a": 2}\n{"entry_id": "cut o')

    told = desk.run("verify", "no.jsonl", "--json", code=1)
    both = desk.error("verify", "no.jsonl", "--tenant", "acme", code=2)

    assert "invariant 6" in json.loads(told.stdout)["first_broken"]
    assert both["field"] == "FILE"


def test_a_line_that_cannot_be_read_is_named_with_the_way_out(desk):
    whole = desk.run("export", "--tenant", "acme").stdout.splitlines(keepends=True)
    half = "".join([*whole[:2], "\n", whole[2][:40]])
    (desk.folder / "half.jsonl").write_text(half)

    from_file = desk.run("verify", "half.jsonl", code=1).stdout
    from_pipe = desk.run("verify", "-", stdin=half, code=1).stdout
    (desk.folder / "list.jsonl").write_text("".join(whole[:1]) + "7\n")
    listed = desk.run("verify", "list.jsonl", code=1).stdout
    kept = desk.error("verify", whole_file(desk, whole), "--against", "half.jsonl", code=2)

    for told in (from_file, from_pipe):
        said = " ".join(told.split())
        assert "line 4 is no ledger entry: it cannot be read as JSON: Unterminated string" in said
        assert "take another copy, or export again" in said and "lacks or adds" not in said
    assert "line 2 is no ledger entry: it is no JSON object" in " ".join(listed.split())
    assert "line 4 is no ledger entry" in kept["message"]


def whole_file(desk, lines):
    (desk.folder / "whole.jsonl").write_text("".join(lines))
    return "whole.jsonl"


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("command", ["verify", "against", "replay", "propose"])
def test_a_packed_file_is_told_as_one(desk, command, cut):
    packed = gzip.compress(desk.run("export", "--tenant", "acme").stdout.encode())
    (desk.folder / "ledger.jsonl.gz").write_bytes(packed[:100] if cut else packed)
    words = {
        "verify": ("verify", "ledger.jsonl.gz"),
        "against": ("verify", "--tenant", "acme", "--against", "ledger.jsonl.gz"),
        "replay": ("apply", "bounds.yaml", "--dry-run", "--replay-file", "ledger.jsonl.gz"),
        "propose": ("propose", "ledger.jsonl.gz"),
    }

    error = desk.error(*words[command], code=2)

    assert error["field"] == "FILE" and "compressed with gzip" in error["message"]
    assert error["way_out"] == "unpack it first: gunzip -k FILE"


def test_a_file_in_utf_16_and_a_database_are_told_as_such(desk):
    (desk.folder / "wide.jsonl").write_text(desk.run("export", "--tenant", "acme").stdout, encoding="utf-16")

    assert "UTF-16" in desk.error("verify", "wide.jsonl", code=2)["message"]
    assert "--db FILE" in desk.error("verify", "remit.db", code=2)["way_out"]


def test_the_ledger_is_written_as_it_is_stored_and_grows_by_nothing(desk):
    lines = desk.run("ledger", "--tenant", "acme").stdout
    first = json.loads(lines.splitlines()[0])["action_intent_id"]
    of_intent = desk.run("ledger", "--tenant", "acme", "--intent", first).stdout

    exported = desk.run("export", "--tenant", "acme").stdout.splitlines()
    assert lines.splitlines() == exported[:-1]
    assert of_intent.splitlines() == [line for line in exported if json.loads(line)["action_intent_id"] == first]
    assert desk.run("ledger", "--tenant", "acme", "--intent", "nobody's", code=3).stdout == ""
