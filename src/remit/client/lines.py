"""Lines of a long answer as they come, and the events of a stream that they make up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from remit.client.calls import RouteCall
from remit.client.verbs import STREAM

if TYPE_CHECKING:
    from remit.core import views as a


class Lines:
    """
    Cuts an answer into its lines, at LF alone.

    Texts within JSON may hold U+2028, U+2029 and U+0085, which Python and httpx take for ends of lines as well.
    """

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def ended_by(self, piece: bytes) -> Iterator[str]:
        first, *others = piece.split(b"\n")
        self._begun.append(first)
        for start in others:
            yield self._whole()
            self._begun = [start]

    def rest(self) -> Iterator[str]:
        """The last line, where it has no end."""
        if any(self._begun):
            yield self._whole()

    def _whole(self) -> str:
        return b"".join(self._begun).removesuffix(b"\r").decode()


@dataclass(frozen=True, slots=True)
class Streamed:
    """One event of the timeline. To go on after it, ask for the stream with its `id`."""

    id: str
    told: a.ToldAnswer


class Events:
    """Puts the lines of an event stream together."""

    def __init__(self) -> None:
        self._id, self._data = "", ""

    def hear(self, line: str) -> Streamed | None:
        name, _, value = line.partition(":")
        if name == "id":
            self._id = value.strip()
        elif name == "data":
            self._data += value.removeprefix(" ")
        elif not line and self._data:
            data, self._data = self._data, ""
            return Streamed(self._id, json.loads(data))
        return None


def stream_after(after: str | None) -> RouteCall[Any]:
    return replace(STREAM, headers={"Last-Event-ID": after} if after else {})
