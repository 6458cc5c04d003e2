"""
Web Push: a message for each browser, encrypted for it alone (RFC 8291), and signed for its push service (VAPID, RFC
8292).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from remit.core.errors import InvalidInput
from remit.core.notifications.browser import Browser, NewBrowser, decoded, unpadded
from remit.core.notifications.notice_kind import NoticeKind
from remit.core.notifications.outbox import SendResult
from remit.core.notifications.subscription import NewSubscription
from remit.core.rendering import sentence
from remit.egress.failure import Failure
from remit.egress.hosts import HostPattern
from remit.egress.post import redacted, report, send
from remit.egress.reach import Egress
from remit.egress.secrets import CallSecrets, ListedSecrets
from remit.egress.wire import parse_url
from remit.notifiers.push_encryption import CURVE, SALT_BYTES, encrypt, point
from remit.ports import NotificationBatch, OutgoingNotification

SERVICES = (
    *("fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.services.mozilla.com"),
    *("web.push.apple.com", "*.push.apple.com", "*.notify.windows.com"),
)
"""The push services of the browsers that there are; others are called if the tenant allows their hosts."""
MOST_BYTES = 3000
"""Of a message before it is encrypted. Services take 4096 afterwards; what it takes beside the text fits in well."""
MOST_LINES = 5
LONGEST_TITLE, LONGEST_LINE = 120, 300
KEPT_FOR = timedelta(days=1)
"""How long a service keeps a message for a browser that is not there."""
SIGNED_FOR = timedelta(hours=12)
AT_ONCE = 8
LONGEST_S = 60.0
"""For all of a batch: whoever sends has it in hand for twice as long."""
KEY_BYTES = 32
_URGENT: frozenset[NoticeKind] = frozenset({"NEEDS_INPUT", "EXPIRES_SOON", "OUTCOME_UNKNOWN", "STOPPED"})
_GONE = (404, 410)
_FOR_GOOD = (400, 401, 403, 413, *_GONE)
"""A browser that is gone, or one that was given another installation's key; a request that is never right."""
_NO_SECRETS = ListedSecrets({}, {})


@dataclass(frozen=True, slots=True)
class PushKey:
    """The key that this installation signs with, and whom push services may write to about it."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    contact: str

    @classmethod
    def parse(cls, key: str, contact: str) -> Self:
        """From `REMIT_PUSH_KEY` and `REMIT_PUSH_CONTACT`. Raises `InvalidInput`, which never shows the key."""
        try:
            raw = decoded(key.strip())
            if len(raw) != KEY_BYTES:
                raise ValueError
            private = ec.derive_private_key(int.from_bytes(raw), CURVE)
        except ValueError:
            raise InvalidInput("REMIT_PUSH_KEY", "is no key", "set it to one that 'remit push-key' made") from None
        if not contact.startswith(("mailto:", "https://")):
            raise InvalidInput("REMIT_PUSH_CONTACT", "is no address", "set it to mailto:ops@example.com, or a page")
        return cls(private, contact)

    @property
    def public(self) -> str:
        return unpadded(point(self.private.public_key()))

    def authorization(self, endpoint: str, now: datetime) -> str:
        """https://www.rfc-editor.org/rfc/rfc8292#section-3, for the origin of this endpoint."""
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((now + SIGNED_FOR).timestamp()),
            "sub": self.contact,
        }
        return f"vapid t={jwt.encode(claims, self.private, algorithm='ES256')}, k={self.public}"


def new_key() -> str:
    """As `PushKey.parse` takes it."""
    number = ec.generate_private_key(CURVE).private_numbers().private_value
    return unpadded(number.to_bytes(KEY_BYTES))


class PushNotifier:
    """A `PushService`."""

    def __init__(self, key: PushKey, egress: Egress) -> None:
        self._key, self._egress = key, egress

    @property
    def public_key(self) -> str:
        return self._key.public

    def check(self, asked: NewSubscription) -> None:
        """Anything goes: whom it reaches, people say themselves."""

    def check_browser(self, asked: NewBrowser, allowed_hosts: Sequence[str]) -> None:
        host, port = _place(asked.endpoint)
        patterns = map(HostPattern.parse, [*SERVICES, *allowed_hosts])
        if not any(pattern and pattern.covers(host, port) for pattern in patterns):
            problem = f"is at {host}, which is no push service that is known here"
            raise InvalidInput("endpoint", problem, "have an admin add that host to the tenant's allowed_hosts")
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(CURVE, decoded(asked.p256dh))
        except ValueError:
            raise InvalidInput("p256dh", "is no public key of a browser", "send what the browser gave") from None

    def send(self, mailing: NotificationBatch) -> list[SendResult]:
        if not mailing.letters:
            return []
        until = time.monotonic() + LONGEST_S
        with ThreadPoolExecutor(min(AT_ONCE, len(mailing.letters)), thread_name_prefix="remit-push") as pool:
            return list(pool.map(partial(self._send, mailing=mailing, until=until), mailing.letters))

    def _send(self, letter: OutgoingNotification, *, mailing: NotificationBatch, until: float) -> SendResult:
        browser = letter.browser
        assert browser is not None
        if time.monotonic() > until:
            return SendResult(outcome="failed", detail="there was no time for it")
        secrets = CallSecrets(_NO_SECRETS, mailing.to.tenant_id)
        try:
            return redacted(self._sent(browser, letter, mailing, secrets), secrets)
        except Failure as failure:
            return redacted(failure, secrets)

    def _sent(
        self, browser: Browser, letter: OutgoingNotification, mailing: NotificationBatch, secrets: CallSecrets
    ) -> SendResult:
        notice: NoticeKind = letter.event["data"]["notice"]
        headers = {
            "Authorization": self._key.authorization(browser.endpoint, mailing.now),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(int(KEPT_FOR.total_seconds())),
            "Urgency": "high" if notice in _URGENT else "normal",
        }
        body = encrypted(json.dumps(message(letter), ensure_ascii=False).encode(), browser)
        hosts = [*SERVICES, *mailing.allowed_hosts]
        host, answer = send(self._egress, browser.endpoint, headers, body, secrets, hosts)
        # Without what it says: that may name the browser as nobody but it is to know it.
        result = report(host, answer, mailing.now).changed(detail=f"{host} answered {answer.status}")
        if answer.status in _FOR_GOOD:
            return result.changed(outcome="refused", gone=answer.status in _GONE)
        return result


def _place(url: str) -> tuple[str, int]:
    """Host and port. Raises `InvalidInput`, which does not show the rest."""
    try:
        target = parse_url(url)
    except Failure as failure:
        raise InvalidInput("endpoint", str(failure), "send what the browser gave") from None
    return target.host, target.port or (443 if target.scheme == "https" else 80)


def message(letter: OutgoingNotification) -> dict[str, Any]:
    """
    The content that the service worker shows: a title, some lines, and where they lead. No longer than services take.
    """
    lines = [sentence(text) for text, _ in letter.lines]
    shown, left = [], MOST_BYTES
    for line in lines[:MOST_LINES]:
        short = line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"
        left -= len(json.dumps(short, ensure_ascii=False).encode())
        if left < 0:
            break
        shown.append(short)
    rest = len(lines) - len(shown)
    first = letter.lines[0][1] if len(letter.lines) == 1 else None
    return {
        "id": letter.delivery_id,
        "title": sentence(letter.subject)[:LONGEST_TITLE],
        "text": "\n".join([*shown, *([f"and {rest} more"] if rest else [])]),
        "url": first or "/console/queue",
    }


def encrypted(text: bytes, browser: Browser) -> bytes:
    """For this browser alone, with a key pair and a salt of its own: https://www.rfc-editor.org/rfc/rfc8291"""
    return encrypt(
        text,
        theirs=decoded(browser.p256dh),
        secret=decoded(browser.auth),
        own=ec.generate_private_key(CURVE),
        salt=os.urandom(SALT_BYTES),
    )
