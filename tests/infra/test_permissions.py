"""What each role may do, asked of its policy, and no more than its function does."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from infra.functions import EVERYTHING, FUNCTIONS
from remit.core.records import KINDS
from remit.stores.dynamodb.layout import LEDGER, TENANTS, chain_key, changed_key, record_key, tenant_key
from remit.stores.dynamodb.table import FORMAT, INDEXES

KEYS = {kind: record_key((kind, "acme", "i-1"))[0] for kind in KINDS}
LEDGER_KEY, TENANTS_KEY = chain_key("acme", "i-1")[0], tenant_key("acme")[0]
OWN_CHAIN_KEY, MARK_KEY = chain_key("acme", None)[0], changed_key("acme", "a process")[0]


class Role:
    """The policy of one function's role, and an answer to what it allows; everything else is refused."""

    def __init__(self, template, function):
        id_ = "".join(part.capitalize() for part in function.name.split("_"))
        self.statements = template.named("IAM::Policy", f"Functions{id_}RoleDefaultPolicy")["PolicyDocument"][
            "Statement"
        ]

    def actions(self):
        return {action for statement in self.statements for action in _listed(statement["Action"])}

    def allows(self, action, key):
        """May it do this to items under this partition key?"""
        return any(self._covers(statement, action, key) for statement in self.statements)

    def _covers(self, statement, action, key):
        if statement["Effect"] != "Allow" or action not in _listed(statement["Action"]):
            return False
        condition = statement.get("Condition")
        if condition is None:
            return True
        assert condition["Null"] == {"dynamodb:LeadingKeys": "false"}
        assert condition["StringEquals"] == {"dynamodb:EnclosingOperation": "TransactWriteItems"}
        patterns = condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        return any(_like(pattern, key) for pattern in _listed(patterns))


def _listed(value):
    return value if isinstance(value, list) else [value]


def _like(pattern, text):
    """IAM's StringLike: `*` is anything, `${*}` is the sign itself."""
    return fnmatchcase(text, pattern.replace("${*}", "[*]"))


@pytest.fixture(params=FUNCTIONS, ids=lambda function: function.name)
def function(request):
    return request.param


@pytest.fixture
def role(template, function):
    return Role(template, function)


def test_every_kind_that_is_named_exists():
    named = {kind for function in FUNCTIONS for kind in function.writes | function.deletes} - EVERYTHING

    assert named <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_it_writes_and_deletes_its_own_kinds_of_records_and_no_other(role, function, kind):
    writes = kind in function.writes or function.writes == EVERYTHING

    assert role.allows("dynamodb:PutItem", KEYS[kind]) == writes
    assert role.allows("dynamodb:DeleteItem", KEYS[kind]) == (kind in function.deletes)


def test_nobody_updates_and_nobody_deletes_what_the_ledger_says(role):
    assert "dynamodb:UpdateItem" not in role.actions()
    assert not role.allows("dynamodb:DeleteItem", LEDGER_KEY)
    assert not role.allows("dynamodb:DeleteItem", TENANTS_KEY)
    assert not role.allows("dynamodb:DeleteItem", FORMAT[0])


def test_who_writes_anything_writes_the_ledger_and_who_does_not_does_not(role, function):
    assert role.allows("dynamodb:PutItem", LEDGER_KEY) == (bool(function.writes) and not function.own_chain_only)
    for key in (OWN_CHAIN_KEY, MARK_KEY, TENANTS_KEY, FORMAT[0]):
        assert role.allows("dynamodb:PutItem", key) == bool(function.writes), key


def test_who_follows_the_ledger_and_who_stops_write_to_no_intent_s_chain():
    assert {function.name for function in FUNCTIONS if function.own_chain_only} == {"notify", "stop_door"}


def test_a_tenant_s_name_cannot_pass_for_another_kind(role, function):
    """Names have no `#`, so a tenant that is called like a kind is no way in."""
    for kind in set(KINDS) - function.writes:
        if function.writes != EVERYTHING:
            assert not role.allows("dynamodb:PutItem", f"{next(iter(function.writes), 'cases')}#{kind}#0")


def test_only_who_publishes_may_and_only_who_reaches_out_for_tools_people_or_facts_reads_secrets(role, function):
    assert ("events:PutEvents" in role.actions()) == function.publishes
    assert ("secretsmanager:GetSecretValue" in role.actions()) == function.reads_secret
    calling = {"executor", "patient_executor", "notify"}
    deciding = {"gate", "propose", "review", "reconcile", "http_door"}
    assert function.reads_secret == (function.name in calling | deciding)


def test_who_reads_tools_secrets_reads_those_of_this_deployment_and_no_others(role, function):
    reading = [each for each in role.statements if "secretsmanager:GetSecretValue" in _listed(each["Action"])]

    resources = [resource for each in reading for resource in _listed(each["Resource"])]
    assert len(resources) == function.reads_secret
    for resource in resources:
        start, end = resource["Fn::Join"][1][0], resource["Fn::Join"][1][-1]
        assert start == "arn:" and end == ":secret:remit/*"


def test_nothing_of_data_is_allowed_on_everything(role):
    for statement in role.statements:
        actions = _listed(statement["Action"])
        assert not any("*" in action for action in actions)
        if "*" in _listed(statement["Resource"]):
            assert set(actions) == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def test_reading_is_of_the_table_and_its_indexes(role):
    (reading,) = [each for each in role.statements if each.get("Sid") == "ReadRecords"]

    assert len(reading["Resource"]) == 1 + len(INDEXES)
    assert not {"dynamodb:Scan", "dynamodb:DeleteTable"} & role.actions()


def test_nobody_has_a_policy_that_is_aws_s_own(template):
    for role in template.of("IAM::Role").values():
        assert "ManagedPolicyArns" not in role["Properties"]


def test_the_ledger_s_partition_is_spelled_as_the_permissions_spell_it():
    assert LEDGER == "ledger" and f"#{LEDGER}#" in LEDGER_KEY
    assert TENANTS.startswith("*")
