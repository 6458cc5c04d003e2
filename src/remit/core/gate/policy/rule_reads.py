"""Parts of a question that a rule looks at, found in its syntax tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from cedarpy import pst

from remit.core.gate.policy.question import ENTITIES
from remit.core.gate.policy.reads import CONTEXT, FACTS, Compared, Reads, together

_COMPARES = ("eq", "not_eq", "decimal_less_than", "decimal_less_eq", "decimal_greater", "decimal_greater_eq")


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


def compared_by(rules: Iterable[pst.Template]) -> Mapping[str, Compared]:
    """By the path of each parameter that is named, what these rules compare it with."""
    paths: set[str] = set()
    # Which `getTag` of a path there are, and which of those are but compared with a constant.
    taken: dict[tuple[str, str], int] = defaultdict(int)
    constants: dict[tuple[str, str], list[str]] = defaultdict(list)
    for rule in rules:
        for node, _ in _nodes(rule.clauses):
            match node:
                case pst.BinaryOp(op="has_tag", right=pst.StringLit(value=path)):
                    paths.add(path)
                case pst.BinaryOp(op="get_tag", right=pst.StringLit(value=path)):
                    paths.add(path)
                    for kind in _kinds(node.left):
                        taken[kind, path] += 1
            for at, found in _comparison(node):
                taken[at] -= 1
                constants[at] += found

    def among(kind: str, path: str) -> list[str] | None:
        return None if taken[kind, path] else constants[kind, path]

    return {path: _compared(among("numbers", path), among("texts", path)) for path in paths}


def _compared(numbers: list[str] | None, texts: list[str] | None) -> Compared:
    return Compared(
        None if numbers is None else tuple(sorted(set(map(float, numbers)))),
        None if texts is None else frozenset(texts),
    )


def _kinds(of: Any) -> tuple[str, ...]:
    """The tags that a `getTag` takes one of: both kinds where that does not stand there."""
    match of:
        case pst.GetAttr(base=pst.Var(name="context"), attr="numbers" | "texts" as kind):
            return (kind,)
    return "numbers", "texts"


def _comparison(node: Any) -> Iterator[tuple[tuple[str, str], list[str]]]:
    """The kind and path of a parameter, and the constants, if this node compares it with those."""
    match node:
        case pst.BinaryOp(op="contains", left=pst.Set(elements=elements), right=tag):
            sides = [(tag, elements)]
        case pst.BinaryOp(left=left, right=right) if node.op in _COMPARES:
            sides = [(left, (right,)), (right, (left,))]
        case _:
            return
    for tag, constants in sides:
        match tag:
            case pst.BinaryOp(
                op="get_tag",
                left=pst.GetAttr(base=pst.Var(name="context"), attr="numbers" | "texts" as kind),
                right=pst.StringLit(value=path),
            ):
                found = [_constant(kind, each) for each in constants]
                if None not in found:
                    yield (kind, path), [text for text in found if text is not None]


def _constant(kind: str, node: Any) -> str | None:
    match node:
        case pst.UnaryOp(op="decimal", arg=pst.StringLit(value=text)) if kind == "numbers":
            return text
        case pst.StringLit(value=text) if kind == "texts":
            return text
    return None


def nodes_of(rule: pst.Template) -> Iterator[Any]:
    """Every node of its conditions."""
    return (node for node, _ in _nodes(rule.clauses))


def with_entities_named(rule: pst.Template) -> pst.Template:
    """The rule with each field of the context that is always the same entity as that entity."""
    return replace(rule, clauses=_named(rule.clauses))


def _named(node: Any) -> Any:
    match node:
        case pst.GetAttr(base=pst.Var(name="context"), attr=name) if name in ENTITIES:
            kind, id = ENTITIES[name]
            return pst.EntityLit(pst.EntityUid(pst.EntityType(kind), id))
        case tuple():
            return tuple(map(_named, node))
        case dict():
            return pst.FrozenMap({name: _named(inner) for name, inner in node.items()})
    if is_dataclass(node) and not isinstance(node, type):
        return replace(node, **{each.name: _named(getattr(node, each.name)) for each in fields(node)})
    return node


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
