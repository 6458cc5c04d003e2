"""Access tokens of an OpenID Connect issuer at the HTTP door, and the forgeries that are refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from remit.core.errors import Forbidden, InvalidInput, TryLater, Unauthenticated
from remit.entrypoints.cli.doctor import diagnose_sign_in
from remit.entrypoints.web import oidc
from remit.entrypoints.web.oidc import FETCH_AT_MOST_EVERY_S, KEYS_FRESH_S, KEYS_KEPT_S, TokenIssuer
from remit.entrypoints.web.settings import HttpSettings, OidcSettings, groups_from, settings_from
from tests.entrypoints.http_world import ACME, http_world, proposal
from tests.issuer import AUDIENCE, EC, ED, KEYCLOAK, RSA, SHAPES, Issuer, published
from tests.waiting import PATIENCE_S, until


@pytest.fixture
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.down()


class Clock:
    time = 1000.0

    def __call__(self):
        return self.time


def _door(issuer, **settings):
    clock = Clock()
    return TokenIssuer(OidcSettings(issuer.url, AUDIENCE, **settings), clock=clock), clock


@contextmanager
def _world(issuer, directory):
    with http_world(directory, HttpSettings(oidc=OidcSettings(issuer.url, AUDIENCE))) as world:
        yield world


def _with(world, token):
    client = world.client(None)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


# --- through the door ---


def test_a_token_does_what_its_roles_allow_in_its_tenant(issuer, tmp_path):
    with _world(issuer, tmp_path) as world:
        ann = _with(world, issuer.token())
        agent = _with(world, issuer.token(sub="bot", roles="agent offline_access"))
        foreign = _with(world, issuer.token(tenant="globex"))
        keyed = world.client("approver")

        asked = agent.post("/v1/intents", json=proposal("i-1", action_type="SEND_EMAIL")).json()
        (queued,) = ann.get("/v1/queue").json()["items"]
        approved = ann.post("/v1/intents/i-1/approve", json={"digest": queued["digest"]}).json()

        assert asked["result"] == "REQUIRE_APPROVAL"
        assert queued["proposed_by"] == "bot"
        assert approved["approval"]["approved_by"] == "ann"
        assert agent.get("/v1/queue").status_code == 403
        assert foreign.get("/v1/intents/i-1").status_code == 404
        assert keyed.get("/v1/queue").status_code == 200


def test_a_refused_token_is_told_why_as_a_problem(issuer, tmp_path):
    with _world(issuer, tmp_path) as world:
        expired = _with(world, issuer.token(exp=int(time.time()) - 60)).get("/v1/queue")
        roleless = _with(world, issuer.token(roles=["dba"])).get("/v1/queue")

    assert (expired.status_code, expired.headers["www-authenticate"]) == (401, "Bearer")
    assert "expired" in expired.json()["detail"]
    assert roleless.status_code == 403
    assert "'roles'" in roleless.json()["detail"]


def test_while_the_issuer_is_down_tokens_wait_and_keys_go_on(issuer, tmp_path):
    token = issuer.token()
    issuer.down()
    try:
        with _world(issuer, tmp_path) as world:
            answer = _with(world, token).get("/v1/queue")
            keyed = world.client("approver").get("/v1/queue")
    finally:
        issuer.up()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["type"] == "/problems/try-later"
    assert keyed.status_code == 200


def test_without_an_issuer_no_token_lets_anybody_in(issuer, world):
    assert _with(world, issuer.token()).get("/v1/queue").status_code == 401


# --- what is believed ---


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA[0], "RS256"), (RSA[0], "RS512"), (RSA[0], "PS256"), (EC, "ES256"), (ED, "EdDSA")],
)
def test_each_asymmetric_algorithm_is_understood(issuer, key, algorithm):
    issuer.keys = [published(key, "k-0")]
    door, _ = _door(issuer)

    assert door.authenticate(issuer.token(key=key, algorithm=algorithm)).name == "ann"


def test_an_audience_among_several_is_enough(issuer):
    door, _ = _door(issuer)

    assert door.authenticate(issuer.token(aud=["other", AUDIENCE])).tenant_id == ACME


@pytest.mark.parametrize(("subject", "told"), [("sub-7", "sub-7"), (None, None)])
def test_a_token_s_credential_is_its_subject_whatever_name_it_says(issuer, subject, told):
    door, _ = _door(issuer, name_claim="nick")

    credential = door.authenticate(issuer.token(sub=subject, nick="ann")).credential

    assert (credential.kind, credential.id, credential.made_by) == ("oidc", told, ())


def test_clocks_may_differ_a_little(issuer):
    door, _ = _door(issuer)
    now = int(time.time())

    assert door.authenticate(issuer.token(iat=now + 10, nbf=now + 10)).name == "ann"
    assert door.authenticate(issuer.token(exp=now - 10)).name == "ann"


def test_a_token_without_a_key_id_needs_a_single_fitting_key(issuer):
    door, clock = _door(issuer)
    assert door.authenticate(issuer.token(kid=None)).name == "ann"

    issuer.keys.append(published(RSA[1], "k-1"))
    clock.time += KEYS_FRESH_S

    with pytest.raises(Unauthenticated):
        door.authenticate(issuer.token(kid=None))


def test_keys_for_encryption_or_of_unknown_kinds_are_passed_over(issuer):
    odd: list[Any] = [
        published(RSA[1], "k-1", use="enc"),
        {"kty": "oct", "k": "AAAA", "kid": "k-2"},
        {"kty": "EC", "crv": "P-0", "x": "", "y": "", "kid": "k-3"},
        {"kty": "RSA", "kid": "k-4"},
        {"kty": ["RSA"], "kid": "k-5"},
        5,
    ]
    issuer.keys = [*odd, *issuer.keys]
    door, _ = _door(issuer)

    assert door.authenticate(issuer.token()).name == "ann"
    with pytest.raises(Unauthenticated):
        door.authenticate(issuer.token(key=RSA[1], kid="k-1"))


@pytest.mark.parametrize(
    "roles", ["approver agent", ["approver", "agent", "dba", 5, None], ["agent", "approver", "platform"]]
)
def test_known_roles_are_taken_from_a_list_or_a_text_and_others_ignored(issuer, roles):
    door, _ = _door(issuer)

    assert door.authenticate(issuer.token(roles=roles)).roles == {"agent", "approver"}


def test_claims_are_found_by_name_and_along_dots(issuer):
    claims = {"tenant_claim": "https://acme.example/tenant", "roles_claim": "realm_access.roles", "name_claim": "email"}
    door, _ = _door(issuer, **claims)
    token = issuer.token(
        **{"https://acme.example/tenant": "globex", "realm_access": {"roles": ["auditor"]}, "email": "ann@example.com"},
        email_verified=True,
    )

    principal = door.authenticate(token)

    assert (principal.name, principal.tenant_id, principal.roles) == ("ann@example.com", "globex", {"auditor"})


@pytest.mark.parametrize(
    ("claims", "bound_to"),
    [({"act_for": "alice"}, "alice"), ({}, ""), ({"act_for": None}, "")],
)
def test_with_a_claim_for_it_a_token_is_bound_to_the_principal_that_it_names_or_to_none(issuer, claims, bound_to):
    door, _ = _door(issuer, on_behalf_of_claim="act_for")

    assert door.authenticate(issuer.token(**claims)).on_behalf_of == bound_to


def test_a_token_that_is_bound_to_what_is_no_name_lets_nobody_in(issuer):
    door, _ = _door(issuer, on_behalf_of_claim="act_for")

    with pytest.raises(Unauthenticated, match="act_for"):
        door.authenticate(issuer.token(act_for="two words"))


@pytest.mark.parametrize("name", ["remit", "Remit"])
def test_a_token_that_says_remit_s_own_name_lets_nobody_in(issuer, name):
    door, _ = _door(issuer, name_claim="nick")

    with pytest.raises(Unauthenticated, match=r"'nick' of the token says .* another claim in REMIT_OIDC_NAME_CLAIM"):
        door.authenticate(issuer.token(nick=name))


# --- groups, as companies have them ---

GROUPS = """{
    "/finance/Approvers of refunds": {"roles": ["approver", "auditor"]},
    "/ops": {"roles": ["operator"], "tenant": "acme"},
    "/globex/ops": {"roles": ["operator"], "tenant": "globex"}
}"""


def _with_groups(issuer, **more):
    return _door(issuer, groups=groups_from(GROUPS), name_claim="preferred_username", **more)[0]


def test_groups_give_roles_and_the_issuer_s_own_roles_count_for_nothing(issuer):
    principal = _with_groups(issuer, tenant="acme").authenticate(issuer.token(**KEYCLOAK, tenant="globex"))

    assert (principal.name, principal.tenant_id, principal.roles) == ("ann", "acme", {"approver", "auditor"})


@pytest.mark.parametrize(
    ("groups", "tenant", "roles"),
    [
        (["/ops"], "acme", {"operator"}),
        (["/globex/ops", "/finance/Approvers of refunds"], "globex", {"operator", "approver", "auditor"}),
        ("/ops", "acme", {"operator"}),
    ],
)
def test_a_group_gives_the_tenant_where_it_names_one(issuer, groups, tenant, roles):
    claims = {**KEYCLOAK, "groups": groups, "tenant": "elsewhere"}

    principal = _with_groups(issuer).authenticate(issuer.token(**claims))

    assert (principal.tenant_id, principal.roles) == (tenant, roles)


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"groups": ["/ops", "/globex/ops"]}, "several tenants"),
        ({"groups": ["/everybody"]}, "names no group that has a role here"),
        ({"groups": None, "_claim_names": {"groups": "src1"}}, "too many"),
        ({"groups": None}, "no claim 'groups'"),
    ],
)
def test_whom_no_one_tenant_s_groups_let_in_is_refused_with_why(issuer, claims, says):
    with pytest.raises(Forbidden, match=says):
        _with_groups(issuer).authenticate(issuer.token(**{**KEYCLOAK, **claims}))


def test_a_group_of_another_tenant_gives_nothing_in_a_fixed_one(issuer):
    door = _with_groups(issuer, tenant="acme")

    with pytest.raises(Forbidden):
        door.authenticate(issuer.token(**{**KEYCLOAK, "groups": ["/globex/ops"]}))


@contextmanager
def _shaped(name, **settings):
    """The provider's issuer, and a door with the settings that its page names, and these."""
    shape = SHAPES[name]
    issuer = Issuer(shape.at)
    issuer.keys = shape.keys or issuer.keys
    try:
        yield issuer, _door(issuer, groups=groups_from(shape.grants), **{**shape.settings, **settings})[0]
    finally:
        issuer.down()


@pytest.mark.parametrize("name", SHAPES)
def test_a_member_of_a_group_comes_in_whatever_the_provider_s_shape(name):
    with _shaped(name) as (issuer, door):
        principal = door.authenticate(issuer.token(**SHAPES[name].claims))

    assert (principal.name, principal.tenant_id, principal.roles) == (SHAPES[name].is_known_as, ACME, {"approver"})


OVERAGE = {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example/me"}}}


@pytest.mark.parametrize(
    ("name", "claims", "settings", "refused", "says"),
    [
        ("keycloak", {"groups": ["finance/Approvers of refunds"]}, {}, Forbidden, "says 'finance/Approvers of"),
        ("entra", {"groups": None, **OVERAGE}, {}, Forbidden, "too many.*assigned to this application"),
        ("entra", {"groups": None, "hasgroups": True}, {}, Forbidden, "too many"),
        ("entra", {}, {"name_claim": "email"}, Unauthenticated, "email_verified"),
        ("entra", {}, {"name_claim": "upn"}, Unauthenticated, "'upn' of the token does not say the name"),
        ("okta", {"groups": ["Everyone"]}, {}, Forbidden, "names no group that has a role"),
        ("okta", {"groups": None}, {}, Forbidden, "no claim 'groups'"),
        ("google", {"hd": None}, {}, Forbidden, "no claim 'hd'"),
        ("google", {"hd": "elsewhere.example"}, {}, Forbidden, "says 'elsewhere.example'"),
        ("google", {"email_verified": None}, {}, Unauthenticated, "email_verified"),
        ("google", {"email_verified": "false"}, {}, Unauthenticated, "email_verified"),
    ],
)
def test_whom_a_provider_s_shape_leaves_out_is_told_what_is_missing(name, claims, settings, refused, says):
    with _shaped(name, **settings) as (issuer, door), pytest.raises(refused, match=says):
        door.authenticate(issuer.token(**{**SHAPES[name].claims, **claims}))


def test_an_address_that_an_issuer_says_is_verified_in_text_is_a_name():
    with _shaped("google") as (issuer, door):
        principal = door.authenticate(issuer.token(**{**SHAPES["google"].claims, "email_verified": "true"}))

    assert principal.name == "ann@example.com"


@pytest.mark.parametrize("verified", [False, None, "false", 1])
def test_an_address_that_is_not_verified_is_nobody_s_name(issuer, verified):
    door, _ = _door(issuer, name_claim="email")

    with pytest.raises(Unauthenticated, match="email_verified"):
        door.authenticate(issuer.token(email="ann@example.com", email_verified=verified))


@pytest.mark.parametrize(
    "text",
    ["x", "[]", '{"g": {}}', '{"g": {"roles": []}}', '{"g": {"roles": ["platform"]}}', '{"g": {"roles": ["boss"]}}'],
)
def test_groups_that_are_not_understood_are_refused_at_the_start(text):
    with pytest.raises(InvalidInput, match="REMIT_OIDC_GROUPS"):
        groups_from(text)


def test_tenant_and_groups_come_from_the_environment():
    given = {"REMIT_OIDC_ISSUER": "https://i.example", "REMIT_OIDC_AUDIENCE": "remit"}
    groups = {"REMIT_OIDC_TENANT": "acme", "REMIT_OIDC_GROUPS": GROUPS, "REMIT_OIDC_GROUPS_CLAIM": "memberOf"}

    oidc = settings_from(given | groups).oidc

    assert (oidc.tenant, oidc.groups_claim, oidc.groups["/ops"].tenant) == ("acme", "memberOf", "acme")
    with pytest.raises(InvalidInput, match="REMIT_OIDC_TENANT"):
        settings_from(given | {"REMIT_OIDC_TENANT": "two words"})


# --- what is refused ---


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://issuer.example"},
        {"iss": None},
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"exp": "never"},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
        {"tenant": None},
        {"tenant": "*"},
        {"tenant": ""},
        {"tenant": "a b"},
        {"tenant": ["acme"]},
        {"tenant": 5},
        {"sub": None},
        {"sub": "auth0|5"},
        {"sub": "x" * 129},
    ],
)
def test_a_token_not_for_us_not_of_now_or_of_nobody_lets_nobody_in(issuer, changes):
    door, _ = _door(issuer)

    with pytest.raises(Unauthenticated):
        door.authenticate(issuer.token(**changes))


@pytest.mark.parametrize("roles", [None, [], "", "dba", ["Approver"], {"approver": True}, 5, "platform"])
def test_a_token_without_a_known_role_may_do_nothing(issuer, roles):
    door, _ = _door(issuer)

    with pytest.raises(Forbidden):
        door.authenticate(issuer.token(roles=roles))


def _part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", None, ["RS256"]])
def test_an_unsigned_token_lets_nobody_in(issuer, algorithm):
    door, _ = _door(issuer)
    unsigned = f"{_part({'alg': algorithm, 'kid': 'k-0'})}.{_part(issuer.claims())}."

    with pytest.raises(Unauthenticated):
        door.authenticate(unsigned)


@pytest.mark.parametrize("form", [serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1])
def test_a_token_whose_password_is_the_public_key_lets_nobody_in(issuer, form):
    door, _ = _door(issuer)
    password = RSA[0].public_key().public_bytes(serialization.Encoding.PEM, form)
    signed = f"{_part({'alg': 'HS256', 'kid': 'k-0'})}.{_part(issuer.claims())}"
    mark = base64.urlsafe_b64encode(hmac.digest(password, signed.encode(), hashlib.sha256)).rstrip(b"=").decode()

    with pytest.raises(Unauthenticated, match="signed with 'HS256'"):
        door.authenticate(f"{signed}.{mark}")


def test_a_key_that_the_token_brings_along_is_not_used(issuer):
    door, _ = _door(issuer)
    headers = {"kid": "k-0", "jwk": published(RSA[1], "k-0"), "jku": f"{issuer.url}/elsewhere"}

    with pytest.raises(Unauthenticated):
        door.authenticate(jwt.encode(issuer.claims(), RSA[1], "RS256", headers=headers))


def test_a_key_is_used_for_its_own_algorithm_alone(issuer):
    door, _ = _door(issuer)

    with pytest.raises(Unauthenticated):
        door.authenticate(issuer.token(algorithm="PS256"))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_token_that_was_changed_lets_nobody_in(issuer, place):
    door, _ = _door(issuer)
    parts = issuer.token().split(".")
    parts[place] = _part(issuer.claims(roles=["admin"])) if place == 1 else parts[place][:-4] + "AAAA"

    with pytest.raises(Unauthenticated):
        door.authenticate(".".join(parts))


@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "e30.e30.", "é.é.é", "x" * 10_000])
def test_what_is_no_token_lets_nobody_in_and_asks_nobody(issuer, text):
    door, _ = _door(issuer)

    with pytest.raises(Unauthenticated):
        door.authenticate(text)
    assert issuer.asked == 0


# --- keys that change, and an issuer that does not answer ---


def test_a_rotated_key_works_at_once_and_a_withdrawn_one_no_longer(issuer):
    door, clock = _door(issuer)
    door.authenticate(issuer.token())
    issuer.keys = [published(RSA[1], "k-1")]
    clock.time += FETCH_AT_MOST_EVERY_S

    assert door.authenticate(issuer.token(key=RSA[1], kid="k-1")).name == "ann"
    with pytest.raises(Unauthenticated):
        door.authenticate(issuer.token())


def test_a_withdrawn_key_stops_counting_though_nobody_sends_a_new_one(issuer):
    door, clock = _door(issuer)
    door.authenticate(issuer.token())
    issuer.keys = [published(RSA[1], "k-1")]

    clock.time += KEYS_FRESH_S

    with pytest.raises(Unauthenticated):
        door.authenticate(issuer.token())


def test_unknown_keys_do_not_make_us_ask_the_issuer_over_and_over(issuer):
    door, clock = _door(issuer)
    door.authenticate(issuer.token())
    for number in range(20):
        with pytest.raises(Unauthenticated, match="does not publish"):
            door.authenticate(issuer.token(kid=f"unknown-{number}"))
    assert issuer.asked == 1

    clock.time += FETCH_AT_MOST_EVERY_S
    for number in range(20):
        with pytest.raises(Unauthenticated):
            door.authenticate(issuer.token(kid=f"unknown-{number}"))

    assert issuer.asked == 2


def test_junk_tokens_while_the_issuer_is_slow_hold_up_nobody(issuer, tmp_path, monkeypatch):
    for name in ("TIMEOUT_S", "WAIT_FOR_KEY_S"):
        monkeypatch.setattr(oidc, name, PATIENCE_S)
    with _world(issuer, tmp_path) as world:
        assert _with(world, issuer.token()).get("/v1/queue").status_code == 200
        # Time enough has passed for the issuer to be asked again.
        world.app.state.credentials._tokens()._keys._asked_at -= FETCH_AT_MOST_EVERY_S
        issuer.answers.clear()
        junk = [_with(world, issuer.token(kid=f"unknown-{number}")) for number in range(60)]
        codes: list[int] = []

        def ask(client):
            codes.append(client.get("/v1/queue").status_code)

        asking = [threading.Thread(target=ask, args=(client,)) for client in junk]
        for thread in asking:
            thread.start()
        until(lambda: issuer.discovered == 2, what="the issuer is asked again")

        # More of them wait than there are threads, and everybody else is served.
        keyed = world.client("approver").get("/v1/queue", timeout=PATIENCE_S / 2)
        known = _with(world, issuer.token()).get("/v1/queue", timeout=PATIENCE_S / 2)
        answered = list(codes)
        issuer.answers.set()
        for thread in asking:
            thread.join()

    assert (keyed.status_code, known.status_code) == (200, 200)
    assert answered == [] and codes == [401] * 60
    assert issuer.discovered == 2


def test_many_at_once_ask_the_issuer_once(issuer):
    door, _ = _door(issuer)
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(door.authenticate(issuer.token()).name)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert names == ["ann"] * 8
    assert issuer.asked == 1


def test_the_last_keys_hold_a_day_while_the_issuer_does_not_answer(issuer):
    door, clock = _door(issuer)
    token = issuer.token()
    door.authenticate(token)
    issuer.down()
    try:
        clock.time += KEYS_FRESH_S
        assert door.authenticate(token).name == "ann"

        clock.time += KEYS_KEPT_S
        with pytest.raises(TryLater):
            door.authenticate(token)
    finally:
        issuer.up()
    clock.time += FETCH_AT_MOST_EVERY_S
    assert door.authenticate(token).name == "ann"


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://somebody.else"},
        {"jwks_uri": None},
        {"jwks_uri": "http://192.0.2.1/keys"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_not_followed(issuer, described):
    issuer.described.update(described)
    door, _ = _door(issuer)

    with pytest.raises(TryLater):
        door.authenticate(issuer.token())
    assert issuer.asked == 0


def test_a_redirect_is_not_followed(issuer):
    issuer.redirects = True
    door, _ = _door(issuer)

    with pytest.raises(TryLater):
        door.authenticate(issuer.token())


# --- settings ---


@pytest.mark.parametrize("url", ["http://issuer.example", "http://10.0.0.1/realm", "http://127.0.0.1.example.org"])
def test_an_issuer_beyond_this_machine_has_to_be_https(url):
    with pytest.raises(InvalidInput, match="set an https URL"):
        TokenIssuer(OidcSettings(url, AUDIENCE))


@pytest.mark.parametrize(
    "url", ["issuer.example", "ftp://issuer.example", "https://", "https://issuer.example?x=1", "https://["]
)
def test_an_issuer_that_is_no_url_is_refused(url):
    with pytest.raises(InvalidInput) as refused:
        TokenIssuer(OidcSettings(url, AUDIENCE))

    assert refused.value.field == "REMIT_OIDC_ISSUER"


def test_settings_come_from_the_environment():
    environ = {
        "REMIT_OIDC_ISSUER": "https://issuer.example",
        "REMIT_OIDC_AUDIENCE": AUDIENCE,
        "REMIT_OIDC_TENANT_CLAIM": "org",
        "REMIT_OIDC_ROLES_CLAIM": "scope",
        "REMIT_OIDC_NAME_CLAIM": "email",
    }

    assert settings_from(environ).oidc == OidcSettings("https://issuer.example", AUDIENCE, "org", "scope", "email")
    with pytest.raises(InvalidInput) as refused:
        settings_from({"REMIT_OIDC_ISSUER": "https://issuer.example"})
    assert refused.value.field == "REMIT_OIDC_AUDIENCE"


@pytest.mark.parametrize(
    ("changes", "state", "says"),
    [
        ({}, "ok", "answers, with 1 key that sign"),
        ({"REMIT_OIDC_ISSUER": "http://127.0.0.1:9/realms/company"}, "wrong", "cannot be had"),
        ({"REMIT_OIDC_ISSUER": "http://issuer.example"}, "wrong", "is not https"),
        ({"REMIT_OIDC_AUDIENCE": ""}, "wrong", "REMIT_OIDC_AUDIENCE is missing"),
        ({"REMIT_OIDC_GROUPS": "{'/f': 5}"}, "wrong", "REMIT_OIDC_GROUPS"),
        ({"REMIT_OIDC_ISSUER": "", "REMIT_OIDC_AUDIENCE": "", "REMIT_OIDC_TENANT": "acme"}, "wrong", "is not set"),
    ],
)
def test_the_doctor_says_whether_people_can_sign_in(issuer, monkeypatch, changes, state, says):
    given = {"REMIT_OIDC_ISSUER": issuer.url, "REMIT_OIDC_AUDIENCE": AUDIENCE, **changes}
    for name, text in given.items():
        monkeypatch.setenv(name, text)

    (found,) = diagnose_sign_in(connect=True)

    assert (found.check, found.state) == ("sign-in", state) and says in found.says
    assert state == "ok" or found.way_out


def test_the_doctor_asks_nobody_where_it_may_not_connect(issuer, monkeypatch):
    monkeypatch.setenv("REMIT_OIDC_ISSUER", issuer.url)
    monkeypatch.setenv("REMIT_OIDC_AUDIENCE", AUDIENCE)

    assert list(diagnose_sign_in(connect=False)) == [] and issuer.discovered == 0
