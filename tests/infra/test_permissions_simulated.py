"""What each role may do, asked of a simulator of IAM: another reading of its policies than this project's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.functions import EVERYTHING, FUNCTIONS
from remit.core.records import KINDS
from remit.stores.dynamodb.layout import chain_key, changed_key, record_key, tenant_key
from remit.stores.dynamodb.table import FORMAT
from tests.conftest import NODE_MODULES

SCRIPT = Path(__file__).with_name("simulate.mjs")
ACCOUNT, REGION = "123456789012", "eu-central-1"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/remit"
WITHIN_A_TRANSACTION = {"dynamodb:EnclosingOperation": "TransactWriteItems"}
KEYS = {kind: record_key((kind, "acme", "i-1"))[0] for kind in KINDS}
CHAIN, OWN_CHAIN = chain_key("acme", "i-1")[0], chain_key("acme", None)[0]
TENANTS, MARK, OF_TABLE = tenant_key("acme")[0], changed_key("acme", "a process")[0], FORMAT[0]
ARNS = {
    "AWS::DynamoDB::Table": TABLE,
    "AWS::Events::EventBus": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/remit",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:remit-queue",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:remit:*",
}
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}


@pytest.fixture(scope="session")
def simulator():
    found = shutil.which("node") and (NODE_MODULES / "@cloud-copilot" / "iam-simulate").is_dir()
    if not found and os.environ.get("CI"):
        raise RuntimeError("no Node.js with @cloud-copilot/iam-simulate: run './dev test' with npm installed")
    if not found:
        pytest.skip("no Node.js with @cloud-copilot/iam-simulate: run './dev test' with npm installed")
    return shutil.which("node")


class Role:
    """The policy of one function's role, as CloudFormation would make it, and questions to the simulator about it."""

    def __init__(self, simulator, template, function):
        id_ = "".join(part.capitalize() for part in function.name.split("_"))
        stated = template.named("IAM::Policy", f"Functions{id_}RoleDefaultPolicy")["PolicyDocument"]
        self._simulator, self._policy = simulator, _resolved(stated, template.resources)

    def allows(self, questions):
        given = {"packages": str(NODE_MODULES.resolve()), "account": ACCOUNT, "policy": self._policy}
        asked = json.dumps({**given, "questions": list(questions.values())})
        run = subprocess.run([self._simulator, SCRIPT], input=asked, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        return dict(zip(questions, json.loads(run.stdout), strict=True))


def _resolved(value, resources):
    """The template's references to what is deployed, as names that it could get."""
    if isinstance(value, list):
        return [_resolved(each, resources) for each in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Ref": name}:
            return PSEUDO[name]
        case {"Fn::GetAtt": [name, "Arn"]}:
            return ARNS[resources[name]["Type"]]
        case {"Fn::Join": [between, parts]}:
            return between.join(_resolved(parts, resources))
    return {name: _resolved(each, resources) for name, each in value.items()}


@pytest.fixture(params=FUNCTIONS, ids=lambda function: function.name)
def function(request):
    return request.param


@pytest.fixture
def role(simulator, template, function):
    return Role(simulator, template, function)


def item(action, *keys, **context):
    return {"action": f"dynamodb:{action}", "resource": TABLE, "context": {"dynamodb:LeadingKeys": keys, **context}}


def test_it_writes_and_deletes_its_own_kinds_within_transactions_and_nothing_else(role, function):
    writes = {kind: item("PutItem", key, **WITHIN_A_TRANSACTION) for kind, key in KEYS.items()}
    deletes = {kind: item("DeleteItem", key, **WITHIN_A_TRANSACTION) for kind, key in KEYS.items()}
    places = {key: item("PutItem", key, **WITHIN_A_TRANSACTION) for key in (CHAIN, OWN_CHAIN, TENANTS, MARK, OF_TABLE)}

    allowed = role.allows({("put", kind): asked for kind, asked in writes.items()} | places)
    deleted = role.allows(deletes)

    own = set(KINDS) if function.writes == EVERYTHING else function.writes
    assert {kind for kind in KINDS if allowed["put", kind]} == own
    assert {kind for kind, may in deleted.items() if may} == function.deletes
    assert allowed[CHAIN] == (bool(own) and not function.own_chain_only)
    beside = {OWN_CHAIN, TENANTS, MARK, OF_TABLE}
    assert {key for key in beside if allowed[key]} == (beside if own else set())


def test_what_it_may_write_it_may_not_write_alone_nor_beside_what_it_may_not(role, function):
    own = next(iter(KINDS if function.writes == EVERYTHING else function.writes), "cases")
    foreign = f"acme#{'nothing' if function.writes == EVERYTHING else 'sessions'}"

    allowed = role.allows(
        {
            "alone": item("PutItem", KEYS[own]),
            "beside": item("PutItem", KEYS[own], foreign, **WITHIN_A_TRANSACTION),
            "keyless": {"action": "dynamodb:PutItem", "resource": TABLE, "context": WITHIN_A_TRANSACTION},
            "elsewhere": {**item("PutItem", KEYS[own], **WITHIN_A_TRANSACTION), "resource": f"{TABLE}-other"},
        }
    )

    assert not any(allowed.values()), allowed


def test_it_overwrites_and_takes_away_nothing_of_the_ledger_by_any_other_operation(role):
    operations = ("UpdateItem", "DeleteItem")
    asked = {
        (operation, key): item(operation, key, **WITHIN_A_TRANSACTION)
        for operation in operations
        for key in (CHAIN, OWN_CHAIN, TENANTS)
    }
    whole = {
        operation: {"action": f"dynamodb:{operation}", "resource": TABLE, "context": {}}
        for operation in ("DeleteTable", "Scan", "UpdateTable")
    }

    assert not any(role.allows(asked | whole).values())


def test_it_reaches_this_deployment_s_secrets_and_bus_where_it_has_to_and_no_others(role, function):
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"
    bus = ARNS["AWS::Events::EventBus"]

    allowed = role.allows(
        {
            "own secret": {
                "action": "secretsmanager:GetSecretValue",
                "resource": f"{secret}remit/acme/CRM-a1b2c3",
                "context": {},
            },
            "other secret": {
                "action": "secretsmanager:GetSecretValue",
                "resource": f"{secret}other/acme/CRM-a1b2c3",
                "context": {},
            },
            "own bus": {"action": "events:PutEvents", "resource": bus, "context": {}},
            "other bus": {"action": "events:PutEvents", "resource": f"{bus}-other", "context": {}},
        }
    )

    assert allowed == {
        "own secret": function.reads_secret,
        "other secret": False,
        "own bus": function.publishes,
        "other bus": False,
    }
