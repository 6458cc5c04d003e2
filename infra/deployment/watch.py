"""What watches a deployment: alarms that tell somebody, and a dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.deployment.events import DEAD_LETTERS_KEPT
from infra.deployment.functions import ASYNCHRONOUS
from infra.settings import Settings
from remit.stores.dynamodb.table import INDEXES, Index

NAMESPACE = "Remit"
"""As the functions count (`remit.entrypoints.aws_lambda.counting`), each deployment by its own name."""
LONGEST_RESERVED_S = 180
"""Reconciling comes every minute: an approval that is older has been tried more than once."""
LONGEST_QUEUED_S = 300
"""What waits for a function so long waits for more than a cold start."""
LAST_DAYS_OF_DEAD_LETTERS = Duration.days(2)
MANY_CONFLICTS = 500
"""Of five minutes. Some are usual: writers in each other's way try again."""
FIVE_MINUTES = Duration.minutes(5)


class Watch(Construct):
    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        *,
        functions: Mapping[str, lambda_.Function],
        machine: sfn.StateMachine,
        table: dynamodb.Table,
        dead_letters: Mapping[str, sqs.Queue],
        apis: Mapping[str, apigateway.HttpApi],
    ) -> None:
        super().__init__(scope, "Watch")
        self.topic = sns.Topic(self, "Alarms", display_name=f"{settings.name} alarms", enforce_ssl=True)
        if settings.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
        self._settings = settings
        for name, function in functions.items():
            self._function_alarms(name, function)
        for name, queue in dead_letters.items():
            depth = queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum")
            self._alarm(f"{name}Depth", depth, 1, f"something could not be delivered and is kept in {name}DeadLetters")
            age = queue.metric_approximate_age_of_oldest_message(period=FIVE_MINUTES, statistic="Maximum")
            lost_soon = (DEAD_LETTERS_KEPT.to_seconds() or 0) - (LAST_DAYS_OF_DEAD_LETTERS.to_seconds() or 0)
            self._alarm(f"{name}Age", age, lost_soon, f"what {name}DeadLetters keeps is lost in two days: replay it")
        for name, api in apis.items():
            failed = api.metric_server_error(period=FIVE_MINUTES, statistic="Sum")
            self._alarm(f"{name}ServerErrors", failed, 1, f"{name} answered 5xx: the functions' logs say why")
        self._machine_alarms(machine)
        self._table_alarms(table)
        self._remit_alarms()
        self._dashboard(functions, machine, table)

    def _function_alarms(self, name: str, function: lambda_.Function) -> None:
        id_ = "".join(part.capitalize() for part in name.split("_"))
        errors = function.metric_errors(period=FIVE_MINUTES)
        self._alarm(f"{id_}Errors", errors, 1, f"{name} raised an error")
        throttles = function.metric_throttles(period=FIVE_MINUTES)
        self._alarm(f"{id_}Throttles", throttles, 1, f"{name} was called more often than the account lets it run")
        if name in ASYNCHRONOUS:
            waited = function.metric("AsyncEventAge", period=FIVE_MINUTES, statistic="Maximum")
            # In milliseconds.
            self._alarm(f"{id_}QueueAge", waited, LONGEST_QUEUED_S * 1000, f"events wait long for {name}")

    def _machine_alarms(self, machine: sfn.StateMachine) -> None:
        for what, metric in {
            "Failed": machine.metric_failed(period=FIVE_MINUTES),
            "TimedOut": machine.metric_timed_out(period=FIVE_MINUTES),
            "Aborted": machine.metric_aborted(period=FIVE_MINUTES),
            "Throttled": machine.metric_throttled(period=FIVE_MINUTES),
        }.items():
            self._alarm(f"Executions{what}", metric, 1, f"an execution was {what.lower()}: look at its history")

    def _table_alarms(self, table: dynamodb.Table) -> None:
        for what in ("Read", "Write"):
            metric = table.metric(f"{what}ThrottleEvents", period=FIVE_MINUTES, statistic="Sum")
            self._alarm(f"Table{what}Throttles", metric, 1, f"the table throttled {what.lower()}s")
            for index in INDEXES:
                self._index_alarm(table, index, what)
        conflicts = table.metric("TransactionConflict", period=FIVE_MINUTES, statistic="Sum")
        self._alarm(
            "TableConflicts", conflicts, MANY_CONFLICTS, "many writes are in each other's way: one hot account?"
        )

    def _index_alarm(self, table: dynamodb.Table, index: Index, what: str) -> None:
        metric = cloudwatch.Metric(
            namespace="AWS/DynamoDB",
            metric_name=f"{what}ThrottleEvents",
            dimensions_map={"TableName": table.table_name, "GlobalSecondaryIndexName": index.name},
            period=FIVE_MINUTES,
            statistic="Sum",
        )
        name = "".join(part.capitalize() for part in index.name.split("_"))
        text = f"the index {index.name} throttled {what.lower()}s; a write to it that is throttled holds up the table's"
        self._alarm(f"Index{name}{what}Throttles", metric, 1, text)

    def _remit_alarms(self) -> None:
        self._alarm(
            "OldestReserved",
            self._counted("OldestReserved", "Maximum", Duration.minutes(1)),
            LONGEST_RESERVED_S,
            "an approval waits to be published; or nobody measures, because reconciling does not run",
            periods=5,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
        for name, text in {
            "PublishUnconfirmed": "the bus did not confirm an event: is it there, and may we publish?",
            "PublishRefused": "the bus refused an event for good; its charge was given back and a person is asked",
            "ApprovalRefused": "an event that no approval stands behind was on the bus: who may put events there?",
            "OutcomeUnknown": "nobody knows whether an action happened: a person has to look and resolve it",
        }.items():
            self._alarm(name, self._counted(name, "Sum"), 1, text)

    def _alarm(
        self,
        name: str,
        metric: Any,
        threshold: float,
        text: str,
        *,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self._settings.name}-{name}",
            alarm_description=text,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))

    def _dashboard(
        self, functions: Mapping[str, lambda_.Function], machine: sfn.StateMachine, table: dynamodb.Table
    ) -> None:
        def graph(title: str, *metrics: Any) -> cloudwatch.GraphWidget:
            return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8)

        outcomes = [self._counted(f"Outcome{what}", "Sum") for what in ("Succeeded", "Failed", "Unknown", "Cancelled")]
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self._settings.name,
            widgets=[
                [
                    graph(
                        "Decisions",
                        *(self._counted(f"Decided{what}", "Sum") for what in ("AutoExecuted", "RequireApproval")),
                    ),
                    graph("Outcomes", *outcomes),
                    graph(
                        "Publication",
                        *(self._counted(name, "Sum") for name in ("Published", "PublishUnconfirmed", "PublishRefused")),
                    ),
                ],
                [
                    graph("Oldest reserved, seconds", self._counted("OldestReserved", "Maximum")),
                    graph("Executions", machine.metric_started(), machine.metric_succeeded(), machine.metric_failed()),
                    graph("Gate, milliseconds", *_percentiles(functions["gate"])),
                ],
                [
                    graph("Errors of functions", *(function.metric_errors() for function in functions.values())),
                    graph("Throttles of functions", *(function.metric_throttles() for function in functions.values())),
                    graph(
                        "Units of the table",
                        table.metric_consumed_read_capacity_units(),
                        table.metric_consumed_write_capacity_units(),
                    ),
                ],
            ],
        )

    def _counted(self, name: str, statistic: str, period: Duration = FIVE_MINUTES) -> cloudwatch.Metric:
        ours = {"service": self._settings.name}
        return cloudwatch.Metric(
            namespace=NAMESPACE, metric_name=name, dimensions_map=ours, statistic=statistic, period=period
        )


def _percentiles(function: lambda_.Function) -> list[cloudwatch.Metric]:
    return [function.metric_duration(statistic=statistic) for statistic in ("p50", "p99")]
