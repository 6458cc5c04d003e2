"""
Results: what a tool answered, in the one form in which it is kept, read and told of.

A result is settled before it is stored: secrets are masked and parts are dropped first, so that its first reader gets
the same bytes as every later one. The ledger and the steps of an engine carry what is known of it, never its content.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from remit.core.canonical import sha256_hex
from remit.core.errors import InvalidInput
from remit.core.gate.result_settings import ResultSettings
from remit.core.paths import parse_path
from remit.core.selection import only, without
from remit.core.values import Record, UtcTime, instant, shifted

if TYPE_CHECKING:
    from remit.core.views import ResultAnswer, ResultFacts

MOST_KEPT_BYTES = 256 * 1024
LONGEST_MEDIA_TYPE = 128
UNNAMED = "application/octet-stream"
JSON, TEXT = "application/json", "text/plain"

NotKept = Literal[
    # More than `MOST_KEPT_BYTES`.
    "TOO_LARGE",
    # It did not come whole.
    "INCOMPLETE",
    # Its action type keeps hash and objects alone.
    "REFS_ONLY",
    # Its action type keeps results for no time at all.
    "NO_TIME",
    # The answer of another call of the same intent is.
    "ANOTHER_KEPT",
    # Its action type names parts of it, and it is no JSON, or a path could mean two parts.
    "NO_SUCH_PARTS",
]
"""Why there is no content."""

Mask = Callable[[str], str]
"""Puts the name of each secret in its place."""


class ToolResult(Record, frozen=True):
    """
    A tool's answer. `size` and `sha256` (lowercase hex) are of the content as it is kept, or would be.

    `content` is there only on its way to being stored: `known` is what everything else carries.
    """

    media_type: str
    size: int
    sha256: str
    kept: bool
    not_kept: NotKept | None = None
    erase_at: UtcTime | None = None
    content: bytes | None = None

    @property
    def known(self) -> ToolResult:
        """The result without its content."""
        return self.changed(content=None)

    def facts(self) -> ResultFacts:
        """The facts of it that the ledger and doors tell, as JSON values."""
        return {
            "media_type": self.media_type,
            "size": self.size,
            "sha256": self.sha256,
            "kept": self.kept,
            "not_kept": self.not_kept,
            "erase_at": instant(self.erase_at) if self.erase_at else None,
        }

    @classmethod
    def of_facts(cls, facts: dict[str, Any]) -> ToolResult:
        """From what `facts` made. Raises `ValueError`."""
        return cls.from_wire(facts)


class StoredResult(Record, frozen=True):
    """The content of one intent's result: read under the hash that the ledger tells, erased when its time is over."""

    action_intent_id: str
    account_id: str
    sha256: str
    erase_at: UtcTime
    content: bytes

    @property
    def over_at(self) -> datetime:
        return self.erase_at

    @property
    def due_at(self) -> datetime:
        """By this a store finds it, over all tenants."""
        return self.erase_at

    @property
    def is_whole(self) -> bool:
        """Is it what its hash says?"""
        return sha256_hex(self.content) == self.sha256


ResultState = Literal["KEPT", "NOT_KEPT", "ERASED", "DAMAGED"]


NO_CONTENT: dict[NotKept | ResultState, str] = {
    "TOO_LARGE": "it was larger than 256 KiB, so only its hash is kept",
    "INCOMPLETE": "it did not come whole, so only the hash of what came is kept",
    "REFS_ONLY": "of actions of this type only the hash is kept",
    "NO_TIME": "answers of this type are kept for no time at all",
    "ANOTHER_KEPT": "the answer to another call of the same action is kept",
    "NO_SUCH_PARTS": "the parts of it that may be kept could not be told apart, so only its hash is kept",
    "ERASED": "it was erased; its hash stays",
    "DAMAGED": "what is stored is not what the ledger says",
}
"""Why there is no content, in words that follow "the answer:"."""


def is_readable(known: ToolResult, now: datetime, *, erased: bool) -> bool:
    """May its content still be read? `erased` if somebody had it erased before its time."""
    return known.kept and not erased and known.erase_at is not None and now < known.erase_at


def state_of(known: ToolResult, stored: StoredResult | None, now: datetime, *, erased: bool) -> ResultState:
    """
    The readable part of a result. The first row that applies:

    | the ledger says                      | the store has            | state      |
    |--------------------------------------|--------------------------|------------|
    | that it was not kept                 |                          | `NOT_KEPT` |
    | that it was erased, or its time over |                          | `ERASED`   |
    | any other                            | the content of that hash | `KEPT`     |
    | any other                            | any other                | `DAMAGED`  |
    """
    if not known.kept:
        return "NOT_KEPT"
    if not is_readable(known, now, erased=erased):
        return "ERASED"
    return "KEPT" if stored is not None and stored.sha256 == known.sha256 and stored.is_whole else "DAMAGED"


class ReadResult(NamedTuple):
    """A result as it can be read now. `content` is there where it is `KEPT`."""

    state: ResultState
    known: ToolResult
    content: bytes | None

    @property
    def text(self) -> str | None:
        """The content, where it is UTF-8."""
        try:
            return None if self.content is None else self.content.decode()
        except UnicodeDecodeError:
            return None

    def wire(self, action_intent_id: str) -> ResultAnswer:
        """As doors show it: the content as text where it is UTF-8, else in base64."""
        known, (encoding, content) = self.known.facts(), self._encoded()
        return {
            "action_intent_id": action_intent_id,
            "state": self.state,
            "media_type": known["media_type"],
            "size": known["size"],
            "sha256": known["sha256"],
            "not_kept": known["not_kept"],
            "erase_at": known["erase_at"],
            "encoding": encoding,
            "content": content,
        }

    def _encoded(self) -> tuple[Literal["utf-8", "base64"] | None, str | None]:
        if self.content is None:
            return None, None
        text = self.text
        return ("utf-8", text) if text is not None else ("base64", base64.b64encode(self.content).decode())


def readable(known: ToolResult, stored: StoredResult | None, now: datetime, *, erased: bool) -> ReadResult:
    """The readable part of it."""
    state = state_of(known, stored, now, erased=erased)
    return ReadResult(state, known, stored.content if stored is not None and state == "KEPT" else None)


def answered(media_type: str, content: bytes, *, complete: bool = True) -> ToolResult:
    """The answer that a connector hands over, as it came, without secrets."""
    return ToolResult(
        media_type=media_type,
        size=len(content),
        sha256=sha256_hex(content),
        kept=complete,
        not_kept=None if complete else "INCOMPLETE",
        content=content if complete else None,
    )


def not_kept(answer: ToolResult, reason: NotKept) -> ToolResult:
    """The result without content, and why."""
    return answer.changed(kept=False, not_kept=reason, erase_at=None, content=None)


def json_answer(value: Any) -> ToolResult:
    """The answer that is a JSON value."""
    return answered(JSON, msgspec.json.encode(value))


def function_answer(value: Any) -> ToolResult:
    """
    A function's answer: bytes and text as they are, all else as JSON; what JSON cannot carry as its
    words.
    """
    if isinstance(value, bytes):
        return answered(UNNAMED, value)
    if isinstance(value, str):
        return answered(TEXT, _encoded(value))
    try:
        return answered(JSON, _encoded(json.dumps(value, ensure_ascii=False, allow_nan=False)))
    except (TypeError, ValueError, RecursionError):
        return answered(TEXT, _encoded(str(value)))


def _encoded(text: str) -> bytes:
    # Half a character cannot be written down.
    return text.encode(errors="replace")


def _media_type(text: str) -> str:
    if 0 < len(text) <= LONGEST_MEDIA_TYPE and text.isascii() and text.isprintable() and text == text.strip():
        return text
    # It is shown to people and written down, and comes from a far side. Nothing is put together by what is taken out.
    plain = "".join(char if " " <= char <= "~" else "?" for char in text).strip()
    return plain[:LONGEST_MEDIA_TYPE] or UNNAMED


def kept_result(
    settings: ResultSettings, answer: ToolResult | None, now: datetime, mask: Mask | None = None
) -> ToolResult | None:
    """
    The part of an answer that is kept for its action type; `None` if nothing is to be known of it at all.

    `mask` takes secrets out of it, where the connector has not done so. Its time is counted from `now`.
    """
    if answer is None or settings.mode == "none":
        return None
    if mask is not None:
        answer = masked_answer(answer, mask)
    # Cut when secrets are masked, so that no half of one is left at the edge.
    if (media_type := _media_type(answer.media_type)) != answer.media_type:
        answer = answer.changed(media_type=media_type)
    if answer.content is None:
        return answer
    content = _parts(settings, answer.content)
    if content is None:
        return not_kept(answer, "NO_SUCH_PARTS")
    size, sha256 = len(content), sha256_hex(content)
    reason = _reason_against(settings, len(content))
    if reason is not None:
        return not_kept(answer.changed(size=size, sha256=sha256), reason)
    return answer.changed(size=size, sha256=sha256, erase_at=shifted(now, settings.kept_for), content=content)


def _reason_against(settings: ResultSettings, size: int) -> NotKept | None:
    """
    The reason why a content is not kept, the first that applies.

    | the type                     | the content            | answer      |
    |------------------------------|------------------------|-------------|
    | keeps hash and objects alone |                        | `REFS_ONLY` |
    | keeps results for no time    |                        | `NO_TIME`   |
    |                              | is larger than 256 KiB | `TOO_LARGE` |
    | any other                    | any other              | it is kept  |
    """
    if settings.mode == "refs":
        return "REFS_ONLY"
    if not settings.kept_for:
        return "NO_TIME"
    return "TOO_LARGE" if size > MOST_KEPT_BYTES else None


def _parts(settings: ResultSettings, content: bytes) -> bytes | None:
    """The content with the parts that the type keeps; `None` where it cannot be taken apart."""
    if not settings.keep_paths and not settings.drop_paths:
        return content
    keep, drop = ([parse_path(path) for path in paths] for paths in (settings.keep_paths, settings.drop_paths))
    try:
        value = msgspec.json.decode(content)
        value = only(keep, value) if keep else value
        return msgspec.json.encode(without(drop, value) if drop else value)
    except (ValueError, RecursionError, InvalidInput):
        return None


def masked_answer(answer: ToolResult, mask: Mask) -> ToolResult:
    """
    The answer without secrets. JSON in which one stood, in whatever spelling, is written anew and stays JSON; where
    none stood, every byte is as it came.
    """
    answer = answer.changed(media_type=mask(answer.media_type))
    if answer.content is None:
        return answer
    content = _masked(answer.content, mask)
    return answer.changed(content=content, size=len(content), sha256=sha256_hex(content))


def _masked(content: bytes, mask: Mask) -> bytes:
    # What is not UTF-8 passes through as it is.
    text = content.decode("utf-8", "surrogateescape")
    try:
        value = msgspec.json.decode(content)
        clean = masked_value(value, mask)
        if msgspec.json.encode(clean) == msgspec.json.encode(value) and mask(text) == text:
            return content
        return mask(msgspec.json.encode(clean).decode()).encode()
    except (ValueError, RecursionError):
        return mask(text).encode("utf-8", "surrogateescape")


def masked_value(value: Any, mask: Mask) -> Any:
    """A JSON value with every text, name and number in it masked."""
    if isinstance(value, dict):
        return {mask(name): masked_value(inner, mask) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked_value(inner, mask) for inner in value]
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, bool) or value is None:
        return value
    text = msgspec.json.encode(value).decode()
    shown = mask(text)
    return value if shown == text else shown
