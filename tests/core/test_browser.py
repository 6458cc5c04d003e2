"""Browsers in which people are told: how many there may be, and who turns one off."""

from __future__ import annotations

import pytest

from remit.core.errors import Forbidden, InvalidInput
from remit.core.identity.credential import PROCESS
from remit.core.identity.principal import Principal
from remit.core.notifications.browser import (
    MOST_BROWSERS,
    MOST_OF_PERSON,
    Browser,
    check_may_turn_off,
    check_room,
)

from .make import NOW


def browsers(count, name="ann"):
    return [browser(f"b-{number}", name) for number in range(count)]


def browser(browser_id="b-0", name="ann"):
    return Browser(
        browser_id=browser_id,
        tenant_id="acme",
        name=name,
        endpoint="https://push.example.com/1",
        p256dh="",
        auth="",
        credential=PROCESS,
        turned_on_at=NOW,
        seen_at=NOW,
    )


@pytest.mark.parametrize("person", ["ann", "Ann", "ａnn"])
def test_a_person_has_so_many_browsers_whatever_the_spelling(person):
    check_room(browsers(MOST_OF_PERSON - 1), "new", person)
    with pytest.raises(InvalidInput, match=f"browser {MOST_OF_PERSON + 1} of {person}"):
        check_room(browsers(MOST_OF_PERSON), "new", person)


def test_a_tenant_has_so_many_browsers_and_one_that_is_known_takes_no_more_room():
    full = [browser(f"b-{number}", f"p-{number}") for number in range(MOST_BROWSERS)]

    check_room(full, "b-0", "p-0")
    with pytest.raises(InvalidInput, match=f"browser {MOST_BROWSERS + 1} of this tenant"):
        check_room(full, "new", "ann")


@pytest.mark.parametrize(
    ("name", "role", "may"),
    [("ann", "approver", True), ("ANN", "auditor", True), ("bob", "approver", False), ("bob", "admin", True)],
)
def test_a_browser_is_turned_off_by_its_person_or_an_admin(name, role, may):
    who = Principal(name, "acme", frozenset({role}))

    if may:
        check_may_turn_off(browser(), who)
    else:
        with pytest.raises(Forbidden, match="another's browser"):
            check_may_turn_off(browser(), who)
