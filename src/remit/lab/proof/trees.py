"""The parts of a rule, from the tree that Cedar's parser makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cedarpy import pst

from remit.core.gate.policy.evaluate import Rule
from remit.core.paths import parse_path
from remit.lab.proof.any_action import FACT_BOOLEAN, FACT_NUMBER, FACT_TEXT, AnyAction

FACT_KINDS = {"facts_texts": FACT_TEXT, "facts_numbers": FACT_NUMBER, "facts_booleans": FACT_BOOLEAN}
_WRITTEN = {"less": "<", "eq": "==", "contains_all": "containsAll", "contains_any": "containsAny", "mul": "*"}


def name_all(rules: Iterable[Rule], any_action: AnyAction) -> None:
    """
    Name what the rules of all sides look at, before any is translated.

    A set of agents is told apart by those that are named anywhere, and a fact was had if all fields of it fit.
    """
    for rule in rules:
        for path in rule.reads.paths:
            any_action.parameter(parse_path(path))
        for node in _all_nodes(rule.tree.clauses):
            if isinstance(node, pst.StringLit) and rule.reads.principal:
                any_action.agent(node.value)
            if isinstance(node, pst.BinaryOp) and (field := _fact_field(node)) is not None:
                any_action.fact(*field)


def _fact_field(node: pst.BinaryOp) -> tuple[str, str] | None:
    match node:
        case pst.BinaryOp(left=pst.GetAttr(attr=kind), right=pst.StringLit(value=tag)) if kind in FACT_KINDS:
            name, _, path = tag.partition(".")
            return name, path
    return None


def _all_nodes(node: Any) -> Iterator[Any]:
    yield node
    for inner in _inner(node):
        yield from _all_nodes(inner)


def construct_of(node: pst.Expr) -> str:
    """A name for what stands there, as rules write it."""
    match node:
        case pst.Like():
            return "like"
        case pst.UnaryOp(op=op) | pst.BinaryOp(op=op):
            return _WRITTEN.get(op, op)
        case pst.GetAttr(attr=name):
            return f".{name}"
        case pst.Var(name=name):
            return name
    return type(node).__name__


def looks_at(node: Any) -> set[str]:
    """The fields of the context that stand anywhere in it."""
    if isinstance(node, pst.GetAttr) and node.base == pst.Var("context"):
        return {node.attr}
    if isinstance(node, pst.Var):
        return {"(whole)"} if node.name == "context" else set()
    return {name for inner in _inner(node) for name in looks_at(inner)}


def _inner(node: Any) -> Iterable[Any]:
    if isinstance(node, tuple):
        return node
    if isinstance(node, Mapping):
        return node.values()
    return [getattr(node, name) for name in getattr(node, "__slots__", ())]
