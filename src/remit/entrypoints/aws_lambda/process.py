"""
What one process of a function keeps between its invocations: a Remit, the way out, the values of tools.

All of it comes from the environment, which holds names and no secret:

- `REMIT_DATABASE_URL`: as `remit.wiring` understands it, `dynamodb://TABLE` on AWS;
- `REMIT_SENDER_URL`: where approvals go, `eventbridge://BUS`; a function without it publishes nothing;
- `REMIT_EVENT_SOURCE`, `REMIT_STATE_TTL_DAYS`: where they differ from the defaults;
- `REMIT_TOOL_SECRET_ARN`: the Secrets Manager secret whose JSON object holds what tools refer to as `${NAME}`.
"""

from __future__ import annotations

import os
from functools import cache

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError, TransformParameterError

from remit.core.errors import InvalidInput, TryLater
from remit.core.execution.approval import DEFAULT_SOURCE, STATE_TTL_DAYS
from remit.entrypoints.aws_lambda.counting import CountedSender, count
from remit.wiring import Remit, open_sender

TOOL_VALUES_KEPT_S = 300
"""After this a rotated secret is read anew."""

_tool_values: dict[str, str] = {}


@cache
def remit() -> Remit:
    """This process's Remit, opened when it is first needed."""
    opened = Remit.open(
        os.environ["REMIT_DATABASE_URL"],
        environ=_tool_values,
        event_source=event_source(),
        state_ttl_days=int(os.environ.get("REMIT_STATE_TTL_DAYS", STATE_TTL_DAYS[1])),
        publishing=sender() is not None,
        sender=sender(),
    )
    opened.hooks.add(count)
    return opened


@cache
def sender() -> CountedSender | None:
    """How this function's events leave; `None` if none may."""
    url = os.environ.get("REMIT_SENDER_URL")
    return CountedSender(open_sender(url)) if url else None


def event_source() -> str:
    return os.environ.get("REMIT_EVENT_SOURCE") or DEFAULT_SOURCE


def read_tool_values() -> None:
    """
    Have what tools refer to at hand, before anything is called.

    Raises `TryLater` if it cannot be read: a call that fails for it later could be one that nobody knows about.
    """
    arn = os.environ.get("REMIT_TOOL_SECRET_ARN")
    if not arn:
        return
    try:
        values = parameters.get_secret(arn, transform="json", max_age=TOOL_VALUES_KEPT_S)
    except (GetParameterError, TransformParameterError) as error:
        # Neither text is passed on: one may hold what could not be read as JSON.
        raise TryLater(f"the tools' secret {arn} cannot be read: {type(error).__name__}") from None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise InvalidInput("REMIT_TOOL_SECRET_ARN", "does not hold a JSON object of texts", "name one that does")
    _tool_values.clear()
    _tool_values.update(values)
