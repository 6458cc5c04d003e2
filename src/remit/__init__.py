"""
Remit lets software agents act on their own within bounds that people set, and asks a person for everything else.

The public names are here, and nobody needs to import from inside. Each is loaded when it is first asked for: the client
and the command line's first answer wait for no store and no server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remit.app import verify_export
    from remit.client.http_client import AsyncRemitClient, RemitClient
    from remit.core.errors import (
        BoundsChanged,
        CallerMistake,
        Conflict,
        DigestChanged,
        Forbidden,
        IntentIdReused,
        InvalidInput,
        NotBegun,
        NotFound,
        NotInThatState,
        OutcomeUnknown,
        RemitError,
        TryLater,
        Unauthenticated,
    )
    from remit.core.execution.outcome import CallResult
    from remit.core.gate.autonomy import StopScope
    from remit.entrypoints.bounds_file import read_bounds
    from remit.entrypoints.server.worker import work
    from remit.flow.gate import GateAnswer, GateRequest
    from remit.ports import CaseFilter
    from remit.wiring import Remit

__all__ = [
    "AsyncRemitClient",
    "BoundsChanged",
    "CallResult",
    "CallerMistake",
    "CaseFilter",
    "Conflict",
    "DigestChanged",
    "Forbidden",
    "GateAnswer",
    "GateRequest",
    "IntentIdReused",
    "InvalidInput",
    "NotBegun",
    "NotFound",
    "NotInThatState",
    "OutcomeUnknown",
    "Remit",
    "RemitClient",
    "RemitError",
    "StopScope",
    "TryLater",
    "Unauthenticated",
    "read_bounds",
    "verify_export",
    "work",
]

_ERRORS = "remit.core.errors"
_HOMES = {
    "AsyncRemitClient": "remit.client.http_client",
    "BoundsChanged": _ERRORS,
    "CallResult": "remit.core.execution.outcome",
    "CallerMistake": _ERRORS,
    "CaseFilter": "remit.ports",
    "Conflict": _ERRORS,
    "DigestChanged": _ERRORS,
    "Forbidden": _ERRORS,
    "GateAnswer": "remit.flow.gate",
    "GateRequest": "remit.flow.gate",
    "IntentIdReused": _ERRORS,
    "InvalidInput": _ERRORS,
    "NotBegun": _ERRORS,
    "NotFound": _ERRORS,
    "NotInThatState": _ERRORS,
    "OutcomeUnknown": _ERRORS,
    "Remit": "remit.wiring",
    "RemitClient": "remit.client.http_client",
    "RemitError": _ERRORS,
    "StopScope": "remit.core.gate.autonomy",
    "TryLater": _ERRORS,
    "Unauthenticated": _ERRORS,
    "read_bounds": "remit.entrypoints.bounds_file",
    "verify_export": "remit.app",
    "work": "remit.entrypoints.server.worker",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
