"""
Claims of an access token, as a principal: its tenant, roles and name.

The claims have been verified by whoever hands them over; every door that takes tokens reads them alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from remit.core.errors import Forbidden, Unauthenticated
from remit.core.identity.access import TENANT_ROLES, Role
from remit.core.identity.credential import Credential
from remit.core.identity.person import same_person
from remit.core.identity.principal import NOBODY, Principal
from remit.core.values import SYSTEM, Identifier, check_text

MOST_GROUPS_SHOWN, LONGEST_GROUP_SHOWN = 3, 100
_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


@dataclass(frozen=True, slots=True)
class GroupGrant:
    """The grant of a group of the issuer's to its members: roles, in one tenant or in whichever theirs is."""

    roles: frozenset[Role]
    tenant: str | None = None


class ClaimNames(Protocol):
    """
    The names of the claims. With a `tenant` everybody is of that one; with `groups` roles come from a member's groups
    alone, and so may the tenant.
    """

    @property
    def tenant(self) -> str | None: ...
    @property
    def groups(self) -> Mapping[str, GroupGrant] | None: ...
    @property
    def groups_claim(self) -> str: ...
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
    grants = _grants(claims, names)
    if names.groups is not None and not grants:
        # Told first: without a group there may be no tenant either, and that says less.
        raise _in_no_group(claims, names.groups_claim, "here")
    tenant_id = names.tenant or _tenant_of(grants) or _identifier(claims, names.tenant_claim, "tenant")
    name = _identifier(claims, names.name_claim, "name")
    _check_name(name, names.name_claim)
    _check_email(claims, names.name_claim)
    roles = _roles(claims, names) if names.groups is None else _roles_of(grants, tenant_id, claims, names.groups_claim)
    # A token without that claim is for no account.
    accounts = frozenset(_words(claims, names.accounts_claim)) if names.accounts_claim else None
    credential, acts_for = Credential("oidc", _subject(claims)), _on_behalf_of(claims, names.on_behalf_of_claim)
    return Principal(name, tenant_id, roles, credential, accounts, on_behalf_of=acts_for)


def _roles(claims: Mapping[str, Any], names: ClaimNames) -> frozenset[Role]:
    said = _words(claims, names.roles_claim)
    roles = frozenset(role for role in TENANT_ROLES if role in said)
    if not roles:
        raise Forbidden(
            f"the claim {names.roles_claim!r} of the token names no role known here; "
            f"it takes one of {', '.join(sorted(TENANT_ROLES))}"
        )
    return roles


def _grants(claims: Mapping[str, Any], names: ClaimNames) -> list[GroupGrant]:
    """The grants of a member's groups; a group's name may hold blanks, so that a text is one group."""
    known, named = names.groups or {}, _claim(claims, names.groups_claim)
    listed = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    return [known[group] for group in listed if isinstance(group, str) and group in known]


def _tenant_of(grants: Sequence[GroupGrant]) -> str | None:
    """Raises `Forbidden` for a member of groups of several tenants: none of them may be guessed."""
    tenants = sorted({grant.tenant for grant in grants if grant.tenant is not None})
    if len(tenants) > 1:
        raise Forbidden(f"the token's groups are of several tenants ({', '.join(tenants)}); leave those of all but one")
    return tenants[0] if tenants else None


def _roles_of(grants: Sequence[GroupGrant], tenant_id: str, claims: Mapping[str, Any], claim: str) -> frozenset[Role]:
    roles = frozenset(role for grant in grants if grant.tenant in (None, tenant_id) for role in grant.roles)
    if not roles:
        raise _in_no_group(claims, claim, f"in tenant {tenant_id!r}")
    return roles


def _in_no_group(claims: Mapping[str, Any], claim: str, where: str) -> Forbidden:
    if claim in (claims.get("_claim_names") or ()) or claims.get("hasgroups"):
        return Forbidden(
            f"the issuer left out the claim {claim!r}, because the groups are too many; "
            "have it send only those that are assigned to this application"
        )
    named = _claim(claims, claim)
    if named is None:
        return Forbidden(f"the token has no claim {claim!r}; have the issuer send it, or set REMIT_OIDC_GROUPS_CLAIM")
    return Forbidden(
        f"the claim {claim!r} of the token names no group that has a role {where}: it says {_shown(named)}; "
        "name one in REMIT_OIDC_GROUPS exactly as it stands there"
    )


def _shown(named: Any) -> str:
    """The first of the groups, for whoever is in them."""
    listed = named if isinstance(named, list) else [named]
    told = ", ".join(repr(group)[:LONGEST_GROUP_SHOWN] for group in listed[:MOST_GROUPS_SHOWN])
    return f"{told or 'none'}{' and others' if len(listed) > MOST_GROUPS_SHOWN else ''}"


def _check_name(name: str, name_claim: str) -> None:
    """Raises `Unauthenticated` for somebody who would be taken for Remit itself in the history."""
    if same_person(name, SYSTEM):
        raise Unauthenticated(
            f"the claim {name_claim!r} of the token says {name!r}, and Remit itself is called so in the history; "
            "have the issuer send another name, or name another claim in REMIT_OIDC_NAME_CLAIM"
        )


def _check_email(claims: Mapping[str, Any], name_claim: str) -> None:
    """Raises `Unauthenticated` where the name is an address that the issuer has not verified to be theirs."""
    verified = claims.get("email_verified")
    # Some issuers, and API Gateway, write it as a text.
    if name_claim == "email" and not (verified is True or verified == "true"):
        raise Unauthenticated(
            "the issuer does not say that this e-mail address is verified (email_verified), so anybody may have typed "
            "it; have it verified, or name another claim in REMIT_OIDC_NAME_CLAIM"
        )


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
            f"the claim {claim!r} of the token does not say the {what}: it takes 1 to 128 characters of "
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
