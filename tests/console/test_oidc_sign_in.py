"""Signing in at the console through an issuer: the authorization code flow against a real one on loopback."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from remit.entrypoints.console import code_flow
from remit.entrypoints.console.code_flow import AT_ONCE
from remit.entrypoints.web import oidc
from remit.entrypoints.web.settings import HttpSettings, OidcSettings
from tests.entrypoints.http_world import http_world
from tests.issuer import AUDIENCE, Issuer
from tests.waiting import PATIENCE_S, until

from .conftest import text_of

CLIENT, SECRET = "remit-console", "of the client"


class SignInPage:
    """The issuer's own: whoever comes is let in at once, and each code is good for one token of its client."""

    def __init__(self, issuer):
        self.asked: dict[str, dict[str, str]] = {}
        self.claims: dict[str, Any] = {}
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                code = f"code-{len(page.asked)}"
                page.asked[code] = asked
                back = urlencode({"code": code, "state": asked["state"]})
                self.send_response(302)
                self.send_header("Location", f"{asked['redirect_uri']}?{back}")
                self.end_headers()

            def do_POST(self):
                sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(sent).items()}
                answer = page.token(issuer, form, self.headers.get("Authorization", ""))
                body = json.dumps(answer).encode()
                self.send_response(400 if "error" in answer else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_): ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def token(self, issuer, form, authorization):
        asked = self.asked.pop(form.get("code", ""), None)
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or authorization != basic or form["redirect_uri"] != asked["redirect_uri"]:
            return {"error": "invalid_grant"}
        verified = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if asked["code_challenge_method"] != "S256" or verified.decode() != asked["code_challenge"]:
            return {"error": "invalid_grant", "error_description": "the verifier does not fit"}
        id_token = issuer.token(**{"aud": CLIENT, "nonce": asked["nonce"], **self.claims})
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": id_token}

    def down(self):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def page():
    issuer = Issuer()
    page = SignInPage(issuer)
    issuer.described |= {"authorization_endpoint": f"{page.url}/authorize", "token_endpoint": f"{page.url}/token"}
    yield issuer, page
    page.down()
    issuer.down()


@pytest.fixture
def world(page, tmp_path):
    settings = OidcSettings(page[0].url, AUDIENCE, client_id=CLIENT, client_secret=SECRET)
    with http_world(tmp_path, HttpSettings(oidc=settings, sign_ins_per_minute=None)) as opened:
        yield opened


@pytest.fixture
def ann(world):
    with httpx.Client(base_url=world.url, trust_env=False, follow_redirects=True, timeout=PATIENCE_S) as client:
        yield client


def test_signing_in_leads_back_to_the_page_that_was_wanted(ann, world):
    assert "Sign in with your organisation" in text_of(ann.get("/console/queue"))

    page = ann.get("/console/oidc?to=/console/queue")

    assert (page.status_code, page.url.path) == (200, "/console/queue")
    assert "Signed in as ann in tenant acme" in text_of(page)


def test_the_tenant_and_the_roles_are_what_the_issuer_says(ann, page):
    page[1].claims = {"tenant": "globex", "roles": ["auditor"], "sub": "gus"}

    ann.get("/console/oidc")

    assert "Signed in as gus in tenant globex auditor" in text_of(ann.get("/console/queue"))
    assert ann.get("/console/keys").status_code == 403


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "another"}, {"aud": AUDIENCE}, {"aud": "elsewhere"}, {"exp": 1}, {"roles": []}, {"iss": "http://x"}],
    ids=str,
)
def test_a_token_that_is_not_of_this_sign_in_lets_nobody_in(ann, page, claims):
    page[1].claims = claims

    answer = ann.get("/console/oidc")

    assert answer.status_code == 401
    assert "remit_session" not in ann.cookies


def test_a_code_that_another_browser_began_lets_nobody_in(ann, world):
    with httpx.Client(base_url=world.url, trust_env=False, timeout=PATIENCE_S) as mallory:
        issuer_page = mallory.get("/console/oidc").headers["location"]
        came_back = httpx.get(issuer_page, trust_env=False, timeout=PATIENCE_S).headers["location"]

    answer = ann.get(came_back)

    assert (answer.status_code, "remit_session" in ann.cookies) == (401, False)
    assert "not begun in this browser" in text_of(answer)


def test_a_changed_state_and_a_used_code_let_nobody_in(ann):
    began = ann.get("/console/oidc", follow_redirects=False)
    came_back = httpx.get(began.headers["location"], trust_env=False, timeout=PATIENCE_S).headers["location"]

    changed = ann.get(came_back.replace("state=", "state=x"))
    good = ann.get(came_back, follow_redirects=False)
    ann.cookies.set("remit_sign_in", began.cookies["remit_sign_in"], path="/console/")
    again = ann.get(came_back)

    assert (changed.status_code, good.status_code, again.status_code) == (401, 303, 401)


def test_an_issuer_that_does_not_answer_is_told_so(ann, page):
    page[0].described.pop("authorization_endpoint")

    answer = ann.get("/console/oidc")

    assert answer.status_code == 503
    assert "cannot be asked where to sign in" in text_of(answer)


def test_without_an_issuer_there_is_no_such_way_in(tmp_path):
    with http_world(tmp_path) as world:
        assert httpx.get(f"{world.url}/console/oidc", trust_env=False, timeout=PATIENCE_S).status_code == 404


def test_leaving_for_the_issuer_asks_it_no_more_often_than_its_keys(ann, page):
    for _ in range(5):
        assert ann.get("/console/oidc", follow_redirects=False).status_code == 303

    assert page[0].discovered == 1


def test_an_issuer_that_hangs_holds_up_nobody_else(world, page, monkeypatch):
    for module in (oidc, code_flow):
        monkeypatch.setattr(module, "TIMEOUT_S", 2 * PATIENCE_S)
    page[0].answers.clear()
    asked = base64.urlsafe_b64encode(b'{"state":"s","verifier":"v","nonce":"n","to":"/console/"}').decode()

    def come_back(_):
        cookies = {"remit_sign_in": asked}
        path = f"{world.url}/console/oidc/callback?code=c&state=s"
        return httpx.get(path, cookies=cookies, trust_env=False, timeout=PATIENCE_S).status_code

    def turned_away(asked):
        return sum(each.done() for each in asked)

    with ThreadPoolExecutor(60) as many:
        came_back = [many.submit(come_back, number) for number in range(60)]
        until(lambda: turned_away(came_back) == 60 - AT_ONCE, what="nobody more may ask the issuer")
        healthy = world.client("auditor").get("/v1/usage")
        still_hanging = 60 - turned_away(came_back)
        page[0].answers.set()
        assert {each.result() for each in came_back} <= {401, 503}

    assert (healthy.status_code, still_hanging) == (200, AT_ONCE)


# --- the end of a session at the issuer ---

LOGOUT = {"http://schemas.openid.net/event/backchannel-logout": {}}


def _signed_in(world):
    client = httpx.Client(base_url=world.url, trust_env=False, follow_redirects=True, timeout=PATIENCE_S)
    assert client.get("/console/oidc").status_code == 200
    return client


def _is_in(client):
    return client.get("/console/queue", follow_redirects=False).status_code == 200


def test_a_session_ends_with_the_issuer_s_word(world, page):
    issuer, sign_in_page = page
    sign_in_page.claims = {"sub": "ann", "sid": "s-1"}
    first = _signed_in(world)
    sign_in_page.claims = {"sub": "ann", "sid": "s-2"}
    second = _signed_in(world)
    sign_in_page.claims = {"sub": "bob", "sid": "s-3"}
    other = _signed_in(world)

    def end(**claims):
        token = issuer.token(**{"aud": CLIENT, "events": LOGOUT, "jti": "j-1", "sub": None, **claims})
        return httpx.post(
            f"{world.url}/console/oidc/logout", data={"logout_token": token}, trust_env=False, timeout=PATIENCE_S
        )

    assert end(sid="s-1").status_code == 200
    assert [_is_in(each) for each in (first, second, other)] == [False, True, True]
    assert end(sub="ann").headers["Cache-Control"] == "no-store"
    assert [_is_in(each) for each in (first, second, other)] == [False, False, True]
    for refused in ({"sub": "bob", "nonce": "n"}, {"sub": "bob", "events": {}}, {"sub": "bob", "aud": "other"}, {}):
        assert end(**refused).status_code == 400
    assert _is_in(other)
    for each in (first, second, other):
        each.close()
