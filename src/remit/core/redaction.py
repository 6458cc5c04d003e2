"""
Redaction: texts in which a secret is replaced by its name, in whatever common spelling it stands there, and private
values by a word that says so.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from remit.core.canonical import canonical

SHORTEST_ENCODED = 6
"""An encoding of fewer characters is a word that any text may hold."""

SHORTEST_TEXT = 4
"""A private text of fewer characters, and a number, is told from other words only where it stands alone."""
_PRIVATE = "(private)"


def without_values(text: str, values: Iterable[Any]) -> str:
    """
    `text` without the texts and numbers in these JSON values, in whatever common spelling and case.

    Where it was cut in the middle of one, its beginning goes as well.
    """
    leaves = {leaf for value in values for leaf in _leaves(value)}
    spelled = {spelling for leaf in leaves if len(leaf) >= SHORTEST_TEXT for spelling in spellings(leaf)}
    alone = {leaf for leaf in leaves if len(leaf) < SHORTEST_TEXT}
    patterns = [
        *map(re.escape, sorted(spelled, key=len, reverse=True)),
        *(rf"(?<!\w){re.escape(it)}(?!\w)" for it in alone),
    ]
    whole = re.sub("|".join(patterns), _PRIVATE, text, flags=re.IGNORECASE) if patterns else text
    cut = max((_beginning_at_end(whole, spelling) for spelling in spelled), default=0)
    return f"{whole[:-cut]}{_PRIVATE}" if cut else whole


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    elif isinstance(value, str) and value.strip():
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield canonical(value).decode()


def _beginning_at_end(text: str, spelling: str) -> int:
    """The number of characters at the end of a text that are the beginning of this, if more than a few."""
    lengths = range(min(len(text), len(spelling) - 1), SHORTEST_TEXT - 1, -1)
    return next((length for length in lengths if text.endswith(spelling[:length])), 0)


def masked(text: str, secrets: Mapping[str, str]) -> str:
    """`secrets` maps each secret to its name."""
    return masking(secrets)(text)


def masking(secrets: Mapping[str, str]) -> Callable[[str], str]:
    """Redact many texts."""
    spelled = {spelling: name for value, name in secrets.items() for spelling in spellings(value)}
    if not spelled:
        return lambda text: text
    # In one pass, the longest first: a secret may contain another, and be contained in a name.
    longest_first = re.compile("|".join(map(re.escape, sorted(spelled, key=len, reverse=True))))
    return lambda text: longest_first.sub(lambda found: f"${{{spelled[found[0]]}}}", text)


def spellings(secret: str) -> set[str]:
    """The secret as it is, and as JSON, URLs, HTML, Basic credentials, base64, hex and logs spell it."""
    plain = {secret, " ".join(secret.split()), *_inside(secret)} - {"", " "}
    encoded = {spelling for value in plain for spelling in _encoded(value) if len(spelling) >= SHORTEST_ENCODED}
    return plain | encoded


def _inside(secret: str) -> Iterator[str]:
    """Basic credentials are base64 of a user, a colon and a password: the password is as secret."""
    try:
        decoded = base64.b64decode(secret, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    user, colon, password = decoded.partition(":")
    if user and colon and decoded.isprintable():
        yield decoded
        if len(password) >= SHORTEST_ENCODED:
            yield password


def _encoded(value: str) -> Iterator[str]:
    data = value.encode("utf-8", "surrogatepass")
    for text in (
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        repr(data)[2:-1],
    ):
        yield text
        yield text.replace("/", "\\/")
    yield from (html.escape(value), html.escape(value, quote=False), data.hex(), data.hex().upper())
    every_byte = "".join(f"%{byte:02X}" for byte in data)
    for text in (quote(data, safe=""), quote(data), quote_plus(data), every_byte):
        yield text
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text)
    yield from _base64(data)


def _base64(data: bytes) -> Iterator[str]:
    """Also inside a longer text: at each of the three places it may have there, without what its neighbours decide."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        whole_bits = (before + len(data)) * 8 // 6
        core = text[(before * 8 + 5) // 6 : whole_bits]
        yield core
        yield core.replace("+", "-").replace("/", "_")
