"""
Things that one process of a function keeps between its invocations: a Remit, the way out, the secrets of tools.

All of it comes from the environment, which holds names and no secret:

- `REMIT_DATABASE_URL`: as `remit.wiring` understands it, `dynamodb://TABLE` on AWS;
- `REMIT_SENDER_URL`: where approvals go, `eventbridge://BUS`; a function that decides does not run without it;
- `REMIT_DEPLOYMENT`: whose metrics and logs these are, the stack's name;
- `REMIT_EVENT_SOURCE`, `REMIT_STATE_TTL_DAYS`: where they differ from the defaults;
- `REMIT_TOOL_SECRET_PREFIX`: what the names of tools' secrets begin with, in Secrets Manager;
- `REMIT_PUSH_SECRET`, `REMIT_PUSH_CONTACT`: where the key is that signs messages to browsers, and whom push services
  may write to; without them nobody is told so;
- `REMIT_PRIVATE_HOSTS`: what tools may call beside public addresses.
"""

from __future__ import annotations

import logging
import os
from functools import cache

from remit.core.errors import ConfigMissing, InvalidInput, TryLater
from remit.core.execution.approval import DEFAULT_SOURCE, STATE_TTL_DAYS
from remit.core.whole_numbers import whole_number
from remit.entrypoints.aws_lambda.counting import CountedSender, count
from remit.wiring import Remit, open_secrets, open_sender, operators_secret

log = logging.getLogger(__name__)


@cache
def remit() -> Remit:
    """This process's Remit, opened when it is first needed."""
    prefix = os.environ.get("REMIT_TOOL_SECRET_PREFIX")
    opened = Remit.open(
        required("REMIT_DATABASE_URL"),
        environ={},
        secrets=open_secrets(prefix) if prefix else None,
        settings={**os.environ, **_push_key()},
        event_source=event_source(),
        state_ttl_days=_days("REMIT_STATE_TTL_DAYS", STATE_TTL_DAYS[1]),
        publishing=sender() is not None,
        sender=sender(),
    )
    opened.hooks.add(count)
    return opened


def _push_key() -> dict[str, str]:
    secret_id = os.environ.get("REMIT_PUSH_SECRET")
    if not secret_id:
        return {}
    try:
        key = operators_secret(secret_id)
    except TryLater as error:
        # Whoever answers at the console does not wait for that: this process tells nobody so, the next one may.
        log.warning("nobody is told in their browsers by this process: %s", error)
        return {}
    if not key:
        raise ConfigMissing("REMIT_PUSH_SECRET", "names no secret that is there; deploy again with push_contact")
    return {"REMIT_PUSH_KEY": key}


@cache
def sender() -> CountedSender | None:
    """The way out of this function's events; `None` if none may leave."""
    url = os.environ.get("REMIT_SENDER_URL")
    return CountedSender(open_sender(url)) if url else None


def required(name: str) -> str:
    """A variable of the environment. Raises `ConfigMissing` with its name."""
    found = os.environ.get(name)
    if not found:
        raise ConfigMissing(name, "is not set; the deployment sets it for each function that needs it")
    return found


def _days(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    number = whole_number(text)
    if number is None:
        raise InvalidInput(name, f"is {text[:50]!r}", "set it to a whole number of days")
    return number


def event_source() -> str:
    return os.environ.get("REMIT_EVENT_SOURCE") or DEFAULT_SOURCE
