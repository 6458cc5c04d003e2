"""
The part of `App` that follows the ledger: it counts every day, and tells people outside.

People set subscriptions; workers follow and deliver.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from remit.core.errors import OutcomeUnknown, TryLater
from remit.core.identity.access import Principal
from remit.core.notifications.outbox import Delivery
from remit.core.notifications.subscription import Recipient, Subscription, parse_subscription
from remit.core.values import PLATFORM, check_identifier
from remit.flow.context import Context
from remit.flow.notifications import collect, count, deliver
from remit.flow.notifications import subscriptions as subscriptions_flow
from remit.flow.notifications.deliver import DueOutbox, Links
from remit.flow.notifications.subscriptions import Which
from remit.flow.settings import sessions
from remit.ports import Clock

log = logging.getLogger(__name__)

MAILED_LINK_LIVES = timedelta(days=1)
"""How long the link in a mail signs its recipient in, if it was not used before."""


class Telling:
    """One method a verb, like those of `App`, which has them all."""

    def __init__(self, context: Context, clock: Clock) -> None:
        self.context, self.clock = context, clock

    # --- subscriptions ---

    def set_subscription(self, tenant_id: str, subscription_id: str, asked: Any, *, by: str) -> Subscription:
        """Make a subscription, or replace the one of that name. Raises `InvalidInput` naming the field."""
        check_identifier("subscription_id", subscription_id)
        checked = parse_subscription(asked)
        return subscriptions_flow.set_(self.context, tenant_id, subscription_id, checked, by=by, now=self.clock.now())

    def subscriptions(self, tenant_id: str) -> Sequence[Subscription]:
        return subscriptions_flow.listed(self.context, tenant_id)

    def remove_subscription(self, tenant_id: str, subscription_id: str) -> Subscription:
        """With all that it was told, and all that it was about to be told. Raises `NotFound`."""
        return subscriptions_flow.remove(self.context, tenant_id, subscription_id)

    def test_subscription(self, tenant_id: str, subscription_id: str, *, by: str) -> Delivery:
        """Have a worker send it a test. Raises `NotFound`, and `Conflict` if it is not enabled."""
        return subscriptions_flow.test(self.context, tenant_id, subscription_id, by=by, now=self.clock.now())

    def deliveries(
        self,
        tenant_id: str,
        *,
        subscription_id: str | None = None,
        status: str | None = None,
        limit: int = subscriptions_flow.PAGE,
    ) -> list[dict[str, Any]]:
        """What was sent and is being sent, the newest first, each with its last result."""
        return subscriptions_flow.deliveries(self.context, tenant_id, Which(subscription_id, status), limit)

    # --- what nobody waits for ---

    def follow(self) -> bool:
        """
        One bounded round over every tenant: count what is new, and put what people want to be told into their
        outboxes. True if there may be more already.

        Several processes may do this at once: each entry counts once and is told once.
        """
        return sum(self._follow(name) for name in self._tenants()) > 0

    def _tenants(self) -> list[str]:
        return [name for name in self.context.store.tenants() if name != PLATFORM]

    def _follow(self, tenant_id: str) -> bool:
        now = self.clock.now()
        try:
            more = count.count(self.context, tenant_id, now)
            return collect.collect(self.context, tenant_id, now, counted=not more) or more
        except (TryLater, OutcomeUnknown) as error:
            # One tenant's trouble is not the others'; what was not written is found again.
            log.warning("following tenant %s again in a moment: %s", tenant_id, error)
            return False

    def due_deliveries(self) -> list[DueOutbox]:
        """What `deliver` may be called with now."""
        now = self.clock.now()
        return [each for tenant_id in self._tenants() for each in deliver.due(self.context, tenant_id, now)]

    def deliver(self, which: DueOutbox) -> Delivery | None:
        """Try one message once, and answer it as it is afterwards. `None` if it was another's, or nobody's any more."""
        return deliver.deliver(self.context, which, self.clock.now, Links(self._page, self._sign_in))

    def _page(self, place: str) -> str | None:
        return f"{self.context.console_url}{place}" if self.context.console_url else None

    def _sign_in(self, tenant_id: str, recipient: Recipient, place: str) -> str | None:
        if not (self.context.console_url and recipient.roles):
            return None
        token = sessions.make_link(
            self.context,
            Principal(recipient.name, tenant_id, frozenset(recipient.roles)),
            leads_to=place,
            loopback_only=False,
            secret=secrets.token_urlsafe(32),
            now=self.clock.now(),
            lives=MAILED_LINK_LIVES,
        )
        return self._page(f"/console/link/{token}")

    def tally(self, tenant_id: str, first_day: str, last_day: str) -> dict[str, Any]:
        """
        What each day from the first to the last came to, as far as it is counted. Days are ISO dates.

        `counted_to` is the moment before which nothing is missing; where nothing happens, it stays.
        Raises `InvalidInput` for more than `LONGEST_SPAN_DAYS`, or what is no day.
        """
        return count.days(self.context, tenant_id, first_day, last_day, self.clock.now())
