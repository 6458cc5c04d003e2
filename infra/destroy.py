"""
`./dev destroy`: takes the protection off that a stack with `retain` has, after asking, so that it can be deleted.

The table, its key and the logs of such a stack stay, and so does the table's own protection against deletion.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import boto3


def main(arguments: Sequence[str], ask: Callable[[str], str] = input) -> int:
    """0 if the stack may be deleted now; the CDK deletes it. 1 if whoever was asked did not confirm."""
    name = stack_named(arguments)
    client = boto3.client("cloudformation")
    if not is_protected(client, name):
        return 0
    print(f"The stack {name} is protected. Deleting it stops every decision and execution; its records and logs stay.")
    if "--force" not in arguments and ask("Type its name to take the protection off: ").strip() != name:
        print("Nothing was changed.")
        return 1
    client.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    return 0


def stack_named(arguments: Sequence[str]) -> str:
    """The name in `-c name=NAME`, as the app takes it."""
    given = [text.removeprefix("name=") for text in arguments if text.startswith("name=")]
    return given[-1] if given else "remit"


def is_protected(client: Any, name: str) -> bool:
    """False also where there is no such stack: deleting it says so."""
    try:
        (found,) = client.describe_stacks(StackName=name)["Stacks"]
    except client.exceptions.ClientError:
        return False
    return bool(found.get("EnableTerminationProtection"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
