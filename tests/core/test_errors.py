"""Errors are sorted by what the caller does next, and say the way out."""

import inspect

import pytest

from remit.core import errors
from remit.core.errors import (
    CallerMistake,
    ConfigMissing,
    Conflict,
    DigestChanged,
    IntentIdReused,
    InvalidInput,
    NotFound,
    NotInThatState,
    OutcomeUnknown,
    RemitError,
    TryLater,
)

# Of the last no caller can do anything: it is the operator's, who reads its name.
KINDS = (CallerMistake, Conflict, TryLater, OutcomeUnknown, ConfigMissing)


def test_every_error_is_of_exactly_one_kind():
    raised = [
        e for _, e in inspect.getmembers(errors, inspect.isclass) if issubclass(e, RemitError) and e is not RemitError
    ]

    for error in raised:
        assert sum(issubclass(error, kind) for kind in KINDS) == 1, error


@pytest.mark.parametrize(
    ("error", "kind", "facts", "said"),
    [
        (
            InvalidInput("a.b", "is bad", "send c"),
            CallerMistake,
            {"field": "a.b", "way_out": "send c"},
            "a.b: is bad; send c",
        ),
        (InvalidInput("a", "is bad"), CallerMistake, {"problem": "is bad"}, "a: is bad"),
        (NotFound("intent", "i-1", "acme"), CallerMistake, {"what": "intent", "name": "i-1"}, "intent 'i-1'"),
        (IntentIdReused("i-1", ["why"]), Conflict, {"fields": ["why"]}, "send changed content under a new id"),
        (
            NotInThatState("i-1", "REJECTED", "approved"),
            Conflict,
            {"status": "REJECTED"},
            "is REJECTED: it cannot be approved",
        ),
        (NotInThatState("i-1", "REJECTED", "approved", "why"), Conflict, {"step": "approved"}, "approved; why"),
        (
            DigestChanged("i-1", "a" * 64, "b" * 64),
            Conflict,
            {"seen": "a" * 64, "current": "b" * 64},
            "look at it again",
        ),
    ],
)
def test_an_error_carries_its_facts_and_says_the_way_out(error, kind, facts, said):
    assert isinstance(error, kind)
    assert {name: getattr(error, name) for name in facts} == facts
    assert said in str(error)


def test_what_is_not_there_is_told_only_of_the_tenant_that_asked():
    assert str(NotFound("intent", "i-1", "acme")) == "intent 'i-1' is not known to tenant 'acme'"
