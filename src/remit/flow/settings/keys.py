"""API keys: made, shown once, listed, revoked, and asked for at the door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from remit.core.errors import NotFound, TryLater
from remit.core.identity.api_key import (
    ApiKey,
    NewKey,
    check_key,
    check_spelling,
    key_data,
    new_key,
    parse_key,
)
from remit.core.identity.credential import Credential
from remit.core.identity.principal import Principal
from remit.core.identity.secret_text import SecretText
from remit.core.records import API_KEY, Key
from remit.flow.context import Context, TenantLedgerWriter, chain_head_key, one
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

USE_NOTED_EVERY = timedelta(minutes=1)
"""The last use is written down at most this often, so that reading does not become writing."""


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
    key_at = Key(API_KEY, tenant_id, key_id)

    def change(snapshot: Snapshot) -> Writes[ApiKey]:
        writer = TenantLedgerWriter(context, snapshot, tenant_id, now)
        data = key_data("CREATED", record, by=created_by, credential=created_through)
        writer.append("KEY_CHANGED", data, actor=created_by)
        writes = writer.writes(record)
        writes.put(key_at, record)
        return writes

    unit = UnitOfWork(reads=[key_at, chain_head_key(tenant_id)], decide=change)
    return answer_of(context.store.transact([unit])), text


def listed(context: Context, tenant_id: str) -> Sequence[ApiKey]:
    """A tenant's keys, the oldest first."""
    return context.store.scan(API_KEY, tenant_id)


def revoke(context: Context, tenant_id: str, key_id: str, *, by: str, credential: Credential, now: datetime) -> ApiKey:
    """From now on this key lets nobody in. Revoked again, it stays as it was. Raises `NotFound`."""
    key_at = Key(API_KEY, tenant_id, key_id)

    def change(snapshot: Snapshot) -> Writes[ApiKey]:
        stored = snapshot.get(key_at)
        if stored is None:
            raise NotFound("API key", key_id, tenant_id)
        if stored.revoked_at is not None:
            return Writes(answer=stored)
        revoked = stored.changed(revoked_by=by, revoked_at=now)
        writer = TenantLedgerWriter(context, snapshot, tenant_id, now)
        writer.append("KEY_CHANGED", key_data("REVOKED", revoked, by=by, credential=credential), actor=by)
        writes = writer.writes(revoked)
        writes.put(key_at, revoked)
        return writes

    unit = UnitOfWork(reads=[key_at, chain_head_key(tenant_id)], decide=change)
    return answer_of(context.store.transact([unit]))


def authenticate(context: Context, text: str, now: datetime) -> Principal:
    """The principal whom a key's text lets in. Raises `Unauthenticated`."""
    shown = parse_key(text)
    key_at = Key(API_KEY, shown.tenant_id, shown.id)
    stored = one(context, key_at)
    principal = check_key(stored, shown, now)
    if stored is not None and (stored.last_used_at is None or now - stored.last_used_at >= USE_NOTED_EVERY):
        _note_use(context, key_at, now)
    return principal


def _note_use(context: Context, key_at: Key[ApiKey], now: datetime) -> None:
    def change(snapshot: Snapshot) -> Writes[None]:
        stored = snapshot.get(key_at)
        if stored is None:
            return Writes(answer=None)
        return Writes(answer=None, puts=[(key_at, stored.changed(last_used_at=now))])

    try:
        context.store.transact([UnitOfWork(reads=[key_at], decide=change)])
    except TryLater:
        # When it was last used is worth knowing, not worth refusing for.
        return
