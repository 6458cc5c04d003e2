"""
The compiler of policies, loaded when it is first asked: it brings Cedar, and most commands look at no policy.

Each of these is described where it is made (`compile`, `mistakes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from remit.core.gate.policy.platform import PLATFORM_SET

if TYPE_CHECKING:
    from remit.core.errors import InvalidInput
    from remit.core.gate.policy.evaluate import PolicySet
    from remit.core.gate.policy.shipped import PlatformSet
    from remit.core.gate.policy.source import Clause, PolicySource


def compile_policies(sources: tuple[PolicySource, ...], platform: PlatformSet = PLATFORM_SET) -> PolicySet:
    from remit.core.gate.policy import compile as compiler

    return compiler.compile_policies(sources, platform)


def load_policies(sources: tuple[PolicySource, ...], platform: PlatformSet = PLATFORM_SET) -> PolicySet | str:
    from remit.core.gate.policy import compile as compiler

    return compiler.load_policies(sources, platform)


def clauses_of(sources: Sequence[PolicySource]) -> list[Clause]:
    from remit.core.gate.policy import compile as compiler

    return compiler.clauses_of(sources)


def find_clause(platform: str, sources: Sequence[PolicySource], clause_id: str) -> Clause | None:
    from remit.core.gate.policy import compile as compiler

    return compiler.find_clause(platform, sources, clause_id)


def find_mistakes(sources: Sequence[PolicySource]) -> list[InvalidInput]:
    from remit.core.gate.policy import mistakes

    return mistakes.find_mistakes(sources)
