"""Messages for Slack: through an incoming webhook, or by an app that posts cards and takes what is pressed on them."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from remit.core.execution.templates import ENV
from remit.core.notifications.outbox import Posted, SendResult
from remit.core.notifications.press import Press, SignedRequest
from remit.core.notifications.subscription import NewSubscription, Subscription
from remit.core.rendering import sentence
from remit.egress.failure import Failure
from remit.egress.post import post, redacted, send
from remit.egress.reach import Egress
from remit.egress.secrets import CallSecrets, SecretSource
from remit.egress.wire import HttpResponse
from remit.notifiers import SLACK_API_URL
from remit.notifiers.slack_blocks import LONGEST_SECTION, message, within
from remit.notifiers.slack_cards import REASON, card_message, reason_view
from remit.notifiers.slack_presses import press_of
from remit.ports import NotificationBatch, OutgoingNotification

log = logging.getLogger(__name__)
AT_ONCE_TIMEOUT_S = 2.5
"""For what somebody waits for in front of a screen; a trigger is good for three seconds."""
_FOR_GOOD = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Errors after which a card stays as it is; every other may be mended: a token, a channel, an invitation."""


class _Refused(Exception):
    """Slack took the request and said no."""

    def __init__(self, error: str, retry_after_s: float | None = None) -> None:
        super().__init__(error)
        self.error, self.retry_after_s = error, retry_after_s


class _Bot(Struct, frozen=True):
    """The app in one tenant's workspace, for one batch of calls."""

    notifier: SlackNotifier
    to: Subscription
    allowed_hosts: Sequence[str]
    secrets: CallSecrets
    now: datetime

    def call(self, method: str, arguments: Mapping[str, Any], timeout_s: float | None = None) -> dict[str, Any]:
        """The Web API's answer. Raises `Failure`, and `_Refused` where it says that it is not ok."""
        token = self.secrets.value({ENV: (self.to.bot_token or "")[2:-1]})
        headers = {"Content-Type": "application/json; charset=utf-8", "Authorization": f"Bearer {token}"}
        url, body = f"{self.notifier.api_url}/{method}", json.dumps(arguments).encode()
        host, answer = send(self.notifier.egress, url, headers, body, self.secrets, self.allowed_hosts, timeout_s)
        return _said(host, answer, self.now)


def _said(host: str, answer: HttpResponse, now: datetime) -> dict[str, Any]:
    try:
        said = json.loads(answer.body) if answer.status == 200 and answer.complete else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise _Refused(f"{host} answered {answer.status}", answer.retry_after_s(now))
    if said.get("ok") is not True:
        raise _Refused(str(said.get("error") or "it did not say why"))
    return said


class SlackNotifier:
    """
    Posts each letter once. `secrets` says what a tenant's subscriptions may refer to; `api_url` is where Slack's Web
    API is, for whose host a bot's token and its signing secret are listed.
    """

    def __init__(self, secrets: SecretSource, egress: Egress, api_url: str = SLACK_API_URL) -> None:
        self._secrets, self.egress, self.api_url = secrets, egress, api_url

    def check(self, asked: NewSubscription) -> None:
        """Anything goes: whether the URL is there is known where a worker sends."""

    def send(self, mailing: NotificationBatch) -> list[SendResult]:
        if mailing.to.slack_channel is None:
            return [self._sent_by_webhook(letter, mailing) for letter in mailing.letters]
        results: list[SendResult] = []
        for letter in mailing.letters:
            # Whoever is told to wait waits, with all that is left.
            waits = bool(results) and results[-1].retry_after_s is not None
            results.append(results[-1] if waits else self._sent_by_bot(letter, mailing))
        return results

    def _sent_by_webhook(self, letter: OutgoingNotification, mailing: NotificationBatch) -> SendResult:
        secrets = CallSecrets(self._secrets, mailing.to.tenant_id)
        body = json.dumps(message(letter)).encode()
        try:
            url = secrets.secret_url({ENV: (mailing.to.url or "")[2:-1]})
            headers = {"Content-Type": "application/json; charset=utf-8"}
            answer = post(self.egress, url, headers, body, secrets, mailing.allowed_hosts, mailing.now)
            return redacted(answer, secrets)
        except Failure as failure:
            return redacted(failure, secrets)

    def _sent_by_bot(self, letter: OutgoingNotification, mailing: NotificationBatch) -> SendResult:
        bot = self._bot(mailing.to, mailing.allowed_hosts, mailing.now)
        try:
            return redacted(_post(bot, letter), bot.secrets)
        except Failure as failure:
            return redacted(failure, bot.secrets)
        except _Refused as refused:
            outcome = "refused" if refused.error in _FOR_GOOD else "failed"
            said = SendResult(outcome=outcome, detail=f"Slack says {refused}", retry_after_s=refused.retry_after_s)
            return redacted(said, bot.secrets)

    def _bot(self, to: Subscription, allowed_hosts: Sequence[str], now: datetime) -> _Bot:
        return _Bot(self, to, allowed_hosts, CallSecrets(self._secrets, to.tenant_id), now)

    # --- what is pressed ---

    def signed(self, to: Subscription, request: SignedRequest) -> bool:
        """https://docs.slack.dev/authentication/verifying-requests-from-slack: HMAC-SHA256 over `v0:time:body`."""
        secrets = CallSecrets(self._secrets, to.tenant_id)
        try:
            key = secrets.value({ENV: (to.signing_secret or "")[2:-1]})
            host = urlsplit(self.api_url)
            for secret in secrets.read:
                secret.check_destination(host.hostname or "", host.port or (443 if host.scheme == "https" else 80))
        except Failure as failure:
            log.warning("what is pressed in Slack cannot be checked for %s: %s", to.subscription_id, failure)
            return False
        told = b"v0:" + request.timestamp.encode() + b":" + request.body
        expected = "v0=" + hmac.new(key.encode(), told, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), request.signature.encode())

    def read(self, request: SignedRequest) -> Press | None:
        return press_of(request)

    def ask_reason(self, to: Subscription, press: Press, text: str, allowed_hosts: Sequence[str]) -> None:
        view = reason_view(press.card, text)
        self._at_once(to, allowed_hosts, "views.open", {"trigger_id": press.trigger, "view": view})

    def reply(self, to: Subscription, press: Press, text: str, allowed_hosts: Sequence[str]) -> None:
        told = {"channel": press.place[0] if press.place else to.slack_channel, "user": press.user}
        said = within(sentence(text), LONGEST_SECTION)
        plain = {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": said, "emoji": False}}]}
        self._at_once(to, allowed_hosts, "chat.postEphemeral", {**told, **plain, "text": "It was not answered"})

    def _at_once(
        self, to: Subscription, allowed_hosts: Sequence[str], method: str, arguments: Mapping[str, Any]
    ) -> None:
        bot = self._bot(to, allowed_hosts, datetime.now(UTC))
        try:
            bot.call(method, arguments, AT_ONCE_TIMEOUT_S)
        except (Failure, _Refused) as error:
            # Nothing was answered, and the message stays: whoever pressed presses again.
            log.warning(
                "Slack's %s came to nothing for %s: %s", method, to.subscription_id, bot.secrets.mask(str(error))
            )

    def problem(self, text: str) -> dict[str, Any]:
        return {"response_action": "errors", "errors": {REASON: within(sentence(text), LONGEST_SECTION)}}


def _post(bot: _Bot, letter: OutgoingNotification) -> SendResult:
    content = message(letter) if letter.card is None else card_message(letter, letter.card)
    if letter.posted is not None:
        place = {"channel": letter.posted.channel, "ts": letter.posted.message}
        bot.call("chat.update", {**place, **content})
        return SendResult(outcome="delivered", detail="the card shows it")
    said = bot.call("chat.postMessage", {"channel": bot.to.slack_channel, **content})
    posted = Posted(channel=str(said.get("channel")), message=str(said.get("ts")))
    return SendResult(outcome="delivered", detail="Slack took it", posted=posted if letter.card is not None else None)
