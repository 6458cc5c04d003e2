"""Who gets into the console, as far as their roles and their tenant go, and no form but its own is taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import unquote

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.policy import PolicySource
from remit.core.identity.principal import Principal
from remit.core.identity.session import LINK_LIVES
from remit.core.records import BOUNDS, THE_ONE, Key
from remit.entrypoints.bounds_file import as_yaml
from remit.entrypoints.console import create_console
from remit.entrypoints.web.settings import HttpSettings
from remit.ports import UnitOfWork, Writes
from tests.entrypoints.http_world import ACME, EMAIL, GLOBEX, bounds, http_world
from tests.entrypoints.test_http_roles import WEBHOOK
from tests.waiting import PATIENCE_S

from .conftest import ROLES, Visit, text_of
from .test_accessibility import PAGES as MOST_PAGES

PAGES = [path for path in MOST_PAGES if "/done" not in path and "/unknown" not in path and "promote" not in path]

Visiting = Callable[..., Visit]
READERS = {"approver", "operator", "admin", "auditor"}
ALLOWED = {
    "GET /": {"agent", *READERS},
    "GET /switch": {"agent", *READERS},
    "GET /did": READERS,
    "GET /queue": READERS,
    "GET /queue/changes": READERS,
    "GET /queue/cards/{action_intent_id}": READERS,
    "POST /queue/undo": {"approver"},
    "POST /queue/approve": {"approver"},
    "POST /queue/reject": {"approver"},
    "GET /intents": READERS,
    "GET /intents/{action_intent_id}": {"agent", *READERS},
    "POST /intents/{action_intent_id}/question": {"approver"},
    "POST /intents/{action_intent_id}/assign": {"approver"},
    "GET /sampled": READERS,
    "POST /intents/{action_intent_id}/judge": {"approver"},
    "POST /telling/hand-over": {"approver"},
    "POST /intents/{action_intent_id}/resolve": {"operator"},
    "POST /intents/{action_intent_id}/erase": {"admin"},
    "GET /intents/{action_intent_id}/edit": {"approver"},
    "POST /intents/{action_intent_id}/edit": {"approver"},
    "POST /intents/{action_intent_id}/edit/difference": {"approver"},
    "GET /intents/{action_intent_id}/automate": {"admin"},
    "POST /intents/{action_intent_id}/automate": {"admin"},
    "POST /intents/{action_intent_id}/decide-again": {"approver", "admin"},
    "GET /bounds": READERS,
    "POST /bounds/form": {"admin"},
    "GET /bounds/file": READERS,
    "POST /bounds/file": {"admin"},
    "POST /bounds/apply": {"admin"},
    "POST /bounds/replay": {"admin"},
    "GET /bounds/promote": {"admin"},
    "GET /suggestions": {"admin"},
    "POST /bounds/warnings": {"admin"},
    "POST /bounds/template": {"admin"},
    "GET /bounds/types/{name}": READERS,
    "POST /bounds/types/{name}": {"admin"},
    "GET /bounds/rule": {"admin"},
    "POST /bounds/rule": {"admin"},
    "POST /bounds/rule/text": {"admin"},
    "GET /policies": READERS,
    "POST /policies": {"admin"},
    "POST /policies/check": {"admin"},
    "GET /policies/versions/{version}": READERS,
    "GET /report": {"auditor"},
    "GET /telling": READERS,
    "POST /telling": {"admin"},
    "POST /telling/{subscription_id}/test": {"admin"},
    "POST /telling/browsers": READERS,
    "POST /telling/browsers/{browser_id}/remove": READERS,
    "POST /telling/{subscription_id}/remove": {"admin"},
    "GET /keys": {"admin"},
    "POST /keys": {"admin"},
    "POST /keys/{key_id}/revoke": {"admin"},
    "GET /audit": {"auditor"},
    "POST /audit/verify": {"auditor"},
    "POST /audit/export": {"auditor"},
    "POST /stop": {"operator"},
    "POST /resume": {"operator"},
    "POST /tools/{action_type}/resume": {"operator"},
    "GET /stream": READERS,
    "POST /sign-out": {"agent", *READERS},
}
OPEN = {
    "GET /sign-in",
    "POST /sign-in",
    "GET /link/{token}",
    "POST /link/{token}",
    "GET /answer/{token}",
    "POST /answer/{token}/approve",
    "POST /answer/{token}/reject",
    "GET /oidc",
    "POST /oidc/logout",
    "GET /oidc/callback",
    "GET /static/{name}",
    "GET /worker.js",
}
FORBIDDEN = "it takes the role"


def _routes(world):
    console = create_console(world.remit, HttpSettings(), world.app.state)
    found: set[str] = set()
    for route in iter_route_contexts(console.routes):
        found |= {f"{method} {route.path}" for method in route.methods or () if method != "HEAD"}
    return found


def _ids(world):
    world.submit("i-1", proposed_by="ann", action_type=EMAIL)
    made, _ = world.remit.create_key(ACME, {"name": "some", "roles": ["agent"]}, by="the test")
    version = world.remit.policy_versions(ACME)[0]["version"]
    if not world.remit.subscriptions(ACME):
        world.remit.set_subscription(ACME, "hook", WEBHOOK, by="the test")
    return {
        "action_intent_id": "i-1",
        "key_id": made.key_id,
        "version": version,
        "subscription_id": "hook",
        "browser_id": "0" * 32,
        "action_type": EMAIL,
        "name": EMAIL,
    }


def _form(world, route):
    """What makes each form a right one, but for who sends it."""
    item = f"i-1 {world.remit.intent(ACME, 'i-1').digest}"
    return {
        "POST /queue/approve": {"item": item},
        "POST /queue/reject": {"item": item},
        "POST /queue/undo": {"item": item},
        "POST /intents/{action_intent_id}/question": {"text": "which one?"},
        "POST /intents/{action_intent_id}/assign": {"to": "zoe"},
        "POST /intents/{action_intent_id}/judge": {"right": "yes"},
        "POST /intents/{action_intent_id}/resolve": {"status": "FAILED"},
        "POST /intents/{action_intent_id}/erase": {"what": "private", "reason": "asked for"},
        "POST /intents/{action_intent_id}/edit": {"parameters.text": "changed"},
        "POST /bounds/form": {"sequence": "1", "list": "inherit"},
        "POST /bounds/file": {"sequence": "1", "text": "tenant: acme"},
        "POST /intents/{action_intent_id}/automate": {"sequence": "1", "wanted": '{"tenant": "acme"}'},
        "POST /bounds/apply": {"sequence": "1", "wanted": '{"tenant": "acme"}'},
        "POST /bounds/replay": {"sequence": "1", "wanted": '{"tenant": "acme"}'},
        "POST /bounds/types/{name}": {"sequence": "1", "remove": "on"},
        "POST /bounds/rule": {"sequence": "1", "action_type": EMAIL, "kind": "hours", "day:MON": "on"},
        "POST /policies": {"name": "a.cedar", "text": "", "sequence": "1"},
        "POST /policies/check": {"name": "a.cedar", "text": ""},
        "POST /keys": {"name": "new", "role": "agent"},
        "POST /telling": {"subscription_id": "hook", **WEBHOOK, "notice": "STOPPED"},
        "POST /stop": {"reason": "a test"},
        "POST /resume": {"reason": "a test"},
    }.get(route, {})


def _ask(visit, route, form, ids):
    method, path = route.format(**ids).split(" ")
    data = {"csrf": visit.csrf, **form} if method == "POST" else None
    with visit.client.stream(method, f"/console{path}", data=data) as answer:
        if "event-stream" in answer.headers.get("content-type", ""):
            return answer.status_code, ""
        answer.read()
        return answer.status_code, answer.text


def test_every_route_says_here_who_may(world):
    assert _routes(world) == {*ALLOWED, *OPEN}


@pytest.mark.parametrize("role", sorted({"agent", *READERS}))
def test_each_page_and_form_is_for_the_roles_it_is_for_and_no_other(world, visit, role):
    for route, allowed in ALLOWED.items():
        ids = _ids(world)
        status, text = _ask(visit(roles={role}), route, _form(world, route), ids)

        assert (status == 403 and FORBIDDEN in text) == (role not in allowed), (route, status)
        assert status < 500, route


def test_what_is_changed_and_answered_at_the_console_says_through_which_session(world, visit):
    bob = visit(name="bob")
    session_id = bob.client.cookies["remit_session"].split(".")[2]
    ids = _ids(world)
    for route in ("POST /keys", "POST /keys/{key_id}/revoke", "POST /telling", "POST /queue/approve"):
        _ask(bob, route, _form(world, route), ids)

    told = [line for line in world.remit.export(ACME) if line["data"].get("credential", {}).get("session_id")]

    assert {line["data"]["credential"]["session_id"] for line in told} == {session_id}
    assert [line["event_type"] for line in told] == [
        "ACTION_APPROVED",
        "KEY_CHANGED",
        "KEY_CHANGED",
        "SUBSCRIPTION_CHANGED",
    ]


def test_without_a_session_every_page_asks_to_sign_in_and_no_form_does_anything(world):
    ids = _ids(world)
    with httpx.Client(base_url=world.url, trust_env=False, timeout=PATIENCE_S) as nobody:
        for route in ALLOWED:
            method, path = route.format(**ids).split(" ")
            answer = nobody.request(method, f"/console{path}", data=_form(world, route) if method == "POST" else None)

            assert answer.status_code == 303, route
            assert answer.headers["location"].startswith("/console/sign-in"), route
    assert world.remit.status(ACME, "i-1")["status"] == "AWAITING_APPROVAL"
    assert world.remit.stops(ACME) == []


def test_a_part_of_a_page_sends_the_whole_window_to_sign_in(world):
    answer = httpx.get(
        f"{world.url}/console/queue", headers={"HX-Request": "true"}, trust_env=False, timeout=PATIENCE_S
    )

    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/console/sign-in?to=/console/queue")


@pytest.mark.parametrize("sent", [None, "", "guess", "other"])
def test_a_form_without_its_sessions_token_does_nothing(world, visit, sent):
    ids = _ids(world)
    ann, bob = visit(), visit(name="bob")
    token = bob.csrf if sent == "other" else sent
    for route in (route for route in ALLOWED if route.startswith("POST")):
        form = {**_form(world, route), **({} if token is None else {"csrf": token})}
        answer = ann.client.post(f"/console{route.format(**ids).split(' ')[1]}", data=form)

        assert answer.status_code == 403, route
        assert "not made by this session" in text_of(answer)
    assert world.remit.status(ACME, "i-1")["status"] == "AWAITING_APPROVAL"
    assert ann.get("/console/queue").status_code == 200


def test_a_tenant_sees_and_answers_nothing_of_another(world, visit):
    ids = _ids(world)
    world.work()
    world.remit.apply(bounds(GLOBEX), by="the test")
    carl = visit(tenant=GLOBEX, name="carl")
    before = world.remit.ledger(ACME, "i-1")

    for route in ALLOWED:
        form = _form(world, route)
        if route == "POST /telling":
            form["subscription_id"] = "of-globex"
        if route.startswith("POST /bounds"):
            form = {name: text.replace(ACME, GLOBEX) for name, text in form.items()}
        status, text = _ask(carl, route, form, ids)

        if re.search(r"{(action_intent|key|subscription)_id}", route):
            assert status == 404, route
        assert "send email" not in text.lower() or "bounds" in route or "policies" in route, route
        carl = visit(tenant=GLOBEX, name="carl") if route == "POST /sign-out" else carl

    assert world.remit.ledger(ACME, "i-1") == before
    assert world.remit.stops(ACME) == []
    assert world.remit.bounds(ACME).config_sequence == 1


def test_bounds_of_another_tenant_cannot_be_put_in_force(world, visit):
    ann = visit()

    by_form = ann.post("/console/bounds/apply", {"sequence": "0", "wanted": '{"tenant": "globex"}'})
    by_file = ann.post("/console/bounds/file", {"sequence": "0", "text": "tenant: globex"})

    assert (by_form.status_code, by_file.status_code) == (422, 422)
    assert world.remit.bounds(GLOBEX).config_sequence == 0


def test_a_change_is_shown_with_a_proof_and_what_breaks_a_property_is_refused(visit):
    ann = visit()

    narrower = ann.post("/console/bounds/file", {"sequence": "1", "text": "tenant: acme"})
    broken = as_yaml(parse_bounds(bounds(never=["confidence_said"])))
    refused = ann.post("/console/bounds/file", {"sequence": "1", "text": broken})

    assert "Over all possible actions: narrower" in narrower.text and "Narrower, such as" in narrower.text
    assert refused.status_code == 422 and "would run alone" in refused.text


def test_bounds_that_somebody_changed_meanwhile_are_not_overwritten(world, visit):
    ann = visit()
    page = ann.post("/console/bounds/file", {"sequence": "1", "text": "tenant: acme"})
    world.remit.apply(bounds(budget={"max_autonomous_per_day": 3}), by="bob")
    wanted, sequence = re.findall(r'name="(?:wanted|sequence)" value="([^"]*)"', page.text)[::-1]

    answer = ann.post("/console/bounds/apply", {"sequence": sequence, "wanted": wanted.replace("&#34;", '"')})

    assert answer.status_code == 409
    assert world.remit.bounds(ACME).config_sequence == 2


def test_a_page_may_load_nothing_from_elsewhere_and_stands_in_no_frame(visit):
    answer = visit().get("/console/queue")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy and "unsafe-inline" not in policy and "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    # What the policy would refuse is not even there.
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|\bon[a-z]+=", answer.text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)


def test_static_files_are_kept_for_good_and_there_are_no_others(visit):
    ann = visit()
    paths = re.findall(r'(?:src|href)="(/console/static/[^"]+)"', ann.get("/console/").text)

    answers = [ann.get(path) for path in paths]

    assert {answer.status_code for answer in answers} == {200}
    assert all("immutable" in answer.headers["cache-control"] for answer in answers)
    assert len({path.split("?")[0] for path in paths}) == 4
    for path in ("..%2fapp.py", "templates/base.html", "console.css.map", "%2e%2e/base.html"):
        assert ann.get(f"/console/static/{path}").status_code == 404


LIGHT = 100_000
"""Bytes: what a page takes on the wire, with all its files, but for the lines of its lists."""


def test_a_page_with_all_its_files_is_light(world, visit):
    world.submit("waits", action_type=EMAIL)
    ann = visit()
    for path in PAGES:
        files = re.findall(r'(?:src|href)="(/console/static/[^"]+)"', (page := ann.get(path)).text)
        assert page.status_code == 200 and len(files) >= 4, path
        assert sum(answer.num_bytes_downloaded for answer in (page, *map(ann.get, files))) < LIGHT, path


def test_a_file_is_the_same_compressed_and_not(visit):
    ann = visit()
    for path in re.findall(r'(?:src|href)="(/console/static/[^"]+)"', ann.get("/console/").text):
        small, plain = (ann.client.get(path, headers={"accept-encoding": how}) for how in ("gzip", "identity"))
        assert small.content == plain.content and small.headers["content-type"] == plain.headers["content-type"]
        assert small.num_bytes_downloaded < plain.num_bytes_downloaded or path.split("?")[0].endswith(".svg")
        assert small.headers["vary"] == plain.headers["vary"] == "accept-encoding"


def test_the_cookie_is_kept_from_scripts_and_other_sites(world):
    form = {"key": world.keys[ACME, "approver"], "to": "/console/queue"}
    answer = httpx.post(f"{world.url}/console/sign-in", data=form, trust_env=False, timeout=PATIENCE_S)

    cookie = answer.headers["set-cookie"]
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/queue")
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/console/" in cookie


@pytest.mark.parametrize("to", ["https://elsewhere.example/", "//elsewhere.example", "/v1/stop", "/console/\\evil"])
def test_signing_in_leads_nowhere_but_into_the_console(world, to):
    form = {"key": world.keys[ACME, "approver"], "to": to}

    assert (
        httpx.post(f"{world.url}/console/sign-in", data=form, trust_env=False, timeout=PATIENCE_S).headers["location"]
        == "/console/"
    )


def test_another_sites_form_signs_nobody_in(world):
    form = {"key": world.keys[ACME, "approver"]}
    headers = {"Origin": "https://elsewhere.example"}

    answer = httpx.post(f"{world.url}/console/sign-in", data=form, headers=headers, trust_env=False, timeout=PATIENCE_S)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_revoked_keys_session_is_over_at_once(world):
    made, text = world.remit.create_key(ACME, {"name": "ann", "roles": ["approver"]}, by="the test")
    with httpx.Client(base_url=world.url, trust_env=False, timeout=PATIENCE_S) as ann:
        ann.post("/console/sign-in", data={"key": text})
        assert ann.get("/console/queue").status_code == 200

        world.remit.revoke_key(ACME, made.key_id, by="the test")

        assert ann.get("/console/queue").status_code == 303


def test_the_platforms_key_opens_no_tenants_console(world):
    form = {"key": world.keys["*", "platform"]}

    answer = httpx.post(f"{world.url}/console/sign-in", data=form, trust_env=False, timeout=PATIENCE_S)

    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert "opens no tenant" in text_of(answer)


def test_a_link_signs_in_once_and_leads_to_its_page(world):
    token = world.remit.make_link(Principal("ann", ACME, ROLES), leads_to="/console/intents/i-1")
    path = f"{world.url}/console/link/{token}"

    first, again = (httpx.get(path, trust_env=False, timeout=PATIENCE_S) for _ in range(2))

    assert (first.status_code, first.headers["location"]) == (303, "/console/intents/i-1")
    assert (again.status_code, "set-cookie" in again.headers) == (401, False)
    assert LINK_LIVES.total_seconds() <= 3600


def test_from_elsewhere_a_link_that_is_only_opened_is_not_used_up(world):
    token = world.remit.make_link(Principal("ann", ACME, ROLES), leads_to="/console/queue")
    path, elsewhere = f"{world.url}/console/link/{token}", {"X-Forwarded-For": "203.0.113.7"}

    opened = httpx.get(path, headers=elsewhere, trust_env=False, timeout=PATIENCE_S)
    confirmed = httpx.post(path, headers=elsewhere, trust_env=False, timeout=PATIENCE_S)

    assert (opened.status_code, "set-cookie" in opened.headers) == (200, False)
    assert (confirmed.status_code, confirmed.headers["location"]) == (303, "/console/queue")


def test_a_link_printed_at_the_machine_is_good_there_alone(world):
    token = world.remit.make_link(Principal("ann", ACME, ROLES), leads_to="/console/", loopback_only=True)
    path = f"{world.url}/console/link/{token}"

    assert (
        httpx.post(path, headers={"X-Forwarded-For": "203.0.113.7"}, trust_env=False, timeout=PATIENCE_S).status_code
        == 401
    )
    assert httpx.get(path, trust_env=False, timeout=PATIENCE_S).status_code == 303


def test_an_opened_link_decides_nothing(world):
    world.submit("i-1", action_type=EMAIL)
    token = world.remit.make_link(Principal("ann", ACME, ROLES), leads_to="/console/intents/i-1")
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=PATIENCE_S) as ann:
        page = ann.get(f"{world.url}/console/link/{token}")

    assert "Approve" in page.text
    assert world.remit.status(ACME, "i-1")["status"] == "AWAITING_APPROVAL"


def test_bad_input_is_told_on_a_page_that_names_the_field(world, visit):
    ann = visit()

    assert "status" in text_of(ann.get("/console/intents?status=LOST"))
    for field, wrong in (("limit", "many"), ("timezone", "Mars/Olympus"), ("mode:default", "SOMETIMES")):
        answer = ann.post("/console/bounds/form", {"sequence": "1", field: wrong})
        assert answer.status_code == 422, field
        assert wrong in text_of(answer), field
    assert ann.post("/console/queue/approve").status_code == 422
    assert ann.get("/console/intents/nobody").status_code == 404
    assert ann.get("/console/nowhere").status_code == 404


def test_bounds_that_cannot_be_read_are_said_to_be_on_their_page(world, visit):
    bounds_at = Key(BOUNDS, ACME, THE_ONE)
    store = world.remit.context.store
    before = store.read([bounds_at]).get(bounds_at)
    assert before is not None
    lost = before.bounds.model_copy(update={"policies": [PolicySource(name="old.cedar", text="forbid everything")]})
    after = before.changed(bounds=lost)
    store.transact([UnitOfWork(reads=[bounds_at], decide=lambda _: Writes(answer=None, puts=[(bounds_at, after)]))])

    page = text_of(visit().get("/console/bounds"))

    assert "These bounds cannot be read" in page and "old.cedar is not Cedar" in page
    assert visit().get("/console/policies").status_code == 200
    assert visit().get("/console/queue").status_code == 200


def test_markup_in_what_an_agent_sends_stays_text(world, visit):
    evil = '<script>alert(1)</script><img src=x onerror="alert(1)">'
    world.submit("i-1", action_type=EMAIL, parameters={"text": evil, evil: "x"}, why=[evil])
    ann = visit()

    for path in ("/console/queue", "/console/intents/i-1", "/console/intents/i-1/edit"):
        page = ann.get(path).text
        assert "<script>alert" not in page and "<img src=x" not in page
        assert "&lt;script&gt;" in page


def test_without_a_console_there_is_none(tmp_path):
    with http_world(tmp_path, HttpSettings(console=False)) as world:
        assert httpx.get(f"{world.url}/console/", trust_env=False, timeout=PATIENCE_S).status_code == 404
        assert httpx.get(f"{world.url}/healthz", trust_env=False, timeout=PATIENCE_S).status_code == 200


@pytest.mark.parametrize("path", ["audit/verify", "bounds/form", "queue/approve", "stop"])
def test_a_stop_from_the_answer_to_a_form_leads_to_a_page_that_is_there(world, visit, path):
    ann = visit()
    shown = ann.post(f"/console/{path}", {"sequence": "1", "list": "inherit"}).text
    found = re.search(r'action="/console/stop".*?name="back" value="([^"]*)"', shown, re.DOTALL)
    assert found

    stopped = ann.post("/console/stop", {"reason": "odd notes", "back": found[1]})

    assert ann.get(stopped.headers["location"]).status_code == 200


@pytest.mark.parametrize("number", ["²", "9" * 5000], ids=["a power", "very long"])
@pytest.mark.parametrize("field", ["limit", "sequence"])
def test_what_only_looks_like_a_number_is_told_and_no_fault_of_ours(visit, field, number):
    answer = visit().post("/console/bounds/form", {"sequence": "1", "list": "inherit", field: number})

    assert (answer.status_code, field in text_of(answer)) == (422, True)


@pytest.mark.parametrize("text", ["[" * 100_000, "1e999", "NaN", "9" * 5000], ids=["deep", "large", "none", "long"])
def test_json_that_nothing_can_carry_is_told_on_the_form(world, visit, text):
    world.submit("i-1", action_type=EMAIL, parameters={"lines": [1]})

    for path in ("edit", "edit/difference"):
        answer = visit().post(f"/console/intents/i-1/{path}", {"parameters.lines": text})
        assert answer.status_code in (200, 422), path
        assert 'role="alert"' in answer.text, path
    assert world.remit.status(ACME, "i-1")["status"] == "AWAITING_APPROVAL"


def test_a_form_that_was_not_right_comes_back_as_it_was_sent(visit):
    ann = visit()
    sent = {"sequence": "1", "list": "own", f"allow:{EMAIL}": "on", f"mode:{EMAIL}": "DISABLED", f"limit:{EMAIL}": "7"}

    bounds_page = ann.post("/console/bounds/form", {**sent, "limit": "many", "timezone": "Asia/Tokyo"}).text
    telling = ann.post("/console/telling", {"subscription_id": "ops", "channel": "email", "notice": "STOPPED"}).text
    keys = ann.post("/console/keys", {"name": "not a name", "role": "auditor"}).text

    for tag in (
        'name="list" value="own" checked',
        f'name="allow:{EMAIL}" aria-label="{EMAIL} may run alone" checked',
        'value="DISABLED" selected',
        'value="7"',
        'value="many"',
        'value="Asia/Tokyo"',
    ):
        assert tag in bounds_page, tag
    assert re.findall(r'name="notice" value="(\w+)" checked', telling) == ["STOPPED"]
    assert 'value="not a name"' in keys
    assert re.findall(r'name="role" value="(\w+)" checked', keys) == ["auditor"]


def test_a_fault_of_ours_is_told_on_a_page_that_stands_in_no_frame(world, visit, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a secret")

    ann = visit()
    monkeypatch.setattr(world.remit, "overview", broken)
    answer = ann.get("/console/")

    assert (answer.status_code, "a secret" in answer.text) == (500, False)
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_stop_says_of_how_much_and_refuses_what_was_never_seen(world, visit):
    for number in range(3):
        world.submit(f"i-{number}", account_id=f"acct-{number}")
    ann = visit()
    form = {"csrf": ann.csrf, "reason": "odd notes"}

    misspelt = ann.client.post("/console/stop", data={**form, "account_id": "acct-11"})
    before = ann.get("/console/queue")
    ann.client.post("/console/stop", data={**form, "account_id": "acct-1"})
    after = ann.get("/console/queue")
    ann.client.post("/console/stop", data={**form, "account_id": "acct-11", "even_if_unknown": "true"})

    assert misspelt.status_code == 404
    assert "was never seen at tenant" in text_of(misspelt)
    assert "Autonomy on" in text_of(before)
    assert "1 of 3 accounts stopped." in text_of(after)
    last = text_of(ann.get("/console/queue"))
    assert "2 of 4 accounts stopped." in last, re.findall("[^.]*stopped[^.]*", last)


def test_pages_show_what_is_of_the_first_and_the_last_moment_of_the_calendar(world, visit):
    ends = {"created_at": "0001-01-01T00:00:00Z", "expires_at": "9999-12-31T23:59:59Z"}
    world.submit("ever", confidence_score=0.1, **ends)
    reader = visit(roles=READERS)

    for path in ("/queue", "/intents", "/intents/ever", "/", "/did"):
        page = reader.client.get(f"/console{path}")
        assert page.status_code == 200, path
    assert "0001-01-01 00:00:00 UTC" in reader.client.get("/console/intents/ever").text


def test_a_page_names_the_stream_behind_which_everything_is_that_it_may_lack(world, visit, monkeypatch):
    reader = visit(roles=READERS)
    made = world.remit.reading.timeline

    def late(*asked, **how):
        # While the page is made: it is on the page, or behind its stream's beginning, and here it is both.
        world.submit("meanwhile", confidence_score=0.1)
        return made(*asked, **how)

    monkeypatch.setattr(world.remit, "timeline", late)
    page = reader.client.get("/console/did", headers={"accept": "text/html"}).text

    (after,) = re.findall(r'data-stream="/console/stream\?after=([^"]+)"', page)
    followed = world.remit.since("acme", world.remit.stream_cursor("acme", unquote(after)))
    assert "meanwhile" in [told["action_intent_id"] for _, told in followed.told]


def test_a_stream_that_is_named_by_nothing_of_the_ledger_is_refused(world, visit):
    answer = visit(roles=READERS).client.get("/console/stream", params={"after": "nothing"})

    assert answer.status_code == 422


def test_what_an_agent_acts_for_and_its_amounts_stand_on_the_card_and_a_type_without_threshold_is_shown(world, visit):
    types = bounds()["action_types"]
    own = {"min_confidence": "none", "amounts": {"refund": {"value": "parameters.amount", "unit": "EUR"}}}
    world.remit.apply(bounds(action_types={**types, EMAIL: {**types[EMAIL], **own}}), by="ann")
    hop = {"agent": "agent", "scopes": [f"s{n}" for n in range(7)]}
    whose = {"on_behalf_of": "alice", "delegation": [hop], "agent_tier": "subagent", "target": None}
    world.submit("i-9", action_type=EMAIL, parameters={"amount": 1250.5}, **whose)
    ann = visit()

    for path in ("/console/queue", "/console/intents/i-9"):
        shown = text_of(ann.get(path))
        assert "refund 1,250.50 EUR" in shown, path
        assert "on behalf of alice" in shown and "through agent (s0, s1" in shown and "subagent credential" in shown
    assert "… 2 more" in text_of(ann.get("/console/queue"))
    assert ann.get("/console/intents/i-9/edit").status_code == 200
    assert "confidence none" in text_of(visit(roles={"admin"}).get("/console/bounds"))


def test_a_key_is_made_for_a_principal_and_a_use(visit):
    ann = visit(roles={"admin"})

    ann.post("/console/keys", {"name": "bot", "role": "agent", "on_behalf_of": "alice", "tier": "background"})

    assert "on behalf of alice background" in text_of(ann.get("/console/keys"))


def test_what_waits_is_made_automatic_and_decided_again(world, visit):
    world.submit("i-1", action_type=EMAIL)
    admin = visit()

    page = admin.client.get("/console/intents/i-1/automate")
    wanted = re.search(r'name="wanted" value="([^"]*)"', page.text)
    sequence = re.search(r'name="sequence" value="([0-9]+)"', page.text)
    assert wanted and sequence, page.text
    form = {"csrf": admin.csrf, "wanted": unescape(wanted[1]), "sequence": sequence[1]}
    admin.client.post("/console/intents/i-1/automate", data=form)
    card = admin.client.get("/console/intents/i-1").text
    admin.client.post("/console/intents/i-1/decide-again", data={"csrf": admin.csrf})

    assert "would have run alone besides" in page.text
    assert "The bounds have changed since it was decided." in card
    stands = world.remit.status(ACME, "i-1")
    assert stands["status"] == "SUPERSEDED"
    assert world.remit.status(ACME, stands["superseded_by"])["approval_source"] == "POLICY"
