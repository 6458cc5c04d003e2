"""The functions beside gate and execution: proposals, people's answers, the Status API, the HTTP door, secrets."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from importlib import import_module
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from infra.functions import FUNCTIONS
from infra.local.emulator import REGION
from infra.state_machine import STEP_TIMEOUT_S, STEPS, TIMEOUT_S
from remit.core.errors import ConfigMissing, InvalidInput, RemitError, TryLater
from remit.core.gate.action_type import Tool
from remit.egress.secrets_manager import KEPT_ON_S, KEPT_S, SecretsManager
from remit.entrypoints.aws_lambda import http_door, process
from remit.entrypoints.aws_lambda.execution import QUICK_S
from remit.notifiers.push import PushKey
from remit.wiring import new_push_key, open_secrets
from tests.flow.world import TENANT, bounds, proposal
from tests.issuer import AUDIENCE, Issuer

# --- propose ---


def test_a_proposal_is_decided_and_answered_with_the_verdict(deployment):
    answer = deployment.call("propose", proposal=proposal())
    deployment.settle()

    assert (answer["result"], answer["action_intent_id"]) == ("AUTO_EXECUTED", "i-1")
    assert deployment.status() == "SUCCEEDED"


def test_several_are_answered_in_order_and_one_that_is_wrong_holds_no_other_back(deployment):
    several = [proposal("i-1"), {**proposal("i-2"), "risk_level": "low"}, "no object", proposal("i-3")]

    answer = deployment.call("propose", proposals=several)

    kinds = [item.get("result") or item["problem"]["type"] for item in answer["items"]]
    assert kinds == ["AUTO_EXECUTED", "/problems/invalid-input", "/problems/invalid-input", "AUTO_EXECUTED"]


def test_a_proposal_that_is_only_stored_is_announced_and_decided_by_the_gate(deployment):
    stored = deployment.call("propose", proposal=proposal(), gate=False)
    deployment.settle()

    assert stored["digest"] == deployment.remit.intent(TENANT, "i-1").digest
    assert deployment.status() == "SUCCEEDED"


def test_a_proposal_whose_announcement_is_lost_is_decided_by_reconciling(deployment):
    deployment.front.script.append("unreachable")
    deployment.call("propose", proposal=proposal(), gate=False)
    before = deployment.status()

    deployment.clock.pass_(minutes=5)
    deployment.call("reconcile")
    deployment.settle()

    assert (before, deployment.status()) == ("PROPOSED", "SUCCEEDED")


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"proposals": []},
        {"proposals": "i-1"},
        {"proposals": [{}] * 501},
        {"proposal": {}, "gate": "no"},
        {"proposal": proposal(), "gates": False},
        {"proposal": proposal(), "proposals": [proposal("i-2")]},
    ],
)
def test_a_call_that_is_not_right_is_answered_with_what_to_send(deployment, event):
    answer = deployment.call("propose", **event)

    assert answer["problem"]["type"] == "/problems/invalid-input"
    assert answer["problem"]["way_out"]
    assert deployment.remit.intents(TENANT)[0] == []


@pytest.mark.parametrize("error", [TryLater, RemitError])
def test_what_is_no_mistake_of_the_caller_is_raised(deployment, monkeypatch, error):
    def out_of_order(proposals):
        raise error("the store is busy, or lets nobody in")

    monkeypatch.setattr(deployment.remit, "submit", out_of_order)

    with pytest.raises(error):
        deployment.call("propose", proposal=proposal())


# --- review ---


def waiting(deployment, name="i-1"):
    deployment.propose(name, confidence_score=0.1)
    deployment.gate(name)
    return {"tenant_id": TENANT, "action_intent_id": name, "by": "bob"}


def test_a_rejection_is_final(deployment):
    asked = waiting(deployment)

    rejected = deployment.call("review", verb="reject", **asked, reason="not now")
    digest = deployment.remit.intent(TENANT, "i-1").digest
    approved = deployment.call("review", verb="approve", **asked, digest=digest)

    assert rejected == {"action_intent_id": "i-1", "status": "REJECTED"}
    assert approved["problem"]["type"] == "/problems/conflict"


def test_an_approval_of_another_digest_is_a_conflict(deployment):
    asked = waiting(deployment)

    answer = deployment.call("review", verb="approve", **asked, digest="0" * 64)

    assert answer["problem"]["type"] == "/problems/conflict"
    assert deployment.status() == "AWAITING_APPROVAL"


def test_a_person_erases_private_values(deployment):
    asked = waiting(deployment)

    answer = deployment.call("review", verb="erase", **asked, reason="asked for")

    assert answer == {"action_intent_id": "i-1", "paths": []}


def test_an_unknown_outcome_is_resolved_by_a_person(deployment):
    deployment.far.script.append("lost")
    deployment.propose()
    deployment.gate()
    deployment.settle()

    asked = {"tenant_id": TENANT, "action_intent_id": "i-1", "by": "bob"}
    answer = deployment.call("review", verb="resolve", **asked, status="SUCCEEDED", note="seen in the CRM")

    assert (answer["status"], answer["resolved_by"]) == ("SUCCEEDED", "bob")
    assert deployment.status() == "SUCCEEDED"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"verb": "delete"}, "verb"),
        ({"verb": None}, "verb"),
        ({"verb": "approve"}, "digest"),
        ({"verb": "approve", "by": ""}, "by"),
        ({"verb": "approve", "tenant_id": 7}, "tenant_id"),
        ({"verb": "edit"}, "changes"),
        ({"verb": "resolve", "status": "FINE"}, "status"),
        ({"verb": "erase", "reason": "asked for", "paths": "why"}, "paths"),
        ({"verb": "erase", "reason": "asked for", "path": ["why"]}, "path"),
        ({"verb": "approve", "digest": "0" * 64, "reason": "fine"}, "reason"),
    ],
)
def test_an_answer_that_is_not_right_names_the_field(deployment, changes, field):
    asked = {"tenant_id": TENANT, "action_intent_id": "i-1", "by": "bob", **changes}

    problem = deployment.call("review", **asked)["problem"]

    assert (problem["type"], problem["field"]) == ("/problems/invalid-input", field)


# --- the Status API ---

ROUTE = "GET /v1/intents/{action_intent_id}"


def request(name="i-1", route=ROUTE, **claims):
    """As API Gateway sends it when its authorizer has let the token in."""
    claims = {"sub": "ann", "tenant": TENANT, "roles": "[auditor approver]", **claims}
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": f"/v1/intents/{name}",
        "pathParameters": {"action_intent_id": name},
        "requestContext": {"authorizer": {"jwt": {"claims": claims, "scopes": None}}},
    }


def read(deployment, event):
    answer = deployment.call("status", **event)
    return answer["statusCode"], json.loads(answer["body"])


def test_an_intent_s_status_says_outcome_source_and_whether_it_ran_by_itself(deployment):
    deployment.propose()
    deployment.gate()
    deployment.settle()

    status, body = read(deployment, request())

    assert (status, body["status"], body["approval_source"], body["auto_executed"]) == (
        200,
        "SUCCEEDED",
        "POLICY",
        True,
    )
    assert body["outcome"]["status"] == "SUCCEEDED"


def test_why_shows_the_checks(deployment):
    deployment.propose(confidence_score=0.1)
    deployment.gate()

    status, body = read(deployment, request(route=f"{ROUTE}/why"))

    assert status == 200
    assert body["decision"]["reason"] == "CONFIDENCE_BELOW_THRESHOLD"


def test_the_publication_state_of_an_approval_is_read_once_there_is_one(deployment):
    deployment.propose()
    state = request(route=f"{ROUTE}/auto-exec-state")

    before = read(deployment, state)
    deployment.gate()
    after = read(deployment, state)

    assert before[0] == 404
    assert (after[0], after[1]["state_key"]) == (200, "AUTO_EXEC_STATE#i-1")


@pytest.mark.parametrize("route", [ROUTE, f"{ROUTE}/why", f"{ROUTE}/auto-exec-state"])
def test_another_tenant_s_intent_is_not_there_whatever_the_request_says(deployment, route):
    deployment.remit.apply(bounds("globex"), by="ann")
    deployment.propose(tenant="globex")
    deployment.gate(tenant="globex")
    asked = request(route=route)
    asked["queryStringParameters"] = {"tenant_id": "globex"}
    asked["headers"] = {"x-tenant-id": "globex"}

    status, body = read(deployment, asked)

    assert status == 404
    assert "globex" not in json.dumps(body)


def test_an_agent_sees_its_own_intents_and_no_other_s(deployment):
    deployment.propose("mine", proposed_by="ann")
    deployment.propose("another-s", proposed_by="joe")

    seen = [read(deployment, request(name, roles="agent"))[0] for name in ("mine", "another-s")]

    assert seen == [200, 403]


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"roles": "[]"}, 403),
        ({"roles": "[platform]"}, 403),
        ({"roles": "owner"}, 403),
        ({"tenant": ""}, 401),
        ({"tenant": "a b"}, 401),
        ({"sub": None}, 401),
    ],
)
def test_claims_that_let_nobody_in_are_refused(deployment, claims, status):
    assert read(deployment, request(**claims))[0] == status


def test_a_query_that_nobody_would_look_at_is_refused(deployment):
    deployment.propose()

    status, body = read(deployment, {**request(), "queryStringParameters": {"describe": "true"}})

    assert (status, body["field"]) == (422, "describe")


def test_without_an_authorizer_nobody_is_let_in(deployment):
    asked = {**request(), "requestContext": {}}

    assert read(deployment, asked)[0] == 401


@pytest.mark.parametrize(
    ("accounts", "status"), [("north", 200), ("[south north]", 200), ("south", 403), ("", 403), (None, 403)]
)
def test_an_account_outside_the_token_s_claim_is_refused(deployment, monkeypatch, accounts, status):
    monkeypatch.setenv("REMIT_OIDC_ACCOUNTS_CLAIM", "accounts")
    deployment.propose()

    assert read(deployment, request(**({} if accounts is None else {"accounts": accounts})))[0] == status


def test_claims_may_have_other_names(deployment, monkeypatch):
    monkeypatch.setenv("REMIT_OIDC_TENANT_CLAIM", "custom:org")
    deployment.propose()

    assert read(deployment, request(tenant="globex", **{"custom:org": TENANT}))[0] == 200


GROUPS = ["/finance/Approvers of refunds", "/everybody"]


@pytest.fixture
def grouped(monkeypatch):
    """Everybody is of one tenant, and members of one group with blanks in its name may read."""
    monkeypatch.setenv("REMIT_OIDC_TENANT", TENANT)
    monkeypatch.setenv("REMIT_OIDC_GROUPS", json.dumps({GROUPS[0]: {"roles": ["approver"]}}))


def with_groups(groups, text, header="Bearer {}"):
    """As the gateway sends it: the claim as its text, and the token that it verified."""
    payload = base64.urlsafe_b64encode(json.dumps({"groups": groups}).encode()).rstrip(b"=").decode()
    said = {} if text is None else {"groups": text}
    event = request(tenant="elsewhere", roles="[admin]", **said)
    return {**event, "headers": {"authorization": header.format(f"e30.{payload}.c2ln")}}


def test_a_group_with_blanks_in_its_name_gives_its_roles_behind_the_gateway(deployment, grouped):
    deployment.propose()

    assert read(deployment, with_groups(GROUPS, f"[{' '.join(GROUPS)}]"))[0] == 200
    assert read(deployment, with_groups(GROUPS[0], GROUPS[0]))[0] == 200


@pytest.mark.parametrize(
    ("groups", "text", "status", "says"),
    [
        # Other groups than the gateway verified, also where only the borders between them differ.
        (GROUPS, "[/everybody]", 401, "not what the gateway has verified"),
        (["/finance/Approvers", "of", "refunds"], "[/finance/Approvers of refunds]", 403, "names no group"),
        (None, "[/finance/Approvers of refunds]", 401, "not what the gateway has verified"),
        (["/everybody"], "[/everybody]", 403, "names no group"),
        (None, None, 403, "no claim 'groups'"),
    ],
)
def test_groups_that_the_gateway_did_not_verify_or_that_give_nothing_let_nobody_in(
    deployment, grouped, groups, text, status, says
):
    answered, problem = read(deployment, with_groups(groups, text))

    assert answered == status and says in problem["detail"]


def test_a_request_without_the_token_that_was_verified_lets_nobody_in(deployment, grouped):
    event = {**with_groups(GROUPS, f"[{' '.join(GROUPS)}]"), "headers": {}}

    assert read(deployment, event)[0] == 401


@pytest.mark.parametrize("error", [ZeroDivisionError, RemitError])
def test_what_is_wrong_inside_is_not_told_outside(deployment, monkeypatch, error):
    def broken(*_):
        raise error("secret")

    monkeypatch.setattr(deployment.remit, "status", broken)
    deployment.propose()

    status, body = read(deployment, request())

    assert status == 500
    assert "secret" not in json.dumps(body)


# --- the HTTP door ---


def test_the_whole_http_door_answers_behind_the_gateway(door):
    _, agent = door.remit.create_key(TENANT, {"name": "agent-7", "roles": ["agent"]}, by="ann")
    body = {name: value for name, value in proposal().items() if name != "tenant_id"}

    status, verdict = door.over_http("POST", "/v1/intents", agent, body)
    door.settle()
    _, seen = door.over_http("GET", "/v1/intents/i-1", agent)

    assert (status, verdict["result"]) == (200, "AUTO_EXECUTED")
    assert (seen["status"], seen["intent"]["proposed_by"]) == ("SUCCEEDED", "agent-7")


def test_a_token_whose_groups_give_roles_is_let_in_by_the_whole_door(deployment, grouped, monkeypatch):
    issuer = Issuer()
    monkeypatch.setenv("REMIT_OIDC_ISSUER", issuer.url)
    monkeypatch.setenv("REMIT_OIDC_AUDIENCE", AUDIENCE)
    http_door.door.cache_clear()
    try:
        member = issuer.token(tenant="elsewhere", roles=["admin"], groups=GROUPS)
        status, _ = deployment.over_http("GET", "/v1/queue", member)
        refused, problem = deployment.over_http("GET", "/v1/queue", issuer.token(groups=["/everybody"]))
        may_not, _ = deployment.over_http("GET", "/v1/keys", member)
    finally:
        http_door.door.cache_clear()
        issuer.down()

    assert (status, refused, may_not) == (200, 403, 403)
    assert "names no group that has a role here: it says '/everybody'" in problem["detail"]


def test_the_door_lets_nobody_in_without_a_key(door):
    status, problem = door.over_http("GET", "/v1/queue")

    assert (status, problem["type"]) == (401, "/problems/unauthenticated")


# --- secrets ---


@pytest.fixture
def prefix():
    return f"remit-{uuid4().hex}"


@pytest.fixture
def secrets(emulator, prefix):
    return SecretsManager(emulator.client("secretsmanager"), prefix)


@pytest.fixture
def put(emulator, prefix):
    """`put(tenant, name, text)` stores one as an operator does."""
    client = emulator.client("secretsmanager")

    def put(tenant, name, text):
        client.create_secret(Name=f"{prefix}/{tenant}/{name}", SecretString=text)

    return put


def test_a_secret_is_its_tenant_s_and_for_the_hosts_it_names(secrets, put):
    put("acme", "CRM_TOKEN", '{"value": "t-1", "hosts": ["crm.example.com", "*.crm.example.com:8443"]}')

    found = secrets.find("acme", "CRM_TOKEN")

    assert (found.name, found.value) == ("CRM_TOKEN", "t-1")
    assert [found.goes_to(host, 443) for host in ("crm.example.com", "eu.crm.example.com")] == [True, False]
    assert found.goes_to("eu.crm.example.com", 8443)
    assert secrets.find("globex", "CRM_TOKEN") is None
    assert secrets.find("acme", "OTHER") is None


def test_tenants_whose_names_differ_by_a_colon_have_secrets_of_their_own(secrets, put):
    put("acme+north", "TOKEN", '{"value": "t-1", "hosts": ["crm.example.com"]}')

    assert secrets.find("acme:north", "TOKEN").value == "t-1"
    assert secrets.find("acme", "TOKEN") is secrets.find("acme-north", "TOKEN") is None


def test_a_secret_is_asked_for_once_while_it_is_fresh(emulator, put, prefix):
    now = [0.0]
    reading = SecretsManager(emulator.client("secretsmanager"), prefix, clock=lambda: now[0])
    put("acme", "A", '{"value": "1", "hosts": ["h"]}')
    reading.find("acme", "A")
    changed = {"SecretId": f"{prefix}/acme/A", "SecretString": '{"value": "2", "hosts": ["h"]}'}
    emulator.client("secretsmanager").put_secret_value(**changed)

    fresh = reading.find("acme", "A").value
    now[0] = KEPT_S
    later = reading.find("acme", "A").value

    assert (fresh, later) == ("1", "2")


@pytest.mark.parametrize(
    "text",
    ["not json", '["a"]', '"hunter2"', '{"value": 1, "hosts": ["h"]}', '{"value": "hunter2"}', "[" * 10_000,
     '{"value": "hunter2", "hosts": []}', '{"value": "hunter2", "hosts": ["*"]}', '{"value": "hunter2", "hosts": "h"}',
     '{"value": "hunter2", "hosts": ["h", "10.0.0.0/8"]}'],
)  # fmt: skip
def test_a_secret_that_does_not_say_for_which_hosts_it_is_goes_nowhere_and_is_not_shown(secrets, put, text):
    put("acme", "A", text)

    with pytest.raises(InvalidInput) as raised:
        secrets.find("acme", "A")

    assert "hunter2" not in str(raised.value)


def test_a_secret_that_cannot_be_read_is_worth_another_try(secrets):
    denied = {"Error": {"Code": "AccessDeniedException", "Message": "hunter2"}}

    class Denied:
        def get_secret_value(self, **asked):
            raise ClientError(denied, "GetSecretValue")

    with pytest.raises(TryLater) as raised:
        SecretsManager(Denied(), "remit").find("acme", "A")

    assert "AccessDenied" in str(raised.value) and "hunter2" not in str(raised.value)


def test_a_secret_that_was_read_for_a_call_is_kept_on_while_the_service_is_busy():
    now, said = [0.0], [{"SecretString": '{"value": "t-1", "hosts": ["h"]}'}]

    class Busy:
        def get_secret_value(self, **asked):
            if not said:
                raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "GetSecretValue")
            return said.pop()

    reading = SecretsManager(Busy(), "remit", clock=lambda: now[0])
    reading.find("acme", "A")

    now[0] = KEPT_S
    assert reading.find("acme", "A").value == "t-1"
    now[0] = KEPT_S + KEPT_ON_S
    with pytest.raises(TryLater):
        reading.find("acme", "A")


def test_a_function_reads_its_tenant_s_secrets_where_the_deployment_says(emulator, monkeypatch, prefix, put):
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", emulator.url)
    put("acme", "A", '{"value": "t-1", "hosts": ["h"]}')

    assert open_secrets(prefix).find("acme", "A").value == "t-1"


# --- what every function has ---


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_every_function_s_handler_is_where_the_deployment_looks_for_it(function):
    module, _, name = function.handler.rpartition(".")

    assert callable(getattr(import_module(module), name))


def test_importing_a_function_opens_nothing_and_loads_no_web_framework_or_sql():
    code = (
        "import sys, remit.entrypoints.aws_lambda.gate, remit.entrypoints.aws_lambda.execution\n"
        "print(sorted({'fastapi', 'sqlalchemy', 'mangum'} & set(sys.modules)))"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PATH": ""})

    assert said.stdout.strip() == "[]"


def test_answers_and_events_are_not_in_the_logs(deployment, capsys):
    deployment.propose(parameters={"text": "private-text"})
    deployment.gate()
    deployment.settle()

    printed = capsys.readouterr()
    assert "private-text" not in printed.out + printed.err
    assert '"OutcomeSucceeded":[1.0]' in printed.out


def test_each_step_has_longer_than_its_function_and_each_executor_longer_than_its_slowest_tool():
    functions = {function.name: function.timeout_s for function in FUNCTIONS}
    (slowest,) = [limit.le for limit in Tool.model_fields["timeout_s"].metadata if hasattr(limit, "le")]

    assert functions["patient_executor"] > slowest
    assert functions["executor"] >= 2 * QUICK_S
    assert all(TIMEOUT_S.get(step, STEP_TIMEOUT_S) > functions[name] for step, name in STEPS.items())


@pytest.fixture
def new_process(deployment, emulator, monkeypatch):
    """Another process of the door, which reads secrets of its own."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", emulator.url)
    monkeypatch.setenv("REMIT_PUSH_CONTACT", "mailto:ops@example.com")
    process.remit.cache_clear()
    return process.remit


def test_the_key_that_signs_what_browsers_are_told_is_read_from_its_secret(new_process, emulator, monkeypatch):
    key = new_push_key()
    made = emulator.client("secretsmanager").create_secret(Name=f"push-{uuid4().hex}", SecretString=key)
    monkeypatch.setenv("REMIT_PUSH_SECRET", made["ARN"])

    with new_process() as remit:
        assert remit.push.public_key() == PushKey.parse(key, "mailto:ops@example.com").public


def test_without_its_secret_a_process_says_which_and_while_it_cannot_be_read_answers_all_else(
    new_process, monkeypatch, caplog
):
    monkeypatch.setenv("REMIT_PUSH_SECRET", "nothing-of-that-name")
    with pytest.raises(ConfigMissing, match="CONFIG_MISSING: REMIT_PUSH_SECRET"):
        new_process()

    def throttled(secret_id):
        raise TryLater(f"the secret {secret_id} cannot be read: ThrottlingException")

    monkeypatch.setattr(process, "operators_secret", throttled)
    with new_process() as remit:
        assert remit.push.public_key() is None and remit.tenants() == [TENANT]
    assert "nobody is told in their browsers by this process" in caplog.text
