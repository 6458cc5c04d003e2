"""
Names of calls: the same call, made again by a client that lost its answer, is the same intent.

A client that says which call it is (an id in `_meta`) is taken at its word, in whatever session it comes again. One
that does not is known by its words: the same client, tool and arguments within `SAME_WORDS_S` are one call, unless the
tool changes nothing. The protocol itself names no call.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

_BEARER = re.compile(rb"(?i:bearer) +([!-~]+)")
SAME_WORDS_S = 600
PREFIX = "mcp"


@dataclass(frozen=True, slots=True)
class CallName:
    session: str
    call_id: str


def credential_name(key: str) -> str:
    """For telling keys apart, and for nothing else."""
    return hashlib.sha256(b"remit gateway:" + key.encode(errors="surrogatepass")).hexdigest()[:16]


def key_in(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """
    The Remit key that a request over HTTP brings; `None` unless it brings exactly one.

    The one reading of it: where whoever lets a client in and whoever acts for it read the header in two ways, somebody
    without a key would act with the gateway's own.
    """
    sent = [value for name, value in headers if name.lower() == b"authorization"]
    found = _BEARER.fullmatch(sent[0]) if len(sent) == 1 else None
    return found[1].decode("ascii") if found else None


def named_by_client(credential: str, meta: Mapping[str, Any], ids: Sequence[str]) -> CallName | None:
    """By the first of `ids` that the call's `_meta` has."""
    for name in ids:
        call_id = meta.get(name)
        if isinstance(call_id, str) and call_id:
            return CallName(f"{PREFIX}-{credential}", call_id)
    return None


def named_anew(credential: str) -> CallName:
    return CallName(f"{PREFIX}-{credential}", uuid4().hex)


def named_by_words(client: Sequence[str], tool: str, arguments: Mapping[str, Any], now_s: float) -> list[CallName]:
    """
    The names under which a call in the same words may stand, the one for a new call last.

    Each holds for a stretch of `SAME_WORDS_S`, so that the words alone, and the time, say it: after a restart too.
    """
    words = json.dumps([*client, tool, arguments], sort_keys=True)
    digest = hashlib.sha256(words.encode()).hexdigest()[:32]
    stretch = int(now_s // SAME_WORDS_S)
    return [CallName(f"{PREFIX}-words-{digest}", str(each)) for each in (stretch - 1, stretch)]
