"""Action types as a form: how risky and how sure, arguments, amounts and facts, and the tool that executes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from remit.core.errors import InvalidInput, NotFound, raise_together
from remit.core.gate.action_type import CALLER, DEFAULT_EXPIRES_AFTER, DEFAULT_MIN_CONFIDENCE, ActionTypeSpec
from remit.core.gate.bounds import Bounds
from remit.core.gate.sampling import share_text
from remit.core.gate.schema_rows import REST
from remit.core.values import RISK_ORDER
from remit.core.whole_numbers import whole_number
from remit.entrypoints.console.auth import BoundsSetterVisitor, FormRoute, ReaderVisitor, Visitor
from remit.entrypoints.console.bounds import preview, sequence_of
from remit.entrypoints.console.bounds_form import count_in
from remit.entrypoints.console.edit import Said
from remit.entrypoints.console.render import page
from remit.entrypoints.console.type_rows import (
    FIELDS,
    KINDS,
    RowsRead,
    fields_of_rows,
    object_in,
    rows_in,
    with_a_row_more,
    without_a_row,
)
from remit.entrypoints.console.type_slips import TOOL_TEXTS, by_field, slips_of
from remit.entrypoints.web.callers import CurrentRemit
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)
NEW = "new"
_STOP_AFTER = ("disagreements", "of_sampled")
TypeName = Annotated[str, Path(pattern=r"^([A-Z][A-Z0-9_]{0,127}|new)$")]
_EMPTY = {
    "risk_tier": "LOW",
    "min_confidence": str(DEFAULT_MIN_CONFIDENCE),
    "expires_after": DEFAULT_EXPIRES_AFTER,
    "approvals_required": "1",
    "connector": CALLER,
    "more": "{}",
    REST: "",
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
    """
    The type as the form says it, to be looked at before it is in force; with `remove`, without it. With `add` or `drop`
    the form again, with one row more or less.
    """
    try:
        if said.get("add") in FIELDS:
            said, focus = with_a_row_more(said, said["add"])
            return _page(request, remit, visitor, name, said, focus=focus)
        if said.get("drop"):
            kind, number = _dropped(said["drop"])
            return _page(request, remit, visitor, name, without_a_row(said, kind, number), focus=f"add:{kind}")
        return preview(request, remit, visitor, _wanted(remit, visitor, name, said), sequence_of(said))
    except InvalidInput as error:
        return _page(request, remit, visitor, name, said, mistakes=error.all)


def _dropped(text: str) -> tuple[str, int]:
    kind, _, said = text.partition(":")
    number = whole_number(said)
    if kind not in FIELDS or number is None:
        raise InvalidInput("drop", "names no row", "reload the page")
    return kind, number


def _wanted(remit: Remit, visitor: Visitor, name: str, said: Mapping[str, str]) -> dict[str, Any]:
    """The whole bounds with the type as the form says it. Raises `InvalidInput` with all that is wrong with it."""
    wanted, mistakes = with_type(remit.bounds(visitor.tenant_id).bounds, name, said)
    if not mistakes:
        return wanted
    try:
        remit.apply(dict(wanted), by=visitor.name, dry_run=True)
    except InvalidInput as error:
        mistakes += error.all
    raise_together(mistakes)
    return wanted


def _page(
    request: Request,
    remit: Remit,
    visitor: Visitor,
    name: str,
    said: Mapping[str, str],
    *,
    mistakes: Sequence[InvalidInput] = (),
    focus: str | None = None,
) -> Response:
    in_force = remit.bounds(visitor.tenant_id)
    slips = slips_of(mistakes, said.get("name", "").strip() if name == NEW else name, said)
    return page(
        request,
        "bounds_type.html",
        status=422 if mistakes else 200,
        name=name,
        is_new=name == NEW,
        said=said,
        rows={kind: [dict.fromkeys(FIELDS[kind], "") | row for row in rows_in(said, kind)] for kind in FIELDS},
        kinds=KINDS,
        spec=in_force.bounds.action_types.get(name),
        sequence=said.get("sequence") or in_force.config_sequence,
        risks=RISK_ORDER,
        connectors=sorted({*remit.context.connectors, said.get("connector", CALLER)}),
        slips=slips,
        by_field=by_field(slips),
        focus=focus,
    )


def fields_of_type(name: str, spec: ActionTypeSpec) -> dict[str, str]:
    """The values in the form when a type is opened."""
    tool = spec.tool.model_dump(mode="json", exclude_unset=True)
    texts = {field: tool.pop(field) for field in TOOL_TEXTS if isinstance(tool.get(field), str)}
    connector = tool.pop("connector")
    return {
        "name": name,
        "risk_tier": spec.risk_tier,
        "min_confidence": f"{spec.min_confidence}",
        "expires_after": str(spec.expires_after),
        "approvals_required": str(spec.approvals_required),
        "title": spec.title or "",
        "sample": "" if spec.sample is None else share_text(spec.sample),
        **{field: str(getattr(spec.stop_after, field)) for field in _STOP_AFTER if spec.stop_after},
        "connector": connector,
        **texts,
        "more": json.dumps(tool, indent=2, ensure_ascii=False, sort_keys=True),
        **fields_of_rows(spec),
    }


def with_type(bounds: Bounds, name: str, said: Mapping[str, str]) -> tuple[dict[str, Any], list[InvalidInput]]:
    """The whole bounds as JSON with this type as the form says it, and what in the form is not understood."""
    whole = bounds.model_dump(mode="json")
    types: dict[str, Any] = whole["action_types"]
    if said.get("remove"):
        types.pop(name, None)
        return whole, []
    target, mistakes = name, list[InvalidInput]()
    if name == NEW:
        target = said.get("name", "").strip()
        if target in types:
            mistakes.append(InvalidInput("name", f"{target} is registered already", "open it, and change it there"))
    before = bounds.action_types[target].model_dump(mode="json", exclude_unset=True) if target in types else {}
    types[target] = {**before, **_plain(said), **_read(mistakes, "approvals_required", lambda: _approvers(said))}
    types[target] |= _read(mistakes, "tool", lambda: _tool(said))
    types[target] = _with_judging(types[target], said, mistakes)
    return _with_rows(whole, types[target], before, said, mistakes), mistakes


def _read(mistakes: list[InvalidInput], field: str, read: Callable[[], Any]) -> dict[str, Any]:
    """The field, or nothing of it and one more mistake."""
    try:
        return {field: read()}
    except InvalidInput as error:
        mistakes.extend(error.all)
        return {}


def _with_judging(spec: Mapping[str, Any], said: Mapping[str, str], mistakes: list[InvalidInput]) -> Mapping[str, Any]:
    """The type with the share that people judge afterwards as the form says it; one without leaves it as it is."""
    if "sample" not in said:
        return spec
    share = said["sample"].strip()
    counts = dict[str, Any]()
    for field in _STOP_AFTER:
        counts |= _read(mistakes, field, partial(count_in, said, field))
    given = {field: count for field, count in counts.items() if count is not None}
    rest = {field: value for field, value in spec.items() if field not in ("sample", "stop_after")}
    return rest | ({"sample": _number(share)} if share else {}) | ({"stop_after": given} if given else {})


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _with_rows(
    whole: dict[str, Any],
    spec: dict[str, Any],
    before: Mapping[str, Any],
    said: Mapping[str, str],
    mistakes: list[InvalidInput],
) -> dict[str, Any]:
    """The bounds whose type `spec` has what the rows say; a form without rows leaves all that as it is."""
    if REST not in said:
        return whole
    read = RowsRead(said, before)
    mistakes += read.mistakes
    for field, value in (("parameters", read.parameters), ("amounts", read.amounts), ("facts", read.facts)):
        spec.pop(field, None)
        # No amounts are none; a schema that says nothing is still one.
        if value or (field == "parameters" and value is not None):
            spec[field] = value
    return whole


def _plain(said: Mapping[str, str]) -> dict[str, Any]:
    return {
        "risk_tier": said.get("risk_tier", ""),
        "min_confidence": _confidence(said.get("min_confidence", "").strip()),
        "expires_after": said.get("expires_after", "").strip() or DEFAULT_EXPIRES_AFTER,
        "title": said.get("title", "").strip() or None,
    }


def _approvers(said: Mapping[str, str]) -> int:
    return count_in(said, "approvals_required") or 1


def _confidence(text: str) -> float | str:
    return _number(text) if text else DEFAULT_MIN_CONFIDENCE


def _tool(said: Mapping[str, str]) -> dict[str, Any]:
    more = object_in("more", said.get("more", ""))
    texts = {field: said[field].strip() for field in TOOL_TEXTS if said.get(field, "").strip()}
    return {"connector": said.get("connector", ""), **texts, **more}
