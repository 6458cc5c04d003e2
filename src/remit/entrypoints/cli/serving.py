"""Serving: the HTTP door, and the keys that open it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, get_args
from urllib.parse import urlsplit

import typer

from remit.core.delegation import AgentTier
from remit.core.errors import InvalidInput
from remit.core.identity.access import PLATFORM_ROLE, TENANT_ROLES
from remit.core.identity.api_key import DEFAULT_TIER
from remit.core.identity.principal import Principal
from remit.core.invalid_fields import likely_meant
from remit.core.values import PLATFORM
from remit.entrypoints.cli import output
from remit.entrypoints.cli.functions import imported_functions
from remit.entrypoints.cli.options import AsJson, Db, Imports, existing, login, opened, typed_by
from remit.entrypoints.server.logs import set_up_logs
from remit.entrypoints.server.telemetry import traced
from remit.wiring import Remit

if TYPE_CHECKING:
    from remit.core.views import KeyAnswer

DEFAULT_TENANT = "default"
"""Whose console opens where nothing is stored yet."""
ALL_ROLES = frozenset(TENANT_ROLES) - {"agent"}

key_commands = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")

KeyTenant = Annotated[
    str | None, typer.Option("--tenant", metavar="T", help="Whose key; without it, the platform's.", show_default=False)
]


def register(app: typer.Typer) -> None:
    app.command()(serve)
    app.add_typer(key_commands, name="key")
    for command, name in ((create, "create"), (listed, "list"), (revoke, "revoke")):
        key_commands.command(name)(command)


def serve(
    ctx: typer.Context,
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535)] = 8000,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Loopback unless TLS is set up.")
    ] = "127.0.0.1",
    tls_certificate: Annotated[str | None, typer.Option("--tls-certificate", metavar="FILE")] = None,
    tls_key: Annotated[str | None, typer.Option("--tls-key", metavar="FILE")] = None,
    trusted_proxy: Annotated[
        str | None, typer.Option("--trusted-proxy", metavar="ADDRESS", help="The proxy in front that ends TLS.")
    ] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Only the door; workers run elsewhere.")] = False,
    imports: Imports = None,
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", metavar="T", help="Whose console the printed link opens.", show_default=False),
    ] = None,
    db: Db = None,
) -> None:
    """
    Serve the HTTP door and the web console, with a worker beside them.

    On loopback it prints a link to the console that is signed in already, good for one use within an hour.

    Example: remit serve --port 8000
    """
    # Imported here: the other commands need no web framework.
    from remit.entrypoints.server.serve import check_binding
    from remit.entrypoints.server.serve import serve as serve_http
    from remit.entrypoints.server.settings import connection_limits
    from remit.entrypoints.web.settings import settings_from

    if no_worker and imports:
        raise InvalidInput("--import", "goes with a worker", "leave out --no-worker, or give it to 'remit worker'")
    json_logs = set_up_logs(os.environ)
    check_binding(host, certificate=tls_certificate, trusted_proxy=trusted_proxy)
    with opened(ctx, db, imported_functions(imports or [])) as remit, traced(remit, os.environ):
        serve_http(
            remit,
            host=host,
            port=port,
            settings=settings_from(os.environ),
            certificate=tls_certificate,
            key=tls_key,
            trusted_proxy=trusted_proxy,
            with_worker=not no_worker,
            limits=connection_limits(os.environ),
            own_log_format=not json_logs,
            on_ready=lambda url: _say_where(remit, url, tenant),
        )


def _say_where(remit: Remit, url: str, tenant: str | None) -> None:
    output.say(f"serving on {url} (its API: {url}/openapi.json)")
    output.say(_console(remit, url, tenant))
    # What listens through a pipe would otherwise hear it when the server ends.
    output.flush()


def _console(remit: Remit, url: str, tenant: str | None) -> str:
    if urlsplit(url).hostname not in ("127.0.0.1", "::1"):
        return f"the console: {url}/console/"
    owner = tenant or _with_bounds(remit)
    visitor = Principal(login(), owner, ALL_ROLES)
    token = remit.make_link(visitor, leads_to="/console/", loopback_only=True, credential=typed_by())
    return f"the console of tenant {owner}, signed in as {visitor.name}, once: {url}/console/link/{token}"


def _with_bounds(remit: Remit) -> str:
    """The first tenant that has bounds: of one whose name was misspelt once, a key or a link may be stored as well."""
    known = [name for name in remit.tenants() if name != PLATFORM]
    return next((name for name in known if remit.bounds(name).config_sequence), (known or [DEFAULT_TENANT])[0])


def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Who uses it; it stands in the ledger.")],
    role: Annotated[
        list[str],
        typer.Option("--role", metavar="ROLE", help=f"{', '.join(TENANT_ROLES)} or {PLATFORM_ROLE}; repeatable."),
    ],
    tenant: KeyTenant = None,
    expires_at: Annotated[str | None, typer.Option("--expires-at", metavar="TIME", help="RFC 3339.")] = None,
    on_behalf_of: Annotated[
        str | None,
        typer.Option("--on-behalf-of", metavar="NAME", help="The one principal that it acts for.", show_default=False),
    ] = None,
    tier: Annotated[
        str, typer.Option("--tier", metavar="TIER", help=f"What it is for: {', '.join(get_args(AgentTier))}.")
    ] = DEFAULT_TIER,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who makes it; you if left out.")] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Make a key, and show it this once.

    Example: remit key create --tenant acme --name crm-agent --role agent
    """
    asked = {"name": name, "roles": role, "expires_at": expires_at, "on_behalf_of": on_behalf_of, "tier": tier}
    with opened(ctx, db) as remit:
        who = login() if by is None else by
        made, text = remit.create_key(_owner(tenant, role), asked, by=who, credential=typed_by())
        slip = None if as_json or tenant is None else _slip(remit, tenant)
    if as_json:
        output.print_json({**made.shown(), "key": text})
        return
    output.say(text)
    output.note("Keep it: it is shown this once.")
    if slip is not None:
        output.note(f"! {slip}")


def _slip(remit: Remit, tenant: str) -> str | None:
    """A likely slip: a tenant without bounds. A key may well be made before they are put in force."""
    if remit.bounds(tenant).config_sequence:
        return None
    meant = likely_meant(tenant, [name for name in remit.tenants() if name not in (PLATFORM, tenant)])
    way_out = f"is {meant} meant?" if meant else "put some in force with 'remit apply'"
    return f"tenant {tenant!r} has no bounds yet; {way_out}"


def _owner(tenant: str | None, roles: list[str]) -> str:
    if tenant is None and roles != [PLATFORM_ROLE]:
        raise InvalidInput("tenant", "is missing", "name the tenant, or ask for --role platform alone")
    return PLATFORM if tenant is None else tenant


def listed(ctx: typer.Context, tenant: KeyTenant = None, as_json: AsJson = False, db: Db = None) -> None:
    """
    The keys, without their secrets.

    Example: remit key list --tenant acme
    """
    with existing(ctx, db, tenant) as remit:
        keys = [key.shown() for key in remit.keys(PLATFORM if tenant is None else tenant)]
    if as_json:
        for key in keys:
            output.print_json(key)
        return
    columns = [
        "key_id",
        "name",
        "roles",
        "tier",
        "on_behalf_of",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ]
    output.print_table(columns, [[str(value or "") for value in _key_row(key)] for key in keys])


def _key_row(key: KeyAnswer) -> list[Any]:
    times = [key["created_at"], key["expires_at"], key["last_used_at"], key["revoked_at"]]
    return [
        key["key_id"],
        key["name"],
        ", ".join(key["roles"]),
        key["tier"],
        key["on_behalf_of"],
        *(time and output.local(time) for time in times),
    ]


def revoke(
    ctx: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="As 'remit key list' shows it.", show_default=False)],
    tenant: KeyTenant = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who revokes it; you if left out.")] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Revoke a key: from now on it lets nobody in.

    Example: remit key revoke 01a2078c36 --tenant acme
    """
    with existing(ctx, db) as remit:
        owner, who = PLATFORM if tenant is None else tenant, login() if by is None else by
        key = remit.revoke_key(owner, key_id, by=who, credential=typed_by())
    if as_json:
        output.print_json(key.shown())
    else:
        output.say(f"key {key.key_id} of {key.name} is revoked")
