"""
Who is signed in at the console: sessions, and links that sign in once.

A session's cookie is `rs.<tenant>.<session id>.<secret>`, a link's token `rl.<tenant>.<link id>.<secret>`;
see `remit.core.identity.secret_text`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from remit.core.canonical import sha256_hex
from remit.core.errors import InvalidInput, Unauthenticated
from remit.core.identity.access import Role
from remit.core.identity.api_key import ApiKey, holder
from remit.core.identity.principal import Principal
from remit.core.identity.secret_text import SecretText
from remit.core.values import PLATFORM, Digest, Document, UtcTime

SESSION_PREFIX = "rs"
LINK_PREFIX = "rl"
SESSION_LIVES = timedelta(hours=12)
LINK_LIVES = timedelta(hours=1)
LINK_LIVES_AT_MOST = timedelta(days=7)

UNKNOWN_LINK = "this link is not known, was used already or has expired; sign in another way"


class Session(Document):
    """A person at the console. One that came in by an API key lasts no longer than the key."""

    session_id: str
    tenant_id: str
    name: str
    roles: list[Role]
    secret_hash: Digest
    key_id: str | None
    created_at: UtcTime
    expires_at: UtcTime


class SignInLink(Document):
    """A link that signs one person in once, and leads to a page. It decides nothing by being opened."""

    link_id: str
    tenant_id: str
    name: str
    roles: list[Role]
    secret_hash: Digest
    leads_to: str
    loopback_only: bool
    created_at: UtcTime
    expires_at: UtcTime
    used_at: UtcTime | None = None


def new_session(principal: Principal, text: SecretText, *, key_id: str | None, now: datetime) -> Session:
    """Raises `Unauthenticated` for the platform's keys: the console is a tenant's."""
    if principal.tenant_id == PLATFORM:
        raise Unauthenticated("the platform's key opens no tenant's console; use it with 'remit stop' or over HTTP")
    return Session(
        session_id=text.id,
        tenant_id=principal.tenant_id,
        name=principal.name,
        roles=sorted(principal.roles),
        secret_hash=text.secret_hash,
        key_id=key_id,
        created_at=now,
        expires_at=now + SESSION_LIVES,
    )


def check_session(stored: Session | None, key: ApiKey | None, shown: SecretText, now: datetime) -> Principal:
    """
    Who this cookie says is there. `key` is the one the session came in by, as it is now.

    Raises `Unauthenticated`.
    """
    if not shown.fits(stored.secret_hash if stored else None) or stored is None:
        raise Unauthenticated("nobody is signed in; sign in")
    if now >= stored.expires_at:
        raise Unauthenticated("this session has ended; sign in again")
    if stored.key_id is None:
        return Principal(stored.name, stored.tenant_id, frozenset(stored.roles))
    if key is None:
        raise Unauthenticated("the API key of this session is not known any more; sign in again")
    return holder(key, now)


def csrf_token(shown: SecretText) -> str:
    """What forms of this session carry; nobody without its cookie can say it."""
    return sha256_hex(f"csrf:{shown.secret}".encode())


def new_link(
    principal: Principal, text: SecretText, *, leads_to: str, loopback_only: bool, now: datetime, lives: timedelta
) -> SignInLink:
    """Raises `InvalidInput` for a link out of the console."""
    if not leads_to.startswith("/console/") or "//" in leads_to or "\\" in leads_to:
        raise InvalidInput("leads_to", f"is {leads_to!r}", "name a page of the console, such as /console/queue")
    return SignInLink(
        link_id=text.id,
        tenant_id=principal.tenant_id,
        name=principal.name,
        roles=sorted(principal.roles),
        secret_hash=text.secret_hash,
        leads_to=leads_to,
        loopback_only=loopback_only,
        created_at=now,
        expires_at=now + min(lives, LINK_LIVES_AT_MOST),
    )


def use_link(stored: SignInLink | None, shown: SecretText, now: datetime, *, on_loopback: bool) -> SignInLink:
    """The link as it is when it has been used. Raises `Unauthenticated`, in the same words whatever is wrong."""
    if not shown.fits(stored.secret_hash if stored else None) or stored is None:
        raise Unauthenticated(UNKNOWN_LINK)
    if stored.used_at is not None or now >= stored.expires_at or (stored.loopback_only and not on_loopback):
        raise Unauthenticated(UNKNOWN_LINK)
    return stored.changed(used_at=now)
