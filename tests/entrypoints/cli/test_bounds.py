"""Bounds: applied, refused with the line that is wrong, and promoted."""

from __future__ import annotations

from .desk import Desk, bounds


def test_a_dry_run_makes_no_database(desk):
    said = desk.run("apply", "bounds.yaml", "--dry-run", "--db", "sqlite:///none.db").stdout

    assert "+ action_types.CREATE_NOTE.risk_tier: LOW" in said and "nothing was changed" in said
    assert [path for path in desk.folder.iterdir() if path.name.startswith("none.db")] == []


def test_bounds_are_previewed_and_then_applied(day):
    told = "+ budget.max_autonomous_per_day: 20\n"

    assert told in day.previewed
    assert "nothing was changed" in day.previewed
    assert told in day.applied
    assert "in force for tenant acme (bounds number 1)" in day.applied


def test_a_policy_that_is_not_sound_is_refused_with_its_line_in_the_file(desk):
    (desk.folder / "mine.cedar").write_text("forbid everything")
    (desk.folder / "mine.yaml").write_text("tenant: acme\npolicies: [mine.cedar]\n")

    refused = desk.error("apply", "mine.yaml", code=2)

    assert (refused["field"], refused["file"], refused["line"], refused["column"]) == ("policies", "mine.cedar", 1, 8)
    assert "is not Cedar" in refused["message"]


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
