"""Subscriptions: who is told, where to, about what, and of which accounts. Set by people, one record a subscription."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from remit.core.errors import InvalidInput
from remit.core.gate.action_type import is_empty, is_none
from remit.core.identity.credential import Credential, makers
from remit.core.identity.person import check_not_system
from remit.core.identity.principal import Principal
from remit.core.invalid_fields import explain_invalid
from remit.core.notifications.about import MOST_FIELDS, AboutIntent, AmountAbove, ShownField
from remit.core.notifications.notice_kind import CARD, ENDED, NOTICES, ON_REQUEST, TEST, NoticeKind
from remit.core.notifications.timing import Escalation, QuietHours
from remit.core.values import ActionTypeName, Document, Identifier, Request, UtcTime

Channel = Literal["webhook", "slack", "email", "push"]
PersonRole = Literal["approver", "operator", "admin", "auditor"]

MOST_SUBSCRIPTIONS = 50
"""Of one tenant."""

ReasonCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,127}$")]
SecretReference = Annotated[str, StringConstraints(pattern=r"^\$\{[A-Z_][A-Z0-9_]*\}$")]
_URL = re.compile(r"(https?://[A-Za-z0-9.\-\[\]:]+|\$\{[A-Z_][A-Z0-9_]*\})(/[A-Za-z0-9._~!&'()*+,;=:@%/-]*)?")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")

# Looked at when a subscription is set, not when it is read: one that was stored before it was must stay readable.
_DOTS = re.compile(r"[^.@]+(\.[^.@]+)*@.*")


def _plain_address(text: str) -> str:
    if len(text) > 254 or not _ADDRESS.fullmatch(text):
        raise ValueError("is not one plain e-mail address, such as ann@example.com")
    return text


Links = Literal["sign_in", "answer"]


def _is_sign_in(links: object) -> bool:
    return links == "sign_in"


class Recipient(Request):
    """
    A person who gets mail: with roles, the link in it signs them in under this name, once; with `links: answer`, there
    is one for each action that waits, which shows that and takes an answer to it, once.
    """

    name: Identifier
    address: Annotated[str, AfterValidator(_plain_address)]
    roles: Annotated[list[PersonRole], Field(max_length=4)] = []
    links: Links = Field(default="sign_in", exclude_if=_is_sign_in)


class SlackPerson(Request):
    """A person in Slack, by the ids of team and user: under `name` they answer there, as far as `roles` let them."""

    team: Annotated[str, StringConstraints(pattern=r"^[TE][A-Z0-9]{1,30}$")]
    user: Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{1,30}$")]
    name: Identifier
    roles: Annotated[list[PersonRole], Field(max_length=4)] = []


class NewSubscription(Request):
    """
    A subscription as people write it.

    `url` says where a webhook is; it may begin with `${NAME}`, which is no secret. Where Slack listens is one, so
    there it is exactly `${NAME}`. `recipients` get mail. `accounts` narrows it to what happens to these. What is about
    an intent is narrowed by `action_types`, `reasons` (why a person is asked) and `amounts` (any of these), and shows
    its `fields`. An app of Slack's posts into `slack_channel` with its `bot_token`; its `people` answer there, in
    requests that its `signing_secret` signs. A webhook with `INTENT_ENDED` takes callbacks (`on_end` of an intent) at
    URLs under its own. In `quiet_hours` it is told nothing; what nobody answers in time goes to the one that
    its `escalation` names. By `push` are told the browsers that their people turned it on in.
    """

    channel: Channel
    url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    signing_secret: SecretReference | None = None
    recipients: Annotated[list[Recipient], Field(max_length=20)] = []
    slack_channel: Annotated[str, StringConstraints(pattern=r"^[CGD][A-Z0-9]{1,30}$")] | None = None
    bot_token: SecretReference | None = None
    people: Annotated[list[SlackPerson], Field(max_length=200)] = []
    notices: Annotated[list[NoticeKind], Field(min_length=1, max_length=len(NOTICES + ON_REQUEST))] = list(NOTICES)
    accounts: Annotated[list[Identifier], Field(min_length=1, max_length=200)] | None = None
    action_types: Annotated[list[ActionTypeName], Field(min_length=1, max_length=200)] | None = None
    reasons: Annotated[list[ReasonCode], Field(min_length=1, max_length=50)] | None = None
    amounts: Annotated[list[AmountAbove], Field(min_length=1, max_length=10)] | None = None
    fields: Annotated[list[ShownField], Field(max_length=MOST_FIELDS)] = []
    quiet_hours: QuietHours | None = None
    escalation: Escalation | None = None
    enabled: bool = True


class Subscription(Document):
    """A subscription as it is stored. It is told what happens from `told_from` on, which enabling it sets."""

    subscription_id: str
    tenant_id: str
    channel: Channel
    url: str | None
    signing_secret: str | None
    recipients: list[Recipient]
    notices: list[NoticeKind]
    accounts: list[str] | None
    enabled: bool
    set_by: str
    set_at: UtcTime
    told_from: UtcTime
    set_through: Credential | None = None
    action_types: list[str] | None = Field(default=None, exclude_if=is_none)
    reasons: list[str] | None = Field(default=None, exclude_if=is_none)
    amounts: list[AmountAbove] | None = Field(default=None, exclude_if=is_none)
    fields: list[str] = Field(default=[], exclude_if=is_empty)
    slack_channel: str | None = Field(default=None, exclude_if=is_none)
    bot_token: str | None = Field(default=None, exclude_if=is_none)
    people: list[SlackPerson] = Field(default=[], exclude_if=is_empty)
    quiet_hours: QuietHours | None = Field(default=None, exclude_if=is_none)
    escalation: Escalation | None = Field(default=None, exclude_if=is_none)

    @property
    def credential(self) -> Credential:
        """The credential through which its mail makes sign-in links: in the hand of whoever set it."""
        return Credential("subscription", self.subscription_id, made_by=makers(self.set_by, self.set_through))

    def covers(self, notice: NoticeKind, account_id: str | None) -> bool:
        """Is this one told? What is about no account in particular is told to everybody who wants that notice."""
        return notice in self.notices and (account_id is None or self.accounts is None or account_id in self.accounts)

    def wants(self, about: AboutIntent | None) -> bool:
        """Is it told what is about this intent? What is about none is not narrowed."""
        return about is None or about.wanted(self.action_types, self.reasons, self.amounts)

    @property
    def looks_at_intents(self) -> bool:
        """Does it have to be known what a notice is about?"""
        return bool(self.action_types or self.reasons or self.amounts or self.fields)

    @property
    def has_cards(self) -> bool:
        """Does it show what waits as cards, which people answer where they stand?"""
        return self.enabled and self.slack_channel is not None

    def person_in_slack(self, team: str, user: str) -> Principal | None:
        """Whoever this is here, by an admin's word; what somebody calls themselves there is no name."""
        person = next((each for each in self.people if (each.team, each.user) == (team, user)), None)
        if person is None:
            return None
        # Whoever set the subscription chose the name and the user.
        credential = Credential("slack", f"{team}:{user}", made_by=makers(self.set_by, self.set_through))
        return Principal(person.name, self.tenant_id, frozenset(person.roles), credential)

    def takes_callback(self, url: str, account_id: str) -> bool:
        """May an intent of this account name this URL?"""
        return self.enabled and self.covers(ENDED, account_id) and self.takes_callback_at(url)

    def takes_callback_at(self, url: str) -> bool:
        """Does it take callbacks, at its own URL and at those under it, this one?"""
        own = (self.url or "").rstrip("/")
        return ENDED in self.notices and (url == self.url or url.startswith(f"{own}/"))


def subscription_data(
    change: Literal["CREATED", "CHANGED", "REMOVED"], subscription: Subscription, *, by: str, credential: Credential
) -> dict[str, Any]:
    """
    The data of a `SUBSCRIPTION_CHANGED` entry: what changed, by whom, through which credential, and the subscription
    as it is now, or was. Its secrets are references.
    """
    return {"change": change, "by": by, "credential": credential.wire(), "subscription": subscription.wire()}


def parse_subscription(data: Any) -> NewSubscription:
    """Raises `InvalidInput` naming the fields that are wrong, and never showing what stands in a secret's place."""
    try:
        asked = NewSubscription.model_validate(data)
    except ValidationError as error:
        raise explain_invalid(error, secrets=("signing_secret", "url", "bot_token")) from None
    _CHECKS[asked.channel](asked)
    _check_names(asked)
    _check_notices(asked)
    return asked


def callback_of(subscriptions: Sequence[Subscription], url: str, account_id: str) -> Subscription | None:
    """The first subscription, by name, through which an intent's callback goes."""
    return next((each for each in subscriptions if each.takes_callback(url, account_id)), None)


def check_callback(subscriptions: Sequence[Subscription], url: str, account_id: str) -> None:
    """Raises `InvalidInput` for a URL at which nobody in charge lets intents of this account be told of."""
    if not _URL.fullmatch(url) or _climbs(url):
        raise InvalidInput("on_end", "is not an http or https URL without user name, query and fragment", "send one")
    if callback_of(subscriptions, url, account_id) is None:
        way_out = "have an admin subscribe a webhook with the notice INTENT_ENDED, and name a URL under it"
        raise InvalidInput("on_end", "is under no webhook of this tenant that takes callbacks", way_out)


def _climbs(url: str) -> bool:
    """Would a part of its path lead out of the webhook's own, as some server may read it?"""
    return any(part in (".", "..") for part in re.split(r"[/\\]", unquote(unquote(url))))


def _check_webhook(asked: NewSubscription) -> None:
    if not asked.url or not _URL.fullmatch(asked.url):
        raise InvalidInput("url", "is not an http or https URL without user name, query and fragment", "send one")
    if asked.signing_secret is None:
        raise InvalidInput("signing_secret", "is missing", "write ${NAME} and set NAME where Remit runs")
    _without(asked, "webhook", "recipients", *_OF_SLACK_APP)


_OF_SLACK_APP = ("slack_channel", "bot_token", "people")


def _check_slack(asked: NewSubscription) -> None:
    if asked.slack_channel is not None:
        _check_slack_app(asked)
        return
    if not asked.url or not re.fullmatch(r"\$\{[A-Z_][A-Z0-9_]*\}", asked.url):
        raise InvalidInput("url", "is a secret and does not refer to one", "write ${NAME} and set NAME to the URL")
    _without(asked, "slack", "signing_secret", "recipients")
    _without(asked, "an incoming webhook", "bot_token", "people")


def _check_slack_app(asked: NewSubscription) -> None:
    for field in ("bot_token", "signing_secret"):
        if getattr(asked, field) is None:
            raise InvalidInput(field, "is missing", "write ${NAME} and set NAME where Remit runs")
    ids = [(person.team, person.user) for person in asked.people]
    if len(set(ids)) < len(ids):
        raise InvalidInput("people", "name one user of a team twice", "name each once")
    _without(asked, "an app in a channel", "url", "recipients")


def _check_email(asked: NewSubscription) -> None:
    if not asked.recipients:
        raise InvalidInput("recipients", "are missing", "name who gets mail, each with name and address")
    addresses = [recipient.address for recipient in asked.recipients]
    for place, address in enumerate(addresses):
        if not _DOTS.fullmatch(address):
            raise InvalidInput(f"recipients.{place}.address", "has a dot where none may be", "write ann@example.com")
    if len(set(addresses)) < len(addresses):
        raise InvalidInput("recipients", "name one address twice", "name each once")
    _without(asked, "email", "url", "signing_secret", *_OF_SLACK_APP)


def _check_push(asked: NewSubscription) -> None:
    _without(asked, "push", "url", "signing_secret", "recipients", *_OF_SLACK_APP)


def _check_names(asked: NewSubscription) -> None:
    for place, recipient in enumerate(asked.recipients):
        check_not_system(f"recipients.{place}.name", recipient.name)
    for place, person in enumerate(asked.people):
        check_not_system(f"people.{place}.name", person.name)


_CHECKS = {"webhook": _check_webhook, "slack": _check_slack, "email": _check_email, "push": _check_push}


def _without(asked: NewSubscription, channel: str, *fields: str) -> None:
    for field in fields:
        if getattr(asked, field):
            raise InvalidInput(field, f"means nothing to {channel}", "leave it out")


def check_room(subscriptions: Sequence[Subscription], subscription_id: str) -> None:
    """Raises `InvalidInput` for one more than a tenant may have."""
    others = {each.subscription_id for each in subscriptions} - {subscription_id}
    if len(others) >= MOST_SUBSCRIPTIONS:
        raise InvalidInput("subscription_id", f"would be number {len(others) + 1}", "remove one first")


def check_escalation(
    subscriptions: Sequence[Subscription], subscription_id: str, escalation: Escalation | None
) -> None:
    """Raises `InvalidInput` where it leads to nobody, or back to where it began."""
    by_name = {each.subscription_id: each for each in subscriptions}
    step = escalation
    while step is not None:
        if step.to == subscription_id:
            raise InvalidInput(
                "escalation.to", f"leads back to {subscription_id!r}", "name one that it does not come from"
            )
        if step.to not in by_name:
            raise InvalidInput("escalation.to", f"names {step.to!r}, which is no subscription", "make that one first")
        step = by_name.pop(step.to).escalation


def _check_notices(asked: NewSubscription) -> None:
    if ENDED in asked.notices and asked.channel != "webhook":
        raise InvalidInput("notices", f"hold {ENDED}, which means nothing to {asked.channel}", "leave it out")
    if TEST in asked.notices or CARD in asked.notices:
        kind = TEST if TEST in asked.notices else CARD
        raise InvalidInput("notices", f"hold {kind}, which is sent when there is something of it", "leave it out")
    if len(set(asked.notices)) < len(asked.notices):
        raise InvalidInput("notices", "name one twice", "name each once")
    if asked.accounts is not None and "DAILY_DIGEST" in asked.notices:
        raise InvalidInput("notices", "hold DAILY_DIGEST, which is about all accounts", "leave it out, or 'accounts'")
