"""
Properties that a tenant's bounds must have for good: actions of which none may ever run alone.

A property is the condition of a Cedar rule (`risk == "HIGH"`); `context.` may be left out. It does not decide: bounds
are refused unless it is proved of them, so that no later change lets through what somebody once ruled out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from remit.core.gate.policy import PolicySource, load_policies
from remit.core.gate.policy.text_limits import Token, tokens

MOST_NEVER = 20
Never = Annotated[str, Field(min_length=1, max_length=1000)]
_FIELDS = frozenset(
    {"action_type", "mode", "risk", "confidence", "confidence_said", "min_confidence", "target_type", "target_id"}
    | {"on_behalf_of", "scopes", "delegation", "agent_tier", "date", "weekday", "hour", "texts", "numbers"}
    | {"facts_texts", "facts_numbers", "facts_booleans"}
)


def never_source(number: int, text: str) -> PolicySource:
    """The property as a rule that would forbid what it describes."""
    # On lines of its own, so that a comment in it ends with it.
    condition = f'@id("never {number}") @reason("NEVER")\nforbid (principal, action, resource) when {{\n'
    return PolicySource.model_construct(name=f"never.{number}", text=f"{condition}{_with_context(text)}\n}};")


def never_sources(properties: Sequence[str]) -> list[PolicySource]:
    return [never_source(number, text) for number, text in enumerate(properties, start=1)]


def never_problem(source: PolicySource) -> str | None:
    """The reason why a property is no condition of a rule; `None` if it is one."""
    loaded = load_policies((source,))
    if isinstance(loaded, str):
        return loaded
    own = [rule for rule in loaded.rules.values() if not rule.platform]
    return None if len(own) == 1 and len(own[0].tree.clauses) == 1 else "is more than one condition"


def _with_context(text: str) -> str:
    return "".join(_written(text))


def _written(text: str) -> Iterator[str]:
    found = list(tokens(text))
    said = [token for token in found if token.kind not in ("space", "comment")]
    nothing = Token("", "", 0)
    before = {token.start: last for last, token in pairwise([nothing, *said])}
    after = {token.start: following for token, following in pairwise([*said, nothing])}
    for token in found:
        bare = token.kind == "word" and token.text in _FIELDS
        if bare and _stands_alone(before[token.start], after[token.start]):
            yield "context."
        yield token.text


def _stands_alone(before: Token, after: Token) -> bool:
    """Is a word a field by itself: not what follows a dot, nor the name of a type, a function or a record's field?"""
    return before.text not in (".", "::", "has", "is", "@") and after.text not in ("::", "(", ":")
