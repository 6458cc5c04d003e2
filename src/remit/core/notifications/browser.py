"""
Browsers in which their people are told by Web Push (RFC 8030): one record each, with what it and Remit alone know.

Where a push service takes messages for a browser is a secret, as are the browser's keys: whoever has them can send to
it. A browser is known by the hash of the first.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from remit.core.canonical import sha256_hex
from remit.core.errors import Forbidden, InvalidInput, Unauthenticated
from remit.core.gate.action_type import is_none
from remit.core.identity.api_key import ApiKey, holder
from remit.core.identity.credential import Credential
from remit.core.identity.person import same_person
from remit.core.identity.principal import Principal
from remit.core.invalid_fields import explain_invalid
from remit.core.values import Document, Request, UtcTime, shifted

MOST_BROWSERS = 200
"""Of one tenant: a message goes to all of them, while whoever sends it has it in hand."""
MOST_OF_PERSON = 10
TOLD_FOR, TOLD_UNASKED_FOR = timedelta(days=30), timedelta(days=7)
"""
So long after its person was last at the console in it a browser is told nothing more: where they came in by an API key,
which is asked for with every message; and where nobody can be asked whether they may still read, as with an issuer.
"""
POINT_BYTES, SECRET_BYTES = 65, 16
_ID_LENGTH = 32
_ENDPOINT = re.compile(r"https?://[^\s@?#/]+/[\x21-\x7e]*")
_WAY_OUT = "send what the browser gave"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def unpadded(data: bytes) -> str:
    """As RFC 7515 spells bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Raises `ValueError`."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _is_bytes(text: str, size: int) -> str:
    try:
        found = decoded(text)
    except binascii.Error:
        found = b""
    if len(found) != size:
        raise ValueError(f"is not the base64url of {size} bytes")
    return text


Text = Annotated[str, StringConstraints(max_length=200)]


class NewBrowser(Request):
    """A browser's word on its subscription: https://www.w3.org/TR/push-api/#dom-pushsubscription-tojson"""

    endpoint: Annotated[str, StringConstraints(max_length=2048)] = Field(repr=False)
    p256dh: Annotated[Text, AfterValidator(lambda text: _is_bytes(text, POINT_BYTES))] = Field(repr=False)
    auth: Annotated[Text, AfterValidator(lambda text: _is_bytes(text, SECRET_BYTES))] = Field(repr=False)


def parse_browser(data: Any) -> NewBrowser:
    """Raises `InvalidInput` naming the first field that is wrong; what was sent is a secret, right or wrong."""
    try:
        asked = NewBrowser.model_validate(data)
    except ValidationError as error:
        field = explain_invalid(error).field
        raise InvalidInput(field, "is not what a browser gives", _WAY_OUT) from None
    if not _ENDPOINT.fullmatch(asked.endpoint) or _is_plain(asked.endpoint):
        raise InvalidInput("endpoint", "is not the https URL of a push service", _WAY_OUT)
    return asked


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and parts.hostname not in _LOOPBACK
    except ValueError:
        return True


class Browser(Document):
    """
    A browser as it is stored. `name` is whose it is, who turned it on, or was last there, through `credential`: its
    session is the one that ends this when it is ended. `issuer_session` is what the issuer called its own then.
    """

    browser_id: str
    tenant_id: str
    name: str
    endpoint: str = Field(repr=False)
    p256dh: str = Field(repr=False)
    auth: str = Field(repr=False)
    credential: Credential
    turned_on_at: UtcTime
    seen_at: UtcTime
    issuer_session: str | None = Field(default=None, exclude_if=is_none)

    def told(self) -> dict[str, Any]:
        """The part of it that the ledger tells: whose it is, and nothing that is secret."""
        return {"browser_id": self.browser_id, "tenant_id": self.tenant_id, "name": self.name}

    @property
    def service(self) -> str:
        """The host of its push service."""
        return urlsplit(self.endpoint).hostname or ""

    def is_told(self, key: ApiKey | None, now: datetime) -> bool:
        """
        Is its person still to be told there? `key` is the one through which it was turned on, if it was one: as long as
        that is good and may read.
        """
        if self.credential.kind != "key":
            return now < shifted(self.seen_at, TOLD_UNASKED_FOR)
        return now < shifted(self.seen_at, TOLD_FOR) and key is not None and _reads(key, now)

    def shown(self) -> dict[str, Any]:
        """As people see it: nothing with which anybody could send to it."""
        told = ("browser_id", "name", "turned_on_at", "seen_at")
        return {**{name: value for name, value in self.wire().items() if name in told}, "service": self.service}


def _reads(key: ApiKey, now: datetime) -> bool:
    try:
        return holder(key, now).may("read")
    except Unauthenticated:
        return False


def check_room(known: Sequence[Browser], browser_id: str, person: str) -> None:
    """Raises `InvalidInput` for one more than a tenant, or a person, may have."""
    others = [each for each in known if each.browser_id != browser_id]
    if len(others) >= MOST_BROWSERS:
        raise InvalidInput("endpoint", f"would be browser {len(others) + 1} of this tenant", "remove one first")
    own = sum(same_person(each.name, person) for each in others)
    if own >= MOST_OF_PERSON:
        raise InvalidInput("endpoint", f"would be browser {own + 1} of {person}", "remove one first")


def check_may_turn_off(browser: Browser, who: Principal) -> None:
    """Raises `Forbidden` for another's browser, but to those who manage subscriptions."""
    if not same_person(browser.name, who.name) and not who.may("subscribe"):
        raise Forbidden("this is another's browser; they, or an admin, turn it off")


def browser_id_of(endpoint: str) -> str:
    return sha256_hex(endpoint.encode())[:_ID_LENGTH]


def browser_data(
    change: Literal["CREATED", "REMOVED"], browser: Browser, *, by: str, credential: Credential
) -> dict[str, Any]:
    """The data of a `SUBSCRIPTION_CHANGED` entry about a browser."""
    return {"change": change, "by": by, "credential": credential.wire(), "browser": browser.told()}
