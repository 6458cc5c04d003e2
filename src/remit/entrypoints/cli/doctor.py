"""An operator's look when something does not work: one look at database, clock, zones, keys, hosts, sign-in."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import asdict

from remit.core.diagnosis import Diagnosis
from remit.core.errors import InvalidInput, NotFound, RemitError
from remit.core.gate.zones import RULES
from remit.core.values import PLATFORM
from remit.entrypoints.cli import output
from remit.entrypoints.cli.layout import Cell
from remit.entrypoints.cli.options import AsJson, Db, existing

if TYPE_CHECKING:
    from remit.wiring import Remit

MOST_TENANTS = 20
SLOW_S = 1.0
LATE_S = 60.0
_PACKAGES = ("cedarpy", "msgspec", "pydantic", "psycopg", "boto3", "fastapi")
_COLOURS = {"ok": "green", "look": "yellow", "wrong": "red"}


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    ctx: typer.Context,
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", metavar="T", help="Only this tenant; else all, at most 20.", show_default=False),
    ] = None,
    connect: Annotated[
        bool, typer.Option("--connect/--no-connect", help="Try the hosts that tools call, and the issuer.")
    ] = True,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Look for what keeps actions from being decided or executed: database, clock, zones, keys, hosts, sign-in, versions.

    It changes nothing, and sends nothing to the hosts that it connects to. Ends with 1 if something is wrong.

    Example: remit doctor --tenant acme
    """
    found = [("", each) for each in (*_versions(), *diagnose_sign_in(connect))]
    try:
        with existing(ctx, db, tenant) as remit:
            found += [("", each) for each in _database(remit)]
            found += _tenants(remit, tenant, connect)
    except RemitError as error:
        if isinstance(error, NotFound) and error.what == "tenant":
            raise
        told = output.error_wire(error)
        # Without the URL, which may hold a password in several places: the message names what it is about.
        found.append(("", Diagnosis("database", "wrong", told["message"], told["way_out"] or "")))
    _tell(found, as_json)
    raise typer.Exit(output.BROKEN if any(each.state == "wrong" for _, each in found) else output.DONE)


def _versions() -> Iterator[Diagnosis]:
    known = {name: found for name in ("remit", *_PACKAGES) if (found := _version(name))}
    told = ", ".join(f"{name} {found}" for name, found in known.items())
    yield Diagnosis("versions", "ok", f"{told}, Python {platform.python_version()}")
    yield Diagnosis("zone rules", "ok", RULES)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def diagnose_sign_in(connect: bool) -> Iterator[Diagnosis]:
    """The server's word on its settings when it starts, and whether the issuer answers."""
    if not any(name.startswith("REMIT_OIDC_") and said for name, said in os.environ.items()):
        return
    # Imported here: only who signs in through an issuer needs a client for it.
    from remit.entrypoints.web.oidc import diagnose_issuer
    from remit.entrypoints.web.settings import settings_from

    try:
        oidc = settings_from(os.environ).oidc
    except InvalidInput as error:
        yield Diagnosis("sign-in", "wrong", f"{error.field} {error.problem}", error.way_out)
        return
    if oidc is None:
        yield Diagnosis("sign-in", "wrong", "REMIT_OIDC_ISSUER is not set, and others are", "set it, or unset them")
    elif connect:
        yield diagnose_issuer(oidc)


def _database(remit: Remit) -> Iterator[Diagnosis]:
    began = time.monotonic()
    remit.check_ready()
    took = time.monotonic() - began
    says = f"answers in {took * 1000:.0f} ms, its format is this release's"
    yield Diagnosis("database", "ok" if took < SLOW_S else "look", says, "" if took < SLOW_S else "look at its load")
    lag = remit.publish_lag_s()
    if lag > LATE_S:
        says = f"an approval has waited {lag:.0f} s to be published or taken"
        yield Diagnosis("workers", "look", says, "start one with 'remit worker', or run 'remit reconcile'")


def _tenants(remit: Remit, tenant: str | None, connect: bool) -> Iterator[tuple[str, Diagnosis]]:
    names = [tenant] if tenant is not None else [name for name in remit.tenants() if name != PLATFORM]
    for name in names[:MOST_TENANTS]:
        for each in remit.diagnose(name, connect=connect):
            yield name, each
    if len(names) > MOST_TENANTS:
        says = f"{len(names) - MOST_TENANTS} more were not looked at"
        yield "", Diagnosis("tenants", "look", says, "name one with --tenant")
    if not names:
        yield "", Diagnosis("tenants", "look", "none is known", "begin with 'remit init' and 'remit apply'")


def _tell(found: list[tuple[str, Diagnosis]], as_json: bool) -> None:
    if as_json:
        for tenant, each in found:
            output.print_json({"tenant_id": tenant or None, **asdict(each)})
        return
    rows = [
        [Cell(each.state, _COLOURS[each.state]), each.check, tenant or None, each.says, each.way_out or None]
        for tenant, each in found
    ]
    output.print_table(["", "check", "tenant", "says", "do"], rows)
