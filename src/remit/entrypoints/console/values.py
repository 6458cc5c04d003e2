"""Values and text as HTML: as `core.rendering` says, with what does not show marked and what is long to be opened."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from markupsafe import Markup

from remit.core import rendering
from remit.core.private_values import in_words, is_commitment

MOST_CHARACTERS, MOST_LINES = 400, 10
"""So much of a value stands on a page at once; the rest opens below it."""
MOST_ON_A_CARD = 4000
"""So much of a value opens on a card of the queue; all of it on the intent's own page."""
MOST_ROWS = 40
"""So many values stand in a table at once, and on a card at all."""


def text(said: Any) -> Any:
    """
    Anything that a template prints, as a line that shows all of itself.

    Markup passes: whoever made it has seen to that.
    """
    return rendering.sentence(said) if isinstance(said, str) and not hasattr(said, "__html__") else said


def typed(said: Any) -> Markup:
    """Text as it is, for a field that sends it back: what a form shows otherwise, it would change."""
    return Markup.escape("" if said is None else said)


def code(said: str) -> Markup:
    """A text of several lines that people wrote, for a `<pre>`."""
    return _html(said.expandtabs(4))


def shown(value: Any, whole_at: str | None = None) -> Markup:
    """
    A value with its type: text in quotation marks and with its own lines, anything else as the JSON that is sent, and
    a private one that is not to be had as a word.

    A long one is opened below; with `whole_at` a very long one is led to there.
    """
    if is_commitment(value):
        return Markup('<bdi class="value json">{}</bdi>').format(in_words(value))
    is_text = isinstance(value, str)
    source = value if is_text else rendering.json_text(value)
    at = _end_of_beginning(source)
    mark = Markup('<span class="quote">"</span>') if is_text else ""
    kind = "text" if is_text else "json"
    first, rest = source[:at], source[at:]
    begun = Markup('<bdi class="value {}">{}{}{}</bdi>').format(kind, mark, _html(first), "" if rest else mark)
    return begun + (_rest(rest, kind, mark, whole_at) if rest else "")


def _rest(rest: str, kind: str, mark: Markup | str, whole_at: str | None) -> Markup:
    most = MOST_ON_A_CARD if whole_at else len(rest)
    further = len(rest) - most
    end = mark if further <= 0 else Markup("… {} <a href='{}'>See all of it</a>").format(_more(further), whole_at)
    opened = Markup('<bdi class="value {}">{}{}</bdi>').format(kind, _html(rest[:most]), end)
    return Markup('<details class="rest"><summary>… {}</summary>{}</details>').format(_more(len(rest)), opened)


def _more(count: int) -> str:
    return f"{count:,} more character{'' if count == 1 else 's'}"


def _end_of_beginning(source: str) -> int:
    at = -1
    for _ in range(MOST_LINES):
        at = source.find("\n", at + 1)
        if at < 0:
            break
    end = min(MOST_CHARACTERS, at if at >= 0 else MOST_CHARACTERS)
    # A rest that is no longer than the words that offer it is shown at once.
    return end if len(source) - end > 40 or at >= 0 else len(source)


def _html(source: str) -> Markup:
    return Markup("").join(
        Markup('<mark class="odd" title="{}">{}</mark>').format(_named(span.text), span.text)
        if span.marked
        else span.text
        for span in rendering.spans(source, lines=True)
    )


def _named(mark: str) -> str:
    number = int(mark[3:].partition("⟩")[0].partition(" ")[0], 16)
    return unicodedata.name(chr(number), "a character that does not show")


def rows(record: Mapping[str, Any] | None) -> list[rendering.Row]:
    return list(rendering.rows(record or {}))


def dom_id(name: str) -> str:
    """The name in a page of what an intent has there: any id of ours would need escaping in a selector."""
    return sha256(name.encode()).hexdigest()[:16]
