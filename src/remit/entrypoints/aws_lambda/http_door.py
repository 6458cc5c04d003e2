"""
The whole HTTP door behind API Gateway (HTTP API, payload 2.0), through Mangum.

It answers whole responses: streams of events tell what is new and end, and answers over 6 MB end at the gateway.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from mangum import Mangum

from remit.entrypoints.aws_lambda import process
from remit.entrypoints.aws_lambda.counting import metrics
from remit.entrypoints.aws_lambda.entry import Handler, logger, tracer
from remit.entrypoints.server.application import create_app
from remit.entrypoints.web.problem_details import MEDIA_TYPE
from remit.entrypoints.web.settings import settings_from

TEXT = ["text/", "application/json", MEDIA_TYPE, "application/x-ndjson", "application/javascript"]
"""Sent as it is; anything else in base64."""


@cache
def door() -> Handler:
    # No start-up or shutdown to run: an environment is frozen, not ended. The gateway hands over whole answers, so that
    # a stream tells what is new and ends; its reader comes again.
    app = create_app(process.remit(), settings_from({"REMIT_STREAM_FOR_S": "0", **os.environ}))
    adapted: Handler = Mangum(app, lifespan="off", text_mime_types=TEXT)
    return adapted


def _answering(needs_a_way_out: bool) -> Handler:
    @logger.inject_lambda_context
    @tracer.capture_lambda_handler(capture_response=False)
    @metrics.log_metrics
    def answer(event: Any, context: Any) -> Any:
        if needs_a_way_out:
            process.required("REMIT_SENDER_URL")
        return door()(event, context)

    answering: Handler = answer
    return answering


handler = _answering(needs_a_way_out=True)
stop_handler = _answering(needs_a_way_out=False)
"""For the stop switch, which must work where nothing can be published."""
