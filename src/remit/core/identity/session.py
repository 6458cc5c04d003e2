"""
Sign-in at the console: sessions, and links that sign in once.

A session's cookie is `rs.<tenant>.<session id>.<secret>`, a link's token `rl.<tenant>.<link id>.<secret>`, or with `ra`
where the link answers one intent and signs nobody in; see `remit.core.identity.secret_text`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar, cast

from pydantic import Field

from remit.core.canonical import sha256_hex
from remit.core.errors import Forbidden, InvalidInput, Unauthenticated
from remit.core.gate.action_type import is_none
from remit.core.identity.access import Role
from remit.core.identity.api_key import ApiKey, holder
from remit.core.identity.credential import PROCESS, Credential, makers
from remit.core.identity.principal import Principal
from remit.core.identity.secret_text import SecretText
from remit.core.values import PLATFORM, Digest, Document, UtcTime

T = TypeVar("T")

SESSION_PREFIX = "rs"
LINK_PREFIX = "rl"
ANSWER_LINK_PREFIX = "ra"
SESSION_LIVES = timedelta(hours=12)
LINK_LIVES = timedelta(hours=1)
LINK_LIVES_AT_MOST = timedelta(days=7)

UNKNOWN_LINK = "this link is not known, was used already or has expired; sign in another way"


class Session(Document):
    """
    A person at the console, who came in through `credential`. One that came in by an API key lasts no longer than
    the key.
    """

    session_id: str
    tenant_id: str
    name: str
    roles: list[Role]
    secret_hash: Digest
    key_id: str | None
    created_at: UtcTime
    expires_at: UtcTime
    credential: Credential = PROCESS
    issuer_session: str | None = Field(default=None, exclude_if=is_none)
    """What the issuer calls its own session (`sid`), where the person came in through one."""

    @property
    def over_at(self) -> datetime:
        return self.expires_at


class BegunAtIssuer(Protocol):
    """Whatever may have begun through a credential of an issuer, by a session of its own."""

    @property
    def credential(self) -> Credential: ...

    @property
    def issuer_session(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class IssuerLogout:
    """An issuer's word on what is over: one session of its own, or, where it names none, all that one subject began."""

    subject: str | None
    issuer_session: str | None

    def ends(self, began: BegunAtIssuer) -> bool:
        """Does it end what began there?"""
        credential, issuer_session = began.credential, began.issuer_session
        if credential.kind != "oidc":
            return False
        if self.issuer_session is not None:
            return self.issuer_session == issuer_session and self.subject in (None, credential.id)
        return self.subject is not None and self.subject == credential.id

    def ended(self, found: Iterable[tuple[str, T]]) -> list[tuple[str, T]]:
        """Those of sessions and browsers, each with its tenant, that it ends."""
        return [(tenant_id, each) for tenant_id, each in found if self.ends(cast(BegunAtIssuer, each))]


class LinkedIntent(Document):
    """The one intent that a link answers, as it was when the link was made."""

    action_intent_id: str
    digest: Digest


class SignInLink(Document):
    """
    A link that signs one person in once, and leads to a page; or that shows them one intent and takes their answer to
    it, once. It decides nothing by being opened.
    """

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
    made_by: str | None = None
    made_through: Credential | None = None
    answers: LinkedIntent | None = Field(default=None, exclude_if=is_none)

    @property
    def over_at(self) -> datetime:
        return self.expires_at

    @property
    def credential(self) -> Credential:
        """The credential that this link is, to whoever opens it."""
        made_by = makers(self.made_by, self.made_through) if self.made_by else ()
        return Credential("link", self.link_id, made_by=made_by)


_NOT_TOLD = frozenset({"secret_hash", "used_at"})


def link_data(link: SignInLink) -> dict[str, Any]:
    """The data of a `LINK_MADE` entry: the link without its secret, by whom, through which credential."""
    told = {name: value for name, value in link.wire().items() if name not in _NOT_TOLD}
    credential = told.pop("made_through")
    return {"by": told.pop("made_by"), "credential": credential, "link": told}


def new_session(
    principal: Principal, text: SecretText, *, key_id: str | None, now: datetime, issuer_session: str | None = None
) -> Session:
    """
    Raises `Unauthenticated` for the platform's keys, as the console is a tenant's, and `Forbidden` for a credential
    that is for single accounts, as it shows all of them.
    """
    if principal.accounts is not None:
        raise Forbidden("the console shows a whole tenant, and this token is for single accounts of it")
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
        credential=principal.credential,
        issuer_session=issuer_session,
    )


def check_session(stored: Session | None, key: ApiKey | None, shown: SecretText, now: datetime) -> Principal:
    """
    The person of whom this cookie says that they are there. `key` is the one the session came in by, as it is now.

    Raises `Unauthenticated`.
    """
    if not shown.fits(stored.secret_hash if stored else None) or stored is None:
        raise Unauthenticated("nobody is signed in; sign in")
    if now >= stored.expires_at:
        raise Unauthenticated("this session has ended; sign in again")
    principal = _holder(stored, key, now)
    return replace(principal, credential=replace(principal.credential, session_id=stored.session_id))


def _holder(stored: Session, key: ApiKey | None, now: datetime) -> Principal:
    if stored.key_id is None:
        return Principal(stored.name, stored.tenant_id, frozenset(stored.roles), stored.credential)
    if key is None:
        raise Unauthenticated("the API key of this session is not known any more; sign in again")
    return holder(key, now)


def csrf_token(shown: SecretText) -> str:
    """The text that forms of this session carry; nobody without its cookie can say it."""
    return sha256_hex(f"csrf:{shown.secret}".encode())


def new_link(
    principal: Principal,
    text: SecretText,
    *,
    leads_to: str,
    loopback_only: bool,
    now: datetime,
    lives: timedelta,
    made_by: str,
    made_through: Credential,
    answers: LinkedIntent | None = None,
) -> SignInLink:
    """A link that `made_by` makes for `principal`. Raises `InvalidInput` for a link out of the console."""
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
        made_by=made_by,
        made_through=made_through,
        answers=answers,
    )


def use_link(stored: SignInLink | None, shown: SecretText, now: datetime, *, on_loopback: bool) -> SignInLink:
    """The link as it is when it has been used. Raises `Unauthenticated`, in the same words whatever is wrong."""
    link = _in_force(stored, shown, now)
    if link.answers is not None or (link.loopback_only and not on_loopback):
        raise Unauthenticated(UNKNOWN_LINK)
    return link.changed(used_at=now)


def check_answer_link(stored: SignInLink | None, shown: SecretText, now: datetime) -> tuple[SignInLink, LinkedIntent]:
    """The link and what it answers, if it may still be used for that. Raises `Unauthenticated`, likewise."""
    link = _in_force(stored, shown, now)
    if link.answers is None:
        raise Unauthenticated(UNKNOWN_LINK)
    return link, link.answers


def _in_force(stored: SignInLink | None, shown: SecretText, now: datetime) -> SignInLink:
    if not shown.fits(stored.secret_hash if stored else None) or stored is None:
        raise Unauthenticated(UNKNOWN_LINK)
    if stored.used_at is not None or now >= stored.expires_at:
        raise Unauthenticated(UNKNOWN_LINK)
    return stored
