"""From settings to a client: its own retries off, its waits bounded."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from remit.core.errors import InvalidInput
from remit.core.url_options import url_options
from remit.stores.dynamodb.store import SETTLE_S, DynamoStore

CONNECT_WITHIN_S = 1.0
ANSWER_WITHIN_S = 2.0
_CONNECTIONS = 32
_FORM = "use dynamodb://TABLE?region=eu-central-1&endpoint_url=http://127.0.0.1:8000, both optional"


def open_store(url: str) -> DynamoStore:
    """
    `url` is `dynamodb://TABLE`, with `region`, `endpoint_url` and `settle_s` as its query where they are needed.

    The table is neither looked for nor created. Raises `InvalidInput` if the URL is not understood, or if
    AWS's settings are not complete.
    """
    parts = urlsplit(url)
    given = url_options(parts.query, ("region", "endpoint_url", "settle_s"))
    if not parts.netloc or parts.path not in ("", "/") or given is None:
        raise InvalidInput("database", f"{url!r} is not understood", _FORM)
    try:
        settle_s = float(given.get("settle_s", SETTLE_S))
        client = open_client(region=given.get("region"), endpoint_url=given.get("endpoint_url"))
    except (BotoCoreError, ValueError) as error:
        raise InvalidInput("database", f"{url!r} cannot be opened: {error}", _FORM) from error
    return DynamoStore(client, parts.netloc, settle_s=settle_s, on_close=client.close)


def open_client(
    *, region: str | None = None, endpoint_url: str | None = None, answer_within_s: float = ANSWER_WITHIN_S
) -> Any:
    """
    boto3's client for DynamoDB; what is left out comes from the environment, as AWS's own tools take it.

    It never sends a request twice by itself: after a lost answer a write may have been done, and only the
    store knows how to find out.
    """
    config = Config(
        connect_timeout=CONNECT_WITHIN_S,
        read_timeout=answer_within_s,
        max_pool_connections=_CONNECTIONS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        # A tenth of a read's processor time and a quarter of a write's: the service checks what it is sent as well, and
        # a name that is given is not put together anew for each request.
        parameter_validation=False,
        user_agent=f"remit boto3/{boto3.__version__}",
    )
    session = boto3.session.Session(region_name=region)
    return session.client("dynamodb", endpoint_url=endpoint_url, config=config)
