"""
The command line: translates words into one call of the app, and its answer into tables or JSON.

Belongs here: options, output, exit codes. Does not: any rule; what may be done is decided behind the app.

Exit codes: 0 done, 1 `verify` found something broken or `prove` no proof, 2 wrong input, 3 not found, 4 conflict,
5 try later (or: it may have happened, look first), 130 interrupted, 141 nobody reads the output any more.
"""

from __future__ import annotations

import gc
import os
import sys
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from remit.core.errors import InvalidInput, RemitError
from remit.entrypoints.cli import output
from remit.entrypoints.cli.options import Db
from remit.entrypoints.cli.said_once import parsing_each_once, taking_each_once

COMMANDS = {
    "init": "starting",
    "propose": "agents",
    "gate": "agents",
    "withdraw": "agents",
    "wait": "agents",
    "supplement": "agents",
    "queue": "people",
    "approve": "people",
    "reject": "people",
    "edit": "people",
    "ask": "people",
    "automate": "automating",
    "decide-again": "automating",
    "assign": "people",
    "hand-over": "people",
    "sampled": "sampled",
    "judge": "sampled",
    "suggest": "automating",
    "resolve": "people",
    "erase": "people",
    "apply": "bounds",
    "promote": "bounds",
    "prove": "proving",
    "stop": "bounds",
    "resume": "bounds",
    "usage": "usage",
    "overview": "overview",
    "tools": "tools",
    "status": "reading",
    "why": "reading",
    "auto-exec-state": "reading",
    "timeline": "reading",
    "result": "results",
    "erase-result": "results",
    "intents": "reading",
    "export": "ledger",
    "report": "ledger",
    "ledger": "ledger",
    "verify": "ledger",
    "recount": "ledger",
    "worker": "running",
    "reconcile": "running",
    "recover": "running",
    "demo": "running",
    "serve": "serving",
    "gateway": "gateway",
    "mcp": "gateway",
    "deliveries": "notifications",
    "key": "serving",
    "subscription": "notifications",
    "push-key": "notifications",
    "doctor": "doctor",
    "migrate": "migrating",
}
"""Every command in the order of `--help`, and the module here that has it: loaded when it is asked for."""
HOSTS = frozenset({"running", "serving", "gateway"})
"""The modules whose commands run somebody's own code."""


class _Commands(typer.core.TyperGroup):
    """Commands of modules that are loaded one by one: who reads waits for no server, who serves for no reader."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # Their names, for the one that was meant by a mistyped one.
        names: Any = dict.fromkeys(COMMANDS)
        self.commands |= names

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the same for every line
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - likewise
        module = COMMANDS.get(cmd_name)
        return _commands_of(module)[cmd_name] if module else None

    def make_parser(self, ctx: Any) -> Any:
        return parsing_each_once(super().make_parser(ctx), ctx)


@cache
def _commands_of(module: str) -> dict[str, Any]:
    part = typer.Typer(add_completion=False)
    import_module(f"{__name__}.{module}").register(part)
    return {name: taking_each_once(each) for name, each in typer.main.get_group(part).commands.items()}


app = typer.Typer(
    name="remit",
    cls=_Commands,
    help="Lets agents act on their own within bounds that people set, and asks a person for everything else.",
    epilog="Exit codes: 0 done, 1 verify found something broken or prove no proof, "
    "2 wrong input, 3 not found, 4 conflict, 5 try later.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version

    from remit.core.gate.zones import RULES

    try:
        own = version("remit")
    except PackageNotFoundError:
        own = "(from source)"
    output.say(f"remit {own}, with the time zones of {RULES}")
    raise typer.Exit


@app.callback()
def remit(
    ctx: typer.Context,
    db: Db = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version
    _collect_garbage()
    ctx.obj = db
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def _collect_garbage() -> None:
    """From here on; but not among what is loaded, where it was put off for that."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def main() -> None:
    """The script: one run of the command line, ending the process with its exit code."""
    # Asked before anything is parsed: what cannot be parsed is told as JSON too.
    as_json = "--json" in sys.argv[1:]
    output.take_any_text()
    if HOSTS.isdisjoint(COMMANDS.get(word, "") for word in sys.argv[1:]):
        # Looked for in every package that is installed, which takes up to a tenth of a command that reads.
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        code = app(prog_name="remit", standalone_mode=False)
        sys.stdout.flush()
    except RemitError as error:
        output.print_error(error, as_json=as_json)
        code = output.exit_code(error)
    except typer.TyperException as error:
        output.print_error(_usage_error(error), as_json=as_json)
        code = output.WRONG_INPUT
    except (typer.Abort, KeyboardInterrupt):
        code = output.INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        code = _ended_early(error)
    sys.exit(code if isinstance(code, int) else output.DONE)


def _ended_early(error: BaseException) -> int:
    if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
        return output.TRY_LATER if error.code else output.DONE
    # Whoever reads stopped reading: Typer makes that SystemExit(1), which is `verify`'s code for broken.
    # Python would complain once more when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return output.NOBODY_READS


def _usage_error(error: typer.TyperException) -> InvalidInput:
    param = getattr(error, "param", None)
    field = (param.opts[-1] if param else getattr(error, "option_name", None)) or "(command line)"
    command = getattr(getattr(error, "ctx", None), "command_path", "remit")
    problem = error.format_message().removeprefix(f"Invalid value for '{field}': ").rstrip(".")
    return InvalidInput(field, problem, f"see '{command} --help'")
