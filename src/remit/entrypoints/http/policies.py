"""A tenant's policies before and after they are in force: checked, compared, kept."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Body as JsonBody
from pydantic import WithJsonSchema

from remit.core.gate.bounds_diff import policy_difference
from remit.core.gate.bounds_parts import Policies, parse_part
from remit.core.gate.policy import policy_version as version_of
from remit.core.mirrors import view_of
from remit.core.views import DifferenceAnswer, ValidatedAnswer, VersionAnswer, VersionsAnswer
from remit.entrypoints.http.bounds import schema_of
from remit.entrypoints.web.bodies import PolicyVersionId
from remit.entrypoints.web.callers import BoundsSetterCaller, CurrentRemit, ReaderCaller
from remit.entrypoints.web.reading_bodies import JsonRoute

router = APIRouter(tags=["bounds"], route_class=JsonRoute)
PoliciesBody = Annotated[Any, WithJsonSchema(schema_of(Policies)), JsonBody()]


@router.post("/v1/policies/validate")
def validate(remit: CurrentRemit, caller: BoundsSetterCaller, body: PoliciesBody) -> ValidatedAnswer:
    """
    Check policies without saving them: that they are Cedar, fit the schema, and only forbid.

    Answers the rules they hold. What is wrong is a problem that names the file and the rule.
    """
    proposed = parse_part(Policies, body).policies
    rules = remit.check_policies(caller.tenant_id, proposed)
    return {"version": version_of(proposed), "rules": [view_of(rule) for rule in rules]}


@router.post("/v1/policies/difference")
def difference(remit: CurrentRemit, caller: BoundsSetterCaller, body: PoliciesBody) -> DifferenceAnswer:
    """The difference that these policies would make to those in force, as a unified diff file by file."""
    in_force = remit.bounds(caller.tenant_id).bounds.policies
    proposed = parse_part(Policies, body).policies
    remit.check_policies(caller.tenant_id, proposed)
    return {"changed": in_force != proposed, "difference": policy_difference(in_force, proposed)}


@router.get("/v1/policies/versions")
def versions(remit: CurrentRemit, caller: ReaderCaller) -> VersionsAnswer:
    """Every version that was in force: decisions name them, so they are kept for good."""
    return {"items": remit.policy_versions(caller.tenant_id)}


@router.get("/v1/policies/versions/{version}")
def version(remit: CurrentRemit, caller: ReaderCaller, version: PolicyVersionId) -> VersionAnswer:
    """One kept version: the tenant's files, and the platform's rules beside them."""
    return remit.policy_version(caller.tenant_id, version)
