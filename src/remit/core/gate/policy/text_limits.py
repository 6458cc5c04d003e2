"""
Limits on a policy's text, looked at before Cedar's parser sees any of it.

One pass in the order of the text, in time that grows with its length alone. It knows strings and comments
as Cedar's own lexer does (https://docs.cedarpolicy.com/policies/syntax-grammar.html) and nothing of what a
rule means: Cedar's parser goes as deep as brackets and chains do, so text without limits ends the process,
and a line end that only some readers know hides a rule from one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from msgspec import Struct

MOST_FILES = 100
MOST_BYTES = 128 * 1024
"""Of all files of a tenant together, as UTF-8."""
MOST_BRACKETS = 32
"""How deep brackets may stand in each other."""
MOST_DEPTH = 64
"""How deep an expression may be: brackets, and the links of every chain that is open, together."""

_TOKEN = re.compile(
    r"""
      (?P<string>"(?:[^"\\]|\\[^\n])*")
    | (?P<comment>//[^\r\n]*)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>&&|\|\||::|==|!=|<=|>=|[.;,:@(){}\[\]!<>+*?-])
    | (?P<space>(?:[ \t\n]|\r\n)+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NAMES = {
    "\0": "a NUL",
    "\r": "a carriage return without a line feed",
    "\v": "a vertical tab",
    "\f": "a form feed",
    "\x85": "a next line (U+0085)",
    "\u2028": "a line separator (U+2028)",
    "\u2029": "a paragraph separator (U+2029)",
}
# Besides line ends: other control characters, halves of a pair, and what turns the direction of text around.
_HIDDEN = re.compile(r"[\0-\x08\v\f\r\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NEVER = re.compile(r"[\0\ud800-\udfff]")
_MAY_HIDE = {"string", "comment", "other"}
_LINKS = {"&&", "||", "+", "-", "*", "!", "if", "when", "unless"}
_ENDS_MEMBERS = {"==", "!=", "<", "<=", ">", ">=", "in", "has", "like", "is", "then", "else"}


class Source(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...


class Token(Struct, frozen=True):
    """One token: `kind` is string, comment, word, sign, space or other."""

    kind: str
    text: str
    start: int


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text, in order, nothing left out."""
    for match in _TOKEN.finditer(text):
        yield Token(match.lastgroup or "", match[0], match.start())


def check_texts(sources: Sequence[Source]) -> None:
    """Raises `ValueError` naming the file, and the line where there is one, for what Cedar shall not see."""
    if len(sources) > MOST_FILES:
        raise ValueError(f"there are {len(sources)} policy files, the most is {MOST_FILES}; put rules together")
    size = sum(len(source.text.encode("utf-8", "replace")) for source in sources)
    if size > MOST_BYTES:
        raise ValueError(f"the policies have {size} bytes together, the most is {MOST_BYTES}; say it with fewer rules")
    for source in sources:
        check_text_of(source.name, source.text)


def check_text_of(name: str, text: str) -> None:
    """Check one file."""
    depth = _Depth()
    for token in tokens(text):
        problem = _hidden(token) or depth.after(token)
        if problem:
            where, said = problem
            line = text.count("\n", 0, token.start + where) + 1
            raise ValueError(f"{name}, line {line}: {said}")


def _hidden(token: Token) -> tuple[int, str] | None:
    if token.text == '"':
        return 0, 'a string has no end; write " behind it'
    found = (_NEVER if token.kind == "string" else _HIDDEN).search(token.text) if token.kind in _MAY_HIDE else None
    if not found:
        return None
    what = _NAMES.get(found[0], f"the character U+{ord(found[0]):04X}")
    return found.start(), f"{what} stands in it; end lines with LF or CRLF, and write it as an escape in a string"


class _Depth:
    """
    The depth of the expression at hand, never less than Cedar's parser goes.

    Each bracket that is open has its own chain: the operators since its beginning, or since the last comma,
    and the members (`.a`, `::a`, `[…]`, `(…)`) since the last operator.
    """

    def __init__(self) -> None:
        self._open: list[tuple[int, int]] = []
        self._outside = 0
        self._links = self._members = 0
        self._before = ""

    def after(self, token: Token) -> tuple[int, str] | None:
        if token.kind in ("space", "comment"):
            return None
        self._take(token)
        self._before = token.kind if token.kind in ("word", "string") else token.text
        if len(self._open) > MOST_BRACKETS:
            return 0, f"brackets stand more than {MOST_BRACKETS} deep in each other; write it flat"
        if self._outside + self._links + self._members > MOST_DEPTH:
            return 0, (
                f"an expression is more than {MOST_DEPTH} deep; "
                "write several rules, or a set and .contains, in place of a long chain"
            )
        return None

    def _take(self, token: Token) -> None:
        # A keyword behind a dot is a name like any other.
        is_name = token.kind == "string" or (token.kind == "word" and self._before in (".", "::"))
        sign = "" if is_name else token.text
        if sign in ("(", "[", "{"):
            self._enter()
        elif sign in (")", "]", "}"):
            self._leave()
        elif sign in (",", ";", "@"):
            self._links = self._members = 0
        elif sign in (".", "::"):
            self._members += 1
        elif sign in _LINKS:
            self._links, self._members = self._links + 1, 0
        elif sign in _ENDS_MEMBERS:
            self._members = 0

    def _enter(self) -> None:
        if self._before in ("word", "string", ")", "]", "}"):
            self._members += 1
        self._open.append((self._links, self._members))
        self._outside += self._links + self._members + 1
        self._links = self._members = 0

    def _leave(self) -> None:
        if not self._open:
            return
        self._links, self._members = self._open.pop()
        self._outside -= self._links + self._members + 1
