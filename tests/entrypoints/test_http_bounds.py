"""Bounds over HTTP: whole and part by part, nobody's change lost, nobody else's tenant."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.entrypoints.http_world import EMAIL, GLOBEX, NOTE, OWN, bounds, proposal

PARTS = ["action-types", "allowlists", "modes", "budgets", "limits", "principals", "policies"]
QUIET_HOURS = '@id("quiet_hours") forbid (principal, action, resource) when { context.hour < 7 };'


@pytest.fixture
def admin(world):
    return world.client("admin")


def put(client, path, body, **more):
    answered = client.put(path, json=body, **more)
    assert answered.status_code == 200, answered.text
    shown: dict[str, Any] = answered.json()
    return shown


def test_a_name_that_nothing_bears_is_warned_of_by_every_change(world, admin):
    whole = put(admin, "/v1/bounds", {"allowlist": [NOTE, "MISSPELT"]})
    part = put(admin, "/v1/modes", {"tenant": {"SEND_EMIAL": "DISABLED"}, "accounts": {}}, params={"dry_run": "true"})

    assert "allowlist: MISSPELT is not a registered action type" in whole["warnings"]
    assert "modes: SEND_EMIAL is not a registered action type" in part["warnings"]


# --- the whole ---


def test_bounds_are_read_with_their_number_as_etag_and_go_back_as_they_came(admin):
    read = admin.get("/v1/bounds")

    again = put(admin, "/v1/bounds", read.json())

    assert read.headers["ETag"] == '"1"'
    assert read.json()["allowlist"] == [NOTE, OWN]
    assert (again["changed"], again["config_sequence"], again["changes"]) == (False, 1, [])


def test_the_whole_is_replaced_and_stands_in_the_ledger_under_the_callers_name(world, admin):
    body = bounds(budget={"max_autonomous_per_day": 3})
    del body["tenant"]

    changed = put(admin, "/v1/bounds", body)

    assert changed["config_sequence"] == 2
    assert [change["path"] for change in changed["changes"]] == ["budget.max_autonomous_per_day"]
    told = world.client("auditor").get("/v1/timeline").json()["items"][0]
    assert (told["event_type"], told["actor"]) == ("CONFIG_CHANGED", "admin-1")


def test_a_tenant_without_bounds_has_number_zero_and_sets_its_first(world):
    admin = world.client("admin", GLOBEX)

    read = admin.get("/v1/bounds")
    changed = put(admin, "/v1/bounds", {"allowlist": [NOTE]}, headers={"If-Match": read.headers["ETag"]})

    assert (read.headers["ETag"], changed["config_sequence"]) == ('"0"', 1)
    assert changed["tenant_id"] == GLOBEX


def test_a_dry_run_answers_what_would_change_and_changes_nothing(admin):
    body = bounds(allowlist=[NOTE, OWN, EMAIL])

    would = put(admin, "/v1/bounds", body, params={"dry_run": "true"})

    assert (would["dry_run"], would["changed"], would["config_sequence"]) == (True, True, 1)
    assert would["changes"] == [{"path": "allowlist", "kind": "added", "before": None, "after": EMAIL}]
    assert admin.get("/v1/bounds").json()["allowlist"] == [NOTE, OWN]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"budget": {"max_autonomous_per_day": -1}}, "budget.max_autonomous_per_day"),
        ({"modes": {"default": "auto"}}, "modes.default"),
        ({"surprise": 1}, "surprise"),
        (
            {"action_types": {NOTE: {"risk_tier": "LOW", "tool": {"connector": "fax"}}}},
            f"action_types.{NOTE}.tool.connector",
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(admin, change, field):
    refused = admin.put("/v1/bounds", json=bounds(**change))

    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert admin.get("/v1/bounds").headers["ETag"] == '"1"'


# --- part by part ---


@pytest.mark.parametrize("part", PARTS)
def test_each_part_goes_back_as_it_came(admin, part):
    full = bounds(
        accounts={"acct-1": {"allowlist": [], "modes": {NOTE: "DISABLED"}, "budget": {"max_autonomous_per_day": 2}}},
        tenant_budget={"max_autonomous_per_day": 100},
        policies=[{"name": "quiet.cedar", "text": QUIET_HOURS}],
    )
    put(admin, "/v1/bounds", full)

    read = admin.get(f"/v1/{part}")
    again = put(admin, f"/v1/{part}", read.json(), headers={"If-Match": read.headers["ETag"]})

    assert read.headers["ETag"] == '"2"'
    assert not again["changed"], again["changes"]


def test_a_part_is_shown_at_both_levels_and_replaced_without_touching_the_others(admin):
    put(admin, "/v1/modes", {"tenant": {"default": "AUTO_EXECUTE"}, "accounts": {"acct-1": {NOTE: "DISABLED"}}})

    put(admin, "/v1/allowlists", {"tenant": [NOTE, EMAIL], "accounts": {"acct-1": [], "acct-2": None}})

    assert admin.get("/v1/allowlists").json() == {"tenant": [NOTE, EMAIL], "accounts": {"acct-1": []}}
    assert admin.get("/v1/modes").json()["accounts"] == {"acct-1": {NOTE: "DISABLED"}}
    assert admin.get("/v1/bounds").json()["budget"]["max_autonomous_per_day"] == 10


def test_an_account_that_is_not_listed_has_the_tenants_again(admin):
    ceiling = {"max_autonomous_per_day": 50}
    own = {"acct-1": {"max_autonomous_per_day": 1}}
    put(admin, "/v1/budgets", {"tenant": None, "accounts": own, "ceiling": ceiling})

    put(admin, "/v1/budgets", {"tenant": {"max_autonomous_per_day": 7}, "accounts": {}, "ceiling": None})

    read = admin.get("/v1/budgets").json()
    assert (read["tenant"]["max_autonomous_per_day"], read["accounts"], read["ceiling"]) == (7, {}, None)
    assert admin.get("/v1/bounds").json()["accounts"] == {}


def test_a_level_that_is_left_out_is_not_taken_for_none(admin):
    refused = admin.put("/v1/allowlists", json={"accounts": {}})

    assert (refused.status_code, refused.json()["field"]) == (422, "tenant")


@pytest.mark.parametrize("body", [[], "text", None, 5])
@pytest.mark.parametrize("path", ["/v1/bounds", "/v1/modes"])
def test_a_body_that_is_no_object_is_refused(admin, path, body):
    assert admin.put(path, json=body).status_code == 422


def test_a_changed_action_type_gets_its_next_version(admin):
    types = admin.get("/v1/action-types").json()
    types["action_types"][NOTE]["min_confidence"] = 0.5

    changed = put(admin, "/v1/action-types", types)

    assert changed["type_versions"] == {NOTE: 2, EMAIL: 1, OWN: 1}


def test_a_tighter_part_holds_for_the_next_decision(world, admin):
    agent = world.client("agent")
    assert agent.post("/v1/intents", json=proposal("i-1")).json()["result"] == "AUTO_EXECUTED"

    put(admin, "/v1/allowlists", {"tenant": [], "accounts": {}})

    assert agent.post("/v1/intents", json=proposal("i-2")).json()["reason"] == "ACTION_TYPE_NOT_ALLOWLISTED"


# --- two people at once ---


@pytest.mark.parametrize("dry_run", ["false", "true"])
@pytest.mark.parametrize("path", ["/v1/bounds", "/v1/allowlists"])
def test_who_looked_at_older_bounds_is_told_and_nothing_is_overwritten(admin, path, dry_run):
    looked = admin.get(path)
    put(admin, "/v1/modes", {"tenant": {"default": "DISABLED"}, "accounts": {}})

    stale = admin.put(
        path, json=looked.json(), headers={"If-Match": looked.headers["ETag"]}, params={"dry_run": dry_run}
    )

    assert (stale.status_code, stale.json()["type"]) == (409, "/problems/conflict")
    assert stale.headers["Content-Type"] == "application/problem+json"
    assert admin.get("/v1/bounds").json()["modes"] == {"default": "DISABLED"}


@pytest.mark.parametrize("tag", ["1", '"one"', 'W/"1"', '"1", "2"', '""'])
def test_an_etag_that_cannot_be_meant_is_refused(admin, tag):
    refused = admin.put("/v1/bounds", json=bounds(allowlist=[]), headers={"If-Match": tag})

    assert (refused.status_code, refused.json()["field"]) == (422, "If-Match")


def test_parts_that_are_replaced_at_once_are_all_replaced(world):
    bodies: dict[str, Any] = {
        "allowlists": {"tenant": [EMAIL], "accounts": {}},
        "modes": {"tenant": {"default": "PROPOSE_ONLY"}, "accounts": {}},
        "budgets": {"tenant": {"max_autonomous_per_day": 1}, "accounts": {}, "ceiling": None},
        "policies": {"policies": [{"name": "quiet.cedar", "text": QUIET_HOURS}]},
    }
    clients = {part: world.client("admin") for part in bodies}
    threads = [threading.Thread(target=put, args=(clients[p], f"/v1/{p}", body)) for p, body in bodies.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    whole = world.client("admin").get("/v1/bounds")

    assert whole.headers["ETag"] == '"5"'
    assert whole.json()["allowlist"] == [EMAIL]
    assert whole.json()["modes"] == {"default": "PROPOSE_ONLY"}
    assert whole.json()["budget"]["max_autonomous_per_day"] == 1
    assert whole.json()["policies"][0]["name"] == "quiet.cedar"


def test_limits_are_read_and_replaced_by_themselves_and_what_counts_from_zero_is_told(world):
    admin, path = world.client("admin"), "/v1/limits"
    limit = {"name": "burst", "most": 5, "per": "minute", "of": "account", "timezone": "UTC"}

    changed = put(admin, path, {"limits": [limit]})
    refused = admin.put(path, json={"limits": [{**limit, "per": "hour"}]})

    assert changed["limits_from_zero"] == ["burst"]
    assert admin.get(path).json() == {"limits": [limit]}
    assert (refused.status_code, refused.json()["field"]) == (422, "limits.0.per")
    assert "new name" in refused.json()["way_out"]
    (told,) = admin.get("/v1/usage", params={"account_id": "acct-1"}).json()["accounts"]
    assert [(each["name"], each["used"], each["left"]) for each in told["limits"]] == [("burst", 0, 5)]


# --- who may ---


@pytest.mark.parametrize("path", ["bounds", *PARTS])
def test_readers_read_and_only_admins_write(world, path):
    body = world.client("admin").get(f"/v1/{path}").json()

    for role in ("approver", "operator", "auditor"):
        assert world.client(role).get(f"/v1/{path}").status_code == 200
        assert world.client(role).put(f"/v1/{path}", json=body).status_code == 403
    for role in ("agent", "platform"):
        assert world.client(role).get(f"/v1/{path}").status_code == 403
        assert world.client(role).put(f"/v1/{path}", json=body).status_code == 403
    assert world.client(None).get(f"/v1/{path}").status_code == 401


def test_nobody_sets_or_reads_another_tenants_bounds(world):
    stranger = world.client("admin", GLOBEX)
    version = world.client("admin").get("/v1/policies/versions").json()["items"][0]["version"]
    put(world.client("admin"), "/v1/policies", {"policies": [{"name": "q.cedar", "text": QUIET_HOURS}]})
    ours = world.client("admin").get("/v1/policies/versions").json()["items"][0]["version"]

    assert stranger.put("/v1/bounds", json=bounds("acme")).status_code == 403
    assert stranger.get("/v1/bounds").json()["action_types"] == {}
    assert version != ours
    assert stranger.get(f"/v1/policies/versions/{ours}").status_code == 404


# --- policies ---


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("forbid (", "is not Cedar"),
        ("permit (principal, action, resource);", "is a permit"),
        ("// a comment\rpermit (principal, action, resource);", "line 1: a carriage return without a line feed"),
        (
            "forbid (principal, action, resource) when { " + "(" * 2000 + "true" + ")" * 2000 + " };",
            "deep in each other",
        ),
        ("forbid (principal, action, resource) when { context has a" + ".a" * 4000 + " };", "deep"),
        (
            '@id("odd") forbid (principal, action, resource) when { context.nope == 1 };',
            "rule 'odd': context has no nope",
        ),
        (
            QUIET_HOURS + "\nforbid (principal, action, resource) when { context.nope == 1 };",
            "rule 'mine.2': context has no nope",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/v1/policies/validate", "/v1/policies/difference"])
def test_a_policy_that_is_wrong_is_named_with_its_file_and_rule(admin, path, text, says):
    refused = admin.post(path, json={"policies": [{"name": "mine.cedar", "text": text}]})

    assert (refused.status_code, refused.json()["field"]) == (422, "policies")
    assert "mine.cedar" in refused.json()["detail"]
    assert says in refused.json()["detail"]


def test_everything_that_is_wrong_with_bounds_is_told_at_once(admin):
    wrong = bounds("acme") | {
        "modes": {"default": "AUTO"},
        "policies": [
            {"name": "mine.cedar", "text": "forbid (principal, action, resource)\nwhen { context.nope == 1 };"}
        ],
    }

    problem = admin.put("/v1/bounds", json=wrong).json()

    assert [each["field"] for each in problem["errors"]] == ["modes.default", "policies"]
    assert problem["detail"] == problem["errors"][0]["detail"]
    assert problem["errors"][1]["detail"].startswith("mine.cedar:2:16: ")


def test_checking_a_policy_answers_its_rules_and_saves_nothing(admin):
    checked = admin.post("/v1/policies/validate", json={"policies": [{"name": "mine.cedar", "text": QUIET_HOURS}]})

    assert [rule["clause_id"] for rule in checked.json()["rules"]] == ["quiet_hours"]
    assert admin.get("/v1/policies").json() == {"policies": []}
    assert len(admin.get("/v1/policies/versions").json()["items"]) == 1


def test_every_version_that_was_in_force_is_kept_with_its_text(admin):
    put(admin, "/v1/policies", {"policies": [{"name": "quiet.cedar", "text": QUIET_HOURS}]})

    newest, oldest = admin.get("/v1/policies/versions").json()["items"]
    shown = admin.get(f"/v1/policies/versions/{newest['version']}").json()

    assert (newest["in_force"], newest["files"]) == (True, ["quiet.cedar"])
    assert (oldest["in_force"], oldest["files"]) == (False, [])
    assert shown["policies"] == [{"name": "quiet.cedar", "text": QUIET_HOURS}]
    assert "auto_execute_within_bounds" in shown["platform"]


def test_the_difference_shows_each_file_as_a_unified_diff(admin):
    put(admin, "/v1/policies", {"policies": [{"name": "quiet.cedar", "text": QUIET_HOURS}]})
    proposed = [{"name": "quiet.cedar", "text": QUIET_HOURS.replace("7", "8")}]

    answered = admin.post("/v1/policies/difference", json={"policies": proposed}).json()

    assert answered["changed"]
    assert answered["difference"].splitlines()[:2] == ["--- quiet.cedar", "+++ quiet.cedar"]
    assert "+" + proposed[0]["text"] in answered["difference"].splitlines()
    same = admin.post("/v1/policies/difference", json=admin.get("/v1/policies").json()).json()
    assert same == {"changed": False, "difference": ""}


# --- what they would have done ---


def test_a_dry_run_with_a_replay_says_what_the_history_would_have_been(world, admin):
    world.submit("ran")
    world.submit("asked", action_type=EMAIL)

    would = put(admin, "/v1/bounds", bounds(allowlist=[]), params={"dry_run": "true", "replay": "1d"})

    replay = would["replay"]
    assert (replay["decisions"], replay["unchanged"]) == (2, 1)
    assert [(item["action_intent_id"], item["change"], item["would_be"]) for item in replay["telling"]] == [
        ("ran", "would_ask", "ACTION_TYPE_NOT_ALLOWLISTED")
    ]
    assert admin.get("/v1/bounds").json()["allowlist"] == [NOTE, OWN]


def test_a_dry_run_with_a_proof_says_whether_bounds_become_narrower(admin):
    asked = {"dry_run": "true", "proof": "true"}

    whole = put(admin, "/v1/bounds", bounds(allowlist=[]), params=asked)["proof"]
    part = put(admin, "/v1/allowlists", {"tenant": [], "accounts": {}}, params=asked)["proof"]

    assert whole["verdict"] == part["verdict"] == "NARROWER"
    assert whole["narrower"]["after"]["reason"] == "ACTION_TYPE_NOT_ALLOWLISTED"
    refused = admin.put("/v1/allowlists", json={"tenant": [], "accounts": {}}, params={"proof": "true"})
    assert (refused.status_code, refused.json()["field"]) == (422, "proof")


def test_bounds_that_break_a_property_are_refused_with_what_would_run_alone(admin):
    refused = admin.put("/v1/bounds", json=bounds(never=[f'action_type == "{NOTE}"']))

    assert (refused.status_code, refused.json()["field"]) == (422, "never.0")
    assert f"would run alone: {NOTE}" in refused.json()["detail"]


def test_a_replay_shows_nothing_of_another_tenant(world, admin):
    put(world.client("admin", GLOBEX), "/v1/bounds", {"allowlist": [NOTE]})
    world.submit("theirs", tenant=GLOBEX)

    would = put(admin, "/v1/bounds", bounds(), params={"dry_run": "true", "replay": "1d"})

    assert would["replay"]["decisions"] == 0


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({"replay": "1d"}, 422, "replay"),
        ({"replay": "soon", "dry_run": "true"}, 422, "replay"),
    ],
)
def test_a_replay_that_cannot_be_is_refused_and_nothing_changes(admin, asked, status, field):
    refused = admin.put("/v1/bounds", json=bounds(allowlist=[]), params=asked)

    assert (refused.status_code, refused.json()["field"]) == (status, field)
    assert admin.get("/v1/bounds").headers["ETag"] == '"1"'


@pytest.mark.parametrize("role", ["agent", "approver", "operator", "auditor"])
def test_only_who_may_set_bounds_replays(world, role):
    refused = world.client(role).put("/v1/bounds", json=bounds(), params={"dry_run": "true", "replay": "1d"})

    assert refused.status_code == 403


def test_a_replay_that_takes_too_long_says_so(world, admin, monkeypatch):
    world.submit("ran")
    monkeypatch.setattr("remit.entrypoints.web.ledger_reads.LONGEST_REPLAY_S", -1)

    refused = admin.put("/v1/bounds", json=bounds(), params={"dry_run": "true", "replay": "1d"})

    assert (refused.status_code, refused.json()["field"]) == (422, "replay")
    assert "longer than" in refused.json()["detail"]


# --- log_only ---

WATCHING = {"name": "none.cedar", "text": '@id("no_notes") forbid (principal, action, resource);', "log_only": True}


def test_a_log_only_policy_is_shown_and_promoted(world, admin):
    put(admin, "/v1/policies", {"policies": [WATCHING]})
    world.submit("ran")

    why = admin.get("/v1/intents/ran/why").json()
    would = admin.post("/v1/bounds/promote?dry_run=true&replay=1d", json={"name": "none.cedar"}).json()
    did = admin.post("/v1/bounds/promote", json={"name": "none.cedar"}, headers={"If-Match": '"2"'}).json()

    assert (why["status"], why["log_only"][0]["would_say"]) == ("APPROVED", "NO_NOTES")
    assert (would["dry_run"], would["replay"]["would_ask"]["count"]) == (True, 1)
    assert [(each["path"], each["kind"]) for each in did["changes"]] == [("policies.none.cedar.log_only", "removed")]
    assert admin.get("/v1/policies").json() == {"policies": [{key: WATCHING[key] for key in ("name", "text")}]}


def test_a_name_that_nothing_bears_is_not_promoted(admin):
    refused = admin.post("/v1/bounds/promote", json={"name": "none.cedar"})

    assert (refused.status_code, refused.json()["field"]) == (422, "name")


# --- made automatic ---


def test_what_waits_is_made_automatic_and_decided_again(world, admin):
    world.submit("asked", action_type=EMAIL)

    told = admin.get("/v1/intents/asked/automate").json()
    wanted = told["candidates"][0]
    put(admin, "/v1/bounds", wanted["bounds"], headers={"If-Match": f'"{told["config_sequence"]}"'})
    answer = admin.post("/v1/decide-again", json={"action_intent_ids": ["asked", "none"]}).json()["items"]

    assert wanted["replay"]["would_run"]["people"] == {"waiting": 1}
    assert wanted["proof"]["verdict"] in ("WIDER", "NOT_PROVED")
    assert answer[0]["superseded_by"] and answer[1]["type"] == "/problems/not-found"
    again = admin.get(f"/v1/intents/{answer[0]['superseded_by']}").json()
    assert (again["approval_source"], again["intent"]["supersedes"]) == ("POLICY", "asked")
