"""The bus, its archive, and the queues for what cannot be delivered."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.settings import Settings

DEAD_LETTERS_KEPT = Duration.days(14)
TRIES_AT_MOST = 20
TRIED_FOR = Duration.hours(6)
"""EventBridge's tries to hand an event on; reconciling delivers an approval again long before."""


class Events(Construct):
    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "Events")
        self.dead_letters: dict[str, sqs.Queue] = {}
        self.bus = events.EventBus(self, "Bus", event_bus_name=settings.name)
        self.bus.archive(
            "Archive",
            archive_name=settings.name,
            description="every event of the bus, to look at and to replay: repeats do nothing",
            event_pattern=events.EventPattern(source=[settings.event_source]),
            retention=Duration.days(settings.archive_days),
        )

    def dead_letters_of(self, name: str) -> sqs.Queue:
        """A queue for what is given up on, watched by an alarm."""
        queue = sqs.Queue(
            self,
            f"{name}DeadLetters",
            retention_period=DEAD_LETTERS_KEPT,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        self.dead_letters[name] = queue
        return queue
