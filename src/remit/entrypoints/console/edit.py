"""Editing an intent: a form from its parameters, the difference before it is done, and the new intent after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from remit.core.canonical import canonical
from remit.core.errors import InvalidInput
from remit.core.intent import ActionIntentV1
from remit.core.json_text import NotJson, read_json
from remit.core.paths import below
from remit.entrypoints.console.auth import HOME, AnswererVisitor, FormRoute
from remit.entrypoints.console.render import page
from remit.entrypoints.web.bodies import IntentId
from remit.entrypoints.web.callers import CurrentRemit

router = APIRouter(route_class=FormRoute)
Control = Literal["text", "long", "number", "yes_no", "json"]
LONG_TEXT = 60


@dataclass(frozen=True, slots=True)
class EditedField:
    """One editable value: its path, how it is edited, what it is now, and what the form says."""

    path: str
    control: Control
    before: Any
    text: str


@dataclass(frozen=True, slots=True)
class ValueChange:
    path: str
    before: Any
    after: Any
    removed: bool


async def form_fields(request: Request) -> dict[str, str]:
    """What a form of any shape says."""
    return {name: text for name, text in (await request.form()).items() if isinstance(text, str)}


Said = Annotated[dict[str, str], Depends(form_fields)]


@router.get("/intents/{action_intent_id}/edit")
def ask(request: Request, remit: CurrentRemit, visitor: AnswererVisitor, action_intent_id: IntentId) -> Response:
    found = remit.intent(visitor.tenant_id, action_intent_id)
    return page(request, "edit.html", intent=found.wire(), fields=fields(found, {}), differences=None, problem=None)


@router.post("/intents/{action_intent_id}/edit/difference")
def difference(
    request: Request, remit: CurrentRemit, visitor: AnswererVisitor, action_intent_id: IntentId, said: Said
) -> Response:
    """What the form would change; nothing is stored."""
    found = remit.intent(visitor.tenant_id, action_intent_id)
    return _shown(request, found, said)


@router.post("/intents/{action_intent_id}/edit")
def edit(
    request: Request, remit: CurrentRemit, visitor: AnswererVisitor, action_intent_id: IntentId, said: Said
) -> Response:
    """The edited intent takes the old one's place and waits for a person."""
    found = remit.intent(visitor.tenant_id, action_intent_id)
    try:
        answer = remit.edit(visitor.tenant_id, action_intent_id, by=visitor.name, changes=changes(found, said))
    except InvalidInput as error:
        return _shown(request, found, said, str(error), status=422)
    return RedirectResponse(f"{HOME}intents/{answer.action_intent_id}", status_code=303)


def _shown(
    request: Request, found: ActionIntentV1, said: Mapping[str, str], problem: str | None = None, status: int = 200
) -> Response:
    before = {field.path: field.before for field in fields(found, {})}
    differences = []
    try:
        differences = [
            ValueChange(path, before[path], new, removed=new is None) for path, new in changes(found, said).items()
        ]
    except InvalidInput as error:
        problem = problem or str(error)
    return page(
        request,
        "edit.html",
        status=status,
        intent=found.wire(),
        fields=fields(found, said),
        differences=differences,
        problem=problem,
    )


def fields(intent: ActionIntentV1, said: Mapping[str, str]) -> list[EditedField]:
    """Every value of the target and the parameters that a path can name."""
    values = {f"target.{name}": text for name, text in intent.target.wire().items()}
    values |= {below("parameters", name, in_object=True): item for name, item in intent.parameters.items()}
    return [EditedField(path, _control(item), item, said.get(path, _text(item))) for path, item in values.items()]


def changes(intent: ActionIntentV1, said: Mapping[str, str]) -> dict[str, Any]:
    """The values that the form says otherwise; `None` for a parameter that is to go. Raises `InvalidInput`."""
    changed: dict[str, Any] = {}
    for field in fields(intent, {}):
        if f"remove:{field.path}" in said:
            changed[field.path] = None
        elif field.path in said and said[field.path] != field.text:
            new = _parsed(field, said[field.path])
            # Browsers end lines of a text area in their own way; and to Python 1 and true are the same.
            if canonical(new) != canonical(field.before):
                changed[field.path] = new
    return changed


def _control(item: Any) -> Control:
    if isinstance(item, bool):
        return "yes_no"
    if isinstance(item, int | float):
        return "number"
    if isinstance(item, str):
        return "long" if "\n" in item or len(item) > LONG_TEXT else "text"
    return "json"


def _text(item: Any) -> str:
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


def _parsed(field: EditedField, text: str) -> Any:
    if field.control in ("text", "long"):
        return text.replace("\r\n", "\n")
    try:
        return read_json(text)
    except NotJson:
        what = "a number" if field.control == "number" else "JSON"
        raise InvalidInput(field.path, f"{text[:80]!r} is not {what}", f"write {what}") from None
