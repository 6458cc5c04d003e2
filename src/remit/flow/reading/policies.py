"""Kept versions of a tenant's policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remit.core.errors import NotFound
from remit.core.gate.policy import policy_version as version_of
from remit.core.gate.policy.source import PolicySource
from remit.core.records import POLICY_VERSION, Key
from remit.flow.context import Context, bounds_now, one

if TYPE_CHECKING:
    from remit.core.views import SourceAnswer, VersionAnswer, VersionLine


def policy_versions(context: Context, tenant_id: str) -> list[VersionLine]:
    """The kept versions of a tenant's policies, the one in force first."""
    in_force = _in_force(context, tenant_id)
    kept = context.store.scan(POLICY_VERSION, tenant_id)
    shown: list[VersionLine] = [
        {"version": k.version, "in_force": k.version == in_force, "files": [s.name for s in k.sources]} for k in kept
    ]
    return sorted(shown, key=lambda version: not version["in_force"])


def policy_version(context: Context, tenant_id: str, version: str) -> VersionAnswer:
    """One kept version: the tenant's files and the platform's rules. Raises `NotFound`."""
    kept = one(context, Key(POLICY_VERSION, tenant_id, version))
    if kept is None:
        raise NotFound("policy version", version, tenant_id)
    return {
        "version": version,
        "in_force": version == _in_force(context, tenant_id),
        "policies": [_source(source) for source in kept.sources],
        "platform": kept.platform,
    }


def _source(source: PolicySource) -> SourceAnswer:
    shown: SourceAnswer = {"name": source.name, "text": source.text}
    if source.log_only:
        shown["log_only"] = True
    return shown


def _in_force(context: Context, tenant_id: str) -> str:
    return version_of(bounds_now(context, tenant_id).bounds.policies)
