"""
The whole HTTP door behind API Gateway (HTTP API, payload 2.0), through Mangum.

It answers whole responses: streams of events end at the gateway, and so do answers over 6 MB.
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
    # No start-up or shutdown to run: an environment is frozen, not ended.
    app = create_app(process.remit(), settings_from(os.environ))
    adapted: Handler = Mangum(app, lifespan="off", text_mime_types=TEXT)
    return adapted


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: Any, context: Any) -> Any:
    return door()(event, context)
