"""The MCP gateway, and bounds out of the tools behind it."""

from __future__ import annotations

import asyncio
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remit.core.errors import InvalidInput
from remit.core.whole_numbers import whole_number
from remit.entrypoints.cli import output

if TYPE_CHECKING:
    from remit.entrypoints.gateway.gateway import Gateway

mcp_commands = typer.Typer(no_args_is_help=True, help="Look at the MCP servers behind a gateway.")

File = Annotated[Path, typer.Argument(metavar="GATEWAY.yaml", help="Remit, servers, tools.", show_default=False)]


def register(app: typer.Typer) -> None:
    app.command("gateway")(gateway)
    app.add_typer(mcp_commands, name="mcp")
    mcp_commands.command("discover")(discover)


# Without it, Typer would run the only command of `mcp` under that name.
@mcp_commands.callback()
def _mcp() -> None:
    """Look at the MCP servers behind a gateway."""


def gateway(
    file: File,
    http: Annotated[
        str | None,
        typer.Option(
            "--http", metavar="HOST:PORT", help="Streamable HTTP, on loopback; else stdio.", show_default=False
        ),
    ] = None,
) -> None:
    """
    Stand before MCP servers: every call of a tool is an action intent first.

    Example: remit gateway gateway.yaml --http 127.0.0.1:8100
    """
    opened = _opened(file)
    from remit.entrypoints.gateway.serve import serve_http, serve_stdio
    from remit.entrypoints.server.loop import new_loop

    with asyncio.Runner(loop_factory=new_loop) as runner:
        if http is None:
            runner.run(serve_stdio(opened, _version()))
        else:
            runner.run(serve_http(opened, _version(), *_address(http), _say_where))


def discover(
    file: File,
    tenant: Annotated[str, typer.Option("--tenant", metavar="T", help="Whose bounds they will be.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it there; a file that is there stays.", show_default=False),
    ] = None,
) -> None:
    """
    Write bounds for every tool that the gateway's servers list, for a person to review.

    Example: remit mcp discover gateway.yaml --tenant acme --out bounds.yaml
    """
    opened = _opened(file)
    from remit.entrypoints.gateway.discover import bounds_text, listed

    text = bounds_text(asyncio.run(listed(opened)), tenant)
    if out is None:
        output.say(text.rstrip("\n"))
        return
    try:
        with out.open("x", encoding="utf-8") as written:
            written.write(text)
    except OSError as error:
        raise InvalidInput("--out", f"{out} cannot be written: {error.strerror}", "name another file") from None
    output.say(f"{out} is written; review it, then: remit apply {out}")


def _opened(file: Path) -> Gateway:
    if find_spec("mcp") is None or find_spec("mcp_types") is None:
        raise InvalidInput("gateway", "needs the package mcp, from 2 on", "run: pip install 'remit[gateway]'")
    # Imported here: the other commands do not need it.
    from remit.entrypoints.gateway.gateway import Gateway
    from remit.entrypoints.gateway.settings import read_settings

    settings = read_settings(file)
    state = Path(settings.state) if settings.state else file.with_suffix(".waiting")
    return Gateway(settings, os.environ, state)


def _address(http: str) -> tuple[str, int]:
    host, colon, said = http.rpartition(":")
    port = whole_number(said)
    if not colon or port is None or port > 65535:
        raise InvalidInput("--http", f"{http[:100]!r} is no HOST:PORT", "say 127.0.0.1:8100, or port 0 for a free one")
    return host.strip("[]") or "127.0.0.1", port


def _say_where(url: str) -> None:
    output.say(f"the gateway listens on {url}")
    # What listens through a pipe would otherwise hear it when the gateway ends.
    output.flush()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("remit")
    except PackageNotFoundError:
        return "0.1.0"
