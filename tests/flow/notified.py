"""A channel whose receiver is scripted, and what a worker does to bring messages to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from remit.core.notifications.notice_kind import NOTICES
from remit.core.notifications.outbox import GATHER, SendResult
from remit.ports import NotificationBatch

from .world import TENANT, World

CONSOLE = "https://remit.example.com"


class Receiver:
    """
    A notifier. `script` holds what the next letters come to: an outcome, or a function of the letter that answers
    one; an empty script delivers.
    """

    def __init__(self) -> None:
        self.script: deque[Any] = deque()
        self.mailings: list[NotificationBatch] = []

    def check(self, asked: Any) -> None:
        """Anything goes."""

    def send(self, mailing: NotificationBatch) -> list[SendResult]:
        self.mailings.append(mailing)
        return [self._one(letter) for letter in mailing.letters]

    def _one(self, letter: Any) -> SendResult:
        step = self.script.popleft() if self.script else "delivered"
        if callable(step):
            step = step(letter)
        return step if isinstance(step, SendResult) else SendResult(outcome=step, detail="scripted")

    @property
    def letters(self) -> list[Any]:
        return [letter for mailing in self.mailings for letter in mailing.letters]

    def told(self, notice: str | None = None) -> list[str]:
        """The texts that arrived, in order."""
        events = [letter.event["data"] for letter in self.letters if letter.recipient is None]
        return [item["text"] for data in events if notice in (None, data["notice"]) for item in data["items"]]


def notifying_world(new_world: Callable[..., World], **more: Any) -> tuple[World, Receiver]:
    receiver = Receiver()
    channels = dict.fromkeys(("webhook", "slack", "email"), receiver)
    world = new_world(notifiers=channels, console_url=CONSOLE, **more)
    world.apply()
    return world, receiver


def webhook(**changes: Any) -> dict[str, Any]:
    return {"channel": "webhook", "url": "https://hooks.example.com/in", "signing_secret": "${HOOK_SECRET}", **changes}


def subscribe(world: World, name: str = "ops", tenant: str = TENANT, **changes: Any) -> Any:
    return world.app.set_subscription(tenant, name, webhook(**changes), by="ann")


def only(*notices: str) -> dict[str, Any]:
    assert set(notices) <= set(NOTICES)
    return {"notices": list(notices)}


def follow(world: World) -> None:
    while world.app.follow():
        pass


def bring(world: World) -> list[Any]:
    """Follow, let it gather, and try everything that is due."""
    follow(world)
    world.clock.pass_(seconds=GATHER.total_seconds())
    return deliver(world)


def deliver(world: World) -> list[Any]:
    return [world.app.deliver(which) for which in world.app.due_deliveries()]
