"""Operating: stops, paused tools, keys, recovering, moving a database, and the doctor."""

from __future__ import annotations

import json

from .desk import Desk, bounds, far_side_that_hangs_up, proposal


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
    lines = desk.run("intents", "--tenant", "acme", "--action-type", "CALL_FAR_SIDE").stdout.splitlines()
    (tool,) = desk.json("tools", "list", "--tenant", "acme")
    listed = desk.run("tools", "list", "--tenant", "acme").stdout
    resume = ["tools", "resume", "CALL_FAR_SIDE", "--tenant", "acme"]
    first, again = desk.run(*resume, "--by", "ann"), desk.one(*resume)

    waits = "CALL_FAR_SIDE's tool is paused since"
    assert waits in status and waits in why and waits in tool["explanation"]
    assert [line.split()[0] for line in lines if " paused " in line] == ["behind"]
    assert (tool["failures"], tool["last_error"].split()[0]) == (2, "DOWNSTREAM")
    assert "next trial" in listed and "JST" in listed
    assert "called again" in first.stdout and again == {"action_type": "CALL_FAR_SIDE", "resumed": False}
    assert desk.json("tools", "list", "--tenant", "acme") == []
    assert desk.error("tools", "list", "--tenant", "acme", code=2, REMIT_PAUSE_TOOL_AFTER="often")["field"] == (
        "REMIT_PAUSE_TOOL_AFTER"
    )


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


def test_keys_are_listed_in_words_and_a_misspelt_tenant_is_told(desk):
    sound = desk.run("key", "create", "--tenant", "acme", "--name", "zed", "--role", "operator", "--role", "auditor")
    slip = desk.run("key", "create", "--tenant", "acmee", "--name", "zed", "--role", "agent")

    (row,) = [line for line in desk.run("key", "list", "--tenant", "acme").stdout.splitlines() if " zed " in line]

    assert "auditor, operator" in row and row.rstrip().endswith("JST")
    assert "!" not in sound.stderr
    assert "! tenant 'acmee' has no bounds yet; is acme meant?" in slip.stderr


def test_a_database_is_moved_and_says_so(desk):
    before = desk.run("ledger", "--tenant", "acme").stdout

    moved = desk.one("migrate", "sqlite:///remit.db", "sqlite:///new.db")
    again = desk.one("migrate", "sqlite:///remit.db", "sqlite:///new.db")

    assert (moved["tenants"], moved["intents"], moved["already"], again["already"]) == (1, 4, False, True)
    assert desk.run("--db", "sqlite:///new.db", "ledger", "--tenant", "acme").stdout == before
    assert desk.error("status", "any", "--tenant", "acme", code=2)["field"] == "url"
    assert desk.error("migrate", "sqlite:///none.db", "sqlite:///other.db", code=3)
    assert desk.error("migrate", "sqlite:///new.db", "sqlite:///new.db", code=2)["field"] == "TO"


def test_the_doctor_finds_what_is_wrong_and_says_what_helps(desk, tmp_path):
    sound = desk.json("doctor", "--no-connect")
    missing = Desk(tmp_path).json("doctor", code=1)

    assert {each["check"] for each in sound} >= {"versions", "zone rules", "database", "clock", "bounds", "keys"}
    assert {each["state"] for each in sound} <= {"ok", "look"}, sound
    assert desk.error("doctor", "--tenant", "nobody", code=3)["error"] == "NotFound"
    (database,) = [each for each in missing if each["check"] == "database"]
    assert (database["state"], database["way_out"]) == ("wrong", "name it with --db, or begin with 'remit apply'")
    assert not (tmp_path / "remit.db").exists()


def test_no_part_of_a_database_s_password_is_shown(desk):
    for url, code in {
        "postgresql://u:o@pen-sesame@127.0.0.1:1/db": 2,
        "postgresql://127.0.0.1:1/db?user=u&password=pen-sesame": 5,
    }.items():
        for words, ends in ((("doctor", "--no-connect"), 1), (("status", "any", "--tenant", "acme"), code)):
            said = desk.run("--db", url, *words, code=ends)

            assert "sesame" not in said.stdout + said.stderr
