"""
Proofs about a tenant's bounds over all actions that could be proposed: wider or narrower than others, and what never
runs alone.

Bounds are translated for Z3, which comes with the extra `remit[prove]`. Whatever it finds is put to the gate's own
`decide` before it is said, and what is not translated is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from remit.core.gate.bounds import BoundsInForce
from remit.lab.proof.growth import limit_changes
from remit.lab.proof.verdict import COURSES, VERDICTS, NeverAnswer, NotProved, Proof, Verdict, Witness

__all__ = [
    "COURSES",
    "VERDICTS",
    "NeverAnswer",
    "NotProved",
    "Proof",
    "Verdict",
    "Witness",
    "compare",
    "prove_never",
    "prover_missing",
]


def prover_missing() -> str | None:
    """The way to have proofs here; `None` where there are."""
    return None if find_spec("z3") else "proofs take Z3: pip install 'remit[prove]'"


def compare(before: BoundsInForce, after: BoundsInForce) -> Proof:
    """The relation of `after` to `before`, each as if it had always been in force."""
    if before.bounds == after.bounds and before.type_versions == after.type_versions:
        return Proof(None, None)
    problem = prover_missing()
    if problem is not None:
        return _not_proved(before, after, problem)
    from remit.lab.proof.questions import Prover

    try:
        return Prover((before, after)).compare()
    except ValueError as error:
        return _not_proved(before, after, str(error))


def _not_proved(before: BoundsInForce, after: BoundsInForce, problem: str) -> Proof:
    why = (NotProved(problem),)
    return Proof(why, why, limit_changes(before.bounds, after.bounds))


def prove_never(bounds: BoundsInForce, properties: Sequence[str]) -> list[NeverAnswer]:
    """Of each property, whether nothing that it describes runs alone by these bounds."""
    problem = prover_missing()
    if problem is not None:
        return [NeverAnswer(text, not_proved=(NotProved(problem),)) for text in properties]
    from remit.lab.proof.questions import Prover

    try:
        return Prover((bounds,), properties).never(properties)
    except ValueError as error:
        return [NeverAnswer(text, not_proved=(NotProved(str(error)),)) for text in properties]
