"""Sessions of the console: begun, looked up and ended, and links that sign in once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from remit.core.errors import Forbidden, Unauthenticated
from remit.core.identity.api_key import parse_key
from remit.core.identity.credential import Credential
from remit.core.identity.principal import Principal
from remit.core.identity.secret_text import SecretText
from remit.core.identity.session import (
    ANSWER_LINK_PREFIX,
    LINK_PREFIX,
    SESSION_PREFIX,
    UNKNOWN_LINK,
    LinkedIntent,
    Session,
    SignInLink,
    check_answer_link,
    check_session,
    link_data,
    new_link,
    new_session,
    use_link,
)
from remit.core.records import API_KEY, SESSION, SIGN_IN_LINK, Key
from remit.flow.context import Context, TenantLedgerWriter, chain_head_key, one
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

SWEPT_AT_ONCE = 90
"""So many sessions and links that are over are dropped whenever one begins or a link is made."""


def begin(
    context: Context,
    principal: Principal,
    *,
    secret: str,
    now: datetime,
    by_key: str | None = None,
    issuer_session: str | None = None,
) -> SecretText:
    """Begin a session; `by_key` is the text of the API key that let the person in. Answers the cookie's text."""
    if principal.accounts is not None:
        raise Forbidden("the console shows a whole tenant, and this token is for single accounts of it")
    text = SecretText(SESSION_PREFIX, principal.tenant_id, context.new_id(), secret)
    key_id = parse_key(by_key).id if by_key else None
    session = new_session(principal, text, key_id=key_id, now=now, issuer_session=issuer_session)
    over = _over(context, principal.tenant_id, now)

    def change(_: Snapshot) -> Writes[SecretText]:
        return Writes(answer=text, puts=[(_at(text), session)], deletes=over)

    return answer_of(context.store.transact([UnitOfWork(reads=over, decide=change)]))


def find(context: Context, cookie: str, now: datetime) -> tuple[Principal, SecretText]:
    """The person signed in. Raises `Unauthenticated`."""
    shown = SecretText.parse(SESSION_PREFIX, cookie)
    if shown is None:
        raise Unauthenticated("nobody is signed in; sign in")
    session = one(context, _at(shown))
    key = None
    if session is not None and session.key_id is not None:
        key = one(context, Key(API_KEY, session.tenant_id, session.key_id))
    return check_session(session, key, shown, now), shown


def end(context: Context, shown: SecretText) -> None:
    """From now on this cookie says nothing."""
    context.store.transact([UnitOfWork(reads=[], decide=lambda _: Writes(answer=None, deletes=[_at(shown)]))])


def end_those_of(context: Context, tenants: Iterable[str], *, subject: str | None, issuer_session: str | None) -> int:
    """End what the issuer says is over: sessions of one of its own, or of one subject. Answers how many there were."""
    ended = [
        Key(SESSION, tenant_id, each.session_id)
        for tenant_id in tenants
        for each in context.store.scan(SESSION, tenant_id)
        if each.is_of(subject, issuer_session)
    ]
    for first in range(0, len(ended), SWEPT_AT_ONCE):
        context.store.transact([_deletion(ended[first : first + SWEPT_AT_ONCE])])
    return len(ended)


def _deletion(keys: Sequence[Key[Session]]) -> UnitOfWork[None]:
    return UnitOfWork(reads=[], decide=lambda _: Writes(answer=None, deletes=[*keys]))


def make_link(
    context: Context,
    principal: Principal,
    *,
    leads_to: str,
    loopback_only: bool,
    secret: str,
    now: datetime,
    lives: timedelta,
    made_by: str,
    made_through: Credential,
    actor: str,
    answers: LinkedIntent | None = None,
) -> SecretText:
    """
    A link that signs `principal` in once, made at the word of `made_by`; or that takes their answer to what it
    `answers`. Answers its token.

    `actor` is who the ledger says did it: Remit itself, where it mails what somebody has subscribed to.
    """
    prefix = LINK_PREFIX if answers is None else ANSWER_LINK_PREFIX
    text = SecretText(prefix, principal.tenant_id, context.new_id(), secret)
    link = new_link(
        principal,
        text,
        leads_to=leads_to,
        loopback_only=loopback_only,
        now=now,
        lives=lives,
        made_by=made_by,
        made_through=made_through,
        answers=answers,
    )
    # Where people come in by mailed links alone, no session begins that would drop what is over.
    over = _over(context, principal.tenant_id, now)

    head_at = chain_head_key(principal.tenant_id)

    def change(snapshot: Snapshot) -> Writes[SecretText]:
        writer = TenantLedgerWriter(context, snapshot, principal.tenant_id, now)
        writer.append("LINK_MADE", link_data(link), actor=actor)
        writes = writer.writes(text)
        writes.put(_link_at(text), link)
        writes.deletes += over
        return writes

    return answer_of(context.store.transact([UnitOfWork(reads=[head_at, _link_at(text), *over], decide=change)]))


def redeem(context: Context, token: str, *, on_loopback: bool, secret: str, now: datetime) -> tuple[SecretText, str]:
    """
    Use a link up and begin its session, in one write. Answers the cookie's text and where the link leads.

    Raises `Unauthenticated` for a link that is unknown, used or over.
    """
    shown = SecretText.parse(LINK_PREFIX, token)
    if shown is None:
        raise Unauthenticated(UNKNOWN_LINK)
    text = SecretText(SESSION_PREFIX, shown.tenant_id, context.new_id(), secret)
    link_at = _link_at(shown)

    def change(snapshot: Snapshot) -> Writes[tuple[SecretText, str]]:
        used = use_link(snapshot.get(link_at), shown, now, on_loopback=on_loopback)
        session = new_session(_principal(used), text, key_id=None, now=now)
        return Writes(answer=(text, used.leads_to), puts=[(link_at, used), (_at(text), session)])

    return answer_of(context.store.transact([UnitOfWork(reads=[link_at], decide=change)]))


def answer_link(context: Context, token: str, now: datetime) -> tuple[Principal, LinkedIntent]:
    """For whom a link is that answers one intent, and which. It stays as it is. Raises `Unauthenticated`."""
    shown = _answer_token(token)
    link, answers = check_answer_link(one(context, _link_at(shown)), shown, now)
    return _principal(link), answers


def use_answer_link_unit(token: str, now: datetime) -> UnitOfWork[None]:
    """Use such a link up: in the write that answers. Raises `Unauthenticated`."""
    shown = _answer_token(token)
    link_at = _link_at(shown)

    def change(snapshot: Snapshot) -> Writes[None]:
        link, _ = check_answer_link(snapshot.get(link_at), shown, now)
        return Writes(answer=None, puts=[(link_at, link.changed(used_at=now))])

    return UnitOfWork(reads=[link_at], decide=change)


def _answer_token(token: str) -> SecretText:
    shown = SecretText.parse(ANSWER_LINK_PREFIX, token)
    if shown is None:
        raise Unauthenticated(UNKNOWN_LINK)
    return shown


def _principal(link: SignInLink) -> Principal:
    return Principal(link.name, link.tenant_id, frozenset(link.roles), link.credential)


def _at(text: SecretText) -> Key[Session]:
    return Key(SESSION, text.tenant_id, text.id)


def _link_at(text: SecretText) -> Key[SignInLink]:
    return Key(SIGN_IN_LINK, text.tenant_id, text.id)


def _over(context: Context, tenant_id: str, now: datetime) -> list[Key[Session] | Key[SignInLink]]:
    sessions = [s for s in context.store.scan(SESSION, tenant_id) if s.expires_at <= now]
    links = [link for link in context.store.scan(SIGN_IN_LINK, tenant_id) if link.expires_at <= now]
    over: list[Key[Session] | Key[SignInLink]] = [Key(SESSION, tenant_id, s.session_id) for s in sessions]
    return [*over, *(Key(SIGN_IN_LINK, tenant_id, link.link_id) for link in links)][:SWEPT_AT_ONCE]
