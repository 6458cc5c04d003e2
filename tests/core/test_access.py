"""Who may: roles and keys."""

from datetime import timedelta
from typing import get_args

import pytest

from remit.core.errors import Forbidden, InvalidInput, Unauthenticated
from remit.core.identity.access import PERMISSIONS, ROLES, Permission
from remit.core.identity.api_key import NewKey, check_key, new_key, parse_key, parse_new_key
from remit.core.identity.principal import NOBODY, Principal
from remit.core.values import PLATFORM
from tests.core.make import NOW

SECRET = "s3cr3t-" + "x" * 36


def made(tenant_id="acme.eu", **changes):
    asked = NewKey(**{"name": "bot-1", "roles": ["agent"], **changes})
    return new_key(asked, tenant_id=tenant_id, key_id="k1", secret=SECRET, created_by="ann", now=NOW)


def test_a_key_lets_in_whom_it_names_with_its_roles_and_tenant():
    stored, text = made(roles=["agent", "auditor"])

    principal = check_key(stored, parse_key(str(text)), NOW)

    assert (principal.name, principal.tenant_id, set(principal.roles)) == ("bot-1", "acme.eu", {"agent", "auditor"})


def test_the_secret_is_not_in_what_is_stored_or_shown_by_repr():
    stored, text = made()

    assert SECRET not in stored.model_dump_json()
    assert SECRET not in repr(text)


@pytest.mark.parametrize("text", ["", "rk", "rk.a.b", "xx.acme.k1.secret", "rk..k1.s", "rk.acme..s", "rk.acme.k1."])
def test_what_is_no_key_lets_nobody_in(text):
    with pytest.raises(Unauthenticated):
        parse_key(text)


def test_an_unknown_key_and_a_wrong_secret_are_refused_in_the_same_words():
    stored, text = made()
    wrong = parse_key(str(text)[:-1] + "?")

    with pytest.raises(Unauthenticated) as unknown:
        check_key(None, text, NOW)
    with pytest.raises(Unauthenticated) as mistaken:
        check_key(stored, wrong, NOW)

    assert str(unknown.value) == str(mistaken.value)


def test_a_revoked_and_an_expired_key_let_nobody_in():
    stored, text = made(expires_at=NOW + timedelta(hours=1))

    with pytest.raises(Unauthenticated, match="revoked"):
        check_key(stored.changed(revoked_at=NOW, revoked_by="ann"), text, NOW)
    with pytest.raises(Unauthenticated, match="expired"):
        check_key(stored, text, NOW + timedelta(hours=1))


def test_a_key_that_would_have_expired_is_not_made():
    with pytest.raises(InvalidInput, match="expires_at"):
        made(expires_at=NOW)


@pytest.mark.parametrize(("tenant_id", "roles"), [("acme", ["platform"]), (PLATFORM, ["admin"])])
def test_the_platforms_role_and_a_tenants_roles_do_not_mix(tenant_id, roles):
    with pytest.raises(InvalidInput, match="roles"):
        made(tenant_id, roles=roles)


@pytest.mark.parametrize(
    "asked", [{"name": "a b", "roles": ["agent"]}, {"name": "a", "roles": []}, {"name": "a", "roles": ["root"]}]
)
def test_a_key_asked_for_in_the_wrong_shape_is_refused(asked):
    with pytest.raises(InvalidInput):
        parse_new_key(asked)


def test_no_role_may_both_propose_and_answer_or_set_bounds_and_answer():
    for role in ROLES.values():
        assert not {"propose", "answer"} <= role.permissions
        assert not {"set_bounds", "answer"} <= role.permissions


def test_every_permission_is_some_roles_and_is_told_in_words():
    given = {permission for role in ROLES.values() for permission in role.permissions}

    assert set(PERMISSIONS) == set(get_args(Permission)) == given
    assert all(PERMISSIONS.values())


def test_a_role_keeps_silent_only_about_what_reading_everything_includes():
    silent = [(role, spec.implied) for role, spec in ROLES.items() if spec.implied]

    assert all(implied == ("read_own",) and "read" in ROLES[role].told for role, implied in silent)


def test_what_a_role_does_not_grant_is_forbidden_and_says_which_role_would_do():
    agent = Principal("bot-1", "acme", frozenset({"agent"}))

    with pytest.raises(Forbidden, match="approver"):
        agent.require("answer")


def test_an_agent_reads_its_own_intents_and_no_others():
    agent = Principal("bot-1", "acme", frozenset({"agent"}))

    agent.require_sight_of("bot-1", "north")
    with pytest.raises(Forbidden):
        agent.require_sight_of("bot-2", "north")


def test_a_credential_for_single_accounts_reaches_those_and_nothing_of_the_whole_tenant():
    reader = Principal(
        "ann", "acme", frozenset({"approver", "operator", "admin", "agent"}), accounts=frozenset({"north"})
    )

    reader.require_sight_of("bot-1", "north")
    reader.require_account("north")
    for account in ("south", None, ""):
        with pytest.raises(Forbidden):
            reader.require_account(account)
    with pytest.raises(Forbidden):
        reader.require_sight_of("ann", "south")
    for permission in set(PERMISSIONS) - {"propose", "read_own", "act_on_own"}:
        with pytest.raises(Forbidden):
            reader.require(permission)


def test_a_credential_that_is_bound_to_nobody_acts_on_nobodys_behalf():
    bound = Principal("crm", "acme", frozenset({"agent"}), on_behalf_of=NOBODY)
    free = Principal("crm", "acme", frozenset({"agent"}))

    assert bound.of_intents()["on_behalf_of"] is None
    assert "on_behalf_of" not in free.of_intents()
