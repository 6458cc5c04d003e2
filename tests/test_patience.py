"""Requests of tests wait as long as tests do: httpx by itself gives up after five seconds, and a machine is busy."""

import ast
from pathlib import Path

ASKS = {"get", "post", "put", "delete", "request", "Client", "AsyncClient"}


def is_request(call):
    called = call.func
    return isinstance(called, ast.Attribute) and ast.unparse(called.value) == "httpx" and called.attr in ASKS


def test_every_request_of_a_test_says_how_long_it_waits():
    impatient = [
        f"{file.name}:{node.lineno}"
        for file in Path(__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and is_request(node)
        if not {"timeout", "transport", None} & {each.arg for each in node.keywords}
    ]

    assert impatient == []
