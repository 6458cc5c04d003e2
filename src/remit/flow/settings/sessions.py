"""Sessions of the console: begun, looked up and ended, and links that sign in once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec import Struct

from remit.core.errors import Unauthenticated
from remit.core.identity.api_key import parse_key
from remit.core.identity.credential import PROCESS, Credential
from remit.core.identity.principal import Principal
from remit.core.identity.secret_text import SecretText
from remit.core.identity.session import (
    ANSWER_LINK_PREFIX,
    LINK_PREFIX,
    SESSION_PREFIX,
    UNKNOWN_LINK,
    IssuerLogout,
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
from remit.core.notifications.browser import Browser
from remit.core.records import API_KEY, BROWSER, SESSION, SIGN_IN_LINK, Key, Kind, is_over
from remit.core.values import SYSTEM
from remit.flow.context import Context, chain_head_key, one
from remit.flow.notifications import browsers
from remit.flow.writers import TenantLedgerWriter
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

B = TypeVar("B", Session, Browser)

ENDED_AT_ONCE = 20
"""Of sessions that the issuer ends, and of browsers with them: each of those is told in the ledger."""
SWEPT_AT_ONCE = 90
"""So many of the oldest sessions and links are looked at, and dropped if over, when one begins or a link is made."""


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
    text = SecretText(SESSION_PREFIX, principal.tenant_id, context.new_id(), secret)
    key_id = parse_key(by_key).id if by_key else None
    session = new_session(principal, text, key_id=key_id, now=now, issuer_session=issuer_session)
    beginning = BeginSession(text, session, _over(context, principal.tenant_id, now))
    return answer_of(context.store.transact([beginning.unit()]))


class BeginSession(Struct, frozen=True):
    """Store a session, and drop what is over."""

    text: SecretText
    session: Session
    over: Sequence[Key[Any]]

    def unit(self) -> UnitOfWork[SecretText]:
        return UnitOfWork(self.over, self.decide)

    def decide(self, _: Snapshot) -> Writes[SecretText]:
        return Writes(answer=self.text, puts=[(_at(self.text), self.session)], deletes=[*self.over])


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


def end(context: Context, cookie: str, now: datetime) -> None:
    """
    From now on this cookie says nothing, and the browser that it was in is told nothing. Raises `Unauthenticated`.
    """
    who, shown = find(context, cookie, now)
    told = [each for each in browsers.listed(context, who.tenant_id) if each.credential.session_id == shown.id]
    ending = EndSessions(context, who.tenant_id, [shown.id], told, who.name, who.credential, now)
    answer_of(context.store.transact([ending.unit()]))


def end_those_of(context: Context, tenant_id: str | None, logout: IssuerLogout, now: datetime) -> int:
    """
    End what an issuer says is over, of one tenant or of all: sessions, and telling in the browsers that were in them,
    also where the session is over long since. Answers how many sessions there were.
    """
    sessions, told = _begun(context, SESSION, tenant_id, logout), _begun(context, BROWSER, tenant_id, logout)
    for name in sorted(sessions.keys() | told.keys()):
        ended = [each.session_id for each in sessions.get(name, ())]
        _end_in(context, name, ended, told.get(name, []), now)
    return sum(map(len, sessions.values()))


def _begun(context: Context, kind: Kind[B], tenant_id: str | None, logout: IssuerLogout) -> dict[str, list[B]]:
    """By tenant, what of this kind the issuer's word ends."""
    if tenant_id is not None:
        return {tenant_id: [each for each in context.store.scan(kind, tenant_id) if logout.ends(each)]}
    found: dict[str, list[B]] = {}
    for name, each in context.store.begun_at_issuer(kind, logout):
        found.setdefault(name, []).append(each)
    return found


def _end_in(context: Context, tenant_id: str, ended: Sequence[str], told: Sequence[Browser], now: datetime) -> None:
    for first in range(0, max(len(ended), len(told)), ENDED_AT_ONCE):
        some = slice(first, first + ENDED_AT_ONCE)
        ending = EndSessions(context, tenant_id, ended[some], told[some], SYSTEM, PROCESS, now)
        answer_of(context.store.transact([ending.unit()]))


class EndSessions(Struct, frozen=True):
    """
    Drop sessions, whether they are there or not, and with them the browsers that were `told` in them: so that nobody
    signs out and is told on. Browsers that were turned on anew meanwhile, through another session, stay.
    """

    context: Context
    tenant_id: str
    session_ids: Sequence[str]
    told: Sequence[Browser]
    by: str
    credential: Credential
    now: datetime

    def unit(self) -> UnitOfWork[None]:
        keys: list[Key[Any]] = [Key(BROWSER, self.tenant_id, each.browser_id) for each in self.told]
        return UnitOfWork([*keys, chain_head_key(self.tenant_id)] if keys else [], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[None]:
        writes = Writes[None](answer=None)
        if self.told:
            forgetting = browsers.Forgetting(self.context, snapshot, self.tenant_id, self.now)
            for each in self.told:
                forgetting.forget(each, by=self.by, credential=self.credential)
            writes = forgetting.writes(None)
        writes.deletes += [Key(SESSION, self.tenant_id, each) for each in self.session_ids]
        return writes


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
    making = MakeLink(context, text, link, actor, _over(context, principal.tenant_id, now), now)
    return answer_of(context.store.transact([making.unit()]))


class MakeLink(Struct, frozen=True):
    """Store a link with its entry in the tenant's chain, and drop what is over."""

    context: Context
    text: SecretText
    link: SignInLink
    actor: str
    over: Sequence[Key[Any]]
    now: datetime

    def unit(self) -> UnitOfWork[SecretText]:
        return UnitOfWork([chain_head_key(self.link.tenant_id), _link_at(self.text), *self.over], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[SecretText]:
        writer = TenantLedgerWriter(self.context, snapshot, self.link.tenant_id, self.now)
        writer.append("LINK_MADE", link_data(self.link), actor=self.actor)
        writes = writer.writes(self.text)
        writes.put(_link_at(self.text), self.link)
        writes.deletes += self.over
        return writes


def redeem(context: Context, token: str, *, on_loopback: bool, secret: str, now: datetime) -> tuple[SecretText, str]:
    """
    Use a link up and begin its session, in one write. Answers the cookie's text and where the link leads.

    Raises `Unauthenticated` for a link that is unknown, used or over.
    """
    shown = SecretText.parse(LINK_PREFIX, token)
    if shown is None:
        raise Unauthenticated(UNKNOWN_LINK)
    text = SecretText(SESSION_PREFIX, shown.tenant_id, context.new_id(), secret)
    return answer_of(context.store.transact([RedeemLink(shown, text, on_loopback, now).unit()]))


class RedeemLink(Struct, frozen=True):
    """Use up the link that was `shown`, and begin the session whose cookie is `text`."""

    shown: SecretText
    text: SecretText
    on_loopback: bool
    now: datetime

    def unit(self) -> UnitOfWork[tuple[SecretText, str]]:
        return UnitOfWork([_link_at(self.shown)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[tuple[SecretText, str]]:
        link_at = _link_at(self.shown)
        used = use_link(snapshot.get(link_at), self.shown, self.now, on_loopback=self.on_loopback)
        session = new_session(_principal(used), self.text, key_id=None, now=self.now)
        return Writes(answer=(self.text, used.leads_to), puts=[(link_at, used), (_at(self.text), session)])


def answer_link(context: Context, token: str, now: datetime) -> tuple[Principal, LinkedIntent]:
    """For whom a link is that answers one intent, and which. It stays as it is. Raises `Unauthenticated`."""
    shown = _answer_token(token)
    link, answers = check_answer_link(one(context, _link_at(shown)), shown, now)
    return _principal(link), answers


class UseAnswerLink(Struct, frozen=True):
    """Use such a link up: in the write that answers. Raises `Unauthenticated`."""

    token: str
    now: datetime

    def unit(self) -> UnitOfWork[None]:
        return UnitOfWork([_link_at(_answer_token(self.token))], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[None]:
        shown = _answer_token(self.token)
        link, _ = check_answer_link(snapshot.get(_link_at(shown)), shown, self.now)
        return Writes(answer=None, puts=[(_link_at(shown), link.changed(used_at=self.now))])


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
    # Ids are in the order of time. Whoever signs in does not wait for everybody's sessions to be looked through.
    oldest = context.store.scan(SESSION, tenant_id, limit=SWEPT_AT_ONCE)
    sessions = [session for session in oldest if is_over(session, now)]
    made_first = context.store.scan(SIGN_IN_LINK, tenant_id, limit=SWEPT_AT_ONCE)
    links = [link for link in made_first if is_over(link, now)]
    over: list[Key[Session] | Key[SignInLink]] = [Key(SESSION, tenant_id, s.session_id) for s in sessions]
    return [*over, *(Key(SIGN_IN_LINK, tenant_id, link.link_id) for link in links)][:SWEPT_AT_ONCE]
