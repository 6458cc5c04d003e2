"""Remit lets software agents act on their own within bounds that people set, and asks a person for everything else."""

from remit.app import verify_export
from remit.core.errors import (
    CallerMistake,
    Conflict,
    DigestChanged,
    IntentIdReused,
    InvalidInput,
    NotFound,
    NotInThatState,
    OutcomeUnknown,
    RemitError,
    TryLater,
)
from remit.core.gate.autonomy import StopScope
from remit.flow.gate import GateAnswer, GateRequest
from remit.ports import CaseFilter
from remit.wiring import Remit

__all__ = [
    "CallerMistake",
    "CaseFilter",
    "Conflict",
    "DigestChanged",
    "GateAnswer",
    "GateRequest",
    "IntentIdReused",
    "InvalidInput",
    "NotFound",
    "NotInThatState",
    "OutcomeUnknown",
    "Remit",
    "RemitError",
    "StopScope",
    "TryLater",
    "verify_export",
]
