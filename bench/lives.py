"""What made-up tenants leave in a store: intents of many kinds, answered and executed in the ways there are."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench.world import POLICIES
from remit import CallResult, Remit, RemitError
from remit.core.execution.outcome import ExternalObjectRef
from remit.core.execution.result import json_answer
from remit.core.records import INTERNAL_OBJECT, PRIVATE_VALUES, RESULT, SAMPLE, Kind, case_key
from remit.flow.execute.take import Taken
from remit.stores.segments import segments_of

INTENTS = 1200
EVERY = 20
"""Intents after which what has been approved is executed."""
WORDS = ("asked about the order", "the number has changed", "customer called", "late delivery", "item is broken")
REASONS = ("not today", "the amount is wrong", "ask the customer first")
BESIDE_CASES: tuple[Kind[Any], ...] = (RESULT, INTERNAL_OBJECT, PRIVATE_VALUES, SAMPLE)
"""The kinds of record of which an intent may have one beside its case."""
_DAY_AND_MONTH = [
    {"name": "a-minute", "most": 500, "per": "minute", "of": "account"},
    {"name": "money-a-day", "sum": "amount", "unit": "EUR", "most": 90_000, "per": "day", "of": "account"},
    {"name": "money-a-month", "sum": "amount", "unit": "EUR", "most": 900_000, "per": "month", "of": "account"},
]
_AMOUNTS = {"amount": {"value": "parameters.amount", "unit": "EUR"}}
_HTTP = {
    "connector": "http",
    "method": "POST",
    "url": "https://crm.example.com/orders/{target.entity_id}/refund",
    "body": "{parameters}",
    "honours_idempotency_key": True,
    "external_object": {"system": "crm", "object_type": "order", "object_id": "id"},
}


@dataclass(slots=True)
class Left:
    """The lines of segments, and the bodies of records at every stage of their life."""

    lines: list[bytes] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)


def lived(chance: random.Random) -> Left:
    left = Left()
    for tenant, bounds in _bounds().items():
        with Remit.open("memory://") as remit:
            remit.apply({"tenant": tenant, **bounds}, by="ann")
            _live(remit, tenant, list(bounds["action_types"]), chance, left)
            left.lines += _segments(remit, tenant)
            left.records += _beside(remit, tenant)
    return left


def _bounds() -> dict[str, dict[str, Any]]:
    note = {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_note"}}
    task = {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_task"}}
    refund = {"risk_tier": "LOW", "tool": _HTTP, "amounts": _AMOUNTS}
    own = {"risk_tier": "LOW", "tool": {"connector": "caller"}, "amounts": _AMOUNTS}
    types: dict[str, dict[str, Any]] = {
        "acme": {"CREATE_INTERNAL_NOTE": note, "CREATE_TASK": task, "CANCEL_ORDER": {**task, "risk_tier": "HIGH"}},
        "globex": {"REFUND_ORDER": refund, "UPDATE_CONTACT": {**refund, "private": ["parameters.text"]}},
        "initech": {"SEND_EMAIL": own, "RUN_COMMAND": own, "CREATE_NOTE": {**note, "amounts": _AMOUNTS}},
        "umbrella": {"CREATE_INTERNAL_NOTE": note, "RESTART_SERVICE": {**own, "sample": 0.2}},
    }
    return {
        tenant: {
            "action_types": of_tenant,
            "allowlist": list(of_tenant),
            "allowed_hosts": ["crm.example.com"],
            "modes": {"default": "AUTO_EXECUTE"},
            "budget": {"max_autonomous_per_day": 10_000, "max_per_action_type": dict.fromkeys(of_tenant, 10_000)},
            "limits": _DAY_AND_MONTH if tenant in ("globex", "initech") else [],
            **({"policies": POLICIES} if tenant == "umbrella" else {}),
        }
        for tenant, of_tenant in types.items()
    }


def _live(remit: Remit, tenant: str, types: list[str], chance: random.Random, left: Left) -> None:
    proposed: list[tuple[str, str]] = []
    for number in range(INTENTS):
        by = chance.choice(["crm-agent", "agent", "support-agent"])
        answer = remit.submit(_proposal(tenant, types, number, by, chance))
        proposed.append((answer.action_intent_id, by))
        if answer.result == "REQUIRE_APPROVAL":
            _answered(remit, tenant, answer.action_intent_id, by, chance)
        if number % EVERY == EVERY - 1:
            _executed(remit, tenant, proposed, chance, left)
            proposed.clear()


def _executed(remit: Remit, tenant: str, proposed: list[tuple[str, str]], chance: random.Random, left: Left) -> None:
    left.records += _cases(remit, tenant, proposed)
    calls = [
        each for each in remit.take(64, f"{remit.context.new_id()}/8/{chance.randrange(9)}") if isinstance(each, Taken)
    ]
    left.records += _cases(remit, tenant, proposed)
    remit.settle([(each, _result(remit, each, chance)) for each in calls])
    for name, by in proposed:
        _tried(partial(_executed_by_caller, remit, tenant, name, by, chance))
    left.records += _cases(remit, tenant, proposed)


def _result(remit: Remit, taken: Taken, chance: random.Random) -> CallResult:
    if taken.call.intent.action_type in ("REFUND_ORDER", "UPDATE_CONTACT"):
        if chance.random() < 0.1:
            return CallResult(
                acted="no", error_code="HTTP_404", error_class="VALIDATION", error_message="no such order"
            )
        return _acted(chance)
    return remit.carry_out([taken])[0]


def _acted(chance: random.Random) -> CallResult:
    name = f"o-{chance.randrange(10**6)}"
    ref = ExternalObjectRef(system="crm", object_type="order", object_id=name)
    return CallResult(acted="yes", external_object_refs=[ref], answer=json_answer({"id": name, "status": "done"}))


def _executed_by_caller(remit: Remit, tenant: str, name: str, by: str, chance: random.Random) -> None:
    permit = remit.own.begin(tenant, name, by=by).permit
    if permit is not None:
        told = _acted(chance)
        remit.own.finish(tenant, name, by=by, approval_id=permit.approval_id, acted="yes", result=told.answer)


def _answered(remit: Remit, tenant: str, name: str, by: str, chance: random.Random) -> None:
    roll = chance.random()
    if roll < 0.1:
        _tried(lambda: remit.ask(tenant, name, by="bob", text=chance.choice(WORDS)))
    if roll < 0.4:
        _tried(lambda: remit.approve(tenant, name, by="bob", digest=remit.intent(tenant, name).digest))
    elif roll < 0.6:
        _tried(lambda: remit.reject(tenant, name, by="bob", reason=chance.choice(REASONS)))
    elif roll < 0.7:
        _tried(lambda: remit.own.withdraw(tenant, name, by=by))


def _tried(step: Callable[[], object]) -> None:
    """A step that may come too late, or not be anybody's."""
    try:
        step()
    except RemitError:
        return


def _proposal(tenant: str, types: list[str], number: int, by: str, chance: random.Random) -> dict[str, Any]:
    told: dict[str, Any] = {"why": [chance.choice(WORDS)]} if chance.random() < 0.5 else {}
    told |= {"on_behalf_of": chance.choice(["alice", "bob"])} if chance.random() < 0.3 else {}
    text, amount = chance.choice(WORDS), round(chance.uniform(1, 500), 2)
    return {
        "tenant_id": tenant,
        "account_id": f"acct-{chance.randrange(40)}",
        "action_type": chance.choice(types),
        "target": {"entity_type": chance.choice(["contact", "order", "service"]), "entity_id": f"c-{number}"},
        "parameters": {"text": text, "amount": amount, "channel": chance.choice(["phone", "mail"])},
        "confidence_score": round(chance.uniform(0.6, 1), 2),
        "risk_level": "LOW",
        "proposed_by": by,
        **told,
    }


def _cases(remit: Remit, tenant: str, proposed: list[tuple[str, str]]) -> list[bytes]:
    """The bodies of their cases as they are now."""
    keys = [case_key(tenant, name) for name, _ in proposed]
    shown = remit.context.store.read(keys)
    return [case.to_json().encode() for key in keys if (case := shown.get(key)) is not None]


def _beside(remit: Remit, tenant: str) -> list[bytes]:
    """The bodies of what else there is of intents."""
    store = remit.context.store
    return [each.to_json().encode() for kind in BESIDE_CASES for each in store.scan(kind, tenant)]


def _segments(remit: Remit, tenant: str) -> list[bytes]:
    """The lines of each segment: what is of one chain and one moment was one write."""
    chains: dict[tuple[str | None, str], list[Any]] = {}
    for entry in remit.context.store.export(tenant):
        chains.setdefault((entry.action_intent_id, entry.at), []).append(entry)
    return [
        b"\n".join(entry.line for entry in segment.entries)
        for entries in chains.values()
        for segment in segments_of(entries)
    ]
