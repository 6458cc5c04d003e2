"""
Who an access token's claims say is asking: its tenant, roles and name.

The claims have been verified by whoever hands them over; every door that takes tokens reads them alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from remit.core.errors import Forbidden, Unauthenticated
from remit.core.identity.access import TENANT_ROLES
from remit.core.identity.credential import Credential
from remit.core.identity.principal import NOBODY, Principal
from remit.core.values import Identifier, check_text

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


class ClaimNames(Protocol):
    """Which claim says what."""

    @property
    def tenant_claim(self) -> str: ...
    @property
    def roles_claim(self) -> str: ...
    @property
    def name_claim(self) -> str: ...
    @property
    def accounts_claim(self) -> str | None: ...
    @property
    def on_behalf_of_claim(self) -> str | None: ...


def principal_of_claims(claims: Mapping[str, Any], names: ClaimNames) -> Principal:
    """Raises `Unauthenticated` for claims that name nobody, `Forbidden` for roles that let nobody do anything."""
    tenant_id = _identifier(claims, names.tenant_claim, "tenant")
    name = _identifier(claims, names.name_claim, "name")
    roles = frozenset(word for word in _words(claims, names.roles_claim) if word in TENANT_ROLES)
    if not roles:
        raise Forbidden(
            f"the claim {names.roles_claim!r} of the access token names no role known here; "
            f"it takes one of {', '.join(sorted(TENANT_ROLES))}"
        )
    # A token without that claim is for no account.
    accounts = frozenset(_words(claims, names.accounts_claim)) if names.accounts_claim else None
    credential, acts_for = Credential("oidc", _subject(claims)), _on_behalf_of(claims, names.on_behalf_of_claim)
    return Principal(name, tenant_id, roles, credential, accounts, on_behalf_of=acts_for)


def _on_behalf_of(claims: Mapping[str, Any], claim: str | None) -> str | None:
    """The principal that a token is bound to; a token without that claim is for nobody's sake."""
    if claim is None:
        return None
    return NOBODY if _claim(claims, claim) is None else _identifier(claims, claim, "on_behalf_of")


def _subject(claims: Mapping[str, Any]) -> str | None:
    """The one claim that an issuer never gives to somebody else (OpenID Connect Core, section 5.7)."""
    subject = claims.get("sub")
    return check_text("sub", subject, most=255) if isinstance(subject, str) and subject else None


def _words(claims: Mapping[str, Any], claim: str) -> list[str]:
    """A list, or a text with spaces between."""
    named = _claim(claims, claim)
    words = named.split() if isinstance(named, str) else named if isinstance(named, list) else []
    return [word for word in words if isinstance(word, str)]


def _identifier(claims: Mapping[str, Any], claim: str, what: str) -> str:
    try:
        return _IDENTIFIER.validate_python(_claim(claims, claim), strict=True)
    except ValidationError:
        raise Unauthenticated(
            f"the claim {claim!r} of the access token does not say the {what}: it takes 1 to 128 characters of "
            f"A-Z a-z 0-9 . _ : @ -; name another claim in REMIT_OIDC_{what.upper()}_CLAIM"
        ) from None


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """By its name, or along the dots into objects: `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
