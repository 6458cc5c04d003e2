"""The two APIs: the Status API, which lets verified tokens in, and the whole HTTP door, which checks for itself."""

from __future__ import annotations

import json

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.functions import STOP_ROUTES
from infra.settings import Settings

STATUS_ROUTES = tuple(f"/v1/intents/{{action_intent_id}}{of}" for of in ("", "/why", "/auto-exec-state", "/result"))
REQUESTS_A_SECOND, BURST = 100, 200
LOGGED = {
    name: f"$context.{name}"
    for name in (
        "requestId",
        "requestTime",
        "routeKey",
        "status",
        "responseLatency",
        "identity.sourceIp",
        "error.message",
    )
}
"""Of each request: the route, never the path or a token."""


class StatusApi(Construct):
    """Behind a JWT authorizer: tenant and roles come from the token's claims."""

    def __init__(self, scope: Construct, settings: Settings, status: lambda_.Alias) -> None:
        super().__init__(scope, "StatusApi")
        assert settings.oidc_issuer and settings.oidc_audience
        authorizer = authorizers.HttpJwtAuthorizer(
            "Tokens", settings.oidc_issuer, jwt_audience=[settings.oidc_audience], authorizer_name=settings.name
        )
        self.api = _api(self, f"{settings.name}-status", "where an intent stands, and why")
        for path in STATUS_ROUTES:
            self.api.add_routes(
                path=path,
                methods=[apigateway.HttpMethod.GET],
                integration=integrations.HttpLambdaIntegration("Status", status),
                authorizer=authorizer,
            )
        self.stage = _stage(self, self.api, settings)


class HttpDoor(Construct):
    """Everything of the HTTP door; it takes API keys, which no authorizer of the gateway can check, and tokens."""

    def __init__(self, scope: Construct, settings: Settings, door: lambda_.Alias, stop: lambda_.Alias) -> None:
        super().__init__(scope, "HttpDoor")
        self.api = _api(self, f"{settings.name}-door", "agents propose, people answer")
        self.api.add_routes(
            path="/{proxy+}",
            methods=[apigateway.HttpMethod.ANY],
            integration=integrations.HttpLambdaIntegration("Door", door),
        )
        # One for all of them: the gateway may then call that function for each.
        stopping = integrations.HttpLambdaIntegration("Stop", stop)
        for path in STOP_ROUTES:
            self.api.add_routes(path=path, methods=[apigateway.HttpMethod.POST], integration=stopping)
        self.stage = _stage(self, self.api, settings)


def _api(scope: Construct, name: str, description: str) -> apigateway.HttpApi:
    return apigateway.HttpApi(scope, "Api", api_name=name, description=description, create_default_stage=False)


def _stage(scope: Construct, api: apigateway.HttpApi, settings: Settings) -> apigateway.HttpStage:
    access = logs.LogGroup(
        scope,
        "Access",
        retention=logs.RetentionDays.THREE_MONTHS,
        removal_policy=RemovalPolicy.RETAIN if settings.retain else RemovalPolicy.DESTROY,
    )
    stage = apigateway.HttpStage(
        scope,
        "Stage",
        http_api=api,
        stage_name="$default",
        auto_deploy=True,
        throttle=apigateway.ThrottleSettings(rate_limit=REQUESTS_A_SECOND, burst_limit=BURST),
    )
    made = stage.node.default_child
    assert isinstance(made, apigateway.CfnStage)
    made.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
        destination_arn=access.log_group_arn, format=json.dumps(LOGGED)
    )
    return stage
