"""The served OpenAPI document is true: what it describes is taken, and everything answered is described."""

from __future__ import annotations

import json

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from remit.core.identity.access import ROLES
from remit.entrypoints.web.settings import HttpSettings
from tests.entrypoints.http_world import ACME, http_world
from tests.entrypoints.test_http_roles import ALLOWED, QUERIES, body_for, ids_in, people_read_results
from tests.waiting import PATIENCE_S

ENDLESS = "GET /v1/stream"
ROUTES = [route for route in ALLOWED if route != ENDLESS]
OF_EVERY_ANSWER = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with http_world(tmp_path_factory.mktemp("schema"), HttpSettings(requests_per_minute=None)) as world:
        people_read_results(world)
        yield world


@pytest.fixture(scope="module")
def document(shared):
    return httpx.get(f"{shared.url}/openapi.json", trust_env=False, timeout=PATIENCE_S).json()


@pytest.fixture(scope="module")
def api(document):
    # Without its credentials: what is broken here is the request, and the key that is sent is always a good one.
    bare = json.loads(json.dumps(document))
    for methods in bare["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
    return schemathesis.openapi.from_dict(bare)


@pytest.fixture(scope="module")
def everybody(shared):
    """The key of somebody with every role that a tenant has."""
    roles = [role for role in ROLES if role != "platform"]
    _, key = shared.remit.create_key(ACME, {"name": "everybody", "roles": roles}, by="the test")
    return {"Authorization": f"Bearer {key}"}


def _operation(api, route):
    method, path = route.split(" ")
    return api[path][method]


@pytest.mark.parametrize("route", ROUTES)
def test_a_good_answer_is_as_described(shared, api, everybody, route):
    ids = ids_in(shared)
    body = body_for(shared, route, ids["action_intent_id"])
    if route.endswith(("/result", "/auto-exec-state")):
        shared.submit("answered")
        shared.work()
        ids["action_intent_id"] = "answered"
    method, path = route.format(**ids).split(" ")

    query = QUERIES.get(route)
    # What its proposer alone may do, nobody else may, whatever its roles.
    own = ALLOWED[route] == {"agent"}
    headers = {"Authorization": f"Bearer {shared.keys[ACME, 'agent']}"} if own else everybody
    answer = httpx.request(
        method, f"{shared.url}{path}", params=query, json=body, headers=headers, trust_env=False, timeout=PATIENCE_S
    )

    too_early = route.endswith(("/resolve", "/finish", "/renew", "/supplement", "/undo", "/judge"))
    assert answer.is_success or (answer.status_code == 409 and too_early)
    _operation(api, route).validate_response(answer)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("route", ROUTES)
def test_whatever_is_sent_the_answer_is_as_described(shared, api, everybody, route, mode):
    # A list of proposals is taken whatever is in it: each is answered by itself.
    refused = mode.is_negative and route != "POST /v1/intents"
    checks = [*OF_EVERY_ANSWER, *([negative_data_rejection] if refused else [])]

    operation = _operation(api, route)
    if mode.is_negative and not (operation.body or operation.path_parameters or operation.query or operation.headers):
        pytest.skip("nothing in this request can be wrong")

    @settings(
        max_examples=20,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        answer = case.call(base_url=shared.url, headers=everybody)
        # Too large to be read, it is refused before anything in it counts.
        unread = answer.status_code in (413, 414, 431)
        case.validate_response(answer, checks=OF_EVERY_ANSWER if unread else checks)

    ask()


def test_every_operation_says_what_it_answers_and_who_may_ask(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if f"{method.upper()} {path}" not in ALLOWED:
                continue
            (good,) = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            for described in good["content"].values():
                assert described["schema"], path
            assert operation["security"] == [{"HTTPBearer": []}]
            assert operation["description"], path
            for status in ("400", "401", "403", "408", "413", "414", "422", "429", "431", "503"):
                assert "application/problem+json" in operation["responses"][status]["content"], path


def test_it_is_openapi_3_1_and_its_references_lead_somewhere(document):
    assert document["openapi"].startswith("3.1.")
    for part in json.dumps(document).split('"$ref": "#/components/schemas/')[1:]:
        assert part.partition('"')[0] in document["components"]["schemas"]
