"""The tenant's own chain: the states of its bounds, its stops, and the seals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from remit.core.ledger.config_history import ConfigHistory
from remit.core.ledger.entries import OF_TENANT
from remit.core.ledger.stop_history import StopHistory
from remit.core.ledger.verification.agreed import AgreedDecisions
from remit.core.ledger.verification.due import ByBounds
from remit.core.ledger.verification.entry_data import written_for_another
from remit.core.ledger.verification.report import Report
from remit.core.ledger.verification.seals import Seals

WHERE = "the tenant's chain"
MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
"""Raised by whatever reads an entry that does not carry what its type carries."""


class TenantChain:
    """Read entry by entry before the intents' chains, which are held against what it tells."""

    def __init__(self, report: Report, tenant_id: str) -> None:
        self.report, self.tenant_id = report, tenant_id
        self.configs, self.stops, self.seals = ConfigHistory(tenant_id), StopHistory(), Seals()
        self.by_bounds, self.agreed = ByBounds(), AgreedDecisions()
        self.stops_by_answers: list[Mapping[str, Any]] = []
        """The entries of stops that answers about sampled actions brought about."""

    def read(self, entry: Mapping[str, Any]) -> None:
        """An entry of a type that this version knows."""
        reader = _READERS.get(entry["event_type"])
        if reader is None and entry["event_type"] not in OF_TENANT:
            self.report.broken(6, WHERE, f"an entry of type {entry['event_type']!r} has no place in it")
            return
        try:
            if reader is not None:
                reader(self, entry)
            if (written := written_for_another(entry)) is not None:
                self.report.broken(8, WHERE, written)
        except MALFORMED as error:
            problem = f"an entry's data is not what its type carries ({type(error).__name__}: {error})"
            self.report.broken(6, WHERE, problem)

    def _changed(self, entry: Mapping[str, Any]) -> None:
        due = len(self.configs) + 1
        try:
            state = self.configs.add(entry["data"], _at(entry))
        except MALFORMED as error:
            problem = f"entry {entry['sequence']} holds bounds that cannot be read ({error})"
            self.report.broken(8, WHERE, problem[:1000])
            return
        if state.bounds.tenant != self.tenant_id:
            self.report.broken(7, WHERE, f"entry {entry['sequence']} holds bounds of another tenant")
        if state.config_sequence != due:
            problem = f"config_sequence {state.config_sequence} stands where {due} is due"
            self.report.broken(8, WHERE, problem)

    def _stopped(self, entry: Mapping[str, Any]) -> None:
        self.stops.stopped(entry["data"], _at(entry))
        if "sampled" in entry["data"]:
            self.stops_by_answers.append(entry)

    def _resumed(self, entry: Mapping[str, Any]) -> None:
        self.stops.resumed(entry["data"], _at(entry))

    def _sealed(self, entry: Mapping[str, Any]) -> None:
        self.seals.add(entry)


def _at(entry: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["at"])


_READERS: dict[str, Callable[[TenantChain, Mapping[str, Any]], None]] = {
    "CONFIG_CHANGED": TenantChain._changed,
    "AUTONOMY_STOPPED": TenantChain._stopped,
    "AUTONOMY_RESUMED": TenantChain._resumed,
    "LEDGER_SEALED": TenantChain._sealed,
}
