"""Mistakes of the caller: commands that are mistyped, databases that are not there, drivers that are not needed."""

from __future__ import annotations

import getpass
import subprocess
import sys

import pytest

from remit.entrypoints.cli.options import login, typed_by

from .desk import environment


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


def test_a_database_that_cannot_be_reached_is_to_be_tried_later(desk):
    nobody = "postgresql://127.0.0.1:1/remit"

    later = desk.error("--db", nobody, "usage", "--tenant", "acme", code=5)
    unknown = desk.error("usage", "--tenant", "acme", code=2, REMIT_DATABASE_URL="carrier://pigeon")

    assert (later["error"], later["way_out"]) == ("TryLater", "send it again in a moment")
    assert "use sqlite:///FILE" in unknown["way_out"]


@pytest.mark.parametrize(
    ("url", "way_out"),
    [
        ("postgres://remit:secret@db/remit", "write postgresql:// in the place of postgres://"),
        ("remit.db", "write sqlite:///remit.db for a file"),
        ("sqlite://remit.db", "write sqlite:///FILE, with three slashes; in memory it is memory://"),
        ("sqlite://data/remit.db", "write sqlite:///FILE, with three slashes; in memory it is memory://"),
        ("sqlite:///remit.db?mode=ro", "write sqlite:///FILE and nothing behind it"),
    ],
)
def test_a_database_s_url_that_is_nearly_right_says_what_to_write(desk, url, way_out):
    told = desk.error("--db", url, "usage", "--tenant", "acme", code=2)

    assert (told["field"], told["way_out"]) == ("database", way_out) and "secret" not in told["message"]


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


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["key", "create", "--name", "Remit", "--role", "agent"], "name"),
        (["key", "create", "--name", "bot", "--role", "agent", "--by", "remit"], "by"),
        (["apply", "bounds.yaml", "--by", "REMIT"], "by"),
        (["export", "--by", "remit"], "by"),
        (["stop", "--by", "ｒｅｍｉｔ", "--reason", "odd"], "by"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else value,
)
def test_nobody_acts_under_remit_s_own_name(desk, words, field):
    where = [] if words[0] == "apply" else ["--tenant", "acme"]

    refused = desk.run(*words, *where, code=2)

    assert refused.stdout == "" and refused.stderr.startswith(f"error: {field}: ")
    assert "Remit itself is called in the history" in refused.stderr and "use another name" in refused.stderr


def test_a_machine_s_user_of_remit_s_name_is_told_from_remit(monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "remit")

    assert login() == typed_by().id == "user-remit"
