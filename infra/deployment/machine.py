"""The state machine, and who starts what: rules and the schedule."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.deployment.events import TRIED_FOR, TRIES_AT_MOST, Events
from infra.events import GATE, RULES, Rule
from infra.settings import Settings
from infra.state_machine import EXECUTION_TIMEOUT_S, STEPS, definition

SCHEDULED, EVERY = ("reconcile", "notify"), Duration.minutes(1)


class Machine(Construct):
    """The execution of approvals."""

    def __init__(self, scope: Construct, settings: Settings, functions: Mapping[str, lambda_.Function]) -> None:
        super().__init__(scope, "Machine")
        steps = [functions[name] for name in dict.fromkeys(STEPS.values())]
        # Versions and not the alias: an execution ends on the code that it began with.
        arns = {name: functions[name].current_version.function_arn for name in STEPS.values()}
        # A name that Step Functions may deliver logs to without a policy of their own for each; and of this stack
        # alone, for the log group of one that is gone may still be there.
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/vendedlogs/states/{settings.name}-execution-{_stack_s_own(self)}",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.RETAIN if settings.retain else RemovalPolicy.DESTROY,
        )
        self.machine = sfn.StateMachine(
            self,
            "Execution",
            state_machine_name=f"{settings.name}-execution",
            definition_body=sfn.DefinitionBody.from_string(Stack.of(self).to_json_string(definition(arns))),
            timeout=Duration.seconds(EXECUTION_TIMEOUT_S),
            tracing_enabled=True,
            # What actions are made of stays in the executions' history, and out of the logs.
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=False),
        )
        self.machine.add_to_role_policy(
            iam.PolicyStatement(
                sid="CallTheSteps",
                actions=["lambda:InvokeFunction"],
                # Earlier versions too: executions that began before this deployment go on.
                resources=[f"{function.function_arn}:*" for function in steps],
            )
        )


class Wakers(Construct):
    """Rules of the bus, and the schedule."""

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        bus: Events,
        functions: Mapping[str, lambda_.Alias],
        machine: sfn.StateMachine,
    ) -> None:
        super().__init__(scope, "Wakers")
        for rule in RULES:
            target = (
                self._gate(bus, rule, functions["gate"]) if rule.target == GATE else self._machine(bus, rule, machine)
            )
            events.Rule(
                self,
                _id(rule),
                event_bus=bus.bus,
                description=f"{rule.detail_type} → {rule.target}",
                event_pattern=events.EventPattern(source=[settings.event_source], detail_type=[rule.detail_type]),
                targets=[target],
            )
        for name in SCHEDULED:
            self._schedule(bus, name, functions[name])

    def _schedule(self, bus: Events, name: str, function: lambda_.Alias) -> None:
        scheduler.Schedule(
            self,
            name.capitalize(),
            description=f"{name}, for as long as the deployment lives",
            schedule=scheduler.ScheduleExpression.rate(EVERY),
            target=scheduler_targets.LambdaInvoke(
                function,
                dead_letter_queue=bus.dead_letters_of(f"{name.capitalize()}Schedule"),
                retry_attempts=2,
                # The next one comes in a minute.
                max_event_age=Duration.minutes(5),
            ),
        )

    def _gate(self, bus: Events, rule: Rule, gate: lambda_.Alias) -> targets.LambdaFunction:
        return targets.LambdaFunction(
            gate,
            dead_letter_queue=bus.dead_letters_of(_id(rule)),
            retry_attempts=TRIES_AT_MOST,
            max_event_age=TRIED_FOR,
        )

    def _machine(self, bus: Events, rule: Rule, machine: sfn.StateMachine) -> targets.SfnStateMachine:
        assert rule.input_paths is not None
        given = {name: events.EventField.from_path(path) for name, path in rule.input_paths.items()}
        return targets.SfnStateMachine(
            machine,
            input=events.RuleTargetInput.from_object(given),
            dead_letter_queue=bus.dead_letters_of(_id(rule)),
            retry_attempts=TRIES_AT_MOST,
            max_event_age=TRIED_FOR,
        )


def _stack_s_own(scope: Construct) -> str:
    """The part of the stack's id that no other stack ever has."""
    return Fn.select(2, Fn.split("/", Stack.of(scope).stack_id))


def _id(rule: Rule) -> str:
    return "".join(part.capitalize() for part in rule.name.split("-"))
