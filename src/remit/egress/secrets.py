"""Secrets: read from the environment for one call, and kept out of whatever that call leaves behind."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from remit.core.execution.outcome import CallResult
from remit.core.execution.templates import ENV
from remit.egress.failure import Failure

LONGEST_MESSAGE = 500
SHORTEST_PART = 6
"""Shorter parts of a URL are words that any text may hold."""


class Secrets:
    """What one call read from the environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._read: dict[str, str] = {}
        self._parts: dict[str, str] = {}

    def expand(self, parts: Sequence[str | Mapping[str, str]]) -> str:
        """The text of a header. Only what is a reference by its shape is one; text never is, whatever it says."""
        return "".join(part if isinstance(part, str) else self.value(part) for part in parts)

    def value(self, reference: Mapping[str, str]) -> str:
        """A secret, remembered to be masked. Raises `Failure` naming the variable, never its value."""
        value = self._plain(reference[ENV])
        self._read[reference[ENV]] = value
        return value

    def secret_url(self, reference: Mapping[str, str]) -> str:
        """A URL that is a secret: its path is masked as well, and each long part of that. Raises `Failure`."""
        url = self.value(reference)
        path = re.sub(r"^[a-z]+://[^/]*", "", url, flags=re.IGNORECASE)
        parts = [path, *(part for part in path.split("/") if len(part) >= SHORTEST_PART)]
        self._parts |= {part: reference[ENV] for part in parts if part.strip("/")}
        return url

    def base_url(self, reference: Mapping[str, str]) -> str:
        """
        Where a far side is, without a slash at its end. No secret, so it is not masked.

        Raises `Failure` naming the variable, never its value, if that is not plainly such a URL: it may be a secret
        that stands in the wrong place.
        """
        name = reference[ENV]
        value = self._plain(name)
        if not re.fullmatch(r"https?://[^/?#@\\\s]+(/[^?#@\\\s]*)?", value, re.IGNORECASE):
            problem = f"environment variable {name} is not an http or https URL without user name, query and fragment"
            raise Failure("VALIDATION", "VARIABLE_UNUSABLE", problem)
        return value.rstrip("/")

    def _plain(self, name: str) -> str:
        value = self._environ.get(name, "")
        if not value:
            problem = f"environment variable {name} is not set; set it where Remit executes"
            raise Failure("VALIDATION", "VARIABLE_MISSING", problem)
        # Lone surrogates are bytes of the environment that are not UTF-8.
        if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", value):
            problem = f"environment variable {name} holds a line break or something else that is not plain text"
            raise Failure("VALIDATION", "VARIABLE_UNUSABLE", problem)
        return value

    def masked(self, result: CallResult) -> CallResult:
        """The same result with every secret that was read replaced by its name, and the message cut to its limit."""
        refs = [
            ref.changed(object_id=self.mask(ref.object_id), object_url=ref.object_url and self.mask(ref.object_url))
            for ref in result.external_object_refs
        ]
        # Masked before it is cut, so that no half of a secret is left at the edge.
        message = result.error_message and self.mask(result.error_message)[:LONGEST_MESSAGE]
        return result.changed(external_object_refs=refs, error_message=message)

    def mask(self, text: str) -> str:
        """The text with every secret that was read replaced by its name."""
        spellings = {
            spelling: name
            for name, value in self._read.items()
            for spelling in (value, json.dumps(value)[1:-1], quote(value, safe=""))
        } | self._parts
        # The longest first: a secret may contain another.
        for spelling in sorted(spellings, key=len, reverse=True):
            text = text.replace(spelling, f"${{{spellings[spelling]}}}")
        return text
