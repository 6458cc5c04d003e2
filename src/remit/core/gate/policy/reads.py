"""The parts of a question that a rule looks at, taken from its syntax tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from cedarpy import pst

_TARGET = ("target_type", "target_id")
_PRINCIPAL = ("on_behalf_of", "scopes", "delegation")
_FACTS = ("facts_texts", "facts_numbers", "facts_booleans")


@dataclass(frozen=True, slots=True)
class Reads:
    """
    `paths` are the parameters that are named, as they are written; `computed` says that a path is worked out
    only when the rule is evaluated, so that it may be any.
    """

    paths: frozenset[str] = frozenset()
    computed: bool = False
    target: bool = False
    principal: bool = False
    """On whose behalf, by which scopes, and through whom."""
    facts: bool = False
    """What the gate looked up: all of it, which is little."""
    wildcards: int = 0
    """How many characters the patterns of `like` have that can match in more than one way."""

    @property
    def parameters(self) -> bool:
        return bool(self.paths) or self.computed

    @property
    def of_intent(self) -> bool:
        """Anything that private values may be part of, or what is looked up by them."""
        return self.parameters or self.target or self.facts


def reads_of(rule: pst.Template) -> Reads:
    """Everything this rule may look at besides the question's own fields."""
    reads = [_reads(node, alone) for node, alone in _nodes(rule.clauses)]
    return together(reads)


def together(reads: Iterable[Reads]) -> Reads:
    """All of them as one."""
    found = list(reads)
    return Reads(
        paths=frozenset().union(*(each.paths for each in found)),
        computed=any(each.computed for each in found),
        target=any(each.target for each in found),
        principal=any(each.principal for each in found),
        facts=any(each.facts for each in found),
        wildcards=sum(each.wildcards for each in found),
    )


def _reads(node: Any, alone: bool) -> Reads:
    match node:
        case pst.BinaryOp(op="has_tag" | "get_tag", left=pst.GetAttr(base=pst.Var(name="context"), attr=name)) if (
            name in _FACTS
        ):
            return Reads(facts=True)
        case pst.BinaryOp(op="has_tag" | "get_tag", right=pst.StringLit(value=path)):
            return Reads(paths=frozenset({path}))
        case pst.BinaryOp(op="has_tag" | "get_tag"):
            return Reads(computed=True)
        case pst.GetAttr(base=pst.Var(name="context"), attr=name) if name in _TARGET:
            return Reads(target=True)
        case pst.GetAttr(base=pst.Var(name="context"), attr=name) if name in _PRINCIPAL:
            return Reads(principal=True)
        case pst.GetAttr(base=pst.Var(name="context"), attr=name) if name in _FACTS:
            return Reads(facts=True)
        case pst.Like(pattern=pattern):
            return Reads(wildcards=len(pattern))
        case pst.Var(name="context") if alone:
            # Used whole, as in `context == {…}`.
            return Reads(target=True, principal=True, facts=True)
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
