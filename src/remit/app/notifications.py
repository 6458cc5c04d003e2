"""The part of the app that follows the ledger: it counts every day, and tells people outside."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from remit.app.part import FlowMethod, Part, new_secret
from remit.core.identity.credential import PROCESS, Credential
from remit.core.identity.person import check_person
from remit.core.identity.principal import Principal
from remit.core.identity.session import LinkedIntent
from remit.core.lifecycle import Case
from remit.core.notifications.outbox import Delivery
from remit.core.notifications.subscription import Recipient, Subscription, parse_subscription
from remit.core.values import SYSTEM, check_identifier, check_tenant
from remit.flow.context import Context
from remit.flow.notifications import count, deliver
from remit.flow.notifications import subscriptions as subscriptions_flow
from remit.flow.notifications.deliver import DueOutbox, Links
from remit.flow.notifications.follow import LedgerFollower
from remit.flow.notifications.subscriptions import DeliveryFilter
from remit.flow.pages import PAGE
from remit.flow.settings import sessions
from remit.ports import Clock

if TYPE_CHECKING:
    from remit.core.views import DeliveryAnswer, TallyAnswer

MOST_DUE = 1000
MAILED_LINK_LIVES = timedelta(days=1)
"""How long the link in a mail signs its recipient in, if it was not used before."""


class Notifications(Part):
    """People set subscriptions; workers follow the ledger and deliver."""

    def __init__(self, context: Context, clock: Clock) -> None:
        super().__init__(context, clock)
        self._follower = LedgerFollower()

    # --- subscriptions ---

    def set_subscription(
        self, tenant_id: str, subscription_id: str, asked: Any, *, by: str, credential: Credential = PROCESS
    ) -> Subscription:
        """Make a subscription, or replace the one of that name. Raises `InvalidInput` naming the field."""
        check_tenant(tenant_id)
        check_identifier("subscription_id", subscription_id)
        check_person("by", by)
        return subscriptions_flow.set_(
            self.context,
            tenant_id,
            subscription_id,
            parse_subscription(asked),
            by=by,
            credential=credential,
            now=self.clock.now(),
        )

    subscriptions = FlowMethod(subscriptions_flow.listed)

    def remove_subscription(
        self, tenant_id: str, subscription_id: str, *, by: str, credential: Credential = PROCESS
    ) -> Subscription:
        """It is told nothing more, and what it was told is forgotten. Answers it as it was. Raises `NotFound`."""
        check_person("by", by)
        return subscriptions_flow.remove(
            self.context, tenant_id, subscription_id, by=by, credential=credential, now=self.clock.now()
        )

    def test_subscription(self, tenant_id: str, subscription_id: str, *, by: str) -> Delivery:
        """Have a worker send it a test. Raises `NotFound`, and `Conflict` if it is not enabled."""
        check_person("by", by)
        return subscriptions_flow.test(self.context, tenant_id, subscription_id, by=by, now=self.clock.now())

    def deliveries(
        self,
        tenant_id: str,
        *,
        subscription_id: str | None = None,
        status: str | None = None,
        limit: int = PAGE,
    ) -> list[DeliveryAnswer]:
        """The messages that were sent or are being sent, the newest first, each with its last result."""
        return subscriptions_flow.deliveries(self.context, tenant_id, DeliveryFilter(subscription_id, status), limit)

    # --- what nobody waits for ---

    def follow(self) -> bool:
        """
        One bounded round over the tenants in whose ledgers something changed: count it, and put what people want to be
        told into their outboxes. True if there may be more already.

        Several processes may do this at once: each entry counts once and is told once.
        """
        return self._follower.follow(self.context, self.clock.now)

    def due_deliveries(self, most: int = MOST_DUE) -> list[DueOutbox]:
        """The outboxes that `deliver` may be called with now: of all tenants the longest due, at most so many."""
        return deliver.due(self.context, self.clock.now(), most)

    def deliver(self, which: DueOutbox) -> Delivery | None:
        """Try one message once, and answer it as it is afterwards. `None` if it was another's, or nobody's any more."""
        return deliver.deliver(self.context, which, self.clock.now, Links(self._page, self._sign_in, self._answer))

    def _page(self, place: str) -> str | None:
        return f"{self.context.console_url}{place}" if self.context.console_url else None

    def _sign_in(self, to: Subscription, recipient: Recipient, place: str) -> str | None:
        return self._link("link", to, recipient, place, MAILED_LINK_LIVES, self.clock.now())

    def _answer(self, to: Subscription, recipient: Recipient, case: Case) -> str | None:
        now = self.clock.now()
        lives, place = min(MAILED_LINK_LIVES, case.expires_at - now), f"/console/intents/{case.action_intent_id}"
        answers = LinkedIntent(action_intent_id=case.action_intent_id, digest=case.digest)
        return self._link("answer", to, recipient, place, lives, now, answers)

    def _link(
        self,
        page: str,
        to: Subscription,
        recipient: Recipient,
        leads_to: str,
        lives: timedelta,
        now: datetime,
        answers: LinkedIntent | None = None,
    ) -> str | None:
        if not (self.context.console_url and recipient.roles):
            return None
        token = sessions.make_link(
            self.context,
            Principal(recipient.name, to.tenant_id, frozenset(recipient.roles)),
            leads_to=leads_to,
            loopback_only=False,
            secret=new_secret(),
            now=now,
            lives=lives,
            # Whoever set the subscription chose the name and the mailbox.
            made_by=to.set_by,
            made_through=to.credential,
            actor=SYSTEM,
            answers=answers,
        )
        return self._page(f"/console/{page}/{token}")

    def tally(self, tenant_id: str, first_day: str, last_day: str) -> TallyAnswer:
        """
        Counts of each day from the first to the last, as far as it is counted. Days are ISO dates.

        `counted_to` is the time of the latest entry that is counted.
        Raises `InvalidInput` for more than `LONGEST_SPAN_DAYS`, or what is no day.
        """
        return count.days(self.context, tenant_id, first_day, last_day, self.clock.now())
