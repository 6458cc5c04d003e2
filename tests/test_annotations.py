"""One style of annotations: files of tests carry none, what they share carries all (ruff sees to that)."""

import ast
from pathlib import Path


def annotations(function):
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return [function.returns, *(each.annotation for each in arguments if each is not None)]


def test_functions_in_files_of_tests_carry_no_annotations():
    annotated = [
        f"{file.name}:{node.lineno}"
        for file in Path(__file__).parent.rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(annotations(node))
    ]

    assert annotated == []
