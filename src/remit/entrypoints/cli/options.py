"""The options that commands share, and the database they name."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from remit.core.errors import InvalidInput, NoDatabase
from remit.core.identity.credential import Credential
from remit.core.identity.person import same_person
from remit.core.values import SYSTEM

if TYPE_CHECKING:
    from remit.ports import WorkerFunction
    from remit.wiring import Remit

_DB_HELP = "Database: sqlite:///FILE or postgresql://…; else REMIT_DATABASE_URL, else sqlite:///remit.db."

Db = Annotated[str | None, typer.Option("--db", metavar="URL", help=_DB_HELP, show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Tenant = Annotated[str, typer.Option("--tenant", metavar="T", help="Whose it is.")]
AccountOption = Annotated[
    str | None, typer.Option("--account", metavar="A", help="Only this account.", show_default=False)
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it; it stands in the ledger.")]
ByOrYou = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who does it; you if left out. It stands in the ledger."),
]
Against = Annotated[
    str | None,
    typer.Option("--against", metavar="EXPORT", help="An export that was kept elsewhere.", show_default=False),
]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--import", metavar="MODULE", help='Run its functions with execute="worker"; repeatable.', show_default=False
    ),
]
Intent = Annotated[str, typer.Argument(metavar="INTENT", help="The intent's id.", show_default=False)]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", help="How many, at most 500.")]
AfterOption = Annotated[
    str | None,
    typer.Option("--after", metavar="CURSOR", help="Go on after the page that named this.", show_default=False),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="From this day, or RFC 3339 moment, on.", show_default=False),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="DAY", help="Before this day, or RFC 3339 moment.", show_default=False),
]


@contextmanager
def opened(ctx: typer.Context, db: str | None, functions: Iterable[WorkerFunction] = ()) -> Iterator[Remit]:
    """The database that the command names, or the whole line, or the environment; made if it is not there."""
    # Imported here: an option is named long before a database is opened, and mostly none is.
    from remit.wiring import Remit

    with Remit.open(url_of(ctx, db), functions=functions) as remit:
        yield remit


@contextmanager
def looked_at(ctx: typer.Context, db: str | None) -> Iterator[Remit]:
    """The database for what changes nothing: where there is none, an empty one that leaves nothing behind."""
    from remit.wiring import Remit

    try:
        remit = Remit.open(url_of(ctx, db), create=False)
    except NoDatabase:
        remit = Remit.open("memory://")
    with remit:
        yield remit


def moments(
    remit: Remit, tenant: str, first: str | None, before: str | None
) -> tuple[datetime | None, datetime | None]:
    """The period that `--from` and `--to` say, in the tenant's own days. Raises `InvalidInput`."""
    return (
        remit.moment_of(tenant, "--from", first) if first is not None else None,
        remit.moment_of(tenant, "--to", before) if before is not None else None,
    )


@contextmanager
def existing(ctx: typer.Context, db: str | None, tenant: str | None = None) -> Iterator[Remit]:
    """
    The database for a command that is about what is there already.

    Raises `NotFound` if it is not there, which makes none, or if nothing of `tenant` is in it.
    """
    from remit.wiring import Remit

    with Remit.open(url_of(ctx, db), create=False) as remit:
        if tenant is not None:
            remit.require_tenant(tenant)
        yield remit


def url_of(ctx: typer.Context, db: str | None) -> str:
    """The database that the command names, or the whole line, or the environment."""
    from remit.wiring import DEFAULT_URL

    return named_database(ctx, db) or os.environ.get("REMIT_DATABASE_URL") or DEFAULT_URL


def named_database(ctx: typer.Context, db: str | None) -> str | None:
    """The database that the command names, or the whole line. Raises `InvalidInput`."""
    named: str | None = ctx.find_root().obj if db is None else db
    if named is not None and not named.strip():
        raise InvalidInput("--db", "is empty", "name a database, or leave it out")
    return named


def login() -> str:
    """The name of whoever is at this machine, in the alphabet of ids."""
    try:
        name = re.sub(r"[^A-Za-z0-9._:@-]", "-", getpass.getuser())[:128]
    except (OSError, KeyError, ImportError):
        name = ""
    # Many call the user of a service by its own name.
    return f"user-{name}" if same_person(name, SYSTEM) else name or "somebody"


def typed_by() -> Credential:
    """The credential of a command: whoever is at this machine has the database at hand."""
    return Credential("command_line", login())
