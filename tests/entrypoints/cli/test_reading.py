"""Reading: one intent, lists of them, what is left, and what is erased."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from remit.core.gate.zones import zone
from remit.core.values import in_zone

from .desk import ZONE, objects, proposal


def test_an_executed_intent_is_shown_and_explained(desk, day):
    status = desk.one("status", "note", "--tenant", "acme")
    why = desk.one("why", "note", "--tenant", "acme")
    shown = desk.run("why", "unsure", "--tenant", "acme").stdout
    budget = next(line for line in desk.run("why", "note", "--tenant", "acme").stdout.splitlines() if "limits" in line)

    assert day.worked == {"executed": 2, "by_status": {"SUCCEEDED": 1, "UNKNOWN": 1}}
    assert (status["status"], status["outcome"]["auto_executed"]) == ("SUCCEEDED", True)
    assert status["created_at"].endswith("Z")
    assert [check["check"] for check in why["decision"]["checks"]][-1] == "budget"
    assert budget.split()[:6] == ["yes", "budget", "limits", "account:acct-1|all", "0", "to"]
    assert "account:acct-1|type:CREATE_NOTE 0 to 1 of 5 until 20" in " ".join(budget.split())
    assert "forbid" in shown and "CONFIDENCE_BELOW_THRESHOLD" in shown and " JST" in shown


def test_the_publication_state_of_an_approval_is_shown_and_of_what_nobody_approved_is_not_found(desk):
    state = desk.one("auto-exec-state", "note", "--tenant", "acme")
    shown = desk.run("auto-exec-state", "note", "--tenant", "acme").stdout
    none = desk.error("auto-exec-state", "unsure", "--tenant", "acme", code=3)
    others = desk.error("auto-exec-state", "note", "--tenant", "other", code=3)

    assert (state["state_key"], state["status"]) == ("AUTO_EXEC_STATE#note", "PUBLISHED")
    assert "PUBLISHED" in shown and "policy" in shown and state["charges"][0]["window_id"] in shown and " JST" in shown
    assert (none["error"], others["error"]) == ("NotFound", "NotFound")


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
    assert none["message"] == "no result of intent 'call' is known"
    assert none["way_out"] == "its status says what became of it"
    assert read["sha256"] in erased
    assert (gone["state"], gone["content"]) == ("ERASED", None)


def test_what_is_not_known_is_not_found(desk):
    told = desk.error("status", "note", "--tenant", "other", code=3)
    line = desk.run("why", "nobody", "--tenant", "acme", code=3).stderr

    assert told["error"] == "NotFound"
    assert line == "error: intent 'nobody' is not known to tenant 'acme'; check the name and the tenant\n"


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
