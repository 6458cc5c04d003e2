"""Approving, rejecting and editing: by one person, by several, and by two at once."""

from __future__ import annotations

import pytest

from tests.entrypoints.http_world import (
    ACME,
    EMAIL,
    at_once,
    bounds,
    person,
    problem,
    proposal,
    waiting,
)


def test_rejecting_and_editing(shared):
    approver = shared.client("approver")
    waiting(shared, "edit-1")
    waiting(shared, "reject-1")

    edited = approver.post("/v1/intents/edit-1/edit", json={"changes": {"parameters.text": "politely"}}).json()
    rejected = approver.post("/v1/intents/reject-1/reject", json={"reason": "no"}).json()

    assert edited["reason"] == "EDITED_BY_PERSON"
    assert (
        approver.get(f"/v1/intents/{edited['action_intent_id']}").json()["intent"]["parameters"]["text"] == "politely"
    )
    assert approver.get("/v1/intents/edit-1").json()["superseded_by"] == edited["action_intent_id"]
    assert rejected == {"action_intent_id": "reject-1", "status": "REJECTED"}
    assert approver.get("/v1/intents/reject-1/why").json()["rejection"]["reason"] == "no"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/intents/x/approve", {}, "digest"),
        ("/v1/intents/x/approve", {"digest": "short"}, "digest"),
        ("/v1/intents/x/approve", {"digest": "0" * 64, "by": "somebody"}, "by"),
        ("/v1/intents/x/approve", {"digest": "0" * 64, "undo_for_s": 61}, "undo_for_s"),
        ("/v1/intents/x/reject", {"reason": "x" * 2001}, "reason"),
        ("/v1/intents/x/edit", {"changes": {}}, "changes"),
        ("/v1/intents/a b/reject", {}, "action_intent_id"),
        ("/v1/intents/a%00b/reject", {}, "action_intent_id"),
        ("/v1/approve", {"items": []}, "items"),
        ("/v1/reject", {"action_intent_ids": ["fine", "not fine"]}, "action_intent_ids.1"),
    ],
)
def test_a_persons_wrong_field_is_named(shared, path, body, field):
    told = problem(shared.client("approver").post(path, json=body), 422)

    assert told["field"] == field
    assert told["way_out"]


def test_an_approval_is_taken_back_in_time_by_whoever_gave_it(shared):
    approver = shared.client("approver")
    waiting(shared, "undo-1")
    digest = approver.get("/v1/intents/undo-1").json()["digest"]

    approval = approver.post("/v1/intents/undo-1/approve", json={"digest": digest, "undo_for_s": 60}).json()["approval"]
    undone = approver.post("/v1/intents/undo-1/undo")

    assert approval["not_before"] > approval["approved_at"]
    assert undone.json() == {"action_intent_id": "undo-1", "status": "AWAITING_APPROVAL"}
    assert approver.get("/v1/intents/undo-1").json()["status"] == "AWAITING_APPROVAL"
    problem(approver.post("/v1/intents/undo-1/undo"), 409, "conflict")


def test_what_was_not_seen_cannot_be_approved(shared):
    waiting(shared, "unseen-1")

    answer = shared.client("approver").post("/v1/intents/unseen-1/approve", json={"digest": "0" * 64})

    assert "look at it again" in problem(answer, 409, "conflict")["detail"]


def test_two_approvers_at_once_make_one_approval(world):
    ann, bob = person(world, "ann"), person(world, "bob")
    for number in range(4):
        name = f"i-{number}"
        body = {"digest": waiting(world, name)}

        answers = at_once(
            world,
            lambda n=name, b=body: ann.post(f"/v1/intents/{n}/approve", json=b),
            lambda n=name, b=body: bob.post(f"/v1/intents/{n}/approve", json=b),
        )

        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        events = [entry["event_type"] for entry in world.remit.ledger(ACME, name)]
        assert events.count("ACTION_APPROVED") == 1


def test_approve_and_reject_at_once_have_one_winner_and_the_other_is_told(world):
    ann, bob = person(world, "ann"), person(world, "bob")
    for number in range(4):
        name = f"i-{number}"
        body = {"digest": waiting(world, name)}

        answers = at_once(
            world,
            lambda n=name, b=body: ann.post(f"/v1/intents/{n}/approve", json=b),
            lambda n=name: bob.post(f"/v1/intents/{n}/reject", json={}),
        )

        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (lost,) = [answer for answer in answers if answer.status_code == 409]
        problem(lost, 409, "conflict")
        expected = "REJECTED" if answers[1].status_code == 200 else "APPROVED"
        assert world.remit.status(ACME, name)["status"] == expected


def test_bulk_answers_are_each_by_itself(shared):
    approver = shared.client("approver")
    digests = {name: waiting(shared, name) for name in ("bulk-1", "bulk-2", "bulk-3")}
    approver.post("/v1/intents/bulk-2/reject", json={})
    items = [{"action_intent_id": name, "digest": digest} for name, digest in digests.items()]
    items[2]["digest"] = "0" * 64

    approved = approver.post("/v1/approve", json={"items": [*items, {**items[0], "action_intent_id": "none"}]}).json()
    rejected = approver.post("/v1/reject", json={"action_intent_ids": ["bulk-1", "bulk-3", "bulk-2"]}).json()

    assert approved["items"][0]["approval"]["intent_digest"] == digests["bulk-1"]
    assert [item.get("status") for item in approved["items"]] == [None, 409, 409, 404]
    assert [item["status"] for item in rejected["items"]] == [409, "REJECTED", "REJECTED"]


@pytest.fixture
def two_needed(world):
    spec = bounds()["action_types"]
    spec[EMAIL]["approvals_required"] = 2
    world.remit.apply(bounds(action_types=spec), by="the test")
    return world


def test_the_second_approvers_call_writes_the_approval(two_needed):
    ann, bob = person(two_needed, "ann"), person(two_needed, "bob")
    body = {"digest": waiting(two_needed, "i-1")}

    first = ann.post("/v1/intents/i-1/approve", json=body).json()
    same = ann.post("/v1/intents/i-1/approve", json=body).json()
    between = two_needed.remit.status(ACME, "i-1")["status"]
    second = bob.post("/v1/intents/i-1/approve", json=body).json()

    assert first == same
    assert (first["complete"], first["approved_by"], first["approvals_required"]) == (False, ["ann"], 2)
    assert [vote["voted_by"] for vote in first["votes"]] == ["ann"]
    assert between == "AWAITING_APPROVAL"
    assert (second["complete"], second["approval"]["approved_by"]) == (True, "bob")
    (approved,) = [e for e in two_needed.remit.ledger(ACME, "i-1") if e["event_type"] == "ACTION_APPROVED"]
    assert approved["data"]["approvers"] == ["ann", "bob"]


def test_the_first_vote_is_shown_and_is_out_of_that_persons_queue(two_needed):
    ann, bob = person(two_needed, "ann"), person(two_needed, "bob")
    ann.post("/v1/intents/i-1/approve", json={"digest": waiting(two_needed, "i-1")})

    (queued,) = bob.get("/v1/queue").json()["items"]
    seen = [queued, *(bob.get(f"/v1/intents/i-1{part}").json() for part in ("", "/why"))]
    own, all_of_it = (ann.get("/v1/queue", params=which).json()["items"] for which in ({}, {"include_voted": True}))

    assert [(each["approvals_required"], each["votes"][0]["voted_by"]) for each in seen] == [(2, "ann")] * 3
    assert (own, len(all_of_it)) == ([], 1)


def test_two_approvers_at_once_are_both_counted(two_needed):
    ann, bob = person(two_needed, "ann"), person(two_needed, "bob")
    for number in range(4):
        path, body = f"/v1/intents/i-{number}/approve", {"digest": waiting(two_needed, f"i-{number}")}

        answers = at_once(
            two_needed,
            lambda p=path, b=body: ann.post(p, json=b),
            lambda p=path, b=body: bob.post(p, json=b),
        )

        assert sorted(answer.json()["complete"] for answer in answers) == [False, True]


def test_two_keys_of_one_name_are_one_approver(two_needed):
    one, other = person(two_needed, "ann"), person(two_needed, "ann")
    body = {"digest": waiting(two_needed, "i-1")}

    answers = [client.post("/v1/intents/i-1/approve", json=body).json() for client in (one, other)]

    assert [answer["complete"] for answer in answers] == [False, False]


def test_the_proposer_cannot_approve_where_that_is_set(world):
    world.remit.apply(bounds(proposer_may_approve=False), by="the test")
    both = person(world, "ann", "agent", "approver")
    both.post("/v1/intents", json=proposal("i-1", action_type=EMAIL))
    body = {"digest": world.remit.intent(ACME, "i-1").digest}

    own = both.post("/v1/intents/i-1/approve", json=body)
    other = world.client("approver").post("/v1/intents/i-1/approve", json=body)

    assert "somebody else has to approve" in problem(own, 403, "forbidden")["detail"]
    assert other.json()["complete"] is True


def test_votes_approvals_and_rejections_say_through_which_key_they_came(two_needed):
    made = {
        name: two_needed.remit.create_key(ACME, {"name": name, "roles": ["approver"]}, by="zoe")
        for name in ("ann", "bob")
    }
    digests = {name: waiting(two_needed, name) for name in ("i-1", "i-2")}
    for name, (_, text) in made.items():
        client = two_needed.client(None)
        client.headers["Authorization"] = f"Bearer {text}"
        client.post("/v1/intents/i-1/approve", json={"digest": digests["i-1"]})
        if name == "bob":
            client.post("/v1/intents/i-2/reject", json={})

    told = [*two_needed.remit.ledger(ACME, "i-1"), *two_needed.remit.ledger(ACME, "i-2")]

    through = [
        (entry["event_type"], entry["data"]["credential"]["id"], entry["data"]["credential"]["made_by"])
        for entry in told
        if "credential" in entry["data"]
    ]
    ann, bob = (key.key_id for key, _ in made.values())
    assert through == [
        ("APPROVAL_VOTED", ann, ["zoe"]),
        ("APPROVAL_VOTED", bob, ["zoe"]),
        ("ACTION_APPROVED", bob, ["zoe"]),
        ("ACTION_REJECTED", bob, ["zoe"]),
    ]


def test_an_admin_s_key_is_named_where_it_makes_and_revokes_keys_and_subscriptions(world):
    admin, admin_key = world.client("admin"), world.keys[ACME, "admin"].split(".")[2]
    made = admin.post("/v1/keys", json={"name": "alice", "roles": ["approver"]}).json()
    admin.post(f"/v1/keys/{made['key_id']}/revoke")
    hook = {"channel": "webhook", "url": "https://hooks.example.com/in", "signing_secret": "${HOOK_SECRET}"}
    assert admin.put("/v1/subscriptions/ops", json=hook).status_code == 200
    admin.delete("/v1/subscriptions/ops")

    told = [line for line in world.remit.export(ACME) if line["event_type"] in ("KEY_CHANGED", "SUBSCRIPTION_CHANGED")]

    own = [line["data"]["change"] for line in told if line["data"]["credential"]["id"] == admin_key]
    assert own == ["CREATED", "REVOKED", "CREATED", "REMOVED"]
    assert made["created_through"]["id"] == admin_key


def test_the_queue_is_grouped_and_asked_for_by_proposer(world):
    for name, proposer in (("a-1", "crm"), ("b-1", "flood"), ("b-2", "flood")):
        waiting(world, name, proposed_by=proposer)
    ann = person(world, "ann")

    groups = ann.get("/v1/queue/groups").json()
    of_one = ann.get("/v1/queue", params={"proposed_by": "flood"}).json()["items"]
    two = ann.get("/v1/queue", params={"limit": 2}).json()["items"]

    assert (groups["total"], groups["assigned"]) == (3, 0)
    assert groups["by_proposer"] == [{"proposed_by": "flood", "count": 2}, {"proposed_by": "crm", "count": 1}]
    assert [each["count"] for each in groups["by_reason"]] == [3]
    assert [item["action_intent_id"] for item in of_one] == ["b-1", "b-2"]
    assert {item["proposed_by"] for item in two} == {"crm", "flood"}


def test_what_could_only_fail_takes_no_approval_and_the_card_says_why(world):
    world.submit("i-1", action_type="SHIP_ORDER")
    ann = person(world, "ann")
    (item,) = ann.get("/v1/queue").json()["items"]

    refused = ann.post("/v1/intents/i-1/approve", json={"digest": item["digest"]})

    assert item["obstacle"]["code"] == "UNREGISTERED"
    assert item["obstacle"] == ann.get("/v1/intents/i-1").json()["obstacle"]
    assert item["obstacle"]["way_out"] in problem(refused, 409, "conflict")["detail"]
    assert ann.post("/v1/intents/i-1/reject", json={}).json()["status"] == "REJECTED"


IBAN = "DE02120300000000202051"


def privately(world, name):
    types = {**bounds()["action_types"]}
    types[EMAIL] = {**types[EMAIL], "private": ["parameters.iban", "target.entity_id", "why"]}
    world.remit.apply(bounds(action_types=types), by="the test")
    world.submit(name, action_type=EMAIL, parameters={"iban": IBAN, "text": "hello"}, why=["for alice"])


def test_who_may_see_an_intent_sees_its_private_values_until_an_admin_erases_them(world):
    privately(world, "private-1")
    reader, agent = world.client("approver"), world.client("agent")

    shown = reader.get("/v1/intents/private-1").json()["intent"]
    assert (shown["parameters"]["iban"], shown["target"]["entity_id"], shown["why"]) == (IBAN, "c-1", ["for alice"])
    (queued,) = reader.get("/v1/queue").json()["items"]
    assert (queued["parameters"]["iban"], queued["why"]) == (IBAN, ["for alice"])
    assert reader.get("/v1/intents/private-1/why").json()["why_proposed"] == ["for alice"]
    problem(agent.get("/v1/intents/private-1"), 403, "forbidden")
    problem(reader.post("/v1/intents/private-1/erase", json={"reason": "no"}), 403, "forbidden")

    admin = world.client("admin")
    assert problem(admin.post("/v1/intents/private-1/erase", json={}), 422)["field"] == "reason"
    unknown = admin.post("/v1/intents/private-1/erase", json={"reason": "x", "paths": ["parameters.text"]})
    assert "parameters.iban" in problem(unknown, 422)["way_out"]
    erased = admin.post("/v1/intents/private-1/erase", json={"reason": "asked for by the customer"}).json()

    assert erased == {"action_intent_id": "private-1", "paths": ["parameters.iban", "target.entity_id", "why"]}
    gone = reader.get("/v1/intents/private-1").json()
    assert gone["intent"]["parameters"]["iban"]["state"] == "ERASED"
    assert gone["obstacle"]["code"] == "MAPPING"
    entry = reader.get("/v1/intents/private-1/ledger").json()["items"][-1]
    assert (entry["event_type"], entry["actor"]) == ("CONTENT_ERASED", "admin-1")
    assert entry["data"]["credential"]["kind"] == "key"
    assert world.client("auditor").post("/v1/verify").json()["ok"]


def test_ledger_timeline_export_and_a_stored_proposal_show_private_values_to_nobody_but_who_may(world):
    privately(world, "private-2")
    auditor = world.client("auditor")

    for path in ("/v1/intents/private-2/ledger", "/v1/timeline", "/v1/ledger/export", "/v1/intents"):
        answer = auditor.get(path).text
        assert "private-2" in answer and IBAN not in answer and "for alice" not in answer
        assert '"c-1"' not in answer and "contact c-1" not in answer
    proposed = {
        "action_intent_id": "private-3",
        "account_id": "acct-1",
        "action_type": EMAIL,
        "target": {"entity_type": "contact", "entity_id": "c-1"},
        "parameters": {"iban": IBAN},
    }
    stored = world.client("agent").post("/v1/intents?gate=false", json=proposed).json()
    assert stored["parameters"] == {"iban": IBAN}
    assert world.client("agent").get("/v1/intents/private-3").json()["digest"] == stored["digest"]
