"""
Rules as formulas, from the tree that Cedar's parser makes of them.

Every expression has a value and says when it has none: Cedar skips a rule that errors, and the gate then asks a person.
What is not translated is a `NotTranslated`, and stands in a rule as a truth of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import z3
from cedarpy import pst
from msgspec import Struct, field

from remit.core.errors import InvalidInput
from remit.core.gate.policy.evaluate import Rule
from remit.core.paths import parse_path
from remit.lab.proof.any_action import FACT_BOOLEAN, FACT_NUMBER, FACT_TEXT, AnyAction
from remit.lab.proof.logic import Logic, Truth, Whole
from remit.lab.proof.parameter import NUMBER, TEXT
from remit.lab.proof.trees import FACT_KINDS, construct_of, looks_at

_LARGEST_LONG = 2**63 - 1
_SHARED = frozenset(
    {"action_type", "confidence", "confidence_said", "target_type", "target_id", "on_behalf_of", "delegation"}
    | {"agent_tier", "texts", "numbers"}
)
"""What all bounds see alike of an action; the rest follows from the bounds as well."""


class NotTranslated(Exception):
    """`construct` stands for something that has no translation."""

    def __init__(self, construct: str) -> None:
        self.construct = construct
        super().__init__(construct)


class Members(Struct, frozen=True):
    """A set of texts or numbers: each possible member, and whether it is one. `more` says that there are others."""

    known: tuple[tuple[Any, Truth], ...]
    more: Truth = False


class Entity(Struct, frozen=True):
    """An entity of one kind."""

    kind: str
    name: Whole


class Term(Struct, frozen=True):
    """The value of an expression, and when it has none (`error`)."""

    value: Any
    error: Truth = False


class RuleContext(Struct):
    """The part of any action that rules see by one side's bounds."""

    side: str
    fields: Mapping[str, Any]
    fact: Callable[[str, str, int], Truth]
    """Is a field of a fact there, of that kind?"""
    any_action: AnyAction
    not_translated: dict[str, set[str]] = field(default_factory=dict)
    """What was left open, by rule."""


class RuleFormula(Struct, frozen=True):
    """The formulas for when a rule is satisfied, and when it errors."""

    satisfied: Truth
    errors: Truth


class RuleTranslator:
    """Translates the rules of one side."""

    def __init__(self, context: RuleContext) -> None:
        self._context, self._any = context, context.any_action
        self._logic: Logic = context.any_action.logic
        self._rule = ""

    def rule(self, rule: Rule) -> RuleFormula:
        self._rule, tree = rule.clause_id, rule.tree
        scope = [
            self._within("Agent", self._any.proposed_by, tree.principal),
            self._within("Account", self._any.account, tree.resource),
            self._action_within(tree.action),
        ]
        whole = self._conjunction([Term(self._logic.all(scope)), *map(self._clause, tree.clauses)])
        return RuleFormula(self._logic.all((whole.value, self._logic.no(whole.error))), whole.error)

    # --- scope ---

    def _within(self, kind: str, name: Whole, asked: pst.PrincipalOrResourceConstraint) -> Truth:
        match asked:
            case pst.ScopeAny():
                return True
            case pst.ScopeEq(entity=pst.EntityUid() as uid) | pst.ScopeIn(entity=pst.EntityUid() as uid):
                return self._is(Entity(kind, name), uid)
            case pst.ScopeIs(entity_type=named):
                return str(named) == kind
            case pst.ScopeIsIn(entity_type=named, entity=pst.EntityUid() as uid):
                return str(named) == kind and self._is(Entity(kind, name), uid)
        raise NotTranslated(type(asked).__name__)

    def _action_within(self, asked: pst.ActionConstraint) -> Truth:
        match asked:
            case pst.ScopeAny():
                return True
            case pst.ActionEq(entity=uid):
                return self._is(self._action(), uid)
            case pst.ActionIn(entities=uids):
                return self._logic.any(self._is(self._action(), uid) for uid in uids)
        raise NotTranslated(type(asked).__name__)

    def _action(self) -> Entity:
        return Entity("Action", self._any.text("auto_execute"))

    def _is(self, entity: Entity, uid: pst.EntityUid) -> Truth:
        # Nothing here has parents, so that `in` is "is".
        return str(uid.type) == entity.kind and self._logic.same(entity.name, self._any.text(uid.id))

    # --- conditions ---

    def _clause(self, clause: pst.Clause) -> Term:
        said = self._condition(clause.expr)
        return said if isinstance(clause, pst.When) else self._negation(said)

    def _conjunction(self, terms: Iterable[Term]) -> Term:
        """One after the other, until one says no or errors."""
        value: Truth = True
        error: Truth = False
        for term in terms:
            error = self._logic.any((error, self._logic.all((value, term.error))))
            value = self._logic.all((value, term.value))
        return Term(value, error)

    def _condition(self, node: pst.Expr) -> Term:
        """A yes or no; where it is not translated, one of which nothing is known."""
        try:
            return self._truth(node)
        except NotTranslated as problem:
            self._context.not_translated.setdefault(self._rule, set()).add(problem.construct)
            # The same expression over the same values has the same answer, whichever rule it stands in.
            whose = "" if looks_at(node) <= _SHARED else f"{self._context.side} "
            return Term(self._open(f"{whose}{node}"), self._open(f"{whose}error of {node}"))

    def _open(self, name: str) -> Truth:
        return self._logic.truth(name)

    def _truth(self, node: pst.Expr) -> Term:
        match node:
            case pst.BoolLit(value=value):
                return Term(value)
            case pst.UnaryOp(op="not", arg=arg):
                return self._negation(self._condition(arg))
            case pst.BinaryOp(op="and" | "or" as op, left=left, right=right):
                joined = self._conjunction if op == "and" else self._disjunction
                return joined((self._condition(left), self._condition(right)))
            case pst.IfThenElse():
                return self._choice(node, self._condition)
            case pst.BinaryOp():
                return self._comparison(node)
            case pst.UnaryOp(op="is_empty", arg=arg):
                return self._emptiness(*self._members(arg))
            case pst.HasAttr(base=pst.Var(name="context"), attrs=attrs) if len(attrs) == 1:
                return Term(attrs[0] in self._context.fields)
            case pst.Is(base=base, entity_type=named, in_expr=within):
                return self._kind(base, named, within)
            case pst.GetAttr(base=pst.Var(name="context"), attr=name) if self._is_truth(self._field(name)):
                return Term(self._field(name))
        raise NotTranslated(construct_of(node))

    @staticmethod
    def _is_truth(value: Any) -> bool:
        return isinstance(value, bool | z3.BoolRef)

    def _negation(self, said: Term) -> Term:
        return Term(self._logic.no(said.value), said.error)

    def _disjunction(self, terms: Iterable[Term]) -> Term:
        """One after the other, until one says yes or errors."""
        return self._negation(self._conjunction(map(self._negation, terms)))

    def _choice(self, node: pst.IfThenElse, inner: Callable[[pst.Expr], Term]) -> Term:
        asked, yes, no = self._condition(node.cond), inner(node.then_expr), inner(node.else_expr)
        error = self._logic.any((asked.error, self._logic.choose(asked.value, yes.error, no.error)))
        return Term(self._logic.choose(asked.value, yes.value, no.value), error)

    def _emptiness(self, members: Members, error: Truth) -> Term:
        return Term(self._logic.no(self._logic.any((members.more, *(there for _, there in members.known)))), error)

    def _kind(self, base: pst.Expr, named: pst.EntityType, within: pst.Expr | None) -> Term:
        entity = self._value(base)
        if not isinstance(entity.value, Entity):
            raise NotTranslated("is")
        is_kind = Term(str(named) == entity.value.kind, entity.error)
        return is_kind if within is None else self._conjunction((is_kind, self._in(base, within)))

    # --- comparisons ---

    def _comparison(self, node: pst.BinaryOp) -> Term:
        match node.op:
            case "eq":
                return self._equality(node)
            case "not_eq":
                return self._negation(self._equality(node))
            case "in":
                return self._in(node.left, node.right)
            case "has_tag":
                return self._has_tag(node)
            case "get_tag":
                found = self._get_tag(node)
                if self._is_truth(found.value):
                    return found
            case "contains" | "contains_all" | "contains_any":
                return self._containing(node)
            case _ if node.op in _ORDERS:
                left, right = self._number(node.left), self._number(node.right)
                return Term(_ORDERS[node.op](left.value, right.value), self._errors((left, right)))
        raise NotTranslated(construct_of(node))

    def _equality(self, node: pst.BinaryOp) -> Term:
        left, right = self._value(node.left), self._value(node.right)
        return Term(self._same(left.value, right.value), self._errors((left, right)))

    def _same(self, left: Any, right: Any) -> Truth:
        if isinstance(left, Members) and isinstance(right, Members):
            return self._logic.all((self._all_in(left, right), self._all_in(right, left)))
        if isinstance(left, Entity) and isinstance(right, Entity):
            return left.kind == right.kind and self._logic.same(left.name, right.name)
        if isinstance(left, Members | Entity) or isinstance(right, Members | Entity):
            raise NotTranslated("==")
        return self._logic.same(left, right)

    def _in(self, base: pst.Expr, within: pst.Expr) -> Term:
        entity = self._value(base)
        named = within.elements if isinstance(within, pst.Set) else (within,)
        others = [self._value(each) for each in named]
        same = [self._same(entity.value, other.value) for other in others]
        return Term(self._logic.any(same), self._errors((entity, *others)))

    def _containing(self, node: pst.BinaryOp) -> Term:
        whole, error = self._members(node.left)
        if node.op == "contains":
            member = self._value(node.right)
            return Term(self._has(whole, member.value), self._logic.any((error, member.error)))
        part, part_error = self._members(node.right)
        if node.op == "contains_all":
            found = self._all_in(part, whole)
        elif part.more is not False and whole.more is not False:
            raise NotTranslated("containsAny of two sets that are open")
        else:
            open_one, other = (part, whole) if part.more is not False else (whole, part)
            found = self._logic.any(self._logic.all((there, self._has(open_one, each))) for each, there in other.known)
        return Term(found, self._logic.any((error, part_error)))

    def _has(self, members: Members, value: Any) -> Truth:
        if isinstance(value, Members):
            raise NotTranslated("a set of sets")
        if members.more is not False and not isinstance(value, int):
            raise NotTranslated("contains of what is not written out")
        return self._logic.any(self._logic.all((there, self._same(each, value))) for each, there in members.known)

    def _all_in(self, part: Members, whole: Members) -> Truth:
        if part.more is not False and whole.more is not False:
            raise NotTranslated("containsAll of two sets that are open")
        each_in = [self._logic.implies(there, self._has(whole, each)) for each, there in part.known]
        return self._logic.all((self._logic.no(part.more), *each_in))

    def _members(self, node: pst.Expr) -> tuple[Members, Truth]:
        term = self._value(node)
        if not isinstance(term.value, Members):
            raise NotTranslated(construct_of(node))
        return term.value, term.error

    # --- values ---

    def _value(self, node: pst.Expr) -> Term:
        match node:
            case pst.StringLit(value=text):
                return Term(self._any.text(text))
            case pst.EntityLit() | pst.Var(name="principal" | "resource" | "action"):
                return Term(self._entity(node))
            case pst.GetAttr(base=pst.Var(name="context"), attr=name):
                return Term(self._field(name))
            case pst.Set(elements=elements):
                terms = [self._value(each) for each in elements]
                return Term(Members(tuple((term.value, True) for term in terms)), self._errors(terms))
            case pst.BinaryOp(op="get_tag"):
                return self._get_tag(node)
            case pst.IfThenElse():
                return self._choice(node, self._plain_value)
            case pst.LongLit() | pst.UnaryOp(op="neg" | "decimal") | pst.BinaryOp(op="add" | "sub" | "mul"):
                return self._number(node)
        return self._truth(node)

    def _entity(self, node: pst.EntityLit | pst.Var) -> Entity:
        if isinstance(node, pst.EntityLit):
            return Entity(str(node.value.type), self._any.text(node.value.id))
        known = {"principal": ("Agent", self._any.proposed_by), "resource": ("Account", self._any.account)}
        return Entity(*known[node.name]) if node.name in known else self._action()

    def _errors(self, terms: Iterable[Term]) -> Truth:
        return self._logic.any(term.error for term in terms)

    def _plain_value(self, node: pst.Expr) -> Term:
        term = self._value(node)
        if isinstance(term.value, Members | Entity):
            raise NotTranslated("if")
        return term

    def _field(self, name: str) -> Any:
        if name not in self._context.fields:
            raise NotTranslated(f"context.{name}")
        return self._context.fields[name]

    def _number(self, node: pst.Expr) -> Term:
        """A whole number, or a decimal in ten-thousandths."""
        match node:
            case pst.LongLit(value=value):
                return Term(value)
            case pst.UnaryOp(op="decimal", arg=pst.StringLit(value=text)):
                return Term(int(Decimal(text).scaleb(4)))
            case pst.UnaryOp(op="neg", arg=arg):
                return self._in_range(-(inner := self._number(arg)).value, inner.error)
            case pst.BinaryOp(op="add" | "sub" | "mul" as op, left=left, right=right):
                first, second = self._number(left), self._number(right)
                return self._in_range(_ARITHMETIC[op](first.value, second.value), self._errors((first, second)))
            case pst.GetAttr() | pst.BinaryOp(op="get_tag") | pst.IfThenElse():
                return self._value(node)
        raise NotTranslated(construct_of(node))

    def _in_range(self, value: Whole, error: Truth) -> Term:
        overflow = self._logic.any((value > _LARGEST_LONG, value < -_LARGEST_LONG - 1))
        return Term(value, self._logic.any((error, overflow)))

    # --- parameters and facts ---

    def _has_tag(self, node: pst.BinaryOp) -> Term:
        return Term(self._tag(node)[0])

    def _get_tag(self, node: pst.BinaryOp) -> Term:
        there, value = self._tag(node)
        return Term(value, self._logic.no(there))

    def _tag(self, node: pst.BinaryOp) -> tuple[Truth, Any]:
        match node:
            case pst.BinaryOp(
                left=pst.GetAttr(base=pst.Var(name="context"), attr=kind), right=pst.StringLit(value=tag)
            ):
                return self._parameter(kind, tag) if kind in ("texts", "numbers") else self._fact(kind, tag)
        raise NotTranslated("a tag that is worked out")

    def _parameter(self, kind: str, tag: str) -> tuple[Truth, Whole]:
        try:
            value = self._any.parameter(parse_path(tag))
        except InvalidInput:
            raise NotTranslated(f"the path {tag}") from None
        return (value.kind == TEXT, value.text) if kind == "texts" else (value.kind == NUMBER, value.number)

    def _fact(self, kind: str, tag: str) -> tuple[Truth, Any]:
        name, _, path = tag.partition(".")
        fact, asked = self._any.fact(name, path), FACT_KINDS[kind]
        return self._context.fact(name, path, asked), {
            FACT_TEXT: fact.text,
            FACT_NUMBER: fact.number,
            FACT_BOOLEAN: fact.yes,
        }[asked]


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda left, right: left + right,
    "sub": lambda left, right: left - right,
    "mul": lambda left, right: left * right,
}
_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "less": lambda left, right: left < right,
    "less_eq": lambda left, right: left <= right,
    "greater": lambda left, right: left > right,
    "greater_eq": lambda left, right: left >= right,
}
_ORDERS |= {f"decimal_{name}": each for name, each in _ORDERS.items()} | {"decimal_less_than": _ORDERS["less"]}
