"""
The Lambda functions: one role each, with what `infra.functions` says it touches and nothing else.

Each deployment publishes a version of each. Whoever calls a function calls its alias, which moves to the new version
when that is there; an execution that has begun ends on the versions it began with, which is why they are kept.
"""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.deployment.events import Events
from infra.deployment.records import Records
from infra.functions import DOORS, FUNCTIONS, PUSH_KEY_LENGTH, Function
from infra.package import ARCHITECTURE, PYTHON
from infra.settings import Settings

ASYNCHRONOUS = ("gate", "reconcile", "notify")
"""Invoked by events and schedules, which do not wait: Lambda itself tries again, and keeps what it gives up on."""
LIVE = "live"
"""The alias that everybody calls."""
REACH_VPC = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
]


class Functions(Construct):
    def __init__(
        self, scope: Construct, settings: Settings, records: Records, events: Events, code: lambda_.Code
    ) -> None:
        super().__init__(scope, "Functions")
        self._settings, self._records, self._events, self._code = settings, records, events, code
        self._removal = RemovalPolicy.RETAIN if settings.retain else RemovalPolicy.DESTROY
        # Secrets are made by the operator, one for each tenant and name; nothing of them is in a template.
        self.tool_secret_prefix = settings.name
        self._push_key = self._made_push_key() if settings.push_contact else None
        wanted = [function for function in FUNCTIONS if function.name not in DOORS or settings.http_door]
        self.by_name = {function.name: self._function(function) for function in wanted}
        self.live = {name: self._alias(name, function) for name, function in self.by_name.items()}

    def _function(self, function: Function) -> lambda_.Function:
        id_ = _id(function.name)
        log_group = logs.LogGroup(
            self,
            f"{id_}Logs",
            retention=_retention(self._settings.log_days),
            removal_policy=self._removal,
        )
        made = lambda_.Function(
            self,
            id_,
            description=f"Remit: {function.purpose}",
            runtime=lambda_.Runtime(f"python{PYTHON}", lambda_.RuntimeFamily.PYTHON, supports_inline_code=True),
            architecture=getattr(lambda_.Architecture, ARCHITECTURE),
            code=self._code,
            handler=function.handler,
            role=self._role(id_, function, log_group),
            timeout=Duration.seconds(function.timeout_s),
            memory_size=function.memory_mb,
            reserved_concurrent_executions=function.reserved if self._settings.reserve else None,
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
            environment=self._environment(function),
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
        )
        self._put_into_vpc(made)
        return made

    def _alias(self, name: str, function: lambda_.Function) -> lambda_.Alias:
        alias = lambda_.Alias(self, f"{_id(name)}Live", alias_name=LIVE, version=function.current_version)
        if name in ASYNCHRONOUS:
            self._keep_what_is_given_up(name, alias)
        return alias

    def _put_into_vpc(self, made: lambda_.Function) -> None:
        subnets, groups = (_listed(text) for text in (self._settings.subnet_ids, self._settings.security_group_ids))
        if not subnets:
            return
        resource = made.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(subnet_ids=subnets, security_group_ids=groups)

    def _role(self, id_: str, function: Function, log_group: logs.LogGroup) -> iam.Role:
        role = iam.Role(self, f"{id_}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        role.add_to_policy(
            iam.PolicyStatement(
                sid="WriteOwnLogs",
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[log_group.log_group_arn],
            )
        )
        if self._settings.subnet_ids:
            # Lambda makes the function's way into the VPC in the role's name, before there is anything to name.
            role.add_to_policy(iam.PolicyStatement(sid="ReachTheVpc", actions=REACH_VPC, resources=["*"]))
        for statement in self._records.statements(function):
            role.add_to_policy(statement)
        if function.publishes:
            bus = self._events.bus.event_bus_arn
            publishing = ["events:PutEvents", "events:DescribeEventBus"]
            role.add_to_policy(iam.PolicyStatement(sid="Publish", actions=publishing, resources=[bus]))
        if function.reads_secret:
            role.add_to_policy(
                iam.PolicyStatement(
                    sid="ReadToolSecrets",
                    actions=["secretsmanager:GetSecretValue"],
                    resources=[self._tool_secrets_arn()],
                )
            )
        if function.tells_browsers and self._push_key is not None:
            role.add_to_policy(
                iam.PolicyStatement(
                    sid="ReadPushKey",
                    actions=["secretsmanager:GetSecretValue"],
                    resources=[self._push_key.secret_arn],
                )
            )
        return role

    def _made_push_key(self) -> secretsmanager.Secret:
        """
        A key as `remit push-key` makes one, which nobody has seen: so many letters and digits are 32 bytes in
        base64url, and below the curve's order.
        """
        return secretsmanager.Secret(
            self,
            "PushKey",
            description="Remit: signs what people are told in their browsers; with another one each turns it on anew",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=PUSH_KEY_LENGTH, exclude_punctuation=True
            ),
            removal_policy=self._removal,
        )

    def _tool_secrets_arn(self) -> str:
        """Of this deployment's prefix alone; the function itself keeps tenants apart, by the next part of the name."""
        return Stack.of(self).format_arn(
            service="secretsmanager",
            resource="secret",
            resource_name=f"{self.tool_secret_prefix}/*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _environment(self, function: Function) -> dict[str, str]:
        settings = self._settings
        said = {
            "REMIT_DATABASE_URL": f"dynamodb://{self._records.table.table_name}",
            "REMIT_EVENT_SOURCE": settings.event_source,
            "REMIT_STATE_TTL_DAYS": str(settings.state_ttl_days),
            "REMIT_DEPLOYMENT": settings.name,
            "POWERTOOLS_LOG_LEVEL": "INFO",
        }
        if settings.console_url and function.name in (*DOORS, "notify"):
            said["REMIT_CONSOLE_URL"] = settings.console_url
        if function.tells_browsers and self._push_key is not None:
            said["REMIT_PUSH_SECRET"] = self._push_key.secret_arn
            said["REMIT_PUSH_CONTACT"] = settings.push_contact or ""
        if function.publishes:
            said["REMIT_SENDER_URL"] = f"eventbridge://{self._events.bus.event_bus_name}"
        if function.reads_secret:
            said["REMIT_TOOL_SECRET_PREFIX"] = self.tool_secret_prefix
            if settings.private_hosts:
                said["REMIT_PRIVATE_HOSTS"] = settings.private_hosts
        if function.name in ("status", *DOORS):
            said |= _oidc(settings)
        if function.name in DOORS and settings.oidc_client_id:
            said["REMIT_OIDC_CLIENT_ID"] = settings.oidc_client_id
            if settings.oidc_scope:
                said["REMIT_OIDC_SCOPE"] = settings.oidc_scope
        return said

    def _keep_what_is_given_up(self, name: str, alias: lambda_.Alias) -> None:
        alias.configure_async_invoke(
            retry_attempts=2,
            max_event_age=Duration.hours(1),
            on_failure=destinations.SqsDestination(self._events.dead_letters_of(f"{name.capitalize()}Failed")),
        )


def _oidc(settings: Settings) -> dict[str, str]:
    if not settings.oidc_issuer or not settings.oidc_audience:
        return {}
    said = {
        "REMIT_OIDC_ISSUER": settings.oidc_issuer,
        "REMIT_OIDC_AUDIENCE": settings.oidc_audience,
        "REMIT_OIDC_TENANT_CLAIM": settings.oidc_tenant_claim,
        "REMIT_OIDC_ROLES_CLAIM": settings.oidc_roles_claim,
        "REMIT_OIDC_NAME_CLAIM": settings.oidc_name_claim,
    }
    further = {
        "REMIT_OIDC_ACCOUNTS_CLAIM": settings.oidc_accounts_claim,
        "REMIT_OIDC_ON_BEHALF_OF_CLAIM": settings.oidc_on_behalf_of_claim,
        "REMIT_OIDC_TENANT": settings.oidc_tenant,
        "REMIT_OIDC_GROUPS": settings.oidc_groups,
        "REMIT_OIDC_GROUPS_CLAIM": settings.oidc_groups_claim,
    }
    return said | {name: text for name, text in further.items() if text}


def _id(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _retention(days: int) -> logs.RetentionDays:
    """The shortest that CloudWatch knows and that is not shorter. Raises `ValueError` for more than it knows."""
    known = {
        1: "ONE_DAY",
        3: "THREE_DAYS",
        7: "ONE_WEEK",
        14: "TWO_WEEKS",
        30: "ONE_MONTH",
        60: "TWO_MONTHS",
        90: "THREE_MONTHS",
        180: "SIX_MONTHS",
        365: "ONE_YEAR",
        731: "TWO_YEARS",
        1827: "FIVE_YEARS",
        3653: "TEN_YEARS",
    }
    fitting = [name for most, name in known.items() if most >= days]
    if not fitting:
        raise ValueError(f"log_days is {days}: at most {max(known)} are known")
    found: logs.RetentionDays = getattr(logs.RetentionDays, fitting[0])
    return found
