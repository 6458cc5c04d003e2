"""One deployment of Remit, as one stack."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.deployment.api import HttpDoor, StatusApi
from infra.deployment.events import Events
from infra.deployment.functions import Functions
from infra.deployment.machine import Machine, Wakers
from infra.deployment.reasons import acknowledge
from infra.deployment.records import Records
from infra.deployment.watch import Watch
from infra.settings import Settings


class RemitStack(Stack):
    def __init__(self, scope: Construct, settings: Settings, code: lambda_.Code, **more: Any) -> None:
        super().__init__(scope, settings.name, termination_protection=settings.retain, **more)
        self.records = Records(self, settings)
        self.events = Events(self, settings)
        self.functions = Functions(self, settings, self.records, self.events, code)
        by_name, live = self.functions.by_name, self.functions.live
        self.machine = Machine(self, settings, by_name)
        self.wakers = Wakers(self, settings, self.events, live, self.machine.machine)
        self.status_api = StatusApi(self, settings, live["status"]) if settings.oidc_issuer else None
        self.door = HttpDoor(self, settings, live["http_door"], live["stop_door"]) if settings.http_door else None
        apis = {"StatusApi": self.status_api, "HttpDoor": self.door}
        self.watch = Watch(
            self,
            settings,
            functions=by_name,
            machine=self.machine.machine,
            table=self.records.table,
            dead_letters=self.events.dead_letters,
            apis={name: made.api for name, made in apis.items() if made},
        )
        acknowledge(self)
        self._say()

    def _say(self) -> None:
        """What operators and the smoke test need to know."""
        said = {
            "TableName": self.records.table.table_name,
            "BusName": self.events.bus.event_bus_name,
            "StateMachineArn": self.machine.machine.state_machine_arn,
            "ToolSecretPrefix": self.functions.tool_secret_prefix,
            "AlarmTopicArn": self.watch.topic.topic_arn,
            "ProposeFunction": self.functions.live["propose"].function_arn,
            "ReviewFunction": self.functions.live["review"].function_arn,
        }
        if self.status_api:
            said["StatusApiUrl"] = self.status_api.api.api_endpoint
        if self.door:
            said["HttpDoorUrl"] = self.door.api.api_endpoint
        for name, value in said.items():
            CfnOutput(self, name, value=value)
