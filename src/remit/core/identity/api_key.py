"""
API keys: asked for, made, and checked at a door.

A key is `rk.<tenant>.<key id>.<secret>`; see `remit.core.identity.secret_text`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import Field, ValidationError

from remit.core.canonical import sha256_hex
from remit.core.delegation import AgentTier
from remit.core.errors import InvalidInput, Unauthenticated
from remit.core.identity.access import PLATFORM_ROLE, Role
from remit.core.identity.credential import Credential, makers
from remit.core.identity.person import check_not_system, same_person
from remit.core.identity.principal import Principal
from remit.core.identity.secret_text import SecretText
from remit.core.invalid_fields import explain_invalid
from remit.core.values import PLATFORM, Digest, Document, Identifier, Request, UtcTime, WireTime

if TYPE_CHECKING:
    from remit.core.views import KeyAnswer

PREFIX = "rk"
DEFAULT_TIER: AgentTier = "api"
USE_NOTED_EVERY = timedelta(minutes=1)
"""How often the last use is written down at most."""


class NewKey(Request):
    """A key as it is asked for."""

    name: Identifier
    roles: Annotated[list[Role], Field(min_length=1, max_length=6)]
    expires_at: WireTime | None = None
    on_behalf_of: Identifier | None = None
    tier: AgentTier = DEFAULT_TIER


class ApiKey(Document):
    """A key as it is stored: everything but its secret."""

    key_id: str
    tenant_id: str
    name: str
    roles: list[Role]
    secret_hash: Digest
    created_by: str
    created_at: UtcTime
    expires_at: UtcTime | None
    revoked_by: str | None = None
    revoked_at: UtcTime | None = None
    last_used_at: UtcTime | None = None
    created_through: Credential | None = None
    # What came later is left out where nobody has set it: what the ledger tells of older keys stays as it is.
    on_behalf_of: str | None = Field(default=None, exclude_if=lambda value: value is None)
    tier: AgentTier = Field(default=DEFAULT_TIER, exclude_if=lambda value: value == DEFAULT_TIER)

    def shown(self) -> KeyAnswer:
        """All of it but its secret, as JSON values."""
        whole = {**self.wire(), "on_behalf_of": self.on_behalf_of, "tier": self.tier}
        return cast("KeyAnswer", {name: value for name, value in whole.items() if name != "secret_hash"})

    def told(self) -> dict[str, Any]:
        """
        The part of it that the ledger tells, as JSON values.

        In the place of what is stored of its secret stands the SHA-256 of that, by which a replaced secret shows.
        """
        told = {name: value for name, value in self.wire().items() if name not in _NOT_TOLD}
        return {**told, "secret_fingerprint": sha256_hex(self.secret_hash.encode())}

    @property
    def credential(self) -> Credential:
        """The credential that this key is, to whoever shows it."""
        return Credential("key", self.key_id, made_by=makers(self.created_by, self.created_through))


_NOT_TOLD = frozenset({"secret_hash", "last_used_at"})


def key_data(change: Literal["CREATED", "REVOKED"], key: ApiKey, *, by: str, credential: Credential) -> dict[str, Any]:
    """The data of a `KEY_CHANGED` entry: what changed, by whom, through which credential, and the key as it is now."""
    return {"change": change, "by": by, "credential": credential.wire(), "key": key.told()}


def check_spelling(name: str, keys: Iterable[ApiKey], now: datetime) -> None:
    """Raises `InvalidInput` for another spelling of a name that a key in use has: two names would seem two people."""
    for key in keys:
        if key.name != name and same_person(key.name, name) and in_use(key, now):
            raise InvalidInput(
                "name", f"{name!r} is {key.name!r}, who has a key, spelled otherwise", "use one spelling"
            )


def in_use(key: ApiKey, now: datetime) -> bool:
    """Does it let anybody in?"""
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def use_is_worth_noting(key: ApiKey, now: datetime) -> bool:
    """Is the last use that is written down long enough ago? Reading does not become writing."""
    return key.last_used_at is None or now - key.last_used_at >= USE_NOTED_EVERY


def parse_key(text: str) -> SecretText:
    """Raises `Unauthenticated` for what is not a key's text."""
    shown = SecretText.parse(PREFIX, text)
    if shown is None:
        raise Unauthenticated("this is not an API key; send one that 'remit key create' has shown")
    return shown


def parse_new_key(data: Any) -> NewKey:
    """Raises `InvalidInput` naming the first field that is wrong."""
    try:
        asked = NewKey.model_validate(data)
    except ValidationError as error:
        raise explain_invalid(error) from None
    check_not_system("name", asked.name)
    return asked


def new_key(
    asked: NewKey,
    *,
    tenant_id: str,
    key_id: str,
    secret: str,
    created_by: str,
    now: datetime,
    created_through: Credential | None = None,
) -> tuple[ApiKey, SecretText]:
    """
    The record to store and the text to show once.

    Raises `InvalidInput` for a key that would have expired already, and for the platform's role in a tenant's key.
    """
    if asked.expires_at is not None and asked.expires_at <= now:
        raise InvalidInput("expires_at", "is in the past", "send a later time, or none")
    if (PLATFORM_ROLE in asked.roles) != (tenant_id == PLATFORM):
        raise InvalidInput("roles", "the platform's role is for the platform's keys alone", "leave one of them out")
    text = SecretText(PREFIX, tenant_id, key_id, secret)
    record = ApiKey(
        key_id=key_id,
        tenant_id=tenant_id,
        name=asked.name,
        roles=sorted(set(asked.roles)),
        secret_hash=text.secret_hash,
        created_by=created_by,
        created_at=now,
        expires_at=asked.expires_at,
        created_through=created_through,
        on_behalf_of=asked.on_behalf_of,
        tier=asked.tier,
    )
    return record, text


def check_key(stored: ApiKey | None, shown: SecretText, now: datetime) -> Principal:
    """
    The principal whom this key lets in.

    Raises `Unauthenticated`, in the same words whether the key is unknown or its secret is wrong.
    """
    if not shown.fits(stored.secret_hash if stored else None) or stored is None:
        raise Unauthenticated("this API key is not known")
    return holder(stored, now)


def holder(stored: ApiKey, now: datetime) -> Principal:
    """The holder of this key, while it lets anybody in. Raises `Unauthenticated`."""
    if stored.revoked_at is not None:
        raise Unauthenticated("this API key was revoked; ask for a new one")
    if stored.expires_at is not None and now >= stored.expires_at:
        raise Unauthenticated("this API key has expired; ask for a new one")
    return Principal(
        stored.name,
        stored.tenant_id,
        frozenset(stored.roles),
        stored.credential,
        on_behalf_of=stored.on_behalf_of,
        tier=stored.tier,
    )
