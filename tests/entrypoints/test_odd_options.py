"""Options of commands with what they cannot mean: each is refused by its name, and nothing is done or left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from remit.core.errors import InvalidInput, NotFound, RemitError
from remit.entrypoints.cli import app

from .http_world import ACME, http_world

T, BY = ["--tenant", ACME], ["--by", "ann"]
HOOK = ["--webhook", "https://hooks.example.com/in", "--signing-secret", "${HOOK}", "--notice", "NEEDS_INPUT"]
ADD = ["subscription", "add", "ops", *T, *BY, *HOOK]
NOT_UTF_8 = "\udcff"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with http_world(tmp_path_factory.mktemp("odd")) as opened:
        opened.submit("i-1")
        opened.submit("i-2", confidence_score=0.1)
        yield opened


def run(world, *words):
    where = [] if "--db" in words else ["--db", world.remit.url]
    return CliRunner().invoke(app, [*words, *where])


def refused(world, *words):
    done = run(world, *words)
    assert isinstance(done.exception, RemitError), (done.exit_code, done.output, done.exception)
    return done.exception


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["hand-over", "--tenant", "no body", *BY], "tenant"),
        (["hand-over", "--tenant", "nobody", *BY], None),
        (["key", "create", "--tenant", "no body", "--name", "bot", "--role", "agent"], "tenant"),
        (["key", "create", "--tenant", "", "--name", "bot", "--role", "platform"], "tenant"),
        (["key", "create", *T, "--name", "bot", "--role", "agent", "--by", ""], "by"),
        (["key", "list", "--tenant", ""], "tenant"),
        (["key", "revoke", "k-1", *T, "--by", ""], "by"),
        (["subscription", "add", "ops", "--tenant", "no body", *BY, *HOOK], "tenant"),
        ([*ADD, "--above", " "], "--above"),
        ([*ADD, "--quiet", ""], "--quiet"),
        ([*ADD, "--escalate", ""], "--escalate"),
        ([*ADD, "--slack", ""], "--webhook"),
        ([*ADD, "--slack-channel", ""], "--webhook"),
        (["tools", "resume", "CREATE_INTERNAL_NOTE", *T, "--by", ""], "by"),
        (["withdraw", "i-1", *T, "--by", ""], "by"),
        (["ledger", *T, "--intent", ""], None),
        (["queue", *T, "--db", ""], "--db"),
        (["--db", " ", "queue", *T], "--db"),
        (["automate", "i-1", *T, "--choose", "-1"], "--choose"),
        (["suggest", *T, "--action-type", "X"], "--action-type"),
        (["verify", *T, "--against", ""], "FILE"),
        (["verify", "ledger.jsonl"], "--db"),
        (["init", "--tenant", "", "--dir", "there"], "--tenant"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_an_option_cannot_mean_is_refused(world, words, field, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = (len(world.remit.keys(ACME)), len(world.remit.keys("*")), world.remit.subscriptions(ACME))

    mistake = refused(world, *words)

    assert isinstance(mistake, InvalidInput if field else NotFound) and getattr(mistake, "field", None) == field
    assert (len(world.remit.keys(ACME)), len(world.remit.keys("*")), world.remit.subscriptions(ACME)) == before
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e400", "999999999999", "-1"])
def test_nobody_waits_for_ever(world, seconds):
    done = run(world, "wait", "i-1", *T, "--timeout", seconds)

    assert done.exit_code and (isinstance(done.exception, InvalidInput) or done.exit_code == 2)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1, 10**30, "5", True, None])
def test_nor_does_a_program(world, seconds):
    with pytest.raises(InvalidInput, match="timeout_s"):
        world.remit.wait(ACME, "i-1", timeout_s=seconds)


@pytest.mark.parametrize(
    "words",
    [
        ["status", NOT_UTF_8, *T],
        ["approve", NOT_UTF_8, *T, *BY, "-y"],
        ["timeline", *T, "--account", NOT_UTF_8],
        ["queue", "--tenant", NOT_UTF_8],
        ["ledger", *T, "--intent", NOT_UTF_8],
    ],
    ids=lambda words: words[0],
)
def test_bytes_that_are_no_utf_8_are_told(world, words):
    assert isinstance(refused(world, *words), InvalidInput | NotFound)


@pytest.mark.parametrize("name", ["", " ", "x" * 5000, "a\0b", "/tmp", "nowhere/at/all", "/proc/self/mem"])
@pytest.mark.parametrize("words", [["verify"], ["propose"], ["recover", *BY, "--against"]], ids=lambda words: words[0])
def test_a_file_that_cannot_be_read_is_told(world, words, name):
    if name == "/proc/self/mem" and not Path(name).exists():
        pytest.skip("not on Linux")
    done = CliRunner().invoke(app, [*words, name, *(["--db", world.remit.url] if words != ["verify"] else [])])

    assert isinstance(done.exception, InvalidInput), (done.output, done.exception)


@pytest.mark.parametrize("name", ["", "x" * 5000, "/tmp", "nowhere/at/all"])
def test_a_file_that_cannot_be_written_is_told(world, name):
    assert json.loads(run(world, "automate", "i-2", *T, "--json").stdout)["candidates"]

    mistake = refused(world, "automate", "i-2", *T, "--write", name)

    assert isinstance(mistake, InvalidInput) and mistake.field == "--write"
