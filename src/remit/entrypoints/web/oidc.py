"""
Access tokens (JWT, RFC 7519) of one OpenID Connect issuer, checked against the keys that it publishes.

What a token may do comes from its claims alone; nothing is stored about it, so it holds until it expires.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
from starlette.concurrency import run_in_threadpool

from remit.core.diagnosis import Diagnosis
from remit.core.errors import InvalidInput, TryLater, Unauthenticated
from remit.core.identity.principal import Principal
from remit.entrypoints.web.claims import principal_of_claims
from remit.entrypoints.web.settings import OidcSettings

log = logging.getLogger(__name__)

# The kind of key each takes. Only asymmetric ones: with HS256, the issuer's public key would be a password
# that everybody knows, and with `none` nobody would have signed.
KEY_TYPE_OF = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
LEEWAY_S = 30
"""How far the issuer's clock and ours may differ."""
TIMEOUT_S = 5.0
WAIT_FOR_KEY_S = 5.0
"""How long a token waits for a key that is not known."""
WAIT_FOR_NEWS_S = 1.0
"""How long a token waits for news of a key that is known."""
FETCH_AT_MOST_EVERY_S = 10.0
"""However many tokens with unknown keys come, the issuer is asked no more often than this."""
KEYS_FRESH_S = 600.0
"""Older keys are fetched anew, so that one that the issuer withdrew stops counting."""
KEYS_KEPT_S = 24 * 3600.0
"""How long the last keys hold while the issuer does not answer."""
LARGEST_DOCUMENT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A published key: the algorithm that it is for, or `None` for any that its type takes."""

    key_id: str | None
    key_type: str
    algorithm: str | None
    key: Any

    def fits(self, algorithm: str) -> bool:
        return self.key_type == KEY_TYPE_OF[algorithm] and self.algorithm in (None, algorithm)


class TokenIssuer:
    """The issuer whose tokens let people in. Safe to share between threads; asks the issuer only when it has to."""

    def __init__(self, settings: OidcSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises `InvalidInput` for an issuer that is not https, unless it is on this machine."""
        self._settings = settings
        self._keys = PublishedKeys(_checked_url(settings.issuer), clock)

    def authenticate(self, token: str) -> Principal:
        """
        Raises `Unauthenticated` for a token that is not the issuer's, not for us or not of now, `Forbidden` for
        one without a role known here, and `TryLater` while the issuer's keys cannot be fetched.
        """
        return principal_of_claims(self.claims(token), self._settings)

    async def known(self, token: str) -> Principal:
        """Check on the event loop: while the issuer is asked for its keys, no thread waits."""
        signed_with = _signed_with(token)
        fetch = self._keys.wanted(*signed_with)
        if fetch is not None:
            await asyncio.wait([asyncio.wrap_future(fetch.done)], timeout=fetch.wait_s)
        key = self._keys.kept(*signed_with)
        claims = await run_in_threadpool(self._claims, token, signed_with[1], key)
        return principal_of_claims(claims, self._settings)

    def claims(self, token: str) -> dict[str, Any]:
        """The claims in it. Raises `Unauthenticated` and `TryLater`."""
        key_id, algorithm = _signed_with(token)
        return self._claims(token, algorithm, self._keys.find(key_id, algorithm))

    def _claims(self, token: str, algorithm: str, key: SigningKey) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"the access token is not accepted: {error}") from None


def _signed_with(token: str) -> tuple[Any, str]:
    """The key's id and the algorithm, as its header says."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Unauthenticated("this is neither an API key nor an access token") from None
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in KEY_TYPE_OF:
        raise Unauthenticated(f"the token is signed with {algorithm!r}; sign it with {', '.join(KEY_TYPE_OF)}")
    return header.get("kid"), algorithm


@dataclass(frozen=True, slots=True)
class KeyFetch:
    """The issuer is being asked for its keys: when it is over, and how long to wait for that at most."""

    done: Future[None]
    wait_s: float


class PublishedKeys:
    """The issuer's signing keys, found through its discovery document and kept."""

    def __init__(self, issuer: str, clock: Callable[[], float]) -> None:
        self._issuer, self._clock = issuer, clock
        self._keys: list[SigningKey] = []
        self._fetched_at = self._asked_at = float("-inf")
        self._fetching: Future[None] | None = None
        self._lock = threading.Lock()

    def find(self, key_id: Any, algorithm: str) -> SigningKey:
        """As `kept`, after the issuer was asked for what is not known."""
        fetch = self.wanted(key_id, algorithm)
        if fetch is not None:
            wait([fetch.done], timeout=fetch.wait_s)
        return self.kept(key_id, algorithm)

    def wanted(self, key_id: Any, algorithm: str) -> KeyFetch | None:
        """The fetch that may bring this key, or news of it; `None` where there is nothing to wait for."""
        known, age = self._known(key_id, algorithm), self._clock() - self._fetched_at
        if known and age < KEYS_FRESH_S:
            return None
        fetching = self._begin()
        if fetching is None:
            return None
        # A key that still holds is not kept waiting by an issuer that is slow.
        longest_s = WAIT_FOR_NEWS_S if known and age < KEYS_KEPT_S else WAIT_FOR_KEY_S
        return KeyFetch(fetching, max(0.0, longest_s - (self._clock() - self._asked_at)))

    def kept(self, key_id: Any, algorithm: str) -> SigningKey:
        """Raises `Unauthenticated` for a key that the issuer does not publish, `TryLater` if it could not be asked."""
        if self._clock() - self._fetched_at >= KEYS_KEPT_S:
            raise TryLater(f"the keys of {self._issuer} cannot be fetched, so no token can be checked; try later")
        found = self._known(key_id, algorithm)
        if found is None:
            raise Unauthenticated("the access token is signed with a key that its issuer does not publish")
        return found

    def _known(self, key_id: Any, algorithm: str) -> SigningKey | None:
        fitting = [key for key in self._keys if key.fits(algorithm)]
        if key_id is None:
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.key_id == key_id), None)

    def _begin(self) -> Future[None] | None:
        """The fetch that is under way, begun if it may be. In a thread of its own: requests share the others."""
        with self._lock:
            if self._fetching is None and self._clock() - self._asked_at >= FETCH_AT_MOST_EVERY_S:
                self._asked_at = self._clock()
                self._fetching = Future()
                self._fetching.set_running_or_notify_cancel()
                threading.Thread(target=self._fetch, args=(self._fetching,), name="issuer's keys", daemon=True).start()
            return self._fetching

    def _fetch(self, fetching: Future[None]) -> None:
        asked_at = self._asked_at
        try:
            self._keys = _published_by(self._issuer)
            self._fetched_at = asked_at
        except _NO_KEYS as error:
            log.warning("the keys of %s could not be fetched: %s", self._issuer, error)
        finally:
            with self._lock:
                self._fetching = None
            fetching.set_result(None)


_NO_KEYS = (httpx.HTTPError, httpx.InvalidURL, ValueError, InvalidInput)


def _published_by(issuer: str) -> list[SigningKey]:
    """The keys that an issuer publishes. Raises one of `_NO_KEYS`."""
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client:
        described = _described(client, issuer)
        published = _document(client, _checked_url(str(described.get("jwks_uri"))))
    return _signing_keys(published)


def diagnose_issuer(settings: OidcSettings) -> Diagnosis:
    """Whether an issuer answers with keys that tokens can be checked against, for an operator."""
    try:
        keys = _published_by(_checked_url(settings.issuer))
    except _NO_KEYS as error:
        says = f"the keys of {settings.issuer} cannot be had: {error}"
        way_out = "check REMIT_OIDC_ISSUER: it is the text that the issuer calls itself, to the letter"
        return Diagnosis("sign-in", "wrong", says, way_out)
    return Diagnosis(
        "sign-in",
        "ok",
        f"{settings.issuer} answers, with {len(keys)} key{'' if len(keys) == 1 else 's'} that sign tokens",
    )


def discover(issuer: str) -> dict[str, Any]:
    """The issuer's discovery document. Raises `ValueError` or `httpx.HTTPError`."""
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client:
        return _described(client, issuer)


def _described(client: httpx.Client, issuer: str) -> dict[str, Any]:
    described = _document(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if described.get("issuer") != issuer:
        raise ValueError(f"its discovery document is of {described.get('issuer')!r}")
    return described


def _document(client: httpx.Client, url: str) -> dict[str, Any]:
    """Raises `ValueError` or `httpx.HTTPError` for anything but a JSON object of moderate size."""
    with client.stream("GET", url) as response:
        response.raise_for_status()
        body, until = b"", time.monotonic() + TIMEOUT_S
        for piece in response.iter_bytes():
            body += piece
            if time.monotonic() > until:
                raise ValueError(f"{url} takes longer than {TIMEOUT_S:g} seconds")
            if len(body) > LARGEST_DOCUMENT_BYTES:
                raise ValueError(f"{url} is larger than {LARGEST_DOCUMENT_BYTES} bytes")
        found = httpx.Response(200, content=body).json()
    if not isinstance(found, dict):
        raise ValueError(f"{url} is not a JSON object")
    return found


def _signing_keys(published: Mapping[str, Any]) -> list[SigningKey]:
    """Those that can be understood: an issuer may publish keys of kinds that are not known here."""
    keys = []
    listed = published.get("keys")
    for described in listed if isinstance(listed, list) else []:
        if not isinstance(described, dict) or described.get("use", "sig") != "sig":
            continue
        if described.get("kty") not in list(KEY_TYPE_OF.values()):
            continue
        try:
            parsed = jwt.PyJWK.from_dict(described)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            log.info("key %r is passed over: %s", described.get("kid"), error)
            continue
        keys.append(SigningKey(described.get("kid"), described["kty"], described.get("alg"), parsed.key))
    if not keys:
        raise ValueError("it publishes no signing key that is understood")
    return keys


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if not host or parts.scheme not in ("https", "http") or parts.query or parts.fragment:
        raise InvalidInput("REMIT_OIDC_ISSUER", f"is {url!r}", "set the URL that the issuer calls itself")
    if parts.scheme == "http" and not _on_this_machine(host):
        raise InvalidInput(
            "REMIT_OIDC_ISSUER",
            f"{url} is not https, so anybody on the way could send keys of their own",
            "set an https URL; http is for an issuer on loopback",
        )
    return url


def _on_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
