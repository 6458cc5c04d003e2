"""Where the local cloud keeps its records: a table on DynamoDB Local, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from infra.local.emulator import REGION
from infra.local.servers import dynamodb_local
from remit.stores.dynamodb import create_table, open_client

NODE_MODULES = Path(__file__).parents[2] / "requirements" / "npm" / "node_modules"


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty table that is gone afterwards. Raises `NotInstalled` without Java or the npm packages."""
    with dynamodb_local(NODE_MODULES) as endpoint:
        yield table_url(endpoint)


def table_url(endpoint: str) -> str:
    """The URL of a new table."""
    name = f"remit-{uuid4().hex}"
    client = open_client(region=REGION, endpoint_url=endpoint, answer_within_s=30)
    create_table(client, name)
    client.close()
    # What is written here is read at once: an export has nothing to wait for.
    return f"dynamodb://{name}?region={REGION}&endpoint_url={endpoint}&settle_s=0"
