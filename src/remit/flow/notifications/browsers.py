"""Browsers in which people are told: turned on by themselves, listed, and forgotten when nobody is there any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct

from remit.core.errors import Conflict, NotFound, Unauthenticated
from remit.core.identity.api_key import ApiKey
from remit.core.identity.credential import Credential
from remit.core.identity.person import same_person
from remit.core.identity.principal import Principal
from remit.core.identity.session import Session
from remit.core.notifications.browser import (
    Browser,
    NewBrowser,
    browser_data,
    browser_id_of,
    check_may_turn_off,
    check_room,
)
from remit.core.records import API_KEY, BROWSER, SESSION, Key
from remit.flow.context import Context, bounds_now, chain_head_key, one
from remit.flow.writers import TenantLedgerWriter
from remit.ports import PushService, Snapshot, UnitOfWork, Writes, answer_of

T = TypeVar("T")


def push_service(context: Context) -> PushService:
    """Raises `Conflict` where the operator has set none up."""
    notifier = context.notifiers.get("push")
    if not isinstance(notifier, PushService):
        raise Conflict("nobody is told by push here; the operator sets REMIT_PUSH_KEY, as 'remit push-key' makes it")
    return notifier


def turn_on(context: Context, who: Principal, asked: NewBrowser, now: datetime) -> Browser:
    """
    Tell `who` in this browser, or note that they were there again. Raises `InvalidInput`, and `Conflict`.

    Whoever turned it on before in the same browser is told there no more.
    """
    push_service(context).check_browser(asked, bounds_now(context, who.tenant_id).bounds.allowed_hosts)
    browser_id = browser_id_of(asked.endpoint)
    check_room(listed(context, who.tenant_id), browser_id, who.name)
    return answer_of(context.store.transact([TurnOnBrowser(context, who, asked, browser_id, now).unit()]))


class TurnOnBrowser(Struct, frozen=True):
    """
    Store it with its entry, or, where the same person turned it on before, that they were there again.

    Raises `Unauthenticated` if the session through which they say so was ended meanwhile.
    """

    context: Context
    who: Principal
    asked: NewBrowser
    browser_id: str
    now: datetime

    def unit(self) -> UnitOfWork[Browser]:
        tenant_id = self.who.tenant_id
        keys: list[Key[Any]] = [Key(BROWSER, tenant_id, self.browser_id), chain_head_key(tenant_id)]
        return UnitOfWork([*keys, *self._session_at], self.decide)

    @property
    def _session_at(self) -> list[Key[Session]]:
        session_id = self.who.credential.session_id
        return [Key(SESSION, self.who.tenant_id, session_id)] if session_id else []

    def decide(self, snapshot: Snapshot) -> Writes[Browser]:
        who, browser_at = self.who, Key(BROWSER, self.who.tenant_id, self.browser_id)
        sessions = [snapshot.get(key) for key in self._session_at]
        if None in sessions:
            raise Unauthenticated("this session has ended; sign in again")
        issuer_session = next((each.issuer_session for each in sessions if each), None)
        before = snapshot.get(browser_at)
        if before is not None and same_person(before.name, who.name):
            again = self._as_asked(before.name, before.turned_on_at, issuer_session)
            return Writes(answer=again, puts=[(browser_at, again)])
        made = self._as_asked(who.name, self.now, issuer_session)
        writer = TenantLedgerWriter(self.context, snapshot, who.tenant_id, self.now)
        data = browser_data("CREATED", made, by=who.name, credential=who.credential)
        writer.append("SUBSCRIPTION_CHANGED", data, actor=who.name)
        writes = writer.writes(made)
        writes.put(browser_at, made)
        return writes

    def _as_asked(self, name: str, turned_on_at: datetime, issuer_session: str | None) -> Browser:
        return Browser(
            browser_id=self.browser_id,
            tenant_id=self.who.tenant_id,
            name=name,
            endpoint=self.asked.endpoint,
            p256dh=self.asked.p256dh,
            auth=self.asked.auth,
            credential=self.who.credential,
            turned_on_at=turned_on_at,
            seen_at=self.now,
            issuer_session=issuer_session,
        )


def listed(context: Context, tenant_id: str) -> Sequence[Browser]:
    return context.store.scan(BROWSER, tenant_id)


def told(context: Context, tenant_id: str, now: datetime) -> list[Browser]:
    """Those whose people are still to be told."""
    browsers = listed(context, tenant_id)
    keys = {each.browser_id: _key_of(each) for each in browsers}
    seen = context.store.read([key for key in keys.values() if key is not None])
    found = []
    for each in browsers:
        key = keys[each.browser_id]
        if each.is_told(seen.get(key) if key is not None else None, now):
            found.append(each)
    return found


def _key_of(browser: Browser) -> Key[ApiKey] | None:
    through = browser.credential
    return Key(API_KEY, browser.tenant_id, through.id) if through.kind == "key" and through.id else None


def remove(context: Context, who: Principal, browser_id: str, now: datetime) -> Browser:
    """Tell nobody there any more. Raises `NotFound`, and `Forbidden` for another's without the right to subscribe."""
    stored = one(context, Key(BROWSER, who.tenant_id, browser_id))
    if stored is None:
        raise NotFound("browser", browser_id, who.tenant_id)
    check_may_turn_off(stored, who)
    return forget(context, stored, by=who.name, credential=who.credential, now=now)


def forget(context: Context, browser: Browser, *, by: str, credential: Credential, now: datetime) -> Browser:
    """It is told nothing more, if it is still as it was."""
    return answer_of(context.store.transact([ForgetBrowser(context, browser, by, credential, now).unit()]))


class ForgetBrowser(Struct, frozen=True):
    """The one write of it. Whoever turned it on anew meanwhile stays told."""

    context: Context
    browser: Browser
    by: str
    credential: Credential
    now: datetime

    def unit(self) -> UnitOfWork[Browser]:
        return UnitOfWork([self._key, chain_head_key(self.browser.tenant_id)], self.decide)

    @property
    def _key(self) -> Key[Browser]:
        return Key(BROWSER, self.browser.tenant_id, self.browser.browser_id)

    def decide(self, snapshot: Snapshot) -> Writes[Browser]:
        forgetting = Forgetting(self.context, snapshot, self.browser.tenant_id, self.now)
        if not forgetting.forget(self.browser, by=self.by, credential=self.credential):
            return Writes(answer=self.browser)
        return forgetting.writes(self.browser)


class Forgetting:
    """Browsers that one unit, which reads them, has told nothing more, each with its entry."""

    def __init__(self, context: Context, snapshot: Snapshot, tenant_id: str, now: datetime) -> None:
        self._snapshot, self._forgotten = snapshot, list[Key[Browser]]()
        self._writer = TenantLedgerWriter(context, snapshot, tenant_id, now)

    def forget(self, browser: Browser, *, by: str, credential: Credential) -> bool:
        """False if it is not there as it was: whoever turned it on anew, or was there again, stays told."""
        key = Key(BROWSER, browser.tenant_id, browser.browser_id)
        before = self._snapshot.get(key)
        if before is None or (before.auth, before.credential) != (browser.auth, browser.credential):
            return False
        data = browser_data("REMOVED", before, by=by, credential=credential)
        self._writer.append("SUBSCRIPTION_CHANGED", data, actor=by)
        self._forgotten.append(key)
        return True

    def writes(self, answer: T) -> Writes[T]:
        if not self._forgotten:
            return Writes(answer=answer)
        writes = self._writer.writes(answer)
        writes.deletes += self._forgotten
        return writes
