"""Notes and tasks in Remit's own store: the connector that needs no far side, and so never loses an answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Literal

import msgspec
from pydantic import ConfigDict, ValidationError

from remit.core.canonical import sha256_hex
from remit.core.errors import InvalidInput, OutcomeUnknown, RemitError, TryLater
from remit.core.execution.outcome import CallResult, ExternalObjectRef
from remit.core.execution.result import json_answer
from remit.core.execution.templates import as_text, check_template, environment_names, fields_of, render
from remit.core.gate.action_type import Tool
from remit.core.intent import ActionIntentV1
from remit.core.invalid_fields import explain_invalid
from remit.core.records import INTERNAL_OBJECT, InternalObject, Key
from remit.ports import Call, Snapshot, Store, UnitOfWork, Writes

SYSTEM = "remit"
OBJECT_TYPE = {"create_note": "note", "create_task": "task"}


class InternalTool(Tool):
    """
    The description of a tool with `connector: internal`.

    `fields` names each field of the object and the template it is filled from. `honours_idempotency_key`
    may say anything: this connector always does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    operation: Literal["create_note", "create_task"]
    fields: dict[str, str] | None = None


class InternalConnector:
    """Makes one object per idempotency key, however often and from however many places it is called."""

    always_honours_key = True

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, tool: dict[str, Any]) -> None:
        for name, template in (_parse(tool).fields or {}).items():
            check_template(template, f"fields.{name}")
            if environment_names(template):
                raise InvalidInput(f"fields.{name}", "refers to the environment", "what is stored holds no secret")

    def map(self, tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
        parsed = _parse(tool)
        return {"object_type": OBJECT_TYPE[parsed.operation], "fields": _fields(parsed.fields, intent)}

    def invoke(self, call: Call) -> CallResult:
        (result,) = self.invoke_all([call])
        return result

    def invoke_all(self, calls: Sequence[Call]) -> list[CallResult]:
        try:
            return [_answered(made) for made in self._store.transact(list(map(self._unit, calls)))]
        except (TryLater, OutcomeUnknown) as error:
            return [_answered(error)] * len(calls)

    def _unit(self, call: Call) -> UnitOfWork[CallResult]:
        return UnitOfWork(self.touched(call.intent.tenant_id, call.idempotency_key), partial(self.act, call))

    def touched(self, tenant_id: str, idempotency_key: str) -> Sequence[Key[InternalObject]]:
        return [Key(INTERNAL_OBJECT, tenant_id, idempotency_key)]

    def act(self, call: Call, snapshot: Snapshot) -> Writes[CallResult]:
        (key,) = self.touched(call.intent.tenant_id, call.idempotency_key)
        if (existing := snapshot.get(key)) is not None:
            return Writes(_result(existing))
        made = InternalObject(
            object_id=object_id(call.request["object_type"], call.idempotency_key),
            object_type=call.request["object_type"],
            account_id=call.intent.account_id,
            fields=call.request["fields"],
            created_at=call.now,
        )
        return Writes(_result(made), [(key, made)])


def _answered(answer: CallResult | RemitError) -> CallResult:
    said = str(answer)[:500] if isinstance(answer, RemitError) else None
    if isinstance(answer, TryLater):
        return CallResult(acted="no", error_class="DOWNSTREAM", error_code="STORE_BUSY", error_message=said)
    if isinstance(answer, OutcomeUnknown):
        return CallResult(acted="unknown", error_class="DOWNSTREAM", error_code="STORE_ANSWER_LOST", error_message=said)
    if isinstance(answer, RemitError):
        raise answer
    return answer


def _result(made: InternalObject) -> CallResult:
    ref = ExternalObjectRef(system=SYSTEM, object_type=made.object_type, object_id=made.object_id)
    return CallResult(acted="yes", external_object_refs=[ref], answer=json_answer(made.wire()))


def object_id(object_type: str, idempotency_key: str) -> str:
    """One id for every call under one key."""
    return f"{object_type}-{sha256_hex(idempotency_key.encode())[:32]}"


def _parse(tool: dict[str, Any]) -> InternalTool:
    return _parsed(msgspec.json.encode(tool))


@lru_cache(maxsize=256)
def _parsed(tool: bytes) -> InternalTool:
    try:
        return InternalTool.model_validate_json(tool)
    except ValidationError as error:
        raise explain_invalid(error) from None


def _fields(templates: dict[str, str] | None, intent: ActionIntentV1) -> dict[str, str]:
    if templates is not None:
        fields = fields_of(intent)
        return {name: as_text(render(template, fields), name) for name, template in templates.items()}
    plain = {k: as_text(v, k) for k, v in intent.parameters.items() if isinstance(v, str | int | float | bool)}
    target = intent.target.wire() if intent.target else {}
    return plain | {f"target.{name}": text for name, text in target.items()}
