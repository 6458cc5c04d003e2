"""Parts of a question that a rule looks at, found in its syntax tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from cedarpy import pst

from remit.core.gate.policy.reads import CONTEXT, FACTS, Reads, together


def reads_of(rule: pst.Template) -> Reads:
    """Everything this rule may look at."""
    scopes = {"principal": rule.principal, "resource": rule.resource}
    scope = frozenset(name for name, said in scopes.items() if not isinstance(said, pst.ScopeAny))
    return together([Reads(fields=scope), *(_reads(node, alone) for node, alone in _nodes(rule.clauses))])


def _reads(node: Any, alone: bool) -> Reads:
    match node:
        case pst.BinaryOp(op="has_tag" | "get_tag", left=pst.GetAttr(base=pst.Var(name="context"), attr=name)) if (
            name in FACTS
        ):
            return Reads()
        case pst.BinaryOp(op="has_tag" | "get_tag", right=pst.StringLit(value=path)):
            return Reads(paths=frozenset({path}))
        case pst.BinaryOp(op="has_tag" | "get_tag"):
            return Reads(computed=True)
        case pst.GetAttr(base=pst.Var(name="context"), attr=name):
            return Reads(fields=frozenset({name}))
        case pst.Var(name="principal" | "resource" as name):
            return Reads(fields=frozenset({name}))
        case pst.Like(pattern=pattern):
            return Reads(wildcards=len(pattern))
        case pst.Var(name="context") if alone:
            # Used whole, as in `context == {…}`.
            return Reads(fields=CONTEXT, whole=True)
        case pst.HasAttr(base=pst.Var(name="context")):
            return Reads(whole=True)
    return Reads()


def _nodes(clauses: Iterable[pst.Clause]) -> Iterator[tuple[Any, bool]]:
    """Every node of the tree, and whether it stands by itself: not as what an attribute is taken of."""
    stack: list[tuple[Any, bool]] = [(clause, True) for clause in clauses]
    while stack:
        node, alone = stack.pop()
        yield node, alone
        if isinstance(node, tuple):
            stack.extend((inner, True) for inner in node)
        elif isinstance(node, dict):
            stack.extend((inner, True) for inner in node.values())
        elif is_dataclass(node) and not isinstance(node, type):
            is_member = isinstance(node, pst.GetAttr | pst.HasAttr)
            stack.extend((getattr(node, each.name), not (is_member and each.name == "base")) for each in fields(node))
