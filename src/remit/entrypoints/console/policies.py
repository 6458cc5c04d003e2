"""The tenant's own Cedar policies: an editor that checks before anything is in force, and every version there was."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from remit.core.errors import InvalidInput, TryLater
from remit.core.gate.bounds_diff import policy_difference
from remit.core.gate.bounds_parts import Policies, parse_part
from remit.core.gate.policy import PLATFORM_POLICIES, SCHEMA, PolicySource
from remit.entrypoints.console.auth import BoundsSetterVisitor, FormRoute, ReaderVisitor, Visitor
from remit.entrypoints.console.bounds import preview
from remit.entrypoints.console.render import page
from remit.entrypoints.web.bodies import PolicyVersionId
from remit.entrypoints.web.callers import CurrentRemit
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)
FileName = Annotated[str, Form(max_length=200)]
FileText = Annotated[str, Form(max_length=64 * 1024)]
NEW_FILE = "policies.cedar"
EXAMPLE = """@id("notes_at_night")
@reason("OUTSIDE_OFFICE_HOURS")
@effect("REQUIRE_APPROVAL")
@explanation("outside office hours a person decides")
forbid (principal, action, resource)
when { context.hour < 8 || context.hour >= 18 };
"""


@router.get("/policies")
def policies(request: Request, remit: CurrentRemit, visitor: ReaderVisitor, name: str | None = None) -> Response:
    """One file in the editor, the others beside it."""
    sources = {source.name: source.text for source in remit.bounds(visitor.tenant_id).bounds.policies}
    chosen = name if name is not None else next(iter(sources), NEW_FILE)
    text = sources.get(chosen, "" if sources or name is not None else EXAMPLE)
    return _page(request, remit, visitor, chosen, text)


@router.post("/policies/check")
def check(
    request: Request, remit: CurrentRemit, visitor: BoundsSetterVisitor, name: FileName, text: FileText
) -> Response:
    """Validate and compare with what is in force, without saving."""
    # Sound or not, it was checked: the answer is one.
    return _page(request, remit, visitor, name, text, checked=_checked(remit, visitor, name, text))


@router.post("/policies")
def save(
    request: Request,
    remit: CurrentRemit,
    visitor: BoundsSetterVisitor,
    name: FileName,
    text: FileText,
    sequence: Annotated[int, Form()],
) -> Response:
    """The file takes its place among the others; what changes is looked at before it is in force."""
    try:
        sources = _with(remit, visitor, name, text)
        wanted = remit.bounds(visitor.tenant_id).bounds.model_dump(mode="json")
        return preview(request, remit, visitor, {**wanted, "policies": sources}, sequence)
    except InvalidInput:
        checked = _checked(remit, visitor, name, text)
        return _page(request, remit, visitor, name, text, checked=checked, status=422)


@router.get("/policies/versions/{version}")
def version(request: Request, remit: CurrentRemit, visitor: ReaderVisitor, version: PolicyVersionId) -> Response:
    return page(request, "policy_version.html", kept=remit.policy_version(visitor.tenant_id, version))


def _with(remit: Remit, visitor: Visitor, name: str, text: str) -> list[dict[str, Any]]:
    """The tenant's files with this one in its place; an empty one goes. Raises `InvalidInput`."""
    sources = [source.model_dump() for source in remit.bounds(visitor.tenant_id).bounds.policies]
    new = {"name": name.strip(), "text": text.replace("\r\n", "\n")}
    if any(source["name"] == new["name"] for source in sources):
        # Whether it only watches is no part of its text, and stays.
        sources = [{**source, **new} if source["name"] == new["name"] else source for source in sources]
    else:
        sources.append(new)
    kept = [source for source in sources if source["text"].strip()]
    parse_part(Policies, {"policies": kept})
    return kept


def _checked(remit: Remit, visitor: Visitor, name: str, text: str) -> dict[str, Any]:
    in_force = remit.bounds(visitor.tenant_id).bounds.policies
    try:
        sources = [PolicySource(**source) for source in _with(remit, visitor, name, text)]
        rules = remit.check_policies(visitor.tenant_id, sources)
    except (InvalidInput, TryLater) as error:
        problem = error.in_lines if isinstance(error, InvalidInput) else str(error)
        return {"problem": problem, "rules": [], "difference": ""}
    return {"problem": None, "rules": rules, "difference": policy_difference(in_force, sources)}


def _page(
    request: Request,
    remit: Remit,
    visitor: Visitor,
    name: str,
    text: str,
    *,
    checked: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    in_force = remit.bounds(visitor.tenant_id)
    return page(
        request,
        "policies.html",
        status=status,
        files=[source.name for source in in_force.bounds.policies],
        watching=[source.name for source in in_force.bounds.policies if source.log_only],
        name=name,
        text=text,
        sequence=in_force.config_sequence,
        checked=checked,
        versions=remit.policy_versions(visitor.tenant_id),
        platform=PLATFORM_POLICIES,
        schema=SCHEMA,
    )
