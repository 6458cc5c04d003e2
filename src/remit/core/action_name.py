"""The action type that a tool's own name stands for."""

from __future__ import annotations

import re

from remit.core.errors import InvalidInput

MOST_CHARACTERS = 128
_IS_ONE = re.compile(r"[A-Z][A-Z0-9_]{0,127}")
# Where a word ends: `refundOrder`, `HTTPGet`, `v2Refund`.
_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def action_type_name(tool: str) -> str:
    """
    `refundOrder` and `refund-order` as `REFUND_ORDER`, `crm.refund order` as `CRM_REFUND_ORDER`; such a name as itself.

    Different tools may come to one name: whoever registers several looks whether it is taken. Raises `InvalidInput` for
    a name without a letter of ASCII at its beginning, with other letters than those, or that is too long: none is cut
    or guessed, since bounds are set under what comes of it.
    """
    if _IS_ONE.fullmatch(tool):
        return tool
    if not tool.isascii():
        raise InvalidInput("tool", f"{tool[:100]!r} has letters beyond ASCII", "name its action type yourself")
    name = "_".join(re.findall(r"[A-Z0-9]+", _ENDS.sub("_", tool).upper()))
    if not name or not name[0].isalpha():
        raise InvalidInput("tool", f"{tool[:100]!r} does not begin with a letter", "name its action type yourself")
    if len(name) > MOST_CHARACTERS:
        raise InvalidInput(
            "tool", f"makes a name of {len(name)} characters, the most is {MOST_CHARACTERS}", "shorten it"
        )
    return name
