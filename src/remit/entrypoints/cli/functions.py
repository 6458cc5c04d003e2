"""Functions that a worker runs, found in the modules that its command names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from remit.core.errors import InvalidInput

_OPTION = "--import"


def imported_functions(modules: Sequence[str]) -> list[Any]:
    """
    The functions with `execute="worker"` that these modules name, each once.

    Raises `InvalidInput` for a module that is not there, or that names none.
    """
    found = [function for name in modules for function in _functions_of(name)]
    return list({id(function): function for function in found}.values())


def _functions_of(name: str) -> list[Any]:
    # Imported here: a worker without functions needs no client.
    from remit.agents import Action

    module = _imported(name)
    found = [each for each in vars(module).values() if isinstance(each, Action) and each.execute == "worker"]
    if not found:
        raise InvalidInput(_OPTION, f'{name} has no function with @remit.action(…, execute="worker")')
    return found


def _imported(name: str) -> ModuleType:
    # As Python itself does for a script: the modules of whoever starts it are beside it.
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        way_out = "name it as Python imports it, from the directory that holds it"
        raise InvalidInput(_OPTION, f"{name} cannot be imported: {error}", way_out) from error
