"""
Webhooks: CloudEvents 1.0 in structured JSON, signed as Standard Webhooks lays down.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: `webhook-id`,
`webhook-timestamp`, and `webhook-signature` with HMAC-SHA256 over `id.timestamp.body`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from remit.core.canonical import canonical
from remit.core.execution.templates import ENV
from remit.core.notifications.outbox import SendResult
from remit.core.notifications.subscription import NewSubscription
from remit.egress.failure import Failure
from remit.egress.post import post, redacted
from remit.egress.reach import Egress
from remit.egress.secrets import CallSecrets, SecretSource
from remit.ports import NotificationBatch, OutgoingNotification

SECRET_PREFIX = "whsec_"  # noqa: S105
SHORTEST_SECRET_BYTES = 24


class WebhookNotifier:
    """Posts each letter once. `secrets` says what a tenant's subscriptions may refer to."""

    def __init__(self, secrets: SecretSource, egress: Egress) -> None:
        self._secrets, self._egress = secrets, egress

    def check(self, asked: NewSubscription) -> None:
        """Anything goes: whether the secret is there is known where a worker sends."""

    def send(self, mailing: NotificationBatch) -> list[SendResult]:
        return [self._send(letter, mailing) for letter in mailing.letters]

    def _send(self, letter: OutgoingNotification, mailing: NotificationBatch) -> SendResult:
        secrets = CallSecrets(self._secrets, mailing.to.tenant_id)
        try:
            body = canonical(letter.event)
            headers = {
                "Content-Type": "application/cloudevents+json; charset=utf-8",
                **_signed(letter.delivery_id, int(mailing.now.timestamp()), body, _key(secrets, mailing)),
            }
            url = _url(secrets, mailing.to.url or "")
            answer = post(self._egress, url, headers, body, secrets, mailing.allowed_hosts, mailing.now)
            return redacted(answer, secrets)
        except Failure as failure:
            return redacted(failure, secrets)


def _url(secrets: CallSecrets, url: str) -> str:
    """With the reference at its beginning replaced, if there is one."""
    if not url.startswith("${"):
        return url
    name, _, rest = url[2:].partition("}")
    return secrets.base_url({ENV: name}) + rest


def _key(secrets: CallSecrets, mailing: NotificationBatch) -> bytes:
    name = (mailing.to.signing_secret or "")[2:-1]
    try:
        key = base64.b64decode(secrets.value({ENV: name}).removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if len(key) < SHORTEST_SECRET_BYTES:
        wanted = f"{SECRET_PREFIX} and the base64 of {SHORTEST_SECRET_BYTES} bytes or more"
        raise Failure("VALIDATION", "VARIABLE_UNUSABLE", f"environment variable {name} is not {wanted}")
    return key


def _signed(message_id: str, timestamp: int, body: bytes, key: bytes) -> dict[str, str]:
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{signature}"}
