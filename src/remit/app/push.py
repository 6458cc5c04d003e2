"""The part of the app for browsers in which people are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.app.part import Part
from remit.core.identity.principal import Principal
from remit.core.notifications.browser import Browser, parse_browser
from remit.flow.notifications import browsers
from remit.ports import PushService


class Push(Part):
    """People turn it on and off for themselves, each in the browser that they are at."""

    def public_key(self) -> str | None:
        """The key that browsers are given to subscribe with; `None` where the operator has set no key."""
        notifier = self.context.notifiers.get("push")
        return notifier.public_key if isinstance(notifier, PushService) else None

    def turn_on(self, who: Principal, asked: Any) -> Browser:
        """
        Tell `who` in this browser from here on, as the tenant's subscriptions by `push` say; again, they were there.

        Raises `InvalidInput`, and `Conflict` where nobody can be told so.
        """
        who.require("read")
        return browsers.turn_on(self.context, who, parse_browser(asked), self.clock.now())

    def browsers(self, tenant_id: str) -> Sequence[Browser]:
        return browsers.listed(self.context, tenant_id)

    def turn_off(self, who: Principal, browser_id: str) -> Browser:
        """Tell nobody there any more. Raises `NotFound`, and `Forbidden` for another's but to admins."""
        return browsers.remove(self.context, who, browser_id, self.clock.now())
