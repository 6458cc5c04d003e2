"""Replays and proofs of bounds that are not in force yet, or only watched."""

from __future__ import annotations

import json

import pytest


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
