"""Sessions and links on every store: begun, found, ended, and of two who open one link one gets in."""

from __future__ import annotations

import pytest

from remit.core.errors import RemitError, Unauthenticated
from remit.core.identity.principal import Principal
from remit.core.identity.session import SESSION_LIVES
from remit.core.records import SESSION, SIGN_IN_LINK
from remit.flow.settings.sessions import SWEPT_AT_ONCE

from .world import TENANT, both

ANN = Principal("ann", TENANT, frozenset({"approver"}))


def test_a_session_is_found_by_its_cookie_until_it_is_ended(world):
    cookie = world.app.begin_session(ANN)

    principal, csrf = world.app.session(cookie)
    world.app.end_session(cookie)

    assert principal == ANN
    assert csrf not in cookie
    with pytest.raises(Unauthenticated):
        world.app.session(cookie)


def test_a_session_of_one_tenant_opens_no_other(world):
    cookie = world.app.begin_session(ANN)

    with pytest.raises(Unauthenticated):
        world.app.session(cookie.replace(f".{TENANT}.", ".globex."))


def test_revoking_a_key_ends_the_sessions_it_began(world):
    key, text = world.app.create_key(TENANT, {"name": "ann", "roles": ["approver"]}, by="bob")
    cookie = world.app.begin_session(world.app.authenticate(text), by_key=text)
    world.app.session(cookie)

    world.app.revoke_key(TENANT, key.key_id, by="bob")

    with pytest.raises(Unauthenticated, match="revoked"):
        world.app.session(cookie)


def test_a_link_signs_in_once_and_leads_to_its_page(world):
    token = world.app.make_link(ANN, leads_to="/console/queue")

    cookie, leads_to = world.app.redeem_link(token, on_loopback=True)

    assert (world.app.session(cookie)[0], leads_to) == (ANN, "/console/queue")
    with pytest.raises(Unauthenticated):
        world.app.redeem_link(token, on_loopback=True)


def test_of_two_who_open_a_link_at_once_one_gets_in(world):
    token = world.app.make_link(ANN, leads_to="/console/queue")

    def open_it():
        return world.app.redeem_link(token, on_loopback=True)

    answers = both(open_it, open_it)

    assert sorted(isinstance(answer, RemitError) for answer in answers) == [False, True]


def test_what_is_over_is_dropped_when_the_next_session_begins(world):
    world.app.begin_session(ANN)
    world.app.make_link(ANN, leads_to="/console/queue")
    world.clock.pass_(seconds=SESSION_LIVES.total_seconds())

    world.app.begin_session(ANN)

    store = world.app.context.store
    assert (len(store.scan(SESSION, TENANT)), store.scan(SIGN_IN_LINK, TENANT)) == (1, [])


def test_who_signs_in_waits_for_a_look_at_a_few_sessions_however_many_there_are(world, monkeypatch):
    for _ in range(SWEPT_AT_ONCE + 1):
        world.app.begin_session(ANN)
    store, seen = world.app.context.store, []
    scan = store.scan
    monkeypatch.setattr(store, "scan", lambda *asked, **more: seen.append(scan(*asked, **more)) or seen[-1])

    world.app.begin_session(ANN)

    assert sorted(map(len, seen)) == [0, SWEPT_AT_ONCE]


def test_what_is_over_is_dropped_also_where_people_only_ever_get_links(world):
    world.app.redeem_link(world.app.make_link(ANN, leads_to="/console/queue"), on_loopback=True)
    world.app.make_link(ANN, leads_to="/console/queue")
    world.clock.pass_(seconds=SESSION_LIVES.total_seconds())

    world.app.make_link(ANN, leads_to="/console/queue")

    store = world.app.context.store
    assert (store.scan(SESSION, TENANT), len(store.scan(SIGN_IN_LINK, TENANT))) == ([], 1)
