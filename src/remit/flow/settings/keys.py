"""API keys: made, shown once, listed, revoked, and asked for at the door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from remit.core.errors import NotFound, TryLater
from remit.core.identity.api_key import (
    ApiKey,
    NewKey,
    check_key,
    check_spelling,
    key_data,
    new_key,
    parse_key,
    use_is_worth_noting,
)
from remit.core.identity.credential import Credential
from remit.core.identity.principal import Principal
from remit.core.identity.secret_text import SecretText
from remit.core.records import API_KEY, Key
from remit.flow.context import Context, chain_head_key, one
from remit.flow.writers import TenantLedgerWriter
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of


def create(
    context: Context,
    tenant_id: str,
    asked: NewKey,
    *,
    secret: str,
    created_by: str,
    created_through: Credential,
    now: datetime,
) -> tuple[ApiKey, SecretText]:
    """
    Store a key; the text is shown once and never again.

    Raises `InvalidInput` for a name that a key in use has in another spelling.
    """
    check_spelling(asked.name, listed(context, tenant_id), now)
    key_id = context.new_id().replace("-", "")
    record, text = new_key(
        asked,
        tenant_id=tenant_id,
        key_id=key_id,
        secret=secret,
        created_by=created_by,
        created_through=created_through,
        now=now,
    )
    storing = StoreKey(context, record, created_by, created_through, now)
    return answer_of(context.store.transact([storing.unit()])), text


class StoreKey(Struct, frozen=True):
    """Put a new key into the store, and its entry into the tenant's chain."""

    context: Context
    key: ApiKey
    by: str
    credential: Credential
    now: datetime

    def unit(self) -> UnitOfWork[ApiKey]:
        return UnitOfWork([_at(self.key), chain_head_key(self.key.tenant_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[ApiKey]:
        writer = TenantLedgerWriter(self.context, snapshot, self.key.tenant_id, self.now)
        data = key_data("CREATED", self.key, by=self.by, credential=self.credential)
        writer.append("KEY_CHANGED", data, actor=self.by)
        writes = writer.writes(self.key)
        writes.put(_at(self.key), self.key)
        return writes


def _at(key: ApiKey) -> Key[ApiKey]:
    return Key(API_KEY, key.tenant_id, key.key_id)


def listed(context: Context, tenant_id: str) -> Sequence[ApiKey]:
    """A tenant's keys, the oldest first."""
    return context.store.scan(API_KEY, tenant_id)


def revoke(context: Context, tenant_id: str, key_id: str, *, by: str, credential: Credential, now: datetime) -> ApiKey:
    """From now on this key lets nobody in. Revoked again, it stays as it was. Raises `NotFound`."""
    revoking = RevokeKey(context, tenant_id, key_id, by, credential, now)
    return answer_of(context.store.transact([revoking.unit()]))


class RevokeKey(Struct, frozen=True):
    """The one write of it. Answers the key as it is then."""

    context: Context
    tenant_id: str
    key_id: str
    by: str
    credential: Credential
    now: datetime

    def unit(self) -> UnitOfWork[ApiKey]:
        return UnitOfWork([Key(API_KEY, self.tenant_id, self.key_id), chain_head_key(self.tenant_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[ApiKey]:
        stored = snapshot.get(Key(API_KEY, self.tenant_id, self.key_id))
        if stored is None:
            raise NotFound("API key", self.key_id, self.tenant_id)
        if stored.revoked_at is not None:
            return Writes(answer=stored)
        revoked = stored.changed(revoked_by=self.by, revoked_at=self.now)
        writer = TenantLedgerWriter(self.context, snapshot, self.tenant_id, self.now)
        data = key_data("REVOKED", revoked, by=self.by, credential=self.credential)
        writer.append("KEY_CHANGED", data, actor=self.by)
        writes = writer.writes(revoked)
        writes.put(_at(revoked), revoked)
        return writes


def authenticate(context: Context, text: str, now: datetime) -> Principal:
    """The principal whom a key's text lets in. Raises `Unauthenticated`."""
    shown = parse_key(text)
    key_at = Key(API_KEY, shown.tenant_id, shown.id)
    stored = one(context, key_at)
    principal = check_key(stored, shown, now)
    if stored is not None and use_is_worth_noting(stored, now):
        _note_use(context, key_at, now)
    return principal


def _note_use(context: Context, key_at: Key[ApiKey], now: datetime) -> None:
    try:
        context.store.transact([NoteKeyUse(key_at, now).unit()])
    except TryLater:
        # When it was last used is worth knowing, not worth refusing for.
        return


class NoteKeyUse(Struct, frozen=True):
    """Write down when a key was used last, if it is still there."""

    key_at: Key[ApiKey]
    now: datetime

    def unit(self) -> UnitOfWork[None]:
        return UnitOfWork([self.key_at], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[None]:
        stored = snapshot.get(self.key_at)
        if stored is None:
            return Writes(answer=None)
        return Writes(answer=None, puts=[(self.key_at, stored.changed(last_used_at=self.now))])
