"""Who may what over HTTP: every route, every role, and no way into another tenant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from fastapi.routing import iter_route_contexts

from remit.core.identity.access import ROLES
from tests.entrypoints.http_world import ACME, EMAIL, GLOBEX, bounds, http_world, proposal

READERS = {"approver", "operator", "admin", "auditor"}
ALLOWED: dict[str, set[str]] = {
    "POST /v1/intents": {"agent"},
    "POST /v1/gate": {"agent"},
    "GET /v1/intents": READERS,
    "GET /v1/intents/{action_intent_id}": {"agent", *READERS},
    "GET /v1/intents/{action_intent_id}/why": {"agent", *READERS},
    "GET /v1/intents/{action_intent_id}/ledger": {"agent", *READERS},
    "GET /v1/intents/{action_intent_id}/auto-exec-state": {"agent", *READERS},
    "GET /v1/intents/{action_intent_id}/answer": {"agent", *READERS},
    "GET /v1/intents/{action_intent_id}/result": {"agent", *READERS},
    "DELETE /v1/intents/{action_intent_id}/result": {"admin"},
    "GET /v1/queue": READERS,
    "GET /v1/queue/groups": READERS,
    "GET /v1/queue/handovers": READERS,
    "POST /v1/queue/handovers": {"approver"},
    "POST /v1/intents/{action_intent_id}/assign": {"approver"},
    "GET /v1/sampled": READERS,
    "POST /v1/intents/{action_intent_id}/judge": {"approver"},
    "GET /v1/timeline": READERS,
    "GET /v1/stream": READERS,
    "GET /v1/usage": READERS,
    "POST /v1/intents/{action_intent_id}/approve": {"approver"},
    "POST /v1/intents/{action_intent_id}/undo": {"approver"},
    "POST /v1/intents/{action_intent_id}/reject": {"approver"},
    "POST /v1/intents/{action_intent_id}/edit": {"approver"},
    "POST /v1/intents/{action_intent_id}/question": {"approver"},
    "POST /v1/intents/{action_intent_id}/supplement": {"agent"},
    "POST /v1/intents/{action_intent_id}/resolve": {"operator"},
    "POST /v1/intents/{action_intent_id}/withdraw": {"agent"},
    "POST /v1/intents/{action_intent_id}/begin": {"agent"},
    "POST /v1/intents/{action_intent_id}/finish": {"agent"},
    "POST /v1/intents/{action_intent_id}/renew": {"agent"},
    "POST /v1/intents/{action_intent_id}/erase": {"admin"},
    "POST /v1/approve": {"approver"},
    "POST /v1/reject": {"approver"},
    "GET /v1/ledger/export": {"auditor"},
    "POST /v1/verify": {"auditor"},
    "GET /v1/bounds": READERS,
    "GET /v1/action-types": READERS,
    "GET /v1/allowlists": READERS,
    "GET /v1/modes": READERS,
    "GET /v1/budgets": READERS,
    "GET /v1/limits": READERS,
    "GET /v1/principals": READERS,
    "GET /v1/policies": READERS,
    "GET /v1/policies/versions": READERS,
    "GET /v1/policies/versions/{version}": READERS,
    "PUT /v1/bounds": {"admin"},
    "POST /v1/bounds/promote": {"admin"},
    "GET /v1/intents/{action_intent_id}/automate": {"admin"},
    "POST /v1/decide-again": {"approver", "admin"},
    "GET /v1/suggestions": {"admin"},
    "PUT /v1/action-types": {"admin"},
    "PUT /v1/allowlists": {"admin"},
    "PUT /v1/modes": {"admin"},
    "PUT /v1/budgets": {"admin"},
    "PUT /v1/limits": {"admin"},
    "PUT /v1/principals": {"admin"},
    "PUT /v1/policies": {"admin"},
    "POST /v1/policies/validate": {"admin"},
    "POST /v1/policies/difference": {"admin"},
    "POST /v1/stop": {"operator", "platform"},
    "POST /v1/resume": {"operator", "platform"},
    "GET /v1/tools": READERS,
    "POST /v1/tools/{action_type}/resume": {"operator"},
    "POST /v1/keys": {"admin", "platform"},
    "GET /v1/keys": {"admin", "platform"},
    "POST /v1/keys/{key_id}/revoke": {"admin", "platform"},
    "GET /v1/subscriptions": READERS,
    "PUT /v1/subscriptions/{subscription_id}": {"admin"},
    "DELETE /v1/subscriptions/{subscription_id}": {"admin"},
    "POST /v1/subscriptions/{subscription_id}/test": {"admin"},
    "GET /v1/deliveries": READERS,
    "GET /v1/overview": READERS,
    "GET /v1/tally": READERS,
    "GET /metrics": {"operator", "platform"},
}
SIGNED = {"POST /v1/slack/{tenant_id}"}
"""Let in by the signature of another's server, and then a person whom an admin named: see test_slack."""
PUBLIC = {"GET /", "GET /openapi.json", "GET /healthz", "GET /readyz"}
"""Answered to anybody: nothing in them is of a tenant."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One world for the whole table: what a row does must not matter to the others."""
    with http_world(tmp_path_factory.mktemp("roles")) as world:
        people_read_results(world)
        yield world


def people_read_results(world):
    """From here on people read results, as `ALLOWED` says; and there is a limit that may be promoted."""
    types = {name: {**spec, "result": {"people": True}} for name, spec in bounds()["action_types"].items()}
    watched = {"name": "watched", "most": 1000, "per": "day", "of": "account", "log_only": True}
    world.remit.apply(bounds(action_types=types, limits=[watched]), by="the test")


_names = (f"i-{number}" for number in count())


WEBHOOK = {"channel": "webhook", "url": "https://hooks.example.com/in", "signing_secret": "${HOOK_SECRET}"}
QUERIES = {"GET /v1/tally": {"from": "2026-03-01", "to": "2026-03-31"}}
"""What a route has to be asked with."""


def body_for(world, route, intent):
    """What makes each route's request a right one, but for the credential."""
    digest = world.remit.intent(ACME, intent).digest
    if route.startswith("PUT /v1/subscriptions"):
        return WEBHOOK
    if route.startswith(("PUT", "POST /v1/policies/")):
        return world.client("admin").get("/v1/policies" if "POST" in route else route.removeprefix("PUT ")).json()
    return {
        "POST /v1/intents": proposal(next(_names)),
        "POST /v1/gate": {"action_intent_id": intent, "account_id": "acct-1"},
        "POST /v1/intents/{action_intent_id}/approve": {"digest": digest},
        "POST /v1/intents/{action_intent_id}/reject": {},
        "POST /v1/intents/{action_intent_id}/withdraw": {},
        "POST /v1/intents/{action_intent_id}/begin": {},
        "POST /v1/intents/{action_intent_id}/finish": {"approval_id": "none", "acted": "yes"},
        "POST /v1/intents/{action_intent_id}/renew": {"approval_id": "none"},
        "POST /v1/intents/{action_intent_id}/edit": {"changes": {"parameters.text": "changed"}},
        "POST /v1/intents/{action_intent_id}/question": {"text": "which one?"},
        "POST /v1/intents/{action_intent_id}/assign": {"to": "zoe"},
        "POST /v1/intents/{action_intent_id}/judge": {"right": True},
        "POST /v1/queue/handovers": {},
        "POST /v1/intents/{action_intent_id}/supplement": {"text": "this one"},
        "POST /v1/intents/{action_intent_id}/resolve": {"status": "FAILED"},
        "POST /v1/intents/{action_intent_id}/erase": {"reason": "a test"},
        "POST /v1/approve": {"items": [{"action_intent_id": intent, "digest": digest}]},
        "POST /v1/reject": {"action_intent_ids": [intent]},
        "POST /v1/bounds/promote": {"name": "watched"},
        "POST /v1/decide-again": {"action_intent_ids": [intent]},
        "POST /v1/stop": {"reason": "a test", "account_id": None},
        "POST /v1/resume": {"reason": "a test", "account_id": None},
        "POST /v1/keys": {"name": "new", "roles": ["agent"]},
    }.get(route)


WITHOUT_BODY = ("POST /v1/verify", "POST /v1/tools/{action_type}/resume")


def _ask(client, route, body, **ids):
    """The answer; of one that does not end, the beginning."""
    method, path = route.format(**ids).split(" ")
    query = QUERIES.get(route, {})
    with client.stream(method, path, params=query, **({} if body is None else {"json": body})) as response:
        if "event-stream" not in response.headers.get("content-type", ""):
            response.read()
        return response


def _waiting(world, tenant=ACME):
    """A waiting intent that the tenant's agent proposed."""
    name = next(_names)
    world.submit(name, tenant=tenant, proposed_by="agent-1", action_type=EMAIL)
    return name


def ids_in(world):
    """Something of `acme` for each id that a path may hold."""
    made, _ = world.remit.create_key(ACME, {"name": "some", "roles": ["agent"]}, by="the test")
    version = world.remit.policy_versions(ACME)[0]["version"]
    told = world.remit.set_subscription(ACME, "some", WEBHOOK, by="the test").subscription_id
    ids = {"action_intent_id": _waiting(world), "key_id": made.key_id, "version": version}
    return {**ids, "subscription_id": told, "action_type": EMAIL}


def _routes(world):
    found = set()
    for route in iter_route_contexts(world.app.routes):
        found |= {f"{method} {route.path}" for method in route.methods or () if method != "HEAD"}
    return found


def test_every_route_says_here_who_may(shared):
    assert _routes(shared) == {*ALLOWED, *SIGNED, *PUBLIC}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", ALLOWED)
def test_a_route_answers_the_roles_it_is_for_and_no_other(shared, route, role):
    ids = ids_in(shared)

    answer = _ask(shared.client(role), route, body_for(shared, route, ids["action_intent_id"]), **ids)

    if role not in ALLOWED[route]:
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems/forbidden"
    elif role == "platform" and "{key_id}" in route:
        assert answer.status_code == 404
    elif role == "platform" and route == "POST /v1/keys":
        # It may make keys, of the platform's own role.
        assert answer.json()["field"] == "roles"
    elif route.endswith(("/resolve", "/finish", "/renew", "/supplement", "/undo", "/judge")):
        assert answer.status_code == 409
    elif route.endswith(("/result", "/auto-exec-state")):
        # Nothing has answered yet, and nobody has approved.
        assert answer.status_code == 404
    else:
        assert answer.is_success


def test_a_refusal_names_the_roles_that_would_do(shared):
    answer = shared.client("agent").post("/v1/verify")

    assert answer.json()["detail"] == "agent-1 may not do this; it takes the role auditor"


# --- no credential, or one that does not hold ---


@pytest.mark.parametrize("route", ALLOWED)
def test_nobody_gets_no_answer_without_a_credential(shared, route):
    ids = ids_in(shared)

    answer = _ask(shared.client(None), route, body_for(shared, route, ids["action_intent_id"]), **ids)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("route", sorted(PUBLIC))
def test_what_is_public_needs_no_credential(shared, route):
    assert _ask(shared.client(None), route, None).status_code < 400


def test_a_credential_is_looked_for_in_its_header_alone(shared):
    key = shared.keys[ACME, "auditor"]
    nobody = shared.client(None)

    assert nobody.get("/v1/usage", params={"access_token": key, "key": key}).status_code == 401
    assert nobody.get("/v1/usage", headers={"Cookie": f"key={key}"}).status_code == 401
    assert nobody.get("/v1/usage", headers={"Authorization": f"Basic {key}"}).status_code == 401


def test_a_key_with_another_secret_tenant_or_id_lets_nobody_in_and_does_not_say_which_part_is_wrong(
    shared,
):
    prefix, tenant, key_id, secret = shared.keys[ACME, "auditor"].split(".")
    _, _, other_id, other_secret = shared.keys[GLOBEX, "auditor"].split(".")
    wrong = [
        (tenant, key_id, other_secret),
        (GLOBEX, key_id, secret),
        (tenant, other_id, secret),
        (tenant, "nokey", secret),
        ("*", key_id, secret),
        (tenant, key_id, secret[:-1]),
        (tenant, key_id, secret.swapcase()),
    ]

    answers = [
        shared.client(None).get("/v1/usage", headers={"Authorization": f"Bearer {'.'.join([prefix, *parts])}"})
        for parts in wrong
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["detail"] for answer in answers} == {"this API key is not known"}


@pytest.mark.parametrize(
    "text", ["rk", "rk.", "rk.acme", "rk.acme.k", "rk...", "rk.acme.k.é", "eyJhbGciOiJub25lIn0.e30."]
)
def test_what_is_no_key_lets_nobody_in(shared, text):
    headers = {"Authorization": f"Bearer {text}".encode("latin-1")}

    assert shared.client(None).get("/v1/usage", headers=headers).status_code == 401


class Clock:
    def __init__(self):
        self.time = datetime.now(UTC)

    def now(self):
        return self.time


def test_an_expired_key_and_a_revoked_one_let_nobody_in(tmp_path):
    clock = Clock()
    with http_world(tmp_path, clock=clock) as world:
        asked = {"name": "short", "roles": ["approver"], "expires_at": (clock.time + timedelta(hours=1)).isoformat()}
        made = world.client("admin").post("/v1/keys", json=asked).json()
        headers = {"Authorization": f"Bearer {made['key']}"}
        assert world.client(None).get("/v1/queue", headers=headers).status_code == 200

        clock.time += timedelta(hours=1)
        expired = world.client(None).get("/v1/queue", headers=headers)
        (own,) = [key for key in world.client("admin").get("/v1/keys").json()["items"] if key["name"] == "auditor-1"]
        world.client("admin").post(f"/v1/keys/{own['key_id']}/revoke")
        revoked = world.client("auditor").post("/v1/verify")

    assert (expired.status_code, expired.json()["detail"]) == (401, "this API key has expired; ask for a new one")
    assert (revoked.status_code, revoked.json()["detail"]) == (401, "this API key was revoked; ask for a new one")


# --- another tenant ---


def _picture(world, tenant):
    """All that is recorded of a tenant, but when its keys were last used."""
    lines, _ = world.remit.intents(tenant, limit=500)
    keys = [key.wire() | {"last_used_at": None} for key in world.remit.keys(tenant)]
    chains = [world.remit.ledger(tenant, line["action_intent_id"]) for line in lines]
    told = [each.wire() for each in world.remit.subscriptions(tenant)], world.remit.deliveries(tenant)
    return lines, keys, chains, told, world.remit.usage(tenant), world.remit.bounds(tenant).wire()


@pytest.mark.parametrize("role", [role for role in ROLES if role != "platform"])
def test_the_ids_of_one_tenant_lead_another_nowhere_and_nothing_changes(shared, role):
    ids = ids_in(shared)
    before = _picture(shared, ACME)

    for route, roles in ALLOWED.items():
        # A subscription's name is whoever's who gives it: under another's, one makes one's own. So is an action type's.
        if "{" not in route or route.startswith("PUT /v1/subscriptions") or "{action_type}" in route:
            continue
        body = body_for(shared, route, ids["action_intent_id"])
        answer = _ask(shared.client(role, GLOBEX), route, body, **ids)
        assert answer.status_code == (404 if role in roles else 403), route
        assert "hello" not in answer.text

    assert _picture(shared, ACME) == before


def test_a_subscription_under_a_name_that_another_tenant_gave_is_another_one(shared):
    name = ids_in(shared)["subscription_id"]
    before = _picture(shared, ACME)

    made = shared.client("admin", GLOBEX).put(f"/v1/subscriptions/{name}", json={**WEBHOOK, "enabled": False})
    shared.client("admin", GLOBEX).delete(f"/v1/subscriptions/{name}")

    assert made.json()["tenant_id"] == GLOBEX
    assert _picture(shared, ACME) == before


def test_bulk_answers_and_the_gate_do_not_know_another_tenants_intents(shared):
    intent = _waiting(shared)
    before = _picture(shared, ACME)
    approver, agent = shared.client("approver", GLOBEX), shared.client("agent", GLOBEX)

    approved = approver.post("/v1/approve", json=body_for(shared, "POST /v1/approve", intent)).json()
    rejected = approver.post("/v1/reject", json=body_for(shared, "POST /v1/reject", intent)).json()
    gated = agent.post("/v1/gate", json=body_for(shared, "POST /v1/gate", intent)).json()

    assert [item["status"] for item in approved["items"] + rejected["items"]] == [404, 404]
    assert gated["reason"] == "INTENT_NOT_FOUND"
    assert _picture(shared, ACME) == before


def test_what_lists_counts_or_exports_holds_nothing_of_another_tenant(shared):
    name = _waiting(shared)
    asked = {"account_id": "acct-1", "tenant_id": ACME, "tenant": ACME}
    told = shared.remit.set_subscription(ACME, "told", WEBHOOK, by="the test")
    shared.remit.test_subscription(ACME, told.subscription_id, by="the test")
    lists = ["/v1/queue", "/v1/intents", "/v1/timeline", "/v1/usage", "/v1/keys", "/v1/subscriptions", "/v1/deliveries"]

    admin, auditor = shared.client("admin", GLOBEX), shared.client("auditor", GLOBEX)
    answers = [admin.get(path, params={"account_id": "acct-1"}) for path in lists[:4]]
    answers += [admin.get(path) for path in lists[4:]]
    others = [auditor.get("/v1/ledger/export"), auditor.post("/v1/verify")]
    refused = [admin.get(path, params=asked) for path in lists]
    refused += [auditor.get("/v1/ledger/export", params=asked), auditor.post("/v1/verify", params=asked)]

    assert {answer.status_code for answer in refused} == {422}
    for answer in [*answers, *others, *refused]:
        assert name not in answer.text
        assert ACME not in answer.text, answer.url
    assert [answer.json().get("items") for answer in answers[:3]] == [[], [], []]
    (account,) = answers[3].json()["accounts"]
    assert (account["used"], account["max_autonomous_per_day"]) == (0, None)


@pytest.mark.parametrize("path", ["/v1/intents", "/v1/gate"])
def test_a_body_that_names_another_tenant_is_refused(shared, path):
    intent = _waiting(shared)
    before = _picture(shared, ACME)
    body = {**body_for(shared, f"POST {path}", intent), "tenant_id": ACME}

    answer = shared.client("agent", GLOBEX).post(path, json=body)

    assert answer.status_code == 403
    assert answer.json()["detail"] == "tenant_id comes from the credential, which says 'globex'; leave it out"
    assert _picture(shared, ACME) == before


def test_in_a_list_only_the_proposal_that_names_another_tenant_or_speaker_is_refused(shared):
    own, foreign, posing = (proposal(next(_names)) for _ in range(3))
    foreign["tenant_id"], posing["proposed_by"] = ACME, "agent-2"

    answer = shared.client("agent", GLOBEX).post("/v1/intents", json=[foreign, own, posing])

    refused, stored, posed = answer.json()["items"]
    assert (refused["status"], posed["status"]) == (403, 403)
    assert stored["result"] == "REQUIRE_APPROVAL"
    assert shared.client("approver").get(f"/v1/intents/{foreign['action_intent_id']}").status_code == 404


@pytest.mark.parametrize("route", [route for route in ALLOWED if route.startswith(("POST", "PUT"))])
def test_no_route_takes_a_tenant_from_elsewhere(shared, route):
    """A field that would name one is unknown to most; where it is known, it can only be the caller's own."""
    ids = ids_in(shared)
    before = _picture(shared, ACME)
    body = {**(body_for(shared, route, ids["action_intent_id"]) or {}), "tenant_id": ACME, "tenant": ACME}
    role = sorted(ALLOWED[route])[0]

    answer = _ask(shared.client(role, GLOBEX), route, body, **ids)

    # Some take no body, and so read none.
    assert answer.status_code in ((200, 404) if route in WITHOUT_BODY else (403, 404, 422))
    assert _picture(shared, ACME) == before


# --- agents see their own ---


@pytest.mark.parametrize("part", ["", "/why", "/ledger", "/auto-exec-state"])
def test_an_agent_reads_what_it_proposed_itself_and_no_other_intent(shared, part):
    own, other = next(_names), next(_names)
    shared.client("agent").post("/v1/intents", json=proposal(own))
    shared.submit(other, proposed_by="agent-2")

    seen = shared.client("agent").get(f"/v1/intents/{own}{part}")
    refused = shared.client("agent").get(f"/v1/intents/{other}{part}")

    assert seen.status_code == 200
    assert refused.status_code == 403
    assert shared.client("approver").get(f"/v1/intents/{other}{part}").status_code == 200


def test_an_agent_cannot_learn_anothers_intent_by_proposing_under_its_id(shared):
    name = next(_names)
    shared.submit(name, proposed_by="agent-2", parameters={"text": "between us"})

    answer = shared.client("agent").post("/v1/intents", json=proposal(name))

    assert answer.status_code == 409
    assert "between us" not in answer.text


# --- the platform ---


def test_the_platforms_key_stops_and_resumes_everything_and_lists_only_its_own_keys(tmp_path):
    with http_world(tmp_path) as world:
        platform, agent = world.client("platform"), world.client("agent")

        platform.post("/v1/stop", json={"reason": "an incident"})
        stopped = agent.post("/v1/intents", json=proposal("i-1")).json()
        platform.post("/v1/resume", json={"reason": "over"})
        resumed = agent.post("/v1/intents", json=proposal("i-2")).json()
        names = [key["name"] for key in platform.get("/v1/keys").json()["items"]]

    assert stopped["reason"] == "AUTONOMY_STOPPED"
    assert resumed["result"] == "AUTO_EXECUTED"
    assert names == ["platform-1"]


def test_no_admin_makes_a_key_of_the_platform(shared):
    answer = shared.client("admin").post("/v1/keys", json={"name": "more", "roles": ["admin", "platform"]})

    assert (answer.status_code, answer.json()["field"]) == (422, "roles")


def test_an_operators_stop_reaches_its_own_tenant_alone(tmp_path):
    with http_world(tmp_path) as world:
        world.client("operator", GLOBEX).post("/v1/stop", json={"reason": "ours", "level": "everything"})

        assert world.client("agent").post("/v1/intents", json=proposal("i-1")).json()["result"] == "AUTO_EXECUTED"
