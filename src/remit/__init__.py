"""
Remit lets software agents act on their own within bounds that people set, and asks a person for everything else.

The public names are here, and nobody needs to import from inside. Each is loaded when it is first asked for: the client
and the command line's first answer wait for no store and no server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remit.agents.decorator import action, calling
    from remit.agents.endings import Asked, Expired, Failed, NotRun, Rejected, Unknown, Withdrawn
    from remit.agents.running import idempotency_key
    from remit.app.offline import prove_bounds, replay_export, verify_export
    from remit.client.http_client import AsyncRemitClient, RemitClient
    from remit.core.errors import (
        BoundsChanged,
        CallerMistake,
        Conflict,
        DigestChanged,
        Forbidden,
        IntentIdReused,
        InvalidInput,
        NotActed,
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
    "Asked",
    "AsyncRemitClient",
    "BoundsChanged",
    "CallResult",
    "CallerMistake",
    "CaseFilter",
    "Conflict",
    "DigestChanged",
    "Expired",
    "Failed",
    "Forbidden",
    "GateAnswer",
    "GateRequest",
    "IntentIdReused",
    "InvalidInput",
    "NotActed",
    "NotBegun",
    "NotFound",
    "NotInThatState",
    "NotRun",
    "OutcomeUnknown",
    "Rejected",
    "Remit",
    "RemitClient",
    "RemitError",
    "StopScope",
    "TryLater",
    "Unauthenticated",
    "Unknown",
    "Withdrawn",
    "action",
    "calling",
    "idempotency_key",
    "prove_bounds",
    "read_bounds",
    "replay_export",
    "verify_export",
    "work",
]

_ERRORS, _ENDINGS = "remit.core.errors", "remit.agents.endings"
_HOMES = {
    "Asked": _ENDINGS,
    "AsyncRemitClient": "remit.client.http_client",
    "BoundsChanged": _ERRORS,
    "CallResult": "remit.core.execution.outcome",
    "CallerMistake": _ERRORS,
    "CaseFilter": "remit.ports",
    "Conflict": _ERRORS,
    "DigestChanged": _ERRORS,
    "Expired": _ENDINGS,
    "Failed": _ENDINGS,
    "Forbidden": _ERRORS,
    "GateAnswer": "remit.flow.gate",
    "GateRequest": "remit.flow.gate",
    "IntentIdReused": _ERRORS,
    "InvalidInput": _ERRORS,
    "NotActed": _ERRORS,
    "NotBegun": _ERRORS,
    "NotFound": _ERRORS,
    "NotInThatState": _ERRORS,
    "NotRun": _ENDINGS,
    "OutcomeUnknown": _ERRORS,
    "Rejected": _ENDINGS,
    "Remit": "remit.wiring",
    "RemitClient": "remit.client.http_client",
    "RemitError": _ERRORS,
    "StopScope": "remit.core.gate.autonomy",
    "TryLater": _ERRORS,
    "Unauthenticated": _ERRORS,
    "Unknown": _ENDINGS,
    "Withdrawn": _ENDINGS,
    "action": "remit.agents.decorator",
    "calling": "remit.agents.decorator",
    "idempotency_key": "remit.agents.running",
    "prove_bounds": "remit.app.offline",
    "read_bounds": "remit.entrypoints.bounds_file",
    "replay_export": "remit.app.offline",
    "verify_export": "remit.app.offline",
    "work": "remit.entrypoints.server.worker",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = import_module(_HOMES[name])
    except ModuleNotFoundError as error:
        if not f"{_HOMES[name]}.".startswith(f"{error.name}."):
            raise
        # Of the light client alone.
        raise ImportError(f"{name} is of the whole package: pip install remit") from error
    found = getattr(home, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
