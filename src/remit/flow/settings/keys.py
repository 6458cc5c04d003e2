"""API keys: made, shown once, listed, revoked, and asked for at the door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from remit.core.errors import NotFound, TryLater
from remit.core.identity.api_key import ApiKey, NewKey, check_key, new_key, parse_key
from remit.core.identity.principal import Principal
from remit.core.identity.secret_text import SecretText
from remit.core.records import API_KEY, Key
from remit.flow.context import Context, one
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

USE_NOTED_EVERY = timedelta(minutes=1)
"""The last use is written down at most this often, so that reading does not become writing."""


def create(
    context: Context, tenant_id: str, asked: NewKey, *, secret: str, created_by: str, now: datetime
) -> tuple[ApiKey, SecretText]:
    """Store a key; the text is shown once and never again."""
    key_id = context.new_id().replace("-", "")
    record, text = new_key(asked, tenant_id=tenant_id, key_id=key_id, secret=secret, created_by=created_by, now=now)
    key_at = Key(API_KEY, tenant_id, key_id)
    unit = UnitOfWork(reads=[key_at], decide=lambda _: Writes(answer=record, puts=[(key_at, record)]))
    return answer_of(context.store.transact([unit])), text


def listed(context: Context, tenant_id: str) -> Sequence[ApiKey]:
    """A tenant's keys, the oldest first."""
    return context.store.scan(API_KEY, tenant_id)


def revoke(context: Context, tenant_id: str, key_id: str, *, by: str, now: datetime) -> ApiKey:
    """From now on this key lets nobody in. Revoked again, it stays as it was. Raises `NotFound`."""
    key_at = Key(API_KEY, tenant_id, key_id)

    def change(snapshot: Snapshot) -> Writes[ApiKey]:
        stored = snapshot.get(key_at)
        if stored is None:
            raise NotFound("API key", key_id, tenant_id)
        if stored.revoked_at is not None:
            return Writes(answer=stored)
        revoked = stored.changed(revoked_by=by, revoked_at=now)
        return Writes(answer=revoked, puts=[(key_at, revoked)])

    return answer_of(context.store.transact([UnitOfWork(reads=[key_at], decide=change)]))


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
