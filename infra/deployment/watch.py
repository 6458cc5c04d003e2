"""What watches a deployment: alarms that tell somebody, and a dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.settings import Settings

NAMESPACE = "Remit"
DIMENSIONS = {"service": "Remit"}
"""As the functions count (`remit.entrypoints.aws_lambda.counting`)."""
LONGEST_RESERVED_S = 180
"""Reconciling comes every minute: an approval that is older has been tried more than once."""
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

    def _remit_alarms(self) -> None:
        self._alarm(
            "OldestReserved",
            _counted("OldestReserved", "Maximum", Duration.minutes(1)),
            LONGEST_RESERVED_S,
            "an approval waits to be published; or nobody measures, because reconciling does not run",
            periods=5,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
        for name, text in {
            "PublishUnconfirmed": "the bus did not confirm an event: is it there, and may we publish?",
            "PublishRefused": "the bus refused an event for good; its charge was given back and a person is asked",
            "OutcomeUnknown": "nobody knows whether an action happened: a person has to look and resolve it",
        }.items():
            self._alarm(name, _counted(name, "Sum"), 1, text)

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

        outcomes = [_counted(f"Outcome{what}", "Sum") for what in ("Succeeded", "Failed", "Unknown", "Cancelled")]
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self._settings.name,
            widgets=[
                [
                    graph(
                        "Decisions",
                        *(_counted(f"Decided{what}", "Sum") for what in ("AutoExecuted", "RequireApproval")),
                    ),
                    graph("Outcomes", *outcomes),
                    graph(
                        "Publication",
                        *(_counted(name, "Sum") for name in ("Published", "PublishUnconfirmed", "PublishRefused")),
                    ),
                ],
                [
                    graph("Oldest reserved, seconds", _counted("OldestReserved", "Maximum")),
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


def _percentiles(function: lambda_.Function) -> list[cloudwatch.Metric]:
    return [function.metric_duration(statistic=statistic) for statistic in ("p50", "p99")]


def _counted(name: str, statistic: str, period: Duration = FIVE_MINUTES) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=NAMESPACE, metric_name=name, dimensions_map=DIMENSIONS, statistic=statistic, period=period
    )
