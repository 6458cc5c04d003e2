"""Action types as a form: how risky, how sure, how long, how many approvers, and the tool that executes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from remit.core.errors import InvalidInput, NotFound
from remit.core.gate.action_type import CALLER, DEFAULT_EXPIRES_AFTER, DEFAULT_MIN_CONFIDENCE, ActionTypeSpec
from remit.core.gate.bounds import Bounds
from remit.core.json_text import NotJson, read_json
from remit.core.values import RISK_ORDER
from remit.entrypoints.console.auth import BoundsSetterVisitor, FormRoute, ReaderVisitor, Visitor
from remit.entrypoints.console.bounds import preview, sequence_of
from remit.entrypoints.console.bounds_form import count_in
from remit.entrypoints.console.edit import Said
from remit.entrypoints.console.render import page
from remit.entrypoints.web.callers import CurrentRemit
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)
NEW = "new"
TypeName = Annotated[str, Path(pattern=r"^([A-Z][A-Z0-9_]{0,127}|new)$")]
_TOOL_TEXTS = ("operation", "method", "url")
"""What most tools say beside their connector; the rest stands as JSON."""
_EMPTY = {
    "risk_tier": "LOW",
    "min_confidence": str(DEFAULT_MIN_CONFIDENCE),
    "expires_after": DEFAULT_EXPIRES_AFTER,
    "approvals_required": "1",
    "connector": CALLER,
    "more": "{}",
}


@router.get("/bounds/types/{name}")
def action_type(request: Request, remit: CurrentRemit, visitor: ReaderVisitor, name: TypeName) -> Response:
    whole = remit.bounds(visitor.tenant_id).bounds
    if name != NEW and name not in whole.action_types:
        raise NotFound("action type", name, visitor.tenant_id)
    said = _EMPTY if name == NEW else fields_of_type(name, whole.action_types[name])
    return _page(request, remit, visitor, name, said)


@router.post("/bounds/types/{name}")
def save(request: Request, remit: CurrentRemit, visitor: BoundsSetterVisitor, name: TypeName, said: Said) -> Response:
    """The type as the form says it, to be looked at before it is in force; with `remove`, without it."""
    try:
        wanted = with_type(remit.bounds(visitor.tenant_id).bounds, name, said)
        return preview(request, remit, visitor, wanted, sequence_of(said))
    except InvalidInput as error:
        return _page(request, remit, visitor, name, said, problem=error.in_lines)


def _page(
    request: Request,
    remit: Remit,
    visitor: Visitor,
    name: str,
    said: Mapping[str, str],
    *,
    problem: str | None = None,
) -> Response:
    in_force = remit.bounds(visitor.tenant_id)
    return page(
        request,
        "bounds_type.html",
        status=422 if problem else 200,
        name=name,
        is_new=name == NEW,
        said=said,
        spec=in_force.bounds.action_types.get(name),
        sequence=said.get("sequence") or in_force.config_sequence,
        risks=RISK_ORDER,
        connectors=sorted({*remit.context.connectors, said.get("connector", CALLER)}),
        problem=problem,
    )


def fields_of_type(name: str, spec: ActionTypeSpec) -> dict[str, str]:
    """What the form says when a type is opened."""
    tool = spec.tool.model_dump(mode="json", exclude_unset=True)
    texts = {field: tool.pop(field) for field in _TOOL_TEXTS if isinstance(tool.get(field), str)}
    connector = tool.pop("connector")
    return {
        "name": name,
        "risk_tier": spec.risk_tier,
        "min_confidence": f"{spec.min_confidence}",
        "expires_after": str(spec.expires_after),
        "approvals_required": str(spec.approvals_required),
        "title": spec.title or "",
        "connector": connector,
        **texts,
        "more": json.dumps(tool, indent=2, ensure_ascii=False, sort_keys=True),
    }


def with_type(bounds: Bounds, name: str, said: Mapping[str, str]) -> dict[str, Any]:
    """The whole bounds as JSON with this type as the form says it. Raises `InvalidInput` naming the field."""
    whole = bounds.model_dump(mode="json")
    types: dict[str, Any] = whole["action_types"]
    if said.get("remove"):
        types.pop(name, None)
        return whole
    target = said.get("name", "").strip() if name == NEW else name
    if name == NEW and target in types:
        raise InvalidInput("name", f"{target} is registered already", "open it, and change it there")
    before = bounds.action_types[target].model_dump(mode="json", exclude_unset=True) if target in types else {}
    types[target] = {**before, **_spec(said)}
    return whole


def _spec(said: Mapping[str, str]) -> dict[str, Any]:
    title = said.get("title", "").strip()
    return {
        "risk_tier": said.get("risk_tier", ""),
        "min_confidence": _confidence(said.get("min_confidence", "").strip()),
        "expires_after": said.get("expires_after", "").strip() or DEFAULT_EXPIRES_AFTER,
        "approvals_required": count_in(said, "approvals_required") or 1,
        "title": title or None,
        "tool": _tool(said),
    }


def _confidence(text: str) -> float | str:
    try:
        return float(text) if text else DEFAULT_MIN_CONFIDENCE
    except ValueError:
        return text


def _tool(said: Mapping[str, str]) -> dict[str, Any]:
    try:
        more = read_json(said.get("more", "").strip() or "{}")
    except NotJson as error:
        raise InvalidInput("more", f"is no JSON: {error}", 'write {} or an object such as {"timeout_s": 10}') from None
    if not isinstance(more, dict):
        raise InvalidInput("more", "is no JSON object", 'write {} or an object such as {"timeout_s": 10}')
    texts = {field: said[field].strip() for field in _TOOL_TEXTS if said.get(field, "").strip()}
    return {"connector": said.get("connector", ""), **texts, **more}
