"""One value of a file that a command reads, before it is taken apart."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from remit.core.errors import InvalidInput
from remit.core.json_text import MOST_PARTS, read_json


class JsonLine(Struct, frozen=True):
    """One line: its number from 1, its length with the line's end, and its text; `None` if it was too long."""

    number: int
    size: int
    text: bytes | None

    @property
    def is_blank(self) -> bool:
        return self.text is not None and (not self.text or self.text.isspace())

    def value(self, *, most_parts: int | None = MOST_PARTS) -> Any:
        """The JSON in it, as `read_json` reads it. Raises `InvalidInput`."""
        if self.text is None:
            raise InvalidInput("(json)", f"takes {self.size} bytes", "keep what is bulky elsewhere and refer to it")
        return read_json(self.text, most_parts=most_parts)
