"""Answers from a chat: a press of a card's button, in a request that the chat's server signed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from remit.app.part import Part
from remit.app.people import People
from remit.core.errors import Forbidden, RemitError, Unauthenticated
from remit.core.identity.principal import Principal
from remit.core.notifications.press import NOT_SIGNED, Press, SignedRequest
from remit.core.notifications.subscription import Subscription
from remit.core.records import SUBSCRIPTION
from remit.core.rendering import quoted
from remit.flow.context import Context, bounds_now
from remit.flow.notifications.cards import PressCard, find
from remit.ports import ChatApp, Clock

log = logging.getLogger(__name__)


class KnownPress(Struct, frozen=True):
    """A signed press, with the subscription of its card; `principal` is who pressed, if an admin named them."""

    press: Press
    to: Subscription
    principal: Principal | None


class Reaction(Struct, frozen=True):
    """The answer to the chat's server, and what is to be done once it is there."""

    body: dict[str, Any] | None = None
    then: Callable[[], None] | None = None


class ChatAnswers(Part):
    """
    Whoever presses is somebody by an admin's word alone, and may what that person may at any other door; what they
    answer is the card's digest.
    """

    def __init__(self, context: Context, clock: Clock, people: People) -> None:
        super().__init__(context, clock)
        self._people = people

    def known(self, tenant_id: str, request: SignedRequest) -> KnownPress | None:
        """
        The press, and by whom; `None` for what asks for nothing.

        Raises `Unauthenticated`, in the same words whatever is wrong.
        """
        request.check_fresh(self.clock.now())
        app = self._app()
        showing = [each for each in self.context.store.scan(SUBSCRIPTION, tenant_id) if each.has_cards]
        by_secret = {each.signing_secret: each for each in reversed(showing)}
        signer = next((each for each in by_secret.values() if app.signed(each, request)), None)
        if signer is None:
            raise Unauthenticated(NOT_SIGNED)
        press = app.read(request)
        if press is None:
            return None
        # One app may post for several subscriptions, and none for another app's.
        own = (each for each in showing if each.signing_secret == signer.signing_secret)
        to = next((each for each in own if each.subscription_id == press.card.subscription_id), None)
        if to is None:
            raise Unauthenticated(NOT_SIGNED)
        return KnownPress(press, to, to.person_in_slack(press.team, press.user))

    def answer(self, known: KnownPress) -> Reaction:
        """Carry out what was pressed, once. Never raises for what is refused: whoever pressed is told."""
        try:
            return self._answered(known, _answerer(known))
        except RemitError as error:
            return self._refused(known, str(error))

    def _answered(self, known: KnownPress, principal: Principal) -> Reaction:
        press, to, card = known.press, known.to, known.press.card
        if press.wish == "ask_reason":
            return Reaction(then=partial(self._ask, to, press))
        pressing = PressCard(
            to.tenant_id, to.subscription_id, card.action_intent_id, press.place, press.once, self.clock.now()
        )
        if not self._one(pressing.unit()):
            log.warning("a press of %s was sent twice, and counts once", to.subscription_id)
            return Reaction()
        by, credential = principal.name, principal.credential
        names = to.tenant_id, card.action_intent_id
        if press.wish == "approve":
            self._check_shown(to, card.action_intent_id)
            self._people.approve(*names, by=by, digest=card.digest, credential=credential)
        else:
            self._people.reject(*names, by=by, reason=press.reason, digest=card.digest, credential=credential)
        return Reaction()

    def _check_shown(self, to: Subscription, action_intent_id: str) -> None:
        """Only a card that shows all that runs has the button; a subscription may have shown more when it was made."""
        for card in find(self.context, to, [action_intent_id], lambda _: None):
            card.require_whole()

    def _ask(self, to: Subscription, press: Press) -> None:
        cards = find(self.context, to, [press.card.action_intent_id], lambda _: None)
        text = cards[0].text if cards else f"Intent {quoted(press.card.action_intent_id)}"
        self._app().ask_reason(to, press, text, self._hosts(to))

    def _refused(self, known: KnownPress, text: str) -> Reaction:
        if known.press.wish == "reject":
            return Reaction(body=self._app().problem(text))
        return Reaction(then=partial(self._app().reply, known.to, known.press, text, self._hosts(known.to)))

    def _hosts(self, to: Subscription) -> Sequence[str]:
        return bounds_now(self.context, to.tenant_id).bounds.allowed_hosts

    def _app(self) -> ChatApp:
        app = self.context.notifiers.get("slack")
        if not isinstance(app, ChatApp):
            raise Unauthenticated(NOT_SIGNED)
        return app


def _answerer(known: KnownPress) -> Principal:
    if known.principal is None:
        who = f"user {known.press.user} of team {known.press.team}"
        raise Forbidden(f"{who} is nobody here; an admin names them among the people of {known.to.subscription_id}")
    known.principal.require("answer")
    return known.principal
