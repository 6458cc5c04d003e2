"""The Lambda functions: one role each, with what `infra.functions` says it touches and nothing else."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.deployment.events import Events
from infra.deployment.records import Records
from infra.functions import FUNCTIONS, Function
from infra.package import ARCHITECTURE, PYTHON
from infra.settings import Settings

ASYNCHRONOUS = ("gate", "reconcile", "notify")
"""Invoked by events and schedules, which do not wait: Lambda itself tries again, and keeps what it gives up on."""


class Functions(Construct):
    def __init__(
        self, scope: Construct, settings: Settings, records: Records, events: Events, code: lambda_.Code
    ) -> None:
        super().__init__(scope, "Functions")
        self._settings, self._records, self._events, self._code = settings, records, events, code
        self._removal = RemovalPolicy.RETAIN if settings.retain else RemovalPolicy.DESTROY
        # Secrets are made by the operator, one for each tenant and name; nothing of them is in a template.
        self.tool_secret_prefix = settings.name
        wanted = [function for function in FUNCTIONS if function.name != "http_door" or settings.http_door]
        self.by_name = {function.name: self._function(function) for function in wanted}

    def _function(self, function: Function) -> lambda_.Function:
        id_ = "".join(part.capitalize() for part in function.name.split("_"))
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
            environment=self._environment(function),
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
        )
        if function.name in ASYNCHRONOUS:
            self._keep_what_is_given_up(function, made)
        return made

    def _role(self, id_: str, function: Function, log_group: logs.LogGroup) -> iam.Role:
        role = iam.Role(self, f"{id_}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        role.add_to_policy(
            iam.PolicyStatement(
                sid="WriteOwnLogs",
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[log_group.log_group_arn],
            )
        )
        for statement in self._records.statements(function):
            role.add_to_policy(statement)
        if function.publishes:
            bus = self._events.bus.event_bus_arn
            role.add_to_policy(iam.PolicyStatement(sid="Publish", actions=["events:PutEvents"], resources=[bus]))
        if function.reads_secret:
            role.add_to_policy(
                iam.PolicyStatement(
                    sid="ReadToolSecrets",
                    actions=["secretsmanager:GetSecretValue"],
                    resources=[self._tool_secrets_arn()],
                )
            )
        return role

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
            "POWERTOOLS_LOG_LEVEL": "INFO",
        }
        if function.publishes:
            said["REMIT_SENDER_URL"] = f"eventbridge://{self._events.bus.event_bus_name}"
        if function.reads_secret:
            said["REMIT_TOOL_SECRET_PREFIX"] = self.tool_secret_prefix
            if settings.private_hosts:
                said["REMIT_PRIVATE_HOSTS"] = settings.private_hosts
        if function.name in ("status", "http_door"):
            said |= _oidc(settings)
        return said

    def _keep_what_is_given_up(self, function: Function, made: lambda_.Function) -> None:
        made.configure_async_invoke(
            retry_attempts=2,
            max_event_age=Duration.hours(1),
            on_failure=destinations.SqsDestination(self._events.dead_letters_of(f"{function.name.capitalize()}Failed")),
        )


def _oidc(settings: Settings) -> dict[str, str]:
    if not settings.oidc_issuer or not settings.oidc_audience:
        return {}
    return {
        "REMIT_OIDC_ISSUER": settings.oidc_issuer,
        "REMIT_OIDC_AUDIENCE": settings.oidc_audience,
        "REMIT_OIDC_TENANT_CLAIM": settings.oidc_tenant_claim,
        "REMIT_OIDC_ROLES_CLAIM": settings.oidc_roles_claim,
        "REMIT_OIDC_NAME_CLAIM": settings.oidc_name_claim,
    }


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
