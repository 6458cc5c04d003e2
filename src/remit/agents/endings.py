"""Endings of a guarded call that are no result, as errors. Each has words that a model can be given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remit.core.errors import NotActed

if TYPE_CHECKING:
    from remit.core.views import AgentAnswer


class NotRun(Exception):
    """
    A call that has no result. `text` says in words what became of it and what to do now; `answer` is all of it, as
    `RemitClient.answer` gives it.
    """

    def __init__(self, answer: AgentAnswer) -> None:
        self.answer = answer
        super().__init__(answer["text"])

    @property
    def text(self) -> str:
        return self.answer["text"]

    @property
    def action_intent_id(self) -> str:
        """The intent to ask about; `Guard.call` goes on with it when it is given the same `ToolCall`."""
        return self.answer["action_intent_id"]

    @property
    def status(self) -> str:
        return self.answer["status"]


class Asked(NotRun):
    """It waits: for a person, or for a worker. Nothing was done yet."""


class Rejected(NotRun):
    """A person said no, or the bounds do: it is `BLOCKED`."""


class Expired(NotRun):
    """Nobody answered in time. Nothing was done."""


class Withdrawn(NotRun):
    """Its proposer took it back, or it was cancelled before it ran. Nothing was done."""


class Failed(NotRun):
    """It was tried, and it certainly did not happen."""


class Unknown(NotRun):
    """It may have happened. It must not be done again; a person is looking."""


_BY_STATUS: dict[str, type[NotRun]] = {
    "REJECTED": Rejected,
    "BLOCKED": Rejected,
    "EXPIRED": Expired,
    "WITHDRAWN": Withdrawn,
    "CANCELLED": Withdrawn,
    "FAILED": Failed,
    "UNKNOWN": Unknown,
    # By another process, with a permit of its own: whoever asks here must not do it too.
    "RUNNING": Unknown,
}


def ending_of(answer: AgentAnswer) -> NotRun:
    """The error that an answer stands for; of one that waits, `Asked`."""
    if is_with_a_worker(answer):
        return Asked(answer)
    return _BY_STATUS.get(answer["status"], Asked)(answer)


def is_with_a_worker(answer: AgentAnswer) -> bool:
    """Is a worker to carry it out now, or doing so?"""
    return answer["executed_by"] == "worker" and answer["status"] in ("APPROVED", "RUNNING")


__all__ = [
    "Asked",
    "Expired",
    "Failed",
    "NotActed",
    "NotRun",
    "Rejected",
    "Unknown",
    "Withdrawn",
    "ending_of",
    "is_with_a_worker",
]
