"""What is deployed: every promise of the deployment, held against the template."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from infra.events import RULES
from infra.functions import FUNCTIONS, PUSH_KEY_LENGTH, STOP_ROUTES
from infra.settings import Settings, settings_from
from infra.state_machine import STEPS, definition
from remit.core.notifications.browser import POINT_BYTES, decoded
from remit.notifiers.push import PushKey
from remit.stores.dynamodb.table import INDEXES, TIME_TO_LIVE, table_shape

from .conftest import AUDIENCE, FULL, ISSUER, Template

ROOT = Path(__file__).parents[2]
BY_ID = {"".join(part.capitalize() for part in function.name.split("_")): function for function in FUNCTIONS}


def function_of(logical_id):
    """The function whose resource this is: the construct's path without what separates it, and a hash of eight."""
    return BY_ID[logical_id.removeprefix("Functions")[:-8]]


# --- records ---


def test_the_table_has_the_keys_and_indexes_that_the_store_uses(template):
    table, wanted = template.one("DynamoDB::Table"), table_shape()

    assert table["KeySchema"] == wanted["KeySchema"]
    assert _by(table["GlobalSecondaryIndexes"], "IndexName") == _by(wanted["GlobalSecondaryIndexes"], "IndexName")
    attributes = _by(table["AttributeDefinitions"], "AttributeName")
    assert attributes == _by(wanted["AttributeDefinitions"], "AttributeName")
    assert table["BillingMode"] == wanted["BillingMode"] == "PAY_PER_REQUEST"


def _by(items, name):
    return {item[name]: item for item in items}


def test_the_table_is_encrypted_recoverable_and_protected_and_forgets_what_is_over_alone(template):
    table, (key,) = template.one("DynamoDB::Table"), template.of("KMS::Key")

    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["SSESpecification"]["KMSMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] is True
    assert table["TimeToLiveSpecification"] == {"AttributeName": TIME_TO_LIVE, "Enabled": True}
    assert template.one("KMS::Key")["EnableKeyRotation"] is True


def test_what_holds_records_outlives_the_stack_unless_it_is_told_otherwise(template, synthesize):
    passing = Template(synthesize(replace(FULL, name="remit-test", retain=False)))

    for kind in ("DynamoDB::Table", "KMS::Key", "Logs::LogGroup"):
        assert {found["DeletionPolicy"] for found in template.of(kind).values()} == {"Retain"}
        assert {found["DeletionPolicy"] for found in passing.of(kind).values()} == {"Delete"}
    assert passing.one("DynamoDB::Table")["DeletionProtectionEnabled"] is False


def test_the_key_is_used_through_dynamodb_and_by_this_account_alone(template):
    statements = template.one("KMS::Key")["KeyPolicy"]["Statement"]

    (anybody,) = [each for each in statements if each["Principal"] == {"AWS": "*"}]
    conditions = anybody["Condition"]["StringEquals"]
    assert conditions["kms:CallerAccount"] == {"Ref": "AWS::AccountId"}
    assert "dynamodb." in json.dumps(conditions["kms:ViaService"])


# --- events ---


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_has_its_pattern_target_input_retries_and_dead_letters(template, rule):
    (found,) = [
        each["Properties"]
        for each in template.of("Events::Rule").values()
        if each["Properties"]["EventPattern"].get("detail-type") == [rule.detail_type]
    ]
    (target,) = found["Targets"]

    assert found["EventPattern"] == rule.pattern()
    assert found["State"] == "ENABLED"
    assert set(target["RetryPolicy"]) == {"MaximumEventAgeInSeconds", "MaximumRetryAttempts"}
    assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] in template.of("SQS::Queue")
    assert _transformed(target, rule) == {"approval": "its data"} if rule.template else "InputTransformer" not in target


def _transformed(target, rule):
    """What the target is given of an event whose data is this; it must be what the local rule gives."""
    given = []
    for transformer in (target["InputTransformer"], rule.transformer()):
        text = transformer["InputTemplate"]
        for name, path in transformer["InputPathsMap"].items():
            assert path == "$.detail.data"
            text = text.replace(f"<{name}>", '{"approval": "its data"}')
        given.append(json.loads(text))
    assert given[0] == given[1]
    return given[0]["data"]


@pytest.mark.parametrize("name", ["Reconcile", "Notify"])
def test_what_nobody_waits_for_is_scheduled_every_minute_with_dead_letters(template, name):
    schedule = template.named("Scheduler::Schedule", f"Wakers{name}")

    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["Target"]["Arn"]["Ref"].startswith(f"Functions{name}Live")
    assert schedule["Target"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] in template.of("SQS::Queue")
    assert "MaximumRetryAttempts" in schedule["Target"]["RetryPolicy"]


def test_what_functions_give_up_on_is_kept(template):
    configured = template.of("Lambda::EventInvokeConfig").values()
    # Of the alias: who calls that does not meet the function's own configuration.
    assert all("Qualifier" in each["Properties"] for each in configured)

    assert {each["Properties"]["FunctionName"]["Ref"].removeprefix("Functions")[:-8] for each in configured} == {
        "Gate",
        "Reconcile",
        "Notify",
    }
    for each in configured:
        on_failure = each["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        assert on_failure["Fn::GetAtt"][0] in template.of("SQS::Queue")


def test_queues_and_topic_are_encrypted_and_refuse_plain_text(template):
    assert all(each["Properties"]["SqsManagedSseEnabled"] for each in template.of("SQS::Queue").values())
    policies = [*template.of("SQS::QueuePolicy").values(), *template.of("SNS::TopicPolicy").values()]
    assert len(policies) == len(template.of("SQS::Queue")) + 1
    for each in policies:
        statements = each["Properties"]["PolicyDocument"]["Statement"]
        refusals = [said for said in statements if said["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in [said["Condition"] for said in refusals]


def test_the_bus_is_archived(template):
    archive = template.one("Events::Archive")

    assert archive["EventPattern"] == {"source": ["remit"]}
    assert archive["RetentionDays"] == FULL.archive_days


# --- functions ---


def test_every_function_runs_on_the_current_python_and_arm_with_its_own_role_and_log(template):
    functions = template.of("Lambda::Function")

    assert {function_of(name).name for name in functions} == {function.name for function in FUNCTIONS}
    roles, log_groups = set(), set()
    for name, found in functions.items():
        said, wanted = found["Properties"], function_of(name)
        assert (said["Runtime"], said["Architectures"]) == ("python3.14", ["arm64"])
        assert (said["Handler"], said["Timeout"], said["MemorySize"]) == (
            wanted.handler,
            wanted.timeout_s,
            wanted.memory_mb,
        )
        assert said["TracingConfig"] == {"Mode": "Active"}
        roles.add(said["Role"]["Fn::GetAtt"][0])
        log_groups.add(said["LoggingConfig"]["LogGroup"]["Ref"])
    assert len(roles) == len(log_groups) == len(FUNCTIONS)


def test_everybody_calls_an_alias_of_a_version_that_is_kept(template):
    versions, aliases = template.of("Lambda::Version"), template.of("Lambda::Alias")

    assert len(versions) == len(aliases) == len(FUNCTIONS)
    assert {found["DeletionPolicy"] for found in versions.values()} == {"Retain"}
    for found in aliases.values():
        assert found["Properties"]["FunctionVersion"]["Fn::GetAtt"][0] in versions
    called = json.dumps([*template.of("ApiGatewayV2::Integration").values(), *template.of("Events::Rule").values()])
    for name, function in template.of("Lambda::Function").items():
        assert f'"{name}"' not in called, function
    callers = json.dumps([*template.of("IAM::Policy").values()])
    assert '":*"' in callers


def test_another_package_is_another_version_and_executions_that_began_may_still_call_theirs(synthesize, tmp_path):
    """What makes a rolling upgrade: nothing of the release that is replaced goes while something may call it."""
    (tmp_path / "remit.py").write_text("another release")
    before, after = Template(synthesize(FULL)), Template(synthesize(FULL, package=tmp_path))
    again = Template(synthesize(FULL))

    versions = [set(each.of("Lambda::Version")) for each in (before, after, again)]
    assert versions[0] == versions[2] and not versions[0] & versions[1]
    machines = [json.dumps(each.one("StepFunctions::StateMachine")["DefinitionString"]) for each in (before, after)]
    for each, machine, own in zip((before, after), machines, versions, strict=False):
        called = {name for name in own if f'"{name}"' in machine}
        assert {each.of("Lambda::Version")[name]["Properties"]["FunctionName"]["Ref"] for name in called} == {
            name for name in each.of("Lambda::Function") if function_of(name).name in STEPS.values()
        }
    # The same functions and aliases, so that only what they point to changes.
    for kind in ("Lambda::Function", "Lambda::Alias", "StepFunctions::StateMachine"):
        assert set(before.of(kind)) == set(after.of(kind))
    role = after.named("IAM::Policy", "MachineExecutionRoleDefaultPolicy")["PolicyDocument"]["Statement"]
    (calling,) = [each for each in role if "lambda:InvokeFunction" in each["Action"]]
    assert {part["Fn::Join"][1][-1] for part in calling["Resource"]} == {":*"}


def test_what_must_never_wait_for_anything_else_has_concurrency_of_its_own(template, synthesize):
    reserved = {
        function_of(name).name: found["Properties"].get("ReservedConcurrentExecutions")
        for name, found in template.of("Lambda::Function").items()
    }

    assert {name for name, most in reserved.items() if most} == {"stop_door", "reconcile", *STEPS.values()}
    routes = {
        each["Properties"]["RouteKey"]: each["Properties"]["Target"]
        for each in template.of("ApiGatewayV2::Route").values()
    }
    assert {key for key in routes if "StopCE" in json.dumps(routes[key]) or "stopStop" in json.dumps(routes[key])} == {
        f"POST {path}" for path in STOP_ROUTES
    }


def test_logs_are_not_kept_for_ever(template):
    assert all(each["Properties"]["RetentionInDays"] == 90 for each in template.of("Logs::LogGroup").values())


def test_no_environment_holds_a_secret(template):
    allowed = {
        "REMIT_DATABASE_URL",
        "REMIT_SENDER_URL",
        "REMIT_EVENT_SOURCE",
        "REMIT_STATE_TTL_DAYS",
        "REMIT_TOOL_SECRET_PREFIX",
        "REMIT_DEPLOYMENT",
        "POWERTOOLS_LOG_LEVEL",
        *(f"REMIT_OIDC_{name}" for name in ("ISSUER", "AUDIENCE", "TENANT_CLAIM", "ROLES_CLAIM", "NAME_CLAIM")),
    }
    for found in template.of("Lambda::Function").values():
        environment = found["Properties"]["Environment"]["Variables"]
        assert set(environment) <= allowed
    assert not template.of("SecretsManager::Secret")


def test_people_are_told_in_their_browsers_by_a_key_that_the_stack_makes_and_nobody_has_seen(synthesize):
    made = Template(synthesize(replace(FULL, name="tells", push_contact="mailto:ops@example.com")))

    ((secret, found),) = made.of("SecretsManager::Secret").items()
    assert found["Properties"]["GenerateSecretString"] == {"PasswordLength": 43, "ExcludePunctuation": True}
    assert "SecretString" not in found["Properties"] and found["DeletionPolicy"] == "Retain"
    for name, each in made.of("Lambda::Function").items():
        told = each["Properties"]["Environment"]["Variables"]
        policy = made.named("IAM::Policy", f"{name[:-8]}RoleDefaultPolicy")["PolicyDocument"]["Statement"]
        reading = [statement["Resource"] for statement in policy if statement.get("Sid") == "ReadPushKey"]
        if function_of(name).name in ("notify", "http_door"):
            assert told["REMIT_PUSH_CONTACT"] == "mailto:ops@example.com"
            assert told["REMIT_PUSH_SECRET"] == {"Ref": secret} and reading == [{"Ref": secret}]
        else:
            assert not reading and not {"REMIT_PUSH_SECRET", "REMIT_PUSH_CONTACT"} & set(told)


@pytest.mark.parametrize("key", ["A" * 42 + "Q", "z" * PUSH_KEY_LENGTH, "9" * PUSH_KEY_LENGTH])
def test_so_many_letters_and_digits_are_a_key(key):
    assert len(decoded(PushKey.parse(key, "mailto:ops@example.com").public)) == POINT_BYTES


# --- the state machine ---


def test_the_state_machine_is_the_one_that_is_tested(template):
    machine = template.one("StepFunctions::StateMachine")
    arns = {function.name: f"<{id_}>" for id_, function in BY_ID.items() if function.name in STEPS.values()}

    # Of versions: an execution ends on the code that it began with.
    said = "".join(
        part if isinstance(part, str) else f"<{part['Ref'].removeprefix('Functions').partition('CurrentVersion')[0]}>"
        for part in machine["DefinitionString"]["Fn::Join"][1]
    )

    assert json.loads(said) == definition(arns)
    assert machine.get("StateMachineType", "STANDARD") == "STANDARD"


def test_a_second_deployment_of_a_name_meets_no_log_group_of_the_first(template):
    """They outlive the stack, so that none may have a name that the next stack would give again."""
    for name, found in template.of("Logs::LogGroup").items():
        named = found["Properties"].get("LogGroupName")
        assert named is None or "AWS::StackId" in json.dumps(named), name


def test_executions_are_logged_without_what_actions_are_made_of_and_traced(template):
    machine = template.one("StepFunctions::StateMachine")

    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging.get("IncludeExecutionData", False)) == ("ALL", False)
    assert machine["TracingConfiguration"] == {"Enabled": True}


# --- the APIs ---


def test_the_status_api_lets_in_nobody_without_a_token_of_the_issuer(template):
    authorizer = template.one("ApiGatewayV2::Authorizer")
    (id_,) = template.of("ApiGatewayV2::Authorizer")
    (status_api,) = [name for name in template.of("ApiGatewayV2::Api") if name.startswith("StatusApi")]

    assert authorizer["AuthorizerType"] == "JWT"
    assert authorizer["JwtConfiguration"] == {"Issuer": ISSUER, "Audience": [AUDIENCE]}
    routes = [each["Properties"] for each in template.of("ApiGatewayV2::Route").values()]
    of_status = [route for route in routes if route["ApiId"] == {"Ref": status_api}]
    assert {route["RouteKey"] for route in of_status} == {
        "GET /v1/intents/{action_intent_id}",
        "GET /v1/intents/{action_intent_id}/why",
        "GET /v1/intents/{action_intent_id}/auto-exec-state",
        "GET /v1/intents/{action_intent_id}/result",
    }
    assert all(route["AuthorizerId"] == {"Ref": id_} and route["AuthorizationType"] == "JWT" for route in of_status)


def test_every_stage_logs_its_requests_without_paths_and_is_throttled(template):
    stages = template.of("ApiGatewayV2::Stage").values()

    assert len(stages) == 2
    for stage in stages:
        assert "$context.path" not in stage["Properties"]["AccessLogSettings"]["Format"]
        assert stage["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0


GROUPS = '{"/finance": {"roles": ["approver"]}}'


def test_console_client_and_vpc_can_be_set(synthesize):
    settings = replace(
        FULL,
        name="set",
        console_url="https://remit.example.com",
        oidc_client_id="remit-console",
        oidc_accounts_claim="accounts",
        oidc_on_behalf_of_claim="act_for",
        oidc_tenant="acme",
        oidc_groups=GROUPS,
        oidc_groups_claim="memberOf",
        oidc_scope="openid groups",
        subnet_ids="subnet-1, subnet-2",
        security_group_ids="sg-1",
        reserve=False,
    )
    made = Template(synthesize(settings))

    said = {function_of(name).name: found["Properties"] for name, found in made.of("Lambda::Function").items()}
    door = said["http_door"]["Environment"]["Variables"]
    assert (door["REMIT_CONSOLE_URL"], door["REMIT_OIDC_CLIENT_ID"]) == ("https://remit.example.com", "remit-console")
    assert door["REMIT_OIDC_ACCOUNTS_CLAIM"] == "accounts" and door["REMIT_OIDC_ON_BEHALF_OF_CLAIM"] == "act_for"
    assert door["REMIT_OIDC_SCOPE"] == "openid groups"
    for name in ("status", "http_door", "stop_door"):
        given = said[name]["Environment"]["Variables"]
        found = [given[f"REMIT_OIDC_{each}"] for each in ("TENANT", "GROUPS", "GROUPS_CLAIM")]
        assert found == ["acme", GROUPS, "memberOf"]
    assert said["notify"]["Environment"]["Variables"]["REMIT_CONSOLE_URL"] == "https://remit.example.com"
    for properties in said.values():
        assert properties["VpcConfig"] == {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
        assert "ReservedConcurrentExecutions" not in properties


def test_without_an_issuer_there_is_no_status_api_and_without_the_door_no_api_at_all(synthesize):
    bare = Template(synthesize(Settings(name="bare", http_door=False)))

    assert bare.of("ApiGatewayV2::Api") == {}
    assert "http_door" not in {function_of(name).name for name in bare.of("Lambda::Function")}


# --- alarms ---


def test_every_alarm_tells_somebody_when_it_goes_off_and_when_it_is_over(template):
    (topic,) = template.of("SNS::Topic")

    for alarm in template.of("CloudWatch::Alarm").values():
        assert alarm["Properties"]["AlarmActions"] == alarm["Properties"]["OKActions"] == [{"Ref": topic}]
    assert template.one("SNS::Subscription")["Endpoint"] == "ops@example.com"


def test_everything_that_needs_somebody_has_an_alarm(template):
    alarms = {
        each["Properties"]["AlarmName"].removeprefix("remit-") for each in template.of("CloudWatch::Alarm").values()
    }

    per_function = {f"{id_}{what}" for id_ in BY_ID for what in ("Errors", "Throttles")}
    queues = {
        f"{name.removeprefix('Events')[:-8].removesuffix('DeadLetters')}Depth" for name in template.of("SQS::Queue")
    }
    executions = {f"Executions{what}" for what in ("Failed", "TimedOut", "Aborted", "Throttled")}
    ages = {f"{name.removesuffix('Depth')}Age" for name in queues}
    waiting = {f"{name}QueueAge" for name in ("Gate", "Reconcile", "Notify")}
    names = ("Due", "Queue", "ByStatus", "ByTime", "ByVersion")
    indexes = {f"Index{name}{what}Throttles" for name in names for what in ("Read", "Write")}
    table = {"TableReadThrottles", "TableWriteThrottles", "TableConflicts"}
    doors = {"StatusApiServerErrors", "HttpDoorServerErrors"}
    counted = {"OldestReserved", "PublishUnconfirmed", "PublishRefused", "OutcomeUnknown", "ApprovalRefused"}
    assert alarms == per_function | queues | ages | waiting | executions | counted | table | indexes | doors


@pytest.mark.parametrize("index", [index.name for index in INDEXES])
def test_the_alarm_of_an_index_looks_at_that_index(template, index):
    watched = [
        {each["Name"]: each["Value"] for each in alarm["Properties"].get("Dimensions", [])}
        for alarm in template.of("CloudWatch::Alarm").values()
    ]

    found = [dimensions for dimensions in watched if dimensions.get("GlobalSecondaryIndexName") == index]
    assert len(found) == 2 and all(set(dimensions) == {"TableName", "GlobalSecondaryIndexName"} for dimensions in found)


def test_alarms_and_dashboard_look_at_what_the_functions_count(template, monkeypatch):
    """A metric of ours under a name that nobody counts would never go off."""
    from remit.entrypoints.aws_lambda import counting
    from remit.hooks import StepEvent

    counted = []
    monkeypatch.setattr(counting, "add", counted.append)
    counting.count(StepEvent("execute", "acme", "i-1", "t-1", "UNKNOWN", None, 0, 1))
    source = (ROOT / "src/remit/entrypoints/aws_lambda").rglob("*.py")
    text = "".join(file.read_text() for file in source)
    ours = [
        each["Properties"]
        for each in template.of("CloudWatch::Alarm").values()
        if each["Properties"].get("Namespace") == "Remit"
    ]
    assert {alarm["MetricName"] for alarm in ours} == {
        "OldestReserved",
        "PublishUnconfirmed",
        "PublishRefused",
        "OutcomeUnknown",
        "ApprovalRefused",
    }
    for alarm in ours:
        name = alarm["MetricName"]
        assert f'"{name}"' in text or name in counted
        assert alarm["Dimensions"] == [{"Name": "service", "Value": "remit"}]


def test_two_deployments_of_one_account_count_apart(template):
    for found in template.of("Lambda::Function").values():
        assert found["Properties"]["Environment"]["Variables"]["REMIT_DEPLOYMENT"] == "remit"
    counted = subprocess.run(
        [sys.executable, "-c", "from remit.entrypoints.aws_lambda.counting import metrics; print(metrics.service)"],
        capture_output=True,
        text=True,
        env={**os.environ, "REMIT_DEPLOYMENT": "remit-eu"},
        check=True,
    )
    assert counted.stdout.strip() == "remit-eu"


def test_an_approval_that_waits_is_noticed_also_when_nobody_measures(template):
    alarm = template.named("CloudWatch::Alarm", "WatchOldestReserved")

    assert (alarm["Statistic"], alarm["TreatMissingData"]) == ("Maximum", "breaching")


# --- the checks of others ---


def test_cfn_lint_finds_nothing(template):
    linter = Path(sysconfig.get_path("scripts")) / "cfn-lint"

    said = subprocess.run([linter, str(template.path)], capture_output=True, text=True, cwd=ROOT, check=False)

    assert said.stdout + said.stderr == ""
    assert said.returncode == 0


def test_cdk_nag_s_findings_are_acknowledged_one_by_one(template):
    """`synthesize` raises what cdk-nag finds; this says how many reasons that took."""
    rules = {
        rule["id"]
        for found in template.resources.values()
        for rule in found.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", [])
    }

    assert all("[" in rule or "IAM5" not in rule for rule in rules)


# --- settings ---


def test_context_becomes_settings():
    given = {"name": "remit-eu", "retain": "false", "log_days": "30", "http_door": False, "state_ttl_days": 45}

    settings = settings_from(given.get)

    assert settings == Settings(name="remit-eu", retain=False, log_days=30, http_door=False, state_ttl_days=45)


def test_groups_may_stand_in_a_file_of_context_as_they_are():
    given = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_groups": json.loads(GROUPS)}

    assert settings_from(given.get).oidc_groups == GROUPS


@pytest.mark.parametrize(
    "given",
    [
        {"retain": "no"},
        {"log_days": "many"},
        {"state_ttl_days": "10"},
        {"oidc_issuer": ISSUER},
        {"oidc_audience": AUDIENCE},
        {"oidc_client_id": "c"},
        {"oidc_groups": GROUPS},
        {"oidc_tenant": "acme"},
        {"oidc_groups": "x", "oidc_issuer": ISSUER, "oidc_audience": AUDIENCE},
        {"oidc_tenant": "two words", "oidc_issuer": ISSUER, "oidc_audience": AUDIENCE},
        {"console_url": "http://remit.example.com"},
        {"push_contact": "ops@example.com"},
        {"push_contact": "mailto:ops@example.com", "http_door": "false"},
        {"subnet_ids": "subnet-1"},
    ],
)
def test_context_that_is_not_right_is_refused_with_its_name(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        settings_from(given.get)
