"""What the checks of cdk-nag (AwsSolutions) find and we leave as it is, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import IConstruct

from infra.deployment.machine import SCHEDULED
from infra.state_machine import STEPS

EARLIER_VERSIONS = "an execution that began before a deployment ends on the versions of the one function it began with"
TRACES = "X-Ray's PutTraceSegments and PutTelemetryRecords know no resource; nothing else in this policy has a *"
DELIVERS_LOGS = "delivering logs is set up by account, and X-Ray knows no resource; the steps are named one by one"
READS_SECRETS = "tenants and their secrets come and go without a deployment; the prefix is this deployment's own"
_SECRETS = "arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret"


def acknowledge(stack: Stack) -> None:
    """Say why, for each finding by itself: a new one fails the synthesis until somebody has thought about it."""
    for found, rule, reason in _reasons(stack):
        rule_id = f"AwsSolutions::AwsSolutions-{rule}"
        Validations.of(found).acknowledge(Acknowledgment(id=rule_id, reason=reason))


def _reasons(stack: Stack) -> Iterator[tuple[IConstruct, str, str]]:
    for found in stack.node.find_all():
        path = found.node.path.removeprefix(f"{stack.node.path}/")
        if isinstance(found, sqs.Queue):
            yield found, "SQS3", "it is where dead letters go; an alarm watches its depth"
        elif isinstance(found, iam.Role) and path.startswith("Functions/"):
            yield found, "IAM5[Resource::*]", TRACES
            yield found, f"IAM5[Resource::{_SECRETS}:{stack.stack_name}/*]", READS_SECRETS
        elif isinstance(found, iam.Role) and path.startswith("SchedulerRoleForTarget"):
            for name in SCHEDULED:
                finding = f"IAM5[Resource::<{_logical_id(stack, name)}.Arn>:*]"
                yield found, finding, "the versions and aliases of the one function that it calls"
        elif path == "Machine/Execution/Role":
            yield found, "IAM5[Resource::*]", DELIVERS_LOGS
            for name in STEPS.values():
                yield found, f"IAM5[Resource::<{_logical_id(stack, name)}.Arn>:*]", EARLIER_VERSIONS
        elif path == "Functions/PushKey":
            yield found, "SMG4", "with another key, every browser has to be turned on anew by its person"
        elif path.startswith(("HttpDoor/Api/ANY", "HttpDoor/Api/POST")):
            yield found, "APIG4", "the door itself checks API keys and tokens, and lets nobody in without"


def _logical_id(stack: Stack, function: str) -> str:
    made = stack.node.find_child("Functions").node.find_child(_construct_id(function)).node.default_child
    assert isinstance(made, lambda_.CfnFunction)
    return str(stack.get_logical_id(made))


def _construct_id(function: str) -> str:
    return "".join(part.capitalize() for part in function.split("_"))
