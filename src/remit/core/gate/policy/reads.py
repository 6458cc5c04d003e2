"""The parts of a question that a rule looks at, taken from its syntax tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from cedarpy import pst

_TARGET = ("target_type", "target_id")
_PRINCIPAL = ("on_behalf_of", "scopes", "delegation")
_FACTS = ("facts_texts", "facts_numbers", "facts_booleans")
_TYPE = ("action_type", "mode", "risk", "confidence", "confidence_said", "min_confidence", "agent_tier")
_TIME = ("date", "weekday", "hour")
CONTEXT = frozenset((*_TARGET, *_PRINCIPAL, *_FACTS, *_TYPE, *_TIME))
"""Every field of the context but the parameters, which are known by their paths."""


@dataclass(frozen=True, slots=True)
class Reads:
    """
    `paths` are the parameters that are named, as they are written; `computed` says that a path is worked out
    only when the rule is evaluated, so that it may be any.
    """

    paths: frozenset[str] = frozenset()
    computed: bool = False
    fields: frozenset[str] = frozenset()
    """The context's fields that are looked at; `principal` and `resource` stand for those of the question."""
    whole: bool = False
    """The context is looked at as a whole, or asked whether it has a field."""
    wildcards: int = 0
    """How many characters the patterns of `like` have that can match in more than one way."""

    @property
    def target(self) -> bool:
        return not self.fields.isdisjoint(_TARGET)

    @property
    def principal(self) -> bool:
        """On whose behalf, by which scopes, and through whom."""
        return not self.fields.isdisjoint(_PRINCIPAL)

    @property
    def facts(self) -> bool:
        """The facts that the gate looked up: all of them, which are few."""
        return not self.fields.isdisjoint(_FACTS)

    @property
    def parameters(self) -> bool:
        return bool(self.paths) or self.computed

    @property
    def of_intent(self) -> bool:
        """Anything that private values may be part of, or what is looked up by them."""
        return self.parameters or self.target or self.facts


def reads_of(rule: pst.Template) -> Reads:
    """Everything this rule may look at."""
    scopes = {"principal": rule.principal, "resource": rule.resource}
    scope = frozenset(name for name, said in scopes.items() if not isinstance(said, pst.ScopeAny))
    return together([Reads(fields=scope), *(_reads(node, alone) for node, alone in _nodes(rule.clauses))])


def together(reads: Iterable[Reads]) -> Reads:
    """All of them as one."""
    found = list(reads)
    return Reads(
        paths=frozenset().union(*(each.paths for each in found)),
        computed=any(each.computed for each in found),
        fields=frozenset().union(*(each.fields for each in found)),
        whole=any(each.whole for each in found),
        wildcards=sum(each.wildcards for each in found),
    )


def _reads(node: Any, alone: bool) -> Reads:
    match node:
        case pst.BinaryOp(op="has_tag" | "get_tag", left=pst.GetAttr(base=pst.Var(name="context"), attr=name)) if (
            name in _FACTS
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
