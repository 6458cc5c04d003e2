"""
Signing in through the configured issuer: OpenID Connect's authorization code flow with PKCE (RFC 7636).

What has to be remembered between leaving and coming back stands in a cookie of the browser that left, so that
only it can come back.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import httpx
import orjson
import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session

from remit.core.errors import TryLater, Unauthenticated
from remit.core.identity.principal import Principal
from remit.entrypoints.web.claims import principal_of_claims
from remit.entrypoints.web.oidc import TIMEOUT_S, TokenIssuer, discover
from remit.entrypoints.web.settings import OidcSettings

AT_ONCE = 8
"""So many sign-ins ask the issuer at a time: anybody may begin one, and each holds a thread until it answers."""
DESCRIPTION_FRESH_S = 600.0

_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
_NOT_OURS = "this sign-in was not begun in this browser, or was finished already; sign in again"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person who came back from the issuer, where they wanted to go, and what the issuer calls its session."""

    principal: Principal
    to: str
    issuer_session: str | None


@dataclass(frozen=True, slots=True)
class EndedAtIssuer:
    """The sessions that are over: those of one subject, or one of them alone."""

    subject: str | None
    issuer_session: str | None


class CodeFlow:
    """One issuer, to which the console is the client `client_id`. Safe to share between threads."""

    def __init__(self, settings: OidcSettings, client_id: str) -> None:
        self._settings, self._client_id = settings, client_id
        # An ID token is made out to the client, an access token to the API.
        self._tokens = TokenIssuer(replace(settings, audience=client_id))
        self._asking = threading.BoundedSemaphore(AT_ONCE)
        self._described: tuple[float, dict[str, Any]] | None = None

    @classmethod
    def of(cls, settings: OidcSettings | None) -> Self | None:
        """`None` where people do not sign in through an issuer."""
        return cls(settings, settings.client_id) if settings and settings.client_id else None

    def begin(self, redirect_uri: str, to: str) -> tuple[str, str]:
        """The place where the browser goes, and the cookie that it comes back with. Raises `TryLater`."""
        with self._turn():
            return self._begin(redirect_uri, to)

    def _begin(self, redirect_uri: str, to: str) -> tuple[str, str]:
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        with self._client(redirect_uri) as client:
            endpoint = self._endpoint("authorization_endpoint")
            where, state = client.create_authorization_url(endpoint, code_verifier=verifier, nonce=nonce)
        asked = orjson.dumps({"state": state, "verifier": verifier, "nonce": nonce, "to": to})
        return where, base64.urlsafe_b64encode(asked).decode()

    def finish(self, redirect_uri: str, asked: str, came_back: str) -> SignedIn:
        """The person, and where they wanted to go. Raises `Unauthenticated`, `Forbidden` or `TryLater`."""
        remembered = _remembered(asked)
        with self._turn():
            return self._finish(redirect_uri, remembered, came_back)

    def _finish(self, redirect_uri: str, remembered: dict[str, str], came_back: str) -> SignedIn:
        token = self._token(redirect_uri, remembered, came_back)
        claims = self._tokens.claims(str(token.get("id_token")))
        if not hmac.compare_digest(str(claims.get("nonce")), remembered["nonce"]):
            raise Unauthenticated(_NOT_OURS)
        return SignedIn(principal_of_claims(claims, self._settings), remembered["to"], _text(claims, "sid"))

    def ended(self, logout_token: str) -> EndedAtIssuer:
        """
        The session that the issuer says is over (OpenID Connect Back-Channel Logout 1.0, section 2.6).

        Raises `Unauthenticated` for what is no logout token of the issuer's for us, and `TryLater`.
        """
        claims = self._tokens.claims(logout_token)
        events, ended = claims.get("events"), EndedAtIssuer(_text(claims, "sub"), _text(claims, "sid"))
        # An ID token has a nonce; it must not pass for the end of a session.
        if not isinstance(events, dict) or _LOGOUT not in events or "nonce" in claims:
            raise Unauthenticated("this is no logout token")
        if ended.subject is None and ended.issuer_session is None:
            raise Unauthenticated("the logout token names neither a subject (sub) nor a session (sid)")
        return ended

    @property
    def tenant(self) -> str | None:
        """The one tenant of everybody who comes in here, if there is one."""
        return self._settings.tenant

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._asking.acquire(blocking=False):
            raise TryLater("many people are signing in at this moment; sign in again in a moment")
        try:
            yield
        finally:
            self._asking.release()

    def _token(self, redirect_uri: str, remembered: dict[str, str], came_back: str) -> dict[str, object]:
        try:
            with self._client(redirect_uri) as client:
                token: dict[str, object] = client.fetch_token(
                    self._endpoint("token_endpoint"),
                    authorization_response=came_back,
                    state=remembered["state"],
                    code_verifier=remembered["verifier"],
                )
        except AuthlibBaseError as error:
            raise Unauthenticated(f"the issuer did not let you in: {error}") from None
        except (requests.RequestException, ValueError) as error:
            raise TryLater(f"{self._settings.issuer} does not answer ({error}); sign in again in a moment") from None
        return token

    def _client(self, redirect_uri: str) -> OAuth2Session:
        secret = self._settings.client_secret
        return OAuth2Session(
            self._client_id,
            secret,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            redirect_uri=redirect_uri,
            scope=self._settings.scope,
            code_challenge_method="S256",
            default_timeout=TIMEOUT_S,
        )

    def _endpoint(self, name: str) -> str:
        try:
            return str(self._description()[name])
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
            raise TryLater(f"{self._settings.issuer} cannot be asked where to sign in ({error}); try later") from None

    def _description(self) -> dict[str, Any]:
        now = time.monotonic()
        if self._described is None or now - self._described[0] >= DESCRIPTION_FRESH_S:
            self._described = now, discover(self._settings.issuer)
        return self._described[1]


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None


def _remembered(asked: str) -> dict[str, str]:
    try:
        found = orjson.loads(base64.urlsafe_b64decode(asked))
        return {name: str(found[name]) for name in ("state", "verifier", "nonce", "to")}
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise Unauthenticated(_NOT_OURS) from None
