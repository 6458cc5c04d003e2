"""
Durable execution on the store's own database, through DBOS (https://docs.dbos.dev).

It enlists: the workflow is enqueued by the same commit that marks the approval `PUBLISHED`. DBOS
ignores a workflow id it has seen, so each delivery of an approval has its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, EnqueueOptions

from remit.core.errors import TryLater
from remit.ports import Message

APPLICATION = "remit"
QUEUE = "remit-execution"
WORKFLOW = "remit.execute"
# One version for all releases: an approval that was enqueued by one is carried out by the next.
VERSION = "1"


class DbosPublisher:
    """Enqueues executions inside a store's transaction. `url` is the database of that store."""

    def __init__(self, url: str) -> None:
        """Raises `TryLater` if the database does not let the engine make its tables."""
        # Its migrations would otherwise be told line by line to whoever opens a new database.
        logging.getLogger("dbos").setLevel(logging.ERROR)
        try:
            DBOS.migrate(url)
        except sa.exc.SQLAlchemyError as error:
            raise TryLater(f"the tables of the durable engine could not be made ready: {error}") from error
        self._client = DBOSClient(system_database_url=url, application_name=APPLICATION, lazy=True)

    def enlist(self, transaction: sa.Connection, messages: Sequence[Message]) -> None:
        """Enqueue in `transaction`, an open SQLAlchemy connection to the store's database."""
        for message in messages:
            options: EnqueueOptions = {
                "queue_name": QUEUE,
                "workflow_name": WORKFLOW,
                "workflow_id": message.message_id,
                "app_version": VERSION,
            }
            self._client.enqueue_in_transaction(transaction, options, message.data)

    def close(self) -> None:
        self._client.destroy()
