"""The first steps: bounds to begin with, a database, an agent's key, and what to paste."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from remit.core.errors import InvalidInput
from remit.core.values import check_identifier
from remit.entrypoints.cli import output
from remit.entrypoints.cli.options import AsJson, Db, login, named_database, opened, typed_by
from remit.entrypoints.starter_bounds import TEMPLATE

BOUNDS = "bounds.yaml"
DEFAULT_TENANT, ACCOUNT, AGENT = "acme", "acct-1", "agent"
PORT = 8000
Directory = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where to write; made if it is not there.")]


def register(app: typer.Typer) -> None:
    app.command()(init)


def init(
    ctx: typer.Context,
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", metavar="T", help="Also make a database and an agent's key.", show_default=False),
    ] = None,
    directory: Directory = Path(),
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Of the server to come.")] = PORT,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Write bounds to begin with, and say what to paste; no file is ever overwritten.

    With --tenant it also makes a database, in DIR unless another is named, and an agent's key, shown this once.

    Example: remit init --tenant acme
    """
    owner = DEFAULT_TENANT if tenant is None else tenant
    check_identifier("--tenant", owner)
    written = _written(directory, owner)
    url = _database(ctx, db, directory)
    key = None if tenant is None else _made_key(ctx, url, owner)
    lines = _lines(written, _remit(url), port, _quoted(url, owner, key))
    if as_json:
        output.print_json({"bounds": str(written), "key": key, "lines": lines})
        return
    output.note(f"wrote {written}: read it, and change it to what your agents do; then paste")
    for line in lines:
        output.say(line)
    if key is not None:
        output.note("Keep the key: it is shown this once.")


def _database(ctx: typer.Context, db: str | None, directory: Path) -> str | None:
    """The database that the lines have to name; `None` for the one that every command takes by itself."""
    named = named_database(ctx, db)
    if named or os.environ.get("REMIT_DATABASE_URL") or directory == Path():
        return named
    return f"sqlite:///{directory / 'remit.db'}"


def _made_key(ctx: typer.Context, url: str | None, tenant: str) -> str:
    asked = {"name": AGENT, "roles": ["agent"]}
    with opened(ctx, url) as remit:
        return remit.create_key(tenant, asked, by=login(), credential=typed_by())[1]


def _written(directory: Path, tenant: str) -> Path:
    """The bounds, in a file that was not there. Raises `InvalidInput`."""
    path = directory / BOUNDS
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.format(tenant=tenant))
    except FileExistsError as error:
        way_out = "name another --dir, or go on with what is there"
        raise InvalidInput("--dir", f"{error.filename} is there already, and is not overwritten", way_out) from None
    except OSError as error:
        raise InvalidInput("--dir", f"{path} cannot be written: {error.strerror}", "name another --dir") from None
    return path


def _remit(url: str | None) -> list[str]:
    return ["remit", *(["--db", url] if url else [])]


def _quoted(url: str | None, tenant: str, key: str | None) -> str:
    """The key as a shell takes it; where there is none yet, the command that makes it."""
    if key is not None:
        return shlex.quote(key)
    made = shlex.join([*_remit(url), "key", "create", "--tenant", tenant, "--name", AGENT, "--role", "agent"])
    return f'"$({made})"'


def _lines(bounds: Path, remit: list[str], port: int, key: str) -> list[str]:
    """Three lines of a shell: put the bounds in force, serve, and tell the agent where and who it is."""
    serve = [*remit, "serve", *(["--port", str(port)] if port != PORT else [])]
    return [
        shlex.join([*remit, "apply", str(bounds)]),
        f"{shlex.join(serve)} &",
        f"export REMIT_URL=http://127.0.0.1:{port} REMIT_KEY={key} REMIT_ACCOUNT={ACCOUNT}",
    ]
