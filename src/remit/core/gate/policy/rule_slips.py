"""Names that rules write down themselves, in which a slip makes a rule do nothing or something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cedarpy import pst
from msgspec import Struct

from remit.core.gate.policy.evaluate import Rule
from remit.core.gate.policy.rule_reads import nodes_of
from remit.core.invalid_fields import likely_meant

ANNOTATIONS = ("id", "reason", "effect", "explanation")


class NamedByRule(Struct, frozen=True):
    """The action types that a rule compares its own with, and the parameters that it reads, by their paths."""

    clause_id: str
    action_types: tuple[str, ...]
    paths: tuple[str, ...]


def named_by_rules(rules: Iterable[Rule]) -> Iterator[NamedByRule]:
    for rule in rules:
        types = {name for node in nodes_of(rule.tree) for name in _types_in(node)}
        yield NamedByRule(rule.clause_id, tuple(sorted(types)), tuple(sorted(rule.reads.paths)))


def unknown_annotations(rules: Iterable[Rule]) -> Iterator[str]:
    """Annotations that mean nothing to Remit: under a misspelt `@effect` a block is none."""
    for rule in rules:
        for name in sorted(set(rule.tree.annotations) - set(ANNOTATIONS)):
            meant = likely_meant(name, ANNOTATIONS)
            known = f"is @{meant} meant?" if meant else f"there is: {', '.join(f'@{each}' for each in ANNOTATIONS)}"
            yield f"rule {rule.clause_id!r} has @{name}, which says nothing here; {known}"


def _types_in(node: Any) -> list[str]:
    match node:
        case pst.BinaryOp(op="eq" | "not_eq", left=left, right=right):
            among = [right] if _is_type(left) else [left] if _is_type(right) else []
        case pst.BinaryOp(op="contains", left=pst.Set(elements=elements), right=member):
            among = [*elements] if _is_type(member) else []
        case _:
            return []
    return [each.value for each in among if isinstance(each, pst.StringLit)]


def _is_type(node: Any) -> bool:
    match node:
        case pst.GetAttr(base=pst.Var(name="context"), attr="action_type"):
            return True
    return False
