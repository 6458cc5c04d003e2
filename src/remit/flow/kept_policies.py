"""Policies under their content hash, so that every decision can be explained, also by a later release."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from remit.core.gate.policy import PLATFORM_POLICIES, PolicyVersion, policy_version
from remit.core.ledger.entries import LedgerEntry
from remit.core.records import POLICY_VERSION, Key
from remit.flow.context import bounds_key, bounds_of
from remit.ports import Snapshot, UnitOfWork, Writes


class _Decided(msgspec.Struct, gc=False):
    policy_version: str | None = None


_decided = msgspec.json.Decoder(_Decided).decode


def versions_named(entries: Iterable[LedgerEntry]) -> set[str]:
    """The versions of the policies by which these entries say that something was decided."""
    named = {_decided(entry.data_json).policy_version for entry in entries if entry.event_type == "GATE_DECIDED"}
    return {version for version in named if version}


class KeepPolicies(Struct, frozen=True):
    """Keep the policies in force under their content hash, if they are not kept yet."""

    tenant_id: str

    def unit(self) -> UnitOfWork[None]:
        return UnitOfWork([bounds_key(self.tenant_id)], self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> list[Key[PolicyVersion]]:
        return [self._key(self._in_force(snapshot))]

    def decide(self, snapshot: Snapshot) -> Writes[None]:
        in_force = self._in_force(snapshot)
        key, writes = self._key(in_force), Writes(answer=None)
        if snapshot.get(key) is None:
            writes.put(key, in_force)
        return writes

    def _in_force(self, snapshot: Snapshot) -> PolicyVersion:
        sources = bounds_of(snapshot, self.tenant_id).bounds.policies
        return PolicyVersion(version=policy_version(sources), platform=PLATFORM_POLICIES, sources=sources)

    def _key(self, version: PolicyVersion) -> Key[PolicyVersion]:
        return Key(POLICY_VERSION, self.tenant_id, version.version)
