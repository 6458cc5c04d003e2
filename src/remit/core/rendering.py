"""
Values and text as people see them: one rendering for the console, terminals, mail, Slack and webhooks.

A person answers what is shown, so what is shown has to be what runs. Types are visible (`"100"` is a text and `100`
a number), numbers stand as canonical JSON sends them, a name cannot be taken for another one, and a character that
would be invisible, turn the direction of writing or pass for another one stands as its number: `⟨U+202E⟩`.

`visible` and `quoted` take what an agent or a far side wrote. `sentence` takes a line of ours that such data was
quoted into already: it is what every channel does with a line before it leaves.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from msgspec import Struct

from remit.core.canonical import canonical
from remit.core.private_values import in_words, is_commitment

MOST_QUOTED = 200
"""So much of a text is quoted inside a sentence; of the rest it says how much there is."""
MOST_COMBINING = 4
"""Marks on one letter; further ones pile up over the lines above. Written Hebrew and Thai need fewer."""
ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"
"""Between them text of either direction moves nothing outside (Unicode's FSI and PDI)."""

# Letters and signs by category, but blank to the eye: fillers, joiners, an empty Braille cell, an empty note.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U0001d159")
_ASCII_OR_NOT = re.compile(r"[ -~]+|[^ -~]+")
# Whoever writes a mark of ours into a text has it marked, so that no data can look like one.
_IMITATION = re.compile("\u27e8(?=U\\+)")
_OF_ONE_ISOLATE = re.compile(f"{ISOLATE}([^{ISOLATE}{END_OF_ISOLATE}\n]*){END_OF_ISOLATE}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@#+-]*(?:/[A-Za-z0-9_.:@#+-]+)*(?<![.:])")
_STEP = re.compile(r"[A-Za-z0-9_-]+")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


class Span(Struct, frozen=True):
    """
    A stretch of a text: as it is, or (`marked`) characters that stand as their numbers.

    `length` is how many characters of the text it stands for.
    """

    text: str
    length: int
    marked: bool = False


class Row(Struct, frozen=True):
    """One value of a record under a path that names no other value of it."""

    path: str
    value: Any


def spans(text: str, *, lines: bool = False) -> Iterator[Span]:
    """`text` without anything that a page or terminal would not show; `lines` keeps line feeds."""
    before = " "
    for imitates, stretch in _stretches(text):
        if imitates:
            yield Span(_number(stretch), 1, marked=True)
        elif stretch.isascii() and stretch.isprintable():
            yield Span(stretch, len(stretch))
        else:
            yield from _judged(stretch, before, lines)
        before = stretch[-1]


def _stretches(text: str) -> Iterator[tuple[bool, str]]:
    start = 0
    for match in _IMITATION.finditer(text):
        yield from ((False, part) for part in _ASCII_OR_NOT.findall(text[start : match.start()]))
        yield True, match[0]
        start = match.end()
    yield from ((False, part) for part in _ASCII_OR_NOT.findall(text[start:]))


def _judged(stretch: str, before: str, lines: bool) -> Iterator[Span]:
    for odd, run in groupby(zip(stretch, _oddness(stretch, before, lines), strict=True), key=lambda pair: pair[1]):
        chars = [char for char, _ in run]
        if not odd:
            yield Span("".join(chars), len(chars))
            continue
        for char, repeated in groupby(chars):
            count = sum(1 for _ in repeated)
            yield Span(_number(char, count), count, marked=True)


def _oddness(stretch: str, before: str, lines: bool) -> Iterator[bool]:
    """Of each character, whether it may not stand as it is."""
    base, marks = before, 0
    for char in stretch:
        if unicodedata.category(char)[0] == "M" and char not in _BLANK:
            marks += 1
            # On nothing but a space or a quotation mark it would stand on what is not the agent's.
            odd = marks > MOST_COMBINING or unicodedata.category(base)[0] not in "LNSM"
            yield odd or (_selects(char) and not _may_be_selected(base))
            continue
        odd = char in _BLANK or not (char.isprintable() or (lines and char == "\n"))
        base, marks = " " if odd else char, 0
        yield odd


def _selects(char: str) -> bool:
    """A variation selector: of no width, and able to carry hidden text."""
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def is_unseen(char: str) -> bool:
    """Is nothing of it to be seen beside other characters, nor any gap?"""
    return char in _BLANK or _selects(char) or not (char.isprintable() or char.isspace())


def _may_be_selected(base: str) -> bool:
    return base in "#*0123456789" or unicodedata.category(base) in ("So", "Sm")


def _number(char: str, count: int = 1) -> str:
    times = f" ×{count}" if count > 1 else ""
    return f"⟨U+{ord(char):04X}{times}⟩"


def visible(text: str, *, lines: bool = False) -> str:
    """`text` with what does not show marked; without `lines` on one line."""
    return "".join(span.text for span in spans(text, lines=lines))


def is_plain(text: str) -> bool:
    """Does all of it show as it is?"""
    return not any(span.marked for span in spans(text, lines=True))


def isolated(text: str) -> str:
    """Visible text that moves nothing outside of it where it is written from the right."""
    turns = not text.isascii() and any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text)
    return f"{ISOLATE}{text}{END_OF_ISOLATE}" if turns else text


def value_text(value: Any) -> str:
    """Any JSON value on one line, as canonical JSON writes it and tools send it; a private one as a word."""
    return in_words(value) if is_commitment(value) else isolated(visible(json_text(value)))


def json_text(value: Any) -> str:
    try:
        return canonical(value).decode()
    except ValueError:
        # No proposal holds it, but a page that explains a record must not break over it.
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def quoted(text: str, most: int = MOST_QUOTED) -> str:
    """
    Somebody else's words inside a sentence of ours: one line, in the quotation marks of JSON.

    Of more than `most` shown characters it says how many follow.
    """
    taken = min(len(text), most)
    while len(shown := _inside_quotes(text[:taken])) > most:
        taken = min(taken - 1, taken * most // len(shown))
    rest = len(text) - taken
    return isolated(f'"{shown}"') + (f"… {rest:,} more character{'s' if rest > 1 else ''}" if rest else "")


def _inside_quotes(text: str) -> str:
    return visible(json.dumps(text, ensure_ascii=False)[1:-1])


def name(text: str) -> str:
    """A name that an agent or a far side gave, inside a sentence of ours: quoted unless it is a plain word."""
    return text if len(text) <= MOST_QUOTED and _NAME.fullmatch(text) else quoted(text)


def target(entity: Mapping[str, Any]) -> str:
    """The subject of an action, inside a sentence of ours."""
    return " ".join(_part(entity[part]) for part in ("entity_type", "entity_id"))


def _part(said: Any) -> str:
    # Brackets stand in no plain word, so no name of an agent's looks like this.
    return in_words(said) if is_commitment(said) else name(said)


def sentence(text: str, *, lines: bool = False) -> str:
    """
    A line of ours as a channel shows it: one line, without anything that does not show.

    Isolates that begin and end in it stay: they turn nothing outside of them.
    """
    parts = _OF_ONE_ISOLATE.split(text)
    # Every second part stood in an isolate.
    return "".join(
        f"{ISOLATE}{_line(part, lines)}{END_OF_ISOLATE}" if number % 2 else _line(part, lines)
        for number, part in enumerate(parts)
    )


def _line(text: str, lines: bool) -> str:
    parts = text.split("\u27e8")
    return "\u27e8".join(visible(part, lines=lines) for part in parts)


def path_of(steps: Iterable[str | int]) -> str:
    """
    The path of a value: plain names between dots, and any other name in brackets as a JSON text.

    `["account.iban"]` is the one name, `account.iban` is the one inside the other.
    """
    path = ""
    for step in steps:
        plain = isinstance(step, int) or _STEP.fullmatch(step)
        path += (f".{step}" if path else str(step)) if plain else f"[{_json_name(str(step))}]"
    return path


def _json_name(text: str) -> str:
    """A JSON text that can be typed: what does not show is escaped as JSON escapes it."""
    return "".join(
        span.text if not span.marked else json.dumps(char)[1:-1]
        for char in json.dumps(text, ensure_ascii=False)
        for span in spans(char)
    )


def rows(record: Mapping[str, Any], above: Sequence[str] = ()) -> Iterator[Row]:
    """Every value of `record` by its path; lists, objects with nothing in them, and private values are values."""
    for key, value in record.items():
        steps = [*above, key]
        if isinstance(value, Mapping) and value and not is_commitment(value):
            yield from rows(value, steps)
        else:
            yield Row(path_of(steps), value)
