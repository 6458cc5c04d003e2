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
    """Messages of this process, first in first out. They live as long as the process does."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()

    def enlist(self, transaction: Any, messages: Sequence[Message]) -> None:
        """A store in memory calls this last, when nothing can fail any more, so it needs no transaction."""
        del transaction
        self._messages.extend(messages)

    def take(self) -> Message | None:
        """The next message, or `None`."""
        try:
            return self._messages.popleft()
        except IndexError:
            return None
