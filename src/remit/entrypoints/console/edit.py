"""Editing an intent: a form from its parameters, the difference before it is done, and the new intent after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from remit.core.canonical import canonical
from remit.core.errors import InvalidInput, RemitError
from remit.core.intent import ActionIntentV1
from remit.core.json_text import NotJson, read_json
from remit.core.paths import below
from remit.core.private_values import is_commitment
from remit.entrypoints.console import values
from remit.entrypoints.console.auth import HOME, AnswererVisitor, FormRoute, Visitor
from remit.entrypoints.console.cards import ValueChange, card_of
from remit.entrypoints.console.controls import Control, Declared, control_of, declared
from remit.entrypoints.console.render import page
from remit.entrypoints.web.bodies import IntentId
from remit.entrypoints.web.callers import CurrentRemit
from remit.entrypoints.web.reading_bodies import texts_of
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)
BESIDE = "beside"
"""The parameter that says so of a form."""
Schema = Mapping[str, Any] | None
"""That of the arguments of an action type, where it has one."""


@dataclass(frozen=True, slots=True)
class EditedField:
    """One editable value: its path, its control, what it is now, what the form says, and what there is to choose of."""

    path: str
    control: Control
    before: Any
    text: str
    choices: tuple[str, ...] = ()
    missing: bool = False
    """The schema has it, and the intent does not."""


LISTS = frozenset({"notice"})
"""The fields of such forms that may stand several times: who takes them reads them by itself."""


async def form_fields(request: Request) -> dict[str, str]:
    """The values of a form of any shape. Raises `InvalidInput` for one that is no list and stands there twice."""
    return texts_of(await request.form(), LISTS)


Said = Annotated[dict[str, str], Depends(form_fields)]


@router.get("/intents/{action_intent_id}/edit")
def ask(request: Request, remit: CurrentRemit, visitor: AnswererVisitor, action_intent_id: IntentId) -> Response:
    found, schema = _found(remit, visitor, action_intent_id)
    shown, place = fields(found, {}, schema), _place(request, found)
    return page(request, "edit.html", intent=found.wire(), fields=shown, differences=None, problem=None, **place)


def _found(remit: Remit, visitor: Visitor, action_intent_id: str) -> tuple[ActionIntentV1, Schema]:
    """The intent, and the schema that an edit of it has to fit: that of its type as it is now."""
    found = remit.intent(visitor.tenant_id, action_intent_id)
    spec = remit.bounds(visitor.tenant_id).action_type(found.action_type)
    return found, spec.parameters if spec else None


@router.post("/intents/{action_intent_id}/edit/difference")
def difference(
    request: Request, remit: CurrentRemit, visitor: AnswererVisitor, action_intent_id: IntentId, said: Said
) -> Response:
    """The changes that the form would make; nothing is stored."""
    return _shown(request, *_found(remit, visitor, action_intent_id), said)


@router.post("/intents/{action_intent_id}/edit")
def edit(
    request: Request, remit: CurrentRemit, visitor: AnswererVisitor, action_intent_id: IntentId, said: Said
) -> Response:
    """The edited intent takes the old one's place and waits for a person."""
    found, schema = _found(remit, visitor, action_intent_id)
    try:
        changed = changes(found, said, schema)
        answer = remit.edit(visitor.tenant_id, action_intent_id, by=visitor.name, changes=changed)
    except RemitError as error:
        if not isinstance(error, InvalidInput) and not in_place(request):
            raise
        return _not_saved(request, found, schema, said, error)
    if not in_place(request):
        return RedirectResponse(f"{HOME}intents/{answer.action_intent_id}", status_code=303)
    return _in_its_place(request, remit, visitor, answer.action_intent_id)


def in_place(request: Request) -> bool:
    """Is it edited beside the list, and not on a page of its own?"""
    return BESIDE in request.query_params


def _not_saved(
    request: Request, found: ActionIntentV1, schema: Schema, said: Mapping[str, str], error: RemitError
) -> Response:
    """The form as it was sent, with what is wrong; beside the list it stays where it is."""
    if not in_place(request):
        return _shown(request, found, schema, said, str(error), status=422)
    response = _shown(request, found, schema, said, str(error))
    place = f'[data-card="{found.action_intent_id}"] .detail'
    response.headers.update({"hx-retarget": place, "hx-reselect": ".in-place", "hx-reswap": "innerHTML"})
    return response


def _in_its_place(request: Request, remit: Remit, visitor: Visitor, action_intent_id: str) -> Response:
    """The line of the edited intent, which takes that of the old one."""
    stands = remit.status(visitor.tenant_id, action_intent_id)
    item = card_of(remit, stands, remit.why(visitor.tenant_id, action_intent_id))
    return page(request, "queue_row.html", item=item)


def _shown(
    request: Request,
    found: ActionIntentV1,
    schema: Schema,
    said: Mapping[str, str],
    problem: str | None = None,
    status: int = 200,
) -> Response:
    before = {field.path: field for field in fields(found, {}, schema)}
    differences = []
    try:
        differences = [
            ValueChange(path, before[path].before, new, added=before[path].missing, removed=new is None)
            for path, new in changes(found, said, schema).items()
        ]
    except InvalidInput as error:
        problem = problem or str(error)
    return page(
        request,
        "edit.html",
        status=status,
        intent=found.wire(),
        fields=fields(found, said, schema),
        differences=differences,
        problem=problem,
        **_place(request, found),
    )


def _place(request: Request, found: ActionIntentV1) -> dict[str, Any]:
    """Beside the list several forms may stand on one page: names in it are of one intent."""
    here = in_place(request)
    return {"here_in_place": here, "uid": f"e{values.dom_id(found.action_intent_id)}-" if here else ""}


def fields(intent: ActionIntentV1, said: Mapping[str, str], schema: Schema = None) -> list[EditedField]:
    """
    Every value of the target and the parameters that a path can name, and every argument that the schema of its
    action type has beside them.
    """
    target = intent.target.wire() if intent.target else {}
    found = [_there(f"target.{name}", text, None, said) for name, text in target.items()]
    known = declared(schema)
    at = {name: below("parameters", name, in_object=True) for name in (*intent.parameters, *known)}
    found += [_there(at[name], item, known.get(name), said) for name, item in intent.parameters.items()]
    return found + [_missing(at[name], known[name], said) for name in known if name not in intent.parameters]


def _there(path: str, item: Any, as_declared: Declared | None, said: Mapping[str, str]) -> EditedField:
    control = control_of(item, as_declared)
    text = json.dumps(item, ensure_ascii=False) if control == "choice" else _text(item)
    choices = as_declared.choices if as_declared and control == "choice" else ()
    return EditedField(path, control, item, said.get(path, text), choices)


def _missing(path: str, as_declared: Declared, said: Mapping[str, str]) -> EditedField:
    return EditedField(path, as_declared.control, None, said.get(path, ""), as_declared.choices, missing=True)


def changes(intent: ActionIntentV1, said: Mapping[str, str], schema: Schema = None) -> dict[str, Any]:
    """The values that the form says otherwise; `None` for a parameter that is to go. Raises `InvalidInput`."""
    changed: dict[str, Any] = {}
    for field in fields(intent, {}, schema):
        if f"remove:{field.path}" in said:
            changed[field.path] = None
        elif field.path in said and said[field.path] != field.text:
            new = _parsed(field, said[field.path])
            # Browsers end lines of a text area in their own way; and to Python 1 and true are the same.
            if field.missing or canonical(new) != canonical(field.before):
                changed[field.path] = new
    return changed


def _text(item: Any) -> str:
    if is_commitment(item):
        return ""
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


def _parsed(field: EditedField, text: str) -> Any:
    if field.control in ("text", "long"):
        return text.replace("\r\n", "\n")
    try:
        return read_json(text)
    except NotJson:
        what = "a number" if field.control == "number" else "JSON"
        raise InvalidInput(field.path, f"{text[:80]!r} is not {what}", f"write {what}") from None
