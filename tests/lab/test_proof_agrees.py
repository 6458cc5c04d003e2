"""The translation says of every action what the gate says of it."""

import os

import pytest
import z3

from remit.core.gate.bounds_checks import parse_bounds
from remit.lab.proof import questions
from remit.lab.proof.questions import Prover
from tests.lab.proof_world import TENANT, TOOL, TYPES, Assignment, Dice, in_force

QUESTIONS = int(os.environ.get("REMIT_TEST_PROOF_QUESTIONS", "5000"))
"""A million in the nightly run."""
PER_SET = 100
SHARES = 4


@pytest.fixture(autouse=True)
def as_long_as_it_takes(monkeypatch):
    """What is asked is whether the answers are right: a machine that has much else to do gives none in time."""
    monkeypatch.setattr(questions, "TIMEOUT_S", 3600)


class Asked:
    """The formulas of one prover, asked of one action after the other."""

    def __init__(self, prover, side="before"):
        self._side, self._context = prover.sides[side], prover._logic.context
        self._model, self._known = z3.Model(self._context), {}
        self._possible = z3.And(list(prover._solver.assertions()))
        self._unknowns, self._values = {}, {}

    def courses(self, values):
        """Whether it runs, is blocked, is refused, and whether it is among all actions at all."""
        for unknown, value in values:
            name, said = unknown.get_id(), (type(value), value)
            if self._known.get(name) != said:
                self._known[name] = said
                self._set(name, unknown, said)
        return tuple(map(self._is, (self._side.runs, self._side.blocked, self._side.refused, self._possible)))

    def _set(self, name, unknown, said):
        # As `Model.update_value` does, which makes the same declarations and values anew each time: a third of it.
        if name not in self._unknowns:
            self._unknowns[name] = unknown.decl()
        if said not in self._values:
            kind, value = said
            self._values[said] = (z3.BoolVal if kind is bool else z3.IntVal)(value, self._context)
        z3.Z3_add_const_interp(
            self._context.ref(), self._model.model, self._unknowns[name].ast, self._values[said].as_ast()
        )

    def _is(self, formula):
        return formula if isinstance(formula, bool) else z3.is_true(self._model.eval(formula, model_completion=True))


@pytest.mark.parametrize("share", range(SHARES))
def test_no_question_is_answered_otherwise_than_by_the_gate(share):
    runs = blocks = asked = 0
    for seed in range(share, QUESTIONS // PER_SET, SHARES):
        dice = Dice(seed)
        bounds = in_force(dice.bounds(rules=dice.one((0, 1, 2, 4, 8))))
        prover = Prover((bounds,))
        asked_of = Asked(prover)
        assignment = Assignment(prover._any, {"before": bounds})
        for _ in range(PER_SET):
            example = dice.action()
            said = example.said_by(bounds)

            found = asked_of.courses(assignment.of(example))

            expected = (said.course == "RUNS", said.course == "BLOCKED", said.course == "REFUSED", True)
            assert found == expected, (seed, said, example.wire(), bounds.bounds)
            runs, blocks, asked = runs + expected[0], blocks + expected[1], asked + 1
    assert runs > asked / 50
    assert blocks > asked / 50


def test_no_argument_fits_a_schema_otherwise_than_at_the_door():
    fits = asked = 0
    for seed in range(QUESTIONS // 250):
        dice = Dice(seed)
        rules = "\n".join(dice.rule() for _ in range(3))
        sides = {side: with_schema(dice.schema(), rules) for side in ("before", "after")}
        prover = Prover([*sides.values()])
        assignment = Assignment(prover._any, sides)
        asked_of = {side: Asked(prover, side) for side in sides}
        for _ in range(10):
            example = dice.action()
            values = assignment.of(example)
            for side, bounds in sides.items():
                said = example.said_by(bounds)

                *_, refused, possible = asked_of[side].courses(values)

                schema = bounds.bounds.action_types["REFUND"].parameters
                assert (refused, possible) == (said.course == "REFUSED", True), (seed, said, example.wire(), schema)
                fits, asked = fits + (not refused), asked + 1
    assert asked / 10 < fits < asked * 9 / 10


def with_schema(schema, rules):
    """Bounds by which all arguments have to fit it."""
    of_each = {"risk_tier": "LOW", "tool": TOOL, "parameters": schema}
    types = dict.fromkeys((*TYPES, "OTHER"), of_each)
    policies = [{"name": "own.cedar", "text": rules}]
    return in_force(parse_bounds({"tenant": TENANT, "action_types": types, "policies": policies}))
