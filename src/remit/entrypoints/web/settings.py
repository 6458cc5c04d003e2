"""Settings of the HTTP door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from remit.core.errors import InvalidInput
from remit.core.identity.access import TENANT_ROLES, Role
from remit.core.invalid_fields import explain_invalid
from remit.core.values import Identifier, Request, check_identifier
from remit.core.whole_numbers import whole_number
from remit.entrypoints.web.claims import GroupGrant
from remit.entrypoints.web.shares import Share


def _of_tenant(role: Role) -> Role:
    if role not in TENANT_ROLES:
        raise ValueError(f"no group has the role {role}; use {', '.join(TENANT_ROLES)}")
    return role


class _Grant(Request):
    roles: Annotated[list[Annotated[Role, AfterValidator(_of_tenant)]], Field(min_length=1)]
    tenant: Identifier | None = None


_GROUPS: TypeAdapter[dict[str, _Grant]] = TypeAdapter(dict[str, _Grant])


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """
    The issuer whose access tokens let people in, and which claims say their tenant, roles and name.

    With a `tenant`, everybody is of that one. With `groups`, roles come from the groups that `groups_claim` lists, and
    from nothing else. With a `client_id`, people sign in at the console through the issuer; the console is that client
    of it, with a `client_secret` or, as a public client, without. With an `accounts_claim`, a token is for the accounts
    that this claim lists; with an `on_behalf_of_claim`, it is bound to the principal that this claim names, or to none.
    """

    issuer: str
    audience: str
    tenant_claim: str = "tenant"
    roles_claim: str = "roles"
    name_claim: str = "sub"
    accounts_claim: str | None = None
    on_behalf_of_claim: str | None = None
    tenant: str | None = None
    groups: Mapping[str, GroupGrant] | None = None
    groups_claim: str = "groups"
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    scope: str = "openid profile"


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """
    `requests_per_minute` is the rate of one credential, `None` for no limit; `largest_body_bytes` of one request.

    `most_streams` is how many event streams this process serves at once, for one tenant and for one credential so many
    of them, each for `stream_for_s` at most if that is set; `most_waits` likewise for those who wait for an answer, and
    `most_exports` for exports and verifications of a whole ledger. `sign_ins_per_minute` is how often one address may
    try to sign in at the console. With `metrics_open`, `/metrics` asks for no key: for a port that only the monitoring
    reaches. Without `oidc`, only API keys let anybody in. Without `console`, no web console is served.
    """

    requests_per_minute: int | None = 6000
    largest_body_bytes: int = 4 * 1024 * 1024
    most_streams: int = 100
    most_streams_of_tenant: int = 50
    most_streams_of_credential: int = 10
    most_waits: int = 800
    most_waits_of_tenant: int = 400
    most_waits_of_credential: int = 200
    most_exports: int = 16
    most_exports_of_tenant: int = 4
    most_exports_of_credential: int = 2
    stream_for_s: int | None = None
    sign_ins_per_minute: int | None = 30
    metrics_open: bool = False
    console: bool = True
    oidc: OidcSettings | None = None

    def streams(self) -> Share:
        return Share(self.most_streams, self.most_streams_of_tenant, self.most_streams_of_credential)

    def waits(self) -> Share:
        return Share(self.most_waits, self.most_waits_of_tenant, self.most_waits_of_credential)

    def exports(self) -> Share:
        return Share(self.most_exports, self.most_exports_of_tenant, self.most_exports_of_credential)


def settings_from(environ: Mapping[str, str]) -> HttpSettings:
    """
    From `REMIT_REQUESTS_PER_MINUTE` (0 for no limit), `REMIT_LARGEST_BODY_BYTES`, `REMIT_MOST_STREAMS`,
    `…_OF_TENANT` and `…_OF_CREDENTIAL`, `REMIT_STREAM_FOR_S`, the same of `REMIT_MOST_WAITS` and `REMIT_MOST_EXPORTS`,
    `REMIT_SIGN_INS_PER_MINUTE` (0 for no limit),
    `REMIT_METRICS_OPEN` and `REMIT_CONSOLE` (true or false), and for OIDC `REMIT_OIDC_ISSUER`,
    `REMIT_OIDC_AUDIENCE` and, where they differ, `REMIT_OIDC_TENANT_CLAIM`, `…_ROLES_CLAIM`, `…_NAME_CLAIM`,
    `…_ACCOUNTS_CLAIM`, `…_ON_BEHALF_OF_CLAIM`, `…_TENANT`, `…_GROUPS` and `…_GROUPS_CLAIM`,
    for the console `REMIT_OIDC_CLIENT_ID`, `…_CLIENT_SECRET` and `…_SCOPE`.

    Raises `InvalidInput` naming the variable.
    """
    plain = HttpSettings()
    shares = {
        name: _whole(environ, f"REMIT_{name.upper()}", getattr(plain, name))
        for of in ("streams", "waits", "exports")
        for name in (f"most_{of}", f"most_{of}_of_tenant", f"most_{of}_of_credential")
    }
    return HttpSettings(
        **shares,
        requests_per_minute=_whole(environ, "REMIT_REQUESTS_PER_MINUTE", plain.requests_per_minute or 0) or None,
        largest_body_bytes=_whole(environ, "REMIT_LARGEST_BODY_BYTES", plain.largest_body_bytes),
        stream_for_s=_whole(environ, "REMIT_STREAM_FOR_S", 0) if environ.get("REMIT_STREAM_FOR_S") else None,
        sign_ins_per_minute=_whole(environ, "REMIT_SIGN_INS_PER_MINUTE", plain.sign_ins_per_minute or 0) or None,
        metrics_open=_yes(environ, "REMIT_METRICS_OPEN", plain.metrics_open),
        console=_yes(environ, "REMIT_CONSOLE", plain.console),
        oidc=_oidc(environ),
    )


def _whole(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, str(default))
    number = whole_number(text)
    if number is None:
        raise InvalidInput(name, f"is {text[:50]!r}", "set it to a whole number")
    return number


def _yes(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = environ.get(name, str(default)).lower()
    if text not in ("true", "false", "1", "0"):
        raise InvalidInput(name, f"is {text!r}", "set it to true or false")
    return text in ("true", "1")


def _oidc(environ: Mapping[str, str]) -> OidcSettings | None:
    issuer, audience = environ.get("REMIT_OIDC_ISSUER"), environ.get("REMIT_OIDC_AUDIENCE")
    if not issuer and not audience:
        return None
    if not issuer or not audience:
        missing = "REMIT_OIDC_AUDIENCE" if issuer else "REMIT_OIDC_ISSUER"
        raise InvalidInput(missing, "is missing", "an issuer is trusted for one audience; set both")
    return issuer_from(environ, issuer, audience)


def issuer_from(environ: Mapping[str, str], issuer: str, audience: str) -> OidcSettings:
    """This one, with what the environment says of its claims and groups. Raises `InvalidInput` naming the variable."""
    claims = ("tenant_claim", "roles_claim", "name_claim", "accounts_claim", "on_behalf_of_claim", "groups_claim")
    names = (*claims, "client_id", "client_secret", "scope")
    given = {name: text for name in names if (text := environ.get(f"REMIT_OIDC_{name.upper()}"))}
    tenant, groups = environ.get("REMIT_OIDC_TENANT") or None, groups_from(environ.get("REMIT_OIDC_GROUPS"))
    if tenant is not None:
        check_identifier("REMIT_OIDC_TENANT", tenant)
    return OidcSettings(issuer, audience, tenant=tenant, groups=groups, **given)


def groups_from(text: str | None) -> dict[str, GroupGrant] | None:
    """
    From `{"GROUP": {"roles": ["approver"], "tenant": "acme"}}`, where the tenant may be left out; `None` for no text.

    Raises `InvalidInput` naming the variable.
    """
    if not text:
        return None
    try:
        found = _GROUPS.validate_json(text)
    except ValidationError as error:
        wrong = explain_invalid(error)
        problem = wrong.problem if wrong.field == "(request)" else f"{wrong.field}: {wrong.problem}"
        way_out = 'write {"GROUP": {"roles": ["approver"], "tenant": "acme"}}; the tenant may be left out'
        raise InvalidInput("REMIT_OIDC_GROUPS", problem, way_out) from None
    return {name: GroupGrant(frozenset(each.roles), each.tenant) for name, each in found.items()}
