"""Options that are given twice: refused, where the last one would silently be taken."""

from __future__ import annotations

from collections import Counter
from typing import Any

from remit.core.errors import InvalidInput


def taking_each_once(command: Any) -> Any:
    """The command, which from now on refuses that; and so do all of its own commands."""
    make_parser = command.make_parser
    command.make_parser = lambda ctx: parsing_each_once(make_parser(ctx), ctx)
    for own in getattr(command, "commands", {}).values():
        taking_each_once(own)
    return command


def parsing_each_once(parser: Any, ctx: Any) -> Any:
    """The parser, which from now on raises `InvalidInput` for an option that is no list and is given twice."""
    parse = parser.parse_args

    def parse_args(args: list[str]) -> Any:
        options, rest, met = parse(args=args)
        _check(met, ctx)
        return options, rest, met

    parser.parse_args = parse_args
    return parser


def _check(met: list[Any], ctx: Any) -> None:
    # One that is eager shows something and ends, such as the help.
    options = Counter(each for each in met if is_single(each) and not each.is_eager)
    for option, times in options.items():
        name = max(option.opts, key=len)
        if times > 1:
            raise InvalidInput(name, f"is given {'twice' if times == 2 else f'{times} times'}", "give it once")
        if name in _given_before(ctx.parent):
            raise InvalidInput(name, "is given before the command and with it", "give it once")


def is_single(param: Any) -> bool:
    """Is it an option of which each further one would replace the one before?"""
    return param.param_type_name == "option" and not param.multiple and not param.count


def _given_before(ctx: Any) -> set[str]:
    if ctx is None:
        return set()
    given = {name for param in ctx.command.params if _is_given(ctx, param) for name in param.opts}
    return given | _given_before(ctx.parent)


def _is_given(ctx: Any, param: Any) -> bool:
    source = ctx.get_parameter_source(param.name)
    return source is not None and source.name == "COMMANDLINE"
