"""Times at every door: read by one rule, and what is none is refused by the name of the field that held it."""

from __future__ import annotations

import re

import httpx
import pytest
from typer.testing import CliRunner

from remit.core.errors import InvalidInput
from remit.core.identity.principal import Principal
from remit.entrypoints.cli import app
from tests.waiting import PATIENCE_S

from .http_world import ACME, http_world

ODD = [
    "soon",
    "20261224",
    "2026-W52-4",
    "2026-12-24T08:00:00",
    "20261224T080000Z",
    "2026-12-24T24:00:00Z",
    "2026-12-31T23:59:60Z",
    "2026-12-24T08:00:00+01:99",
    "12026-12-24T08:00:00Z",
    "2026-12-24T08:00:0٣Z",
    "0001-01-01T00:00:00+00:01",
    "2026-02-30",
    "1798099200",
]
LINE = ["--tenant", ACME, "--db"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with http_world(tmp_path_factory.mktemp("times")) as opened:
        opened.submit("i-1")
        yield opened


@pytest.fixture(scope="module")
def browser(world):
    cookie = world.remit.begin_session(Principal("ann", ACME, frozenset({"admin", "approver", "auditor"})))
    with httpx.Client(
        base_url=world.url, cookies={"remit_session": cookie}, trust_env=False, timeout=PATIENCE_S
    ) as client:
        yield client


def refused(world, *words):
    """The mistake that a command was told."""
    done = CliRunner().invoke(app, [*words, *LINE, world.remit.url])
    assert isinstance(done.exception, InvalidInput), (done.exit_code, done.output, done.exception)
    assert done.output == ""
    return done.exception


@pytest.mark.parametrize("odd", ODD)
def test_options_of_commands(world, odd):
    for words, field in (
        (["hand-over", "--by", "ann", "--to", "bob", "--until", odd], "--until"),
        (["timeline", "--from", odd], "--from"),
        (["intents", "--to", odd], "--to"),
        (["export", "--from", odd], "--from"),
        (["report", "--from", odd], "--from"),
        (["key", "create", "--name", "bot", "--role", "agent", "--expires-at", odd], "expires_at"),
    ):
        assert refused(world, *words).field == field

    assert world.remit.keys(ACME) and "bot" not in {key.name for key in world.remit.keys(ACME)}
    assert world.remit.handovers(ACME) == []


@pytest.mark.parametrize("odd", ["2026-12-24", "2026-12-24T08:00", "٣d"])
def test_what_one_option_takes_another_does_not(world, odd):
    assert refused(world, "hand-over", "--by", "ann", "--to", "bob", "--until", odd).field == "--until"


@pytest.mark.parametrize("odd", ODD)
def test_parameters_of_addresses(world, odd):
    client = world.client("auditor")
    for address, field in (
        ("/v1/intents?created_from=", "created_from"),
        ("/v1/intents?created_before=", "created_before"),
        ("/v1/timeline?since=", "since"),
        ("/v1/ledger/export?before=", "before"),
        ("/v1/tally?to=2026-12-24&from=", "from"),
    ):
        path, _, name = address.rpartition("?")
        *rest, last = name.split("&")
        params = dict(each.split("=") for each in rest) | {last.removesuffix("="): odd}
        answer = client.get(path, params=params)

        assert answer.status_code == 422, (address, answer.status_code, answer.text)
        assert field in answer.text


@pytest.mark.parametrize("odd", [*ODD, "2026-12-24 08:00:00+01:00Z"])
def test_forms_of_the_console(world, browser, odd):
    csrf = re.search(r'name="csrf" value="(\w+)"', browser.get("/console/telling").text)[1]
    asked = odd.removesuffix("Z") if odd == "2026-12-24T08:00:00" else odd

    pages = [browser.get(f"/console/{page}", params={"from": odd}) for page in ("intents", "did")]
    pages += [browser.get("/console/intents", params={"to": odd})]
    pages += [browser.get("/console/report", params={"from": "2026-12-01", "to": odd})]
    pages += [browser.post("/console/audit/export", data={"csrf": csrf, "from": odd})]
    # Without an offset it is in UTC there.
    if asked != "2026-12-24T08:00:00":
        form = {"csrf": csrf, "to": "bob", "until": asked}
        pages.append(browser.post("/console/telling/hand-over", data=form))

    assert [page.status_code for page in pages] == [422] * len(pages), [page.text for page in pages]
    assert world.remit.handovers(ACME) == []


@pytest.mark.parametrize("named", [{"from": "2026-12-01"}, {"to": "2026-12-01"}, {"from": "soon", "to": " "}])
def test_half_a_time_is_not_taken_for_another(browser, named):
    assert browser.get("/console/report", params=named).status_code == 422


def test_people_may_leave_out_seconds(world):
    found = [
        world.remit.moment_of(ACME, "from", text)
        for text in ("2026-12-24T08:00Z", "2026-12-24 09:00+01:00", "2026-12-24T08:00:00Z")
    ]

    assert len(set(found)) == 1


@pytest.mark.parametrize("odd", [*ODD, None, 20261224, "2026-12-24\0", "\ud800" * 12])
def test_arguments_in_python(world, odd):
    for ask, field in (
        (lambda: world.remit.moment_of(ACME, "from", odd), "from"),
        (lambda: world.remit.tally(ACME, odd, "2026-12-24"), "from"),
        (lambda: world.remit.tally(ACME, "2026-12-24", odd), "to"),
    ):
        with pytest.raises(InvalidInput) as told:
            ask()
        assert told.value.field == field
