"""
Counts of functions, as CloudWatch metrics of the namespace `Remit`: written to the log, which calls nobody.

`REMIT_DEPLOYMENT` names whose they are, so that two deployments in one account do not count into each other's.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from remit.hooks import StepEvent
from remit.ports import DELIVERED, REFUSED, CheckedPublisher, Message, Receipt, SendingPublisher

NAMESPACE = "Remit"
SERVICE = os.environ.get("REMIT_DEPLOYMENT") or NAMESPACE
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)

RECEIPTS = {DELIVERED: "Published", REFUSED: "PublishRefused"}


def add(name: str, value: float = 1, unit: MetricUnit = MetricUnit.Count) -> None:
    metrics.add_metric(name, unit, value)


def count(happened: StepEvent) -> None:
    """A watcher of the app: `DecidedAutoExecuted`, `DecidedRequireApproval`, `OutcomeSucceeded`, `OutcomeUnknown` …"""
    if happened.step == "gate":
        add(f"Decided{_camel(happened.result)}")
    elif happened.step == "execute":
        add(f"Outcome{_camel(happened.result)}")


def _camel(word: str) -> str:
    return word.title().replace("_", "")


class CountedSender:
    """A publisher whose receipts are counted: `Published`, `PublishRefused`, `PublishUnconfirmed`."""

    def __init__(self, sender: SendingPublisher) -> None:
        self._sender = sender

    def check(self) -> None:
        if isinstance(self._sender, CheckedPublisher):
            self._sender.check()

    def send(self, messages: Sequence[Message]) -> list[Receipt]:
        receipts = self._sender.send(messages)
        for receipt in receipts:
            add(RECEIPTS.get(receipt.outcome, "PublishUnconfirmed"))
        return receipts
