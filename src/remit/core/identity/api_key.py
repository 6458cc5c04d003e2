"""
API keys: asked for, made, and checked at a door.

A key is `rk.<tenant>.<key id>.<secret>`; see `remit.core.identity.secret_text`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, ValidationError

from remit.core.errors import InvalidInput, Unauthenticated
from remit.core.identity.access import PLATFORM_ROLE, Role
from remit.core.identity.principal import Principal
from remit.core.identity.secret_text import SecretText
from remit.core.values import PLATFORM, Digest, Document, Identifier, Request, UtcTime, WireTime, explain_invalid

PREFIX = "rk"


class NewKey(Request):
    """A key as it is asked for."""

    name: Identifier
    roles: Annotated[list[Role], Field(min_length=1, max_length=6)]
    expires_at: WireTime | None = None


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


def parse_key(text: str) -> SecretText:
    """Raises `Unauthenticated` for what is not a key's text."""
    shown = SecretText.parse(PREFIX, text)
    if shown is None:
        raise Unauthenticated("this is not an API key; send one that 'remit key create' has shown")
    return shown


def parse_new_key(data: Any) -> NewKey:
    """Raises `InvalidInput` naming the first field that is wrong."""
    try:
        return NewKey.model_validate(data)
    except ValidationError as error:
        raise explain_invalid(error) from None


def new_key(
    asked: NewKey, *, tenant_id: str, key_id: str, secret: str, created_by: str, now: datetime
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
    return Principal(stored.name, stored.tenant_id, frozenset(stored.roles))
