"""The questions put to the solver, and each of its examples put to the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import z3
from msgspec import Struct

from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.never import never_source
from remit.core.gate.policy import PolicySet, compile_policies
from remit.lab.proof.any_action import SOME_AGENT, AnyAction
from remit.lab.proof.arguments import MISSING, STRING, OpenKeywords
from remit.lab.proof.clocks import Clocks, zone_of
from remit.lab.proof.example import RANK, Example
from remit.lab.proof.growth import limit_changes
from remit.lab.proof.logic import TOO_LONG, Logic, TooLong, Truth
from remit.lab.proof.parameter import ABSENT, TEXT, UNREADABLE
from remit.lab.proof.schema import name_arguments
from remit.lab.proof.side import Side, SideBuilder
from remit.lab.proof.trees import name_all
from remit.lab.proof.verdict import Direction, NeverAnswer, NotProved, Proof, Witness
from remit.lab.proof.writer import NoExample, Writer

MOST_EXAMPLES = 8
"""How many of the solver's examples are put to the gate before it is said that nothing is proved."""
TIMEOUT_S = 10.0
_FOR_WISHES_S = 1.0
_SMALL = 10_000 * 1000
_FEW_BYTES, _SHORT = 1000, 20
F = TypeVar("F")
Confirm = Callable[[Example], F | None]
"""What the gate says of an example, if it is one."""


class _Found(Struct, frozen=True):
    """The result of a question: nothing can be like that, or the solver's examples failed, or it gave up."""

    answer: Any = None
    why_not: str | None = None


class Prover:
    """The two sides of one question, and a solver that knows what holds of every action."""

    def __init__(self, sides: Sequence[BoundsInForce], never: Sequence[str] = ()) -> None:
        """The last of `sides` is what properties are about. Raises `ValueError` for bounds that cannot be read."""
        self._logic = Logic(TIMEOUT_S)
        self._bounds = dict(zip(("before", "after"), [_for_good(each) for each in sides], strict=False))
        self._any = AnyAction(self._logic, self._bounds)
        policies = {name: _policies(bounds) for name, bounds in self._bounds.items()}
        properties = [compile_policies((never_source(number, text),)) for number, text in enumerate(never, start=1)]
        self._never = [_own_rule(each) for each in properties]
        for each in policies.values():
            name_all(each.rules.values(), self._any)
        name_all(self._never, self._any)
        builders = {name: SideBuilder(name, bounds, policies[name], self._any) for name, bounds in self._bounds.items()}
        for builder in builders.values():
            builder.name_amounts()
        name_arguments([*self._bounds.values()], self._any)
        self.sides = {name: builder.build() for name, builder in builders.items()}
        last = [*builders][-1]
        self._broken = [self._logic.all((self.sides[last].runs, builders[last].forbids(rule))) for rule in self._never]
        self._clocks = Clocks(self._any, *self._bounds.values()) if len(self._bounds) == 2 else None
        self._solver = self._logic.solver()
        self._constrain()

    def _constrain(self) -> None:
        for each in (*self._any.constraints(), *(self._clocks.constraints() if self._clocks else ())):
            if each is not True:
                self._solver.add(each)

    # --- questions ---

    def compare(self) -> Proof:
        before, after = self.sides["before"], self.sides["after"]
        limits = limit_changes(before.bounds.bounds, after.bounds.bounds)
        return Proof(self._in_time(before, after), self._in_time(after, before), limits)

    def _in_time(self, strict: Side, lax: Side) -> Direction:
        try:
            return self._direction(strict, lax)
        except TooLong as error:
            return (NotProved(str(error)),)

    def _direction(self, strict: Side, lax: Side) -> Direction:
        """An action that the one lets through, or people approve, and the other does not."""
        closed = self._logic.any((strict.blocked, strict.refused))
        opened = self._logic.no(self._logic.any((lax.blocked, lax.refused)))
        problems: list[NotProved] = []
        goals = ((lax.runs, self._logic.no(strict.runs)), (opened, closed))
        for goal in goals:
            found = self._find(self._logic.all(goal), lambda example: self._differs(example, strict, lax))
            if found.answer is not None:
                answer: Witness = found.answer
                return answer
            if found.why_not is not None:
                problems += self._problems(found.why_not)
        return tuple(dict.fromkeys([*problems, *self._facts_elsewhere()])) or None

    def _facts_elsewhere(self) -> Iterator[NotProved]:
        """The unknowns of a fact are one for both sides: where it is looked up elsewhere, it may say something else."""
        before, after = (side.bounds.bounds.action_types for side in self.sides.values())
        for name in before.keys() & after.keys():
            old, new = before[name].facts, after[name].facts
            for fact in old.keys() & new.keys():
                if (old[fact].url, old[fact].headers) != (new[fact].url, new[fact].headers):
                    yield NotProved(f"the fact {fact} of {name} is looked up elsewhere", construct="facts")

    def _differs(self, example: Example, strict: Side, lax: Side) -> Witness | None:
        said = {side.name: example.said_by(side.bounds) for side in (strict, lax)}
        if RANK[said[lax.name].course] <= RANK[said[strict.name].course]:
            return None
        return Witness(example, said["before"], said["after"])

    def never(self, properties: Sequence[str]) -> list[NeverAnswer]:
        return [
            self._never_answer(number, text, broken)
            for number, (text, broken) in enumerate(zip(properties, self._broken, strict=True), start=1)
        ]

    def _never_answer(self, number: int, text: str, broken: Truth) -> NeverAnswer:
        bounds = [*self._bounds.values()][-1]
        also = [*bounds.bounds.policies, never_source(number, text)]
        with_it = bounds.model_copy(update={"bounds": bounds.bounds.model_copy(update={"policies": also})})

        def breaks(example: Example) -> Example | None:
            courses = example.said_by(bounds).course, example.said_by(with_it).course
            return example if courses[0] == "RUNS" and courses[1] != "RUNS" else None

        found = self._find(broken, breaks)
        return NeverAnswer(text, found.answer, self._problems(found.why_not) if found.why_not else ())

    # --- the solver ---

    def _find(self, goal: Truth, confirm: Confirm[Any]) -> _Found:
        if goal is False:
            return _Found()
        self._solver.push()
        try:
            self._solver.add(goal)
            return self._search(confirm)
        finally:
            self._solver.pop()

    def _search(self, confirm: Confirm[Any]) -> _Found:
        for tried in range(MOST_EXAMPLES):
            known = self._logic.check(self._solver)
            if known == z3.unsat:
                return _Found(why_not=_NO_EXAMPLE if tried else None)
            if known != z3.sat:
                return _Found(why_not=TOO_LONG)
            model = self._most_plain()
            answer = self._confirmed(model, confirm)
            if answer is not None:
                return _Found(answer)
            self._exclude(model)
        return _Found(why_not=_NO_EXAMPLE)

    def _most_plain(self) -> Any:
        """An example that says as little as it can."""
        model, kept = self._solver.model(), list[Truth]()
        for wish in self._wishes() if self._logic.left_s > _FOR_WISHES_S else ():
            if isinstance(wish, bool) or z3.is_true(model.eval(wish)):
                kept += [] if isinstance(wish, bool) else [wish]
            elif self._logic.check(self._solver, *kept, wish) == z3.sat:
                kept.append(wish)
                model = self._solver.model()
        return model

    def _wishes(self) -> Iterator[Truth]:
        any_action, nothing = self._any, self._any.text("")
        values = [*any_action.parameters.values()][:_MOST_WISHES]
        yield from (value.kind != UNREADABLE for value in values)
        yield from self._clocks.wishes() if self._clocks else ()
        yield any_action.proposed_by == any_action.text(SOME_AGENT)
        yield self._logic.any(any_action.action_type == any_action.text(name) for name in self._types())
        yield any_action.account >= 0
        yield self._logic.no(any_action.delegated)
        yield any_action.on_behalf_of == nothing
        yield any_action.target_type == nothing
        yield any_action.agent_tier == nothing
        yield any_action.risk == 0
        yield self._logic.all((any_action.confidence_said, any_action.confidence >= 9000))
        for value in values:
            yield value.kind != TEXT
            yield value.kind == ABSENT
            yield self._logic.all((value.number >= 0, value.number <= _SMALL))
            yield value.number % 10_000 == 0
        yield from self._wishes_of_arguments()

    def _wishes_of_arguments(self) -> Iterator[Truth]:
        arguments, logic = self._any.arguments, self._logic
        if not arguments.known:
            return
        yield arguments.size <= _FEW_BYTES
        tested = {check.place.names for check in arguments.checks.values() if "pattern" in check.keywords}
        for place in [*arguments.known.values()][: 2 * _MOST_WISHES]:
            yield logic.no(place.others)
            yield logic.same(place.shape, MISSING)
            if place.names in tested:
                # Of a text that is written it is known what the pattern says.
                yield logic.any((place.shape != STRING, place.text < 0))
            yield place.length <= _SHORT
            yield logic.all((logic.no(place.inexact), place.number >= 0, place.number <= _SMALL))
            yield place.number % 10_000 == 0

    def _types(self) -> set[str]:
        return {name for bounds in self._bounds.values() for name in bounds.bounds.action_types}

    def _confirmed(self, model: Any, confirm: Confirm[Any]) -> Any:
        tenant_id = next(iter(self._bounds.values())).bounds.tenant
        zones = {name: zone_of(bounds) for name, bounds in self._bounds.items()}
        schemas = [bounds.bounds.action_types for bounds in self._bounds.values()]
        try:
            return confirm(Writer(self._any, model).write(tenant_id, zones, schemas))
        except NoExample:
            return None

    def _exclude(self, model: Any) -> None:
        """Not one like this again: another type or account, or other things in its parameters."""
        unknowns = [self._any.account, self._any.action_type, *(clock.date for clock in self._any.clocks.values())]
        for value in self._any.parameters.values():
            unknowns += [value.kind, value.text]
        for names, place in self._any.arguments.known.items():
            unknowns += [place.shape, place.text] if names else [place.others]
        known = [(each, model.eval(each, model_completion=True)) for each in unknowns]
        self._solver.add(self._logic.any(each != value for each, value in known))

    # --- what stood in the way ---

    def _problems(self, why: str) -> tuple[NotProved, ...]:
        if why == TOO_LONG:
            return (NotProved(why),)
        found = [
            NotProved(f"the rule {rule} uses {construct}, which is not translated", rule, construct)
            for side in self.sides.values()
            for rule, constructs in side.not_translated.items()
            for construct in sorted(constructs)
        ]
        return tuple(dict.fromkeys([*found, *self._open_checks()])) or (NotProved(why),)

    def _open_checks(self) -> Iterator[NotProved]:
        """The part of schemas that is left open, but for what both sides ask of the same action type."""
        sides = [side.checks for side in self.sides.values()]
        for checks in sides:
            others = [each for each in sides if each is not checks]
            for name, left_open in checks.items():
                for written, check in left_open.items():
                    if not others or any(written not in other.get(name, {}) for other in others):
                        what = f"the schema of {name} says {', '.join(check.keywords)} of {_place(check)}"
                        yield NotProved(f"{what}, which is not translated", construct="schema")


def _place(check: OpenKeywords) -> str:
    return ".".join(("parameters", *check.place.names))


_NO_EXAMPLE = "what the solver found is nothing that the gate would see so"
_MOST_WISHES = 20


def _for_good(bounds: BoundsInForce) -> BoundsInForce:
    """As if they had always been in force: no zone of others runs out under them first."""
    return bounds.model_copy(update={"zones_until": {}})


def _policies(bounds: BoundsInForce) -> PolicySet:
    problem = bounds.unreadable()
    policies = bounds.policies()
    if problem is not None or isinstance(policies, str):
        raise ValueError(problem or str(policies))
    return policies


def _own_rule(policies: PolicySet) -> Any:
    return next(rule for rule in policies.rules.values() if not rule.platform)
