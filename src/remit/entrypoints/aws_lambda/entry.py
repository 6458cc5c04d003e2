"""Around every function: structured logs with the request's id, metrics, traces, and this process's Remit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Tracer

from remit.entrypoints.aws_lambda import process
from remit.entrypoints.aws_lambda.counting import SERVICE, metrics
from remit.wiring import Remit

Handler = Callable[[Any, Any], Any]

logger = Logger(service=SERVICE)
tracer = Tracer(service=SERVICE, patch_modules=["botocore"])
# Many invocations have nothing to count.
warnings.filterwarnings("ignore", message="No application metrics to publish", category=UserWarning)


def entry(function: Callable[[Remit, Any], Any], *, publishes: bool = False) -> Handler:
    """
    The handler of one function, which is given Remit and the event and answers JSON.

    One that `publishes` is not called without a way out: what it charged for would wait.
    """

    # Answers and events stay out of logs and traces: they hold what actions are made of.
    @logger.inject_lambda_context
    @tracer.capture_lambda_handler(capture_response=False)
    @metrics.log_metrics
    def handler(event: Any, context: Any) -> Any:
        del context
        if publishes:
            process.required("REMIT_SENDER_URL")
        return function(process.remit(), event)

    entered: Handler = handler
    return entered
