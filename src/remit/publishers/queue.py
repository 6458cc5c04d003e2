"""
An in-process queue: for the store in memory, and wherever one process both decides and executes.

It enlists: what is handed over in a transaction that fails is never seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from remit.ports import Message


class QueuePublisher:
    """
    Messages of this process, first in first out, each once. They live as long as the process does.

    What was seen is remembered by its id, like everything of a store in memory until the end.
    """

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._seen: set[str] = set()

    def enlist(self, transaction: Any, messages: Sequence[Message]) -> None:
        """A store in memory calls this last, when nothing can fail any more, so it needs no transaction."""
        del transaction
        for message in messages:
            if message.message_id not in self._seen:
                self._seen.add(message.message_id)
                self._messages.append(message)

    def take(self) -> Message | None:
        """The next message, or `None`."""
        try:
            return self._messages.popleft()
        except IndexError:
            return None
