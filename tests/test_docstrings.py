"""One way in which docstrings begin: with the thing they are about, or with what is done."""

import ast
import re
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
QUESTION_WORDS = re.compile(r"(What|Who|Whose|Whom|How|Where|When|Which|Why|The same)\b")
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def test_no_docstring_begins_with_a_question_word():
    said = [
        (path.name, ast.get_docstring(node) or "")
        for path in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, DOCUMENTED)
    ]

    assert len(said) > 1000
    assert [(name, text[:60]) for name, text in said if QUESTION_WORDS.match(text)] == []
