"""`remit serve` prints a link to the console that is signed in already."""

from __future__ import annotations

import re
from contextlib import contextmanager

import httpx

from remit import Remit
from tests.e2e.processes import Process
from tests.waiting import PATIENCE_S

from .conftest import text_of


@contextmanager
def _served(url, *options):
    """The printed link of a server in a process of its own."""
    with Process("-m", "remit", "serve", "--port", "0", "--no-worker", "--db", url, *options) as server:
        said = server.line() + server.line()
        found = re.search(r"http://\S+/console/link/\S+", said)
        assert found, said
        yield found[0]


def test_it_signs_in_once_with_every_role_of_the_first_tenant_with_bounds(sqlite_url):
    with Remit.open(sqlite_url) as remit:
        remit.create_key("acm", {"name": "bot", "roles": ["agent"]}, by="ann")
        remit.apply({"tenant": "acme"}, by="ann")
    with (
        _served(sqlite_url) as link,
        httpx.Client(follow_redirects=True, trust_env=False, timeout=PATIENCE_S) as somebody,
    ):
        page = somebody.get(link)
        again = httpx.get(link, trust_env=False, timeout=PATIENCE_S)

    assert page.status_code == 200
    assert "in tenant acme admin, approver, auditor, operator" in text_of(page)
    assert again.status_code == 401


def test_where_nothing_is_stored_it_says_what_to_do(sqlite_url):
    with (
        _served(sqlite_url) as link,
        httpx.Client(follow_redirects=True, trust_env=False, timeout=PATIENCE_S) as somebody,
    ):
        page = somebody.get(link)

    assert "Nothing may run alone yet" in page.text
    assert "Write the bounds" in page.text


def test_it_opens_the_console_of_the_tenant_that_was_named(sqlite_url):
    with (
        _served(sqlite_url, "--tenant", "globex") as link,
        httpx.Client(follow_redirects=True, trust_env=False, timeout=PATIENCE_S) as somebody,
    ):
        page = somebody.get(link)

    assert "in tenant globex" in text_of(page)
