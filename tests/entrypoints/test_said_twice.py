"""Whatever is no list and is said twice over HTTP, or in a URL: refused by its name."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from remit.core.errors import InvalidInput
from remit.core.identity.principal import Principal
from remit.entrypoints.console import create_console
from remit.entrypoints.web.reading_bodies import BodyAfterCaller, SingleNames
from remit.entrypoints.web.settings import HttpSettings
from remit.stores.dynamodb.opening import open_store
from remit.wiring import open_sender

from .http_world import ACME, http_world

ALL = frozenset({"approver", "operator", "admin", "auditor"})


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with http_world(tmp_path_factory.mktemp("twice")) as world:
        yield world


def routes_of(app, under=""):
    """Each route with its path, in which an id stands where one is asked for."""
    for context in iter_route_contexts(app.routes):
        route = context if isinstance(context, APIRoute) else getattr(context, "original_route", context)
        if isinstance(route, BodyAfterCaller):
            path = "/".join("i-1" if part.startswith("{") else part for part in context.path.split("/"))
            yield route, f"{under}{path}"


def refused(answer, name):
    assert answer.status_code == 422, (answer.request.url, answer.text)
    assert answer.json()["field"] == name and "2 times" in answer.json()["detail"]


def test_every_query_and_header_of_the_api_that_is_no_list_is_refused_if_it_stands_twice(shared):
    asked = 0
    for route, path in routes_of(shared.app):
        names = SingleNames.of(route.dependant)
        (method, *_) = route.methods
        client = shared.client("admin")
        for name in names.queries:
            refused(client.request(method, path, params=[(name, "1"), (name, "2")]), name)
        for name in names.headers:
            twice = [*client.headers.items(), (name, "1"), (name, "2")]
            refused(client.request(method, path, headers=twice), name)
        asked += len(names.queries) + len(names.headers)

    assert asked > 60


def test_what_may_stand_several_times_may(shared):
    several = [("status", "SUCCEEDED"), ("status", "FAILED")]

    assert shared.client("approver").get("/v1/intents", params=several).status_code == 200


def test_every_field_of_a_form_that_is_no_list_is_refused_if_it_stands_twice(shared):
    cookie = shared.remit.begin_session(Principal("ann", ACME, ALL))
    _, csrf = shared.remit.session(cookie)
    asked = 0
    client = shared.client(None)
    client.cookies.set("remit_session", cookie)
    for route, path in routes_of(create_console(shared.remit, HttpSettings(), shared.app.state), "/console"):
        names = SingleNames.of(route.dependant)
        for name in names.fields:
            twice = f"{name}=1&{name}=2&csrf={csrf}"
            headers = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRF-Token": csrf}
            answer = client.post(path, content=twice, headers=headers)
            assert answer.status_code == 422 and f"{name}: stands 2 times in this form" in answer.text, answer.text
        asked += len(names.fields)

    assert asked > 30


@pytest.mark.parametrize(
    "path",
    [
        "bounds/form",
        "bounds/warnings",
        "bounds/rule",
        "bounds/rule/text",
        "bounds/types/CREATE_NOTE",
        "telling",
        "telling/browsers",
    ],
)
def test_a_name_in_a_form_of_any_shape_is_refused_if_it_stands_twice(shared, path):
    cookie = shared.remit.begin_session(Principal("ann", ACME, ALL))
    _, csrf = shared.remit.session(cookie)
    client = shared.client(None)
    client.cookies.set("remit_session", cookie)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRF-Token": csrf}

    answer = client.post(f"/console/{path}", content=f"daily:a=10&daily:a=9000&csrf={csrf}", headers=headers)

    assert answer.status_code == 422 and "daily:a: stands 2 times in this form" in answer.text, answer.text


@pytest.mark.parametrize(
    ("opened", "url"),
    [
        (open_store, "dynamodb://remit?region=eu-central-1&region=eu-west-1"),
        (open_sender, "eventbridge://remit?region=eu-central-1&region=eu-west-1"),
    ],
)
def test_an_option_that_stands_twice_in_a_url_is_refused(opened, url):
    with pytest.raises(InvalidInput, match="stands twice") as mistake:
        opened(url)

    assert mistake.value.field == "region"
