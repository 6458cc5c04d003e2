"""Policies under their content hash, so that every decision can be explained, also by a later release."""

from __future__ import annotations

from remit.core.gate.policy import PLATFORM_POLICIES, policy_version
from remit.core.records import POLICY_VERSION, Key, PolicyVersion
from remit.flow.context import bounds_key, bounds_of
from remit.ports import Snapshot, UnitOfWork, Writes


def keep_policies_unit(tenant_id: str) -> UnitOfWork[None]:
    """Keep the policies in force under their content hash, if they are not kept yet."""
    bounds_at = bounds_key(tenant_id)

    def version_of(snapshot: Snapshot) -> PolicyVersion:
        in_force = bounds_of(snapshot, tenant_id)
        return PolicyVersion(
            version=policy_version(in_force.bounds.policies),
            platform=PLATFORM_POLICIES,
            sources=in_force.bounds.policies,
        )

    def key_of(snapshot: Snapshot) -> Key[PolicyVersion]:
        return Key(POLICY_VERSION, tenant_id, version_of(snapshot).version)

    def change(snapshot: Snapshot) -> Writes[None]:
        writes: Writes[None] = Writes(answer=None)
        if snapshot.get(key_of(snapshot)) is None:
            writes.put(key_of(snapshot), version_of(snapshot))
        return writes

    return UnitOfWork(reads=[bounds_at], decide=change, then_reads=lambda snapshot: [key_of(snapshot)])
