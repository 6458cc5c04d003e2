"""The translation says of every action what the gate says of it."""

import os

import pytest
import z3

from remit.lab.proof.questions import Prover
from tests.lab.proof_world import Assignment, Dice, in_force

QUESTIONS = int(os.environ.get("REMIT_TEST_PROOF_QUESTIONS", "20000"))
"""A million in the nightly run."""
PER_SET = 400
SHARES = 4


class Asked:
    """The formulas of one prover, asked of one action after the other."""

    def __init__(self, prover):
        self._side, self._context = prover.sides["before"], prover._logic.context
        self._model, self._known = z3.Model(self._context), {}
        self._possible = z3.And(list(prover._solver.assertions()))

    def courses(self, values):
        """Whether it runs, is blocked, is refused, and whether it is among all actions at all."""
        for unknown, value in values:
            name = unknown.get_id()
            if self._known.get(name) != (type(value), value):
                self._known[name] = (type(value), value)
                kind = z3.BoolVal if isinstance(value, bool) else z3.IntVal
                self._model.update_value(unknown, kind(value, self._context))
        return tuple(map(self._is, (self._side.runs, self._side.blocked, self._side.refused, self._possible)))

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
