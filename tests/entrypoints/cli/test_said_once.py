"""Options that are given twice, of every command that there is."""

from __future__ import annotations

import re

import pytest
import typer.main

from remit.core.errors import InvalidInput
from remit.entrypoints.cli import app
from remit.entrypoints.cli.said_once import is_single

ROOT = typer.main.get_command(app)


def every_command(command=ROOT, parent=None):
    """Each command with the context in which it would parse its words."""
    ctx = command.make_context(command.name, [], parent=parent, resilient_parsing=True)
    yield command, ctx
    if hasattr(command, "list_commands"):
        for name in command.list_commands(ctx):
            yield from every_command(command.get_command(ctx, name), ctx)


COMMANDS = {ctx.command_path: (command, ctx) for command, ctx in every_command()}
OPTIONS = [
    (path, option, name)
    for path, (command, _) in COMMANDS.items()
    for option in command.params
    if option.param_type_name == "option" and not option.is_eager
    for name in [*option.opts, *option.secondary_opts]
]
SINGLE = [each for each in OPTIONS if is_single(each[1])]
REPEATED = [each for each in OPTIONS if not is_single(each[1])]


def parsed(path, words):
    command, ctx = COMMANDS[path]
    return command.make_parser(ctx).parse_args(args=words)


def words_of(option, name, times):
    return [name, *([] if option.is_flag else ["x"] * option.nargs)] * times


def test_there_are_many_of_them():
    assert len(COMMANDS) > 60 and len(SINGLE) > 200 and len(REPEATED) > 10


@pytest.mark.parametrize(("path", "option", "name"), SINGLE, ids=lambda value: str(value) if "-" in str(value) else "")
def test_an_option_that_is_given_twice_is_refused_by_its_name(path, option, name):
    parsed(path, words_of(option, name, 1))

    with pytest.raises(InvalidInput) as refused:
        parsed(path, words_of(option, name, 2))

    assert (refused.value.field, "twice" in str(refused.value)) == (max(option.opts, key=len), True)
    assert "give it once" in str(refused.value)


@pytest.mark.parametrize(
    ("path", "option", "name"), REPEATED, ids=lambda value: str(value) if "-" in str(value) else ""
)
def test_an_option_that_may_be_repeated_says_so_and_keeps_each(path, option, name):
    found, _, _ = parsed(path, words_of(option, name, 2))

    assert found[option.name] == ["x", "x"]
    assert re.search("repeat|several", option.help, re.IGNORECASE)
