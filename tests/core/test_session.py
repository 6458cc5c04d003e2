"""Sessions and links: who they let in, until when, and how often."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from remit.core.errors import Forbidden, InvalidInput, Unauthenticated
from remit.core.identity.api_key import NewKey, new_key
from remit.core.identity.credential import PROCESS
from remit.core.identity.principal import Principal
from remit.core.identity.secret_text import SecretText
from remit.core.identity.session import (
    LINK_LIVES_AT_MOST,
    LINK_PREFIX,
    SESSION_LIVES,
    SESSION_PREFIX,
    check_session,
    csrf_token,
    new_link,
    new_session,
    use_link,
)
from remit.core.values import PLATFORM

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANN = Principal("ann", "ac.me", frozenset({"approver", "admin"}))
COOKIE = SecretText(SESSION_PREFIX, "ac.me", "s-1", "secret")
TOKEN = SecretText(LINK_PREFIX, "ac.me", "l-1", "secret")


def link(**changes):
    given = {"leads_to": "/console/queue", "loopback_only": False, "now": NOW, "lives": timedelta(hours=1)}
    return new_link(ANN, TOKEN, **{**given, "made_by": "root", "made_through": PROCESS, **changes})


def test_a_cookie_reads_back_as_its_parts_and_does_not_show_its_secret():
    assert SecretText.parse(SESSION_PREFIX, str(COOKIE)) == COOKIE
    assert "secret'" not in repr(COOKIE)
    assert SecretText.parse(LINK_PREFIX, str(COOKIE)) is None


@pytest.mark.parametrize("text", ["", "rs", "rs.acme", "rs.acme.s-1", "rs.acme.s-1.", "rs..s-1.x", "rk.acme.s-1.x"])
def test_what_is_no_cookie_is_none(text):
    assert SecretText.parse(SESSION_PREFIX, text) is None


def test_a_session_lets_in_whom_it_was_begun_for_until_it_ends():
    session = new_session(ANN, COOKIE, key_id=None, now=NOW)

    assert check_session(session, None, COOKIE, NOW + SESSION_LIVES - timedelta(seconds=1)) == ANN
    with pytest.raises(Unauthenticated):
        check_session(session, None, COOKIE, NOW + SESSION_LIVES)
    with pytest.raises(Unauthenticated):
        check_session(session, None, SecretText(SESSION_PREFIX, "ac.me", "s-1", "guess"), NOW)
    with pytest.raises(Unauthenticated):
        check_session(None, None, COOKIE, NOW)


def test_a_session_by_a_key_lasts_no_longer_than_the_key_and_has_its_roles():
    asked = NewKey(name="ann", roles=["approver"], expires_at=NOW + timedelta(hours=1))
    key, _ = new_key(asked, tenant_id="ac.me", key_id="k-1", secret="x", created_by="bob", now=NOW)
    session = new_session(ANN, COOKIE, key_id="k-1", now=NOW)

    assert check_session(session, key, COOKIE, NOW).roles == {"approver"}
    for gone in (None, key.changed(revoked_at=NOW)):
        with pytest.raises(Unauthenticated):
            check_session(session, gone, COOKIE, NOW)
    with pytest.raises(Unauthenticated):
        check_session(session, key, COOKIE, NOW + timedelta(hours=1))


def test_the_platform_has_no_session():
    with pytest.raises(Unauthenticated):
        new_session(Principal("root", PLATFORM, frozenset({"platform"})), COOKIE, key_id="k", now=NOW)


def test_a_credential_for_single_accounts_has_no_session():
    of_north = replace(ANN, accounts=frozenset({"north"}))

    with pytest.raises(Forbidden, match="single accounts"):
        new_session(of_north, COOKIE, key_id=None, now=NOW)


def test_the_forms_token_is_the_sessions_own_and_not_its_secret():
    assert csrf_token(COOKIE) != csrf_token(SecretText(SESSION_PREFIX, "ac.me", "s-1", "other"))
    assert csrf_token(COOKIE) != COOKIE.secret_hash


def test_a_link_is_used_once_and_not_when_it_is_over():
    made = link()

    used = use_link(made, TOKEN, NOW, on_loopback=False)

    assert used.used_at == NOW
    for stored, at in ((used, NOW), (made, NOW + timedelta(hours=1)), (None, NOW)):
        with pytest.raises(Unauthenticated, match="not known, was used already or has expired"):
            use_link(stored, TOKEN, at, on_loopback=True)
    with pytest.raises(Unauthenticated):
        use_link(made, SecretText(LINK_PREFIX, "ac.me", "l-1", "guess"), NOW, on_loopback=True)


def test_no_link_lives_longer_than_a_week():
    made = link(lives=timedelta(days=30))

    assert made.expires_at == NOW + LINK_LIVES_AT_MOST


@pytest.mark.parametrize("to", ["https://elsewhere", "//elsewhere/console/", "/v1/stop", "/console/\\x", "/console//x"])
def test_a_link_leads_nowhere_but_into_the_console(to):
    with pytest.raises(InvalidInput, match="leads_to"):
        link(leads_to=to)


def test_a_link_for_loopback_opens_nothing_from_elsewhere():
    made = link(loopback_only=True)

    assert use_link(made, TOKEN, NOW, on_loopback=True).used_at == NOW
    with pytest.raises(Unauthenticated):
        use_link(made, TOKEN, NOW, on_loopback=False)
