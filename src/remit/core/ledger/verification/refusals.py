"""Refusals: what a decision came to follows from its own checks, in their order, and from when its intent expired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from remit.core.gate.budget import AMOUNT_UNKNOWN, BUDGET_EXCEEDED, PRINCIPAL_MISSING
from remit.core.gate.decision import (
    ACTION_TYPE_NOT_ALLOWLISTED,
    AUTONOMY_STOPPED,
    BUDGET_NOT_CONFIGURED,
    EDITED_BY_PERSON,
    FACT_UNAVAILABLE,
    INTENT_EXPIRED,
    PERSON_REQUIRED,
    SCOPE_MISSING,
)
from remit.core.gate.plan import BOUNDS_UNREADABLE
from remit.core.gate.policy import WITHIN_BOUNDS
from remit.core.intent import ActionIntentV1
from remit.core.ledger.verification.entry_data import Data, moment
from remit.core.values import instant

ORDER = (
    *("expiry", "stop_switch", "not_edited", "bounds", "allowlist", "scopes", "facts"),
    *("mode", "policy", "budget"),
)
"""The checks as the gate makes them; it looks no further than the first that refuses."""
_SOMETIMES = ("bounds", "scopes", "facts")
"""Those that are made only where there is something to look at."""
MUST_PASS = tuple(name for name in ORDER if name not in _SOMETIMES)
"""What is looked at of everything that runs without a person."""
_AFTERWARDS = {"block": False, "log_only": True}
"""What is noted of a decision that is made, and what its check says then."""
_REASONS: Mapping[str, Sequence[str]] = {
    "expiry": (INTENT_EXPIRED,),
    "stop_switch": (AUTONOMY_STOPPED,),
    "not_edited": (EDITED_BY_PERSON, PERSON_REQUIRED),
    "bounds": (BOUNDS_UNREADABLE,),
    "allowlist": (ACTION_TYPE_NOT_ALLOWLISTED,),
    "scopes": (SCOPE_MISSING,),
    "facts": (FACT_UNAVAILABLE,),
    "budget": (BUDGET_NOT_CONFIGURED, PRINCIPAL_MISSING, AMOUNT_UNKNOWN, BUDGET_EXCEEDED),
}
"""By the check that refused; what the policies say, and the mode that they are told, is asked again."""


def contradictions(data: Data) -> Iterator[str]:
    """Contradictions in a `GATE_DECIDED` entry's data, but for those about the time."""
    course = _course_of(data["checks"])
    yield from course.disorder
    yield from _of_policy(data)
    refused = course.refused
    if data["result"] == "AUTO_EXECUTED":
        for name in (*refused, *course.missing):
            yield f"it was decided AUTO_EXECUTED and its check {name!r} did not pass"
        if data["reason"] != WITHIN_BOUNDS:
            yield f"it was decided AUTO_EXECUTED for the reason {data['reason']}"
    elif data["result"] != "REQUIRE_APPROVAL" or not refused:
        yield f"it was decided {data['result']}, and no check of it refused"
    elif data["reason"] not in _REASONS.get(refused[0], (data["reason"],)):
        yield f"its reason is {data['reason']}, and its check {refused[0]!r} refused it"


def expiry_contradictions(intent: ActionIntentV1, data: Data, entry: Data, clocks_agree: timedelta) -> Iterator[str]:
    """Contradictions between when it was decided, when its entry was written, and when the intent expires."""
    decided_at = moment(data["decided_at"])
    if data["decided_at"] != entry["at"] and abs(decided_at - moment(entry["at"])) > clocks_agree:
        yield f"it was decided at {data['decided_at']}, says its entry of {entry['at']}"
    for check in data["checks"]:
        if check["check"] != "expiry":
            continue
        if check["passed"] is not (decided_at < intent.expires_at):
            yield f"it was decided at {data['decided_at']} as if it expired at another time than {check['saw']}"
        if check["saw"].get("expires_at") != instant(intent.expires_at):
            yield f"its check 'expiry' saw {check['saw']}, and it expires at {instant(intent.expires_at)}"


class _Course(NamedTuple):
    """The checks that were made and what each said, without what they saw."""

    disorder: Sequence[str]
    """Why they are not those of the gate in their order."""
    refused: Sequence[Any]
    missing: Sequence[str]
    """Those that must pass and were not made."""


def _course_of(checks: Sequence[Data]) -> _Course:
    """Each check stands in its place, and none is left out before the one that decided."""
    said = tuple([(check["check"], check["passed"]) for check in checks])
    # As most decisions passed most have; what equals a yes or no, and is none, is not taken for one.
    return _known_course(said) if _TOLD.issuperset(map(type, chain(*said))) else _course(said)


_TOLD = frozenset({str, bool})


def _course(said: Sequence[tuple[Any, Any]]) -> _Course:
    refused = tuple(name for name, passed in said if passed is not True)
    made = [name for name, _ in said]
    return _Course(tuple(_in_disorder(said)), refused, tuple(name for name in MUST_PASS if name not in made))


_known_course = lru_cache(maxsize=256)(_course)


def _in_disorder(said: Sequence[tuple[Any, Any]]) -> Iterator[str]:
    names = [name for name, _ in said]
    made = [name for name in names if name not in _AFTERWARDS]
    last = ORDER.index(made[-1]) if made and made[-1] in ORDER else -1
    due = [name for name in ORDER[: last + 1] if name in made or name not in _SOMETIMES]
    if names != [*due, *(name for name in _AFTERWARDS if name in names)]:
        yield f"its checks are {', '.join(names)}, and not those of the gate in their order"
    # Of the mode the policies are told, and it refuses nothing by itself.
    for name, passed in said[: len(made) - 1]:
        if passed is not True and name != "mode":
            yield f"its check {name!r} refused it, and others were made after it"
    for name, passed in said[len(made) :]:
        if passed is not _AFTERWARDS.get(name):
            yield f"its check {name!r} says {passed}, and always says otherwise"


def _of_policy(data: Data) -> Iterator[str]:
    """The policies' answer stands in the check that has it; where none was asked, in none."""
    saw = {check["check"]: check["saw"] for check in data["checks"]}
    answer, clauses = None, ()
    if "bounds" in saw:
        answer = "BLOCK"
    elif "block" in saw:
        answer, clauses = "BLOCK", saw["block"]["clauses"]
    elif "policy" in saw:
        answer, clauses = saw["policy"]["policy_decision"], saw["policy"]["clauses"]
    clause = clauses[0] if clauses else None
    if (data["policy_decision"], data["policy_clause"]) != (answer, clause):
        said = f"{data['policy_decision']} by {data['policy_clause']}"
        yield f"its policies' answer is {said}, and its checks say {answer} by {clause}"
