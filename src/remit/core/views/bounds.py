"""Bounds: what a change would do, what it did, and their history."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

from remit.core.views.base import Json
from remit.core.views.decisions import ClauseAnswer


class ChangeAnswer(TypedDict):
    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any


class SumAnswer(TypedDict):
    name: str
    unit: str
    sum: str


class TallyLine(TypedDict):
    """The number of one action type, reason or account, which is named beside."""

    count: int
    amounts: list[SumAnswer]
    action_type: NotRequired[str]
    reason: NotRequired[str]
    account_id: NotRequired[str]


class ReplayGroup(TypedDict):
    """Decisions that would have gone otherwise in one way, with what people had said and how they ended."""

    count: int
    amounts: list[SumAnswer]
    by_action_type: list[TallyLine]
    by_reason: list[TallyLine]
    by_account: list[TallyLine]
    people: dict[str, int]
    ended: dict[str, int]
    went_wrong: dict[str, int]


class ReplayedAmount(TypedDict):
    name: str
    unit: str
    value: str


class TellingAnswer(TypedDict):
    """One decision that would have gone otherwise: `was` and `would_be` are its reasons."""

    action_intent_id: str
    account_id: str
    action_type: str
    decided_at: str
    change: Literal["would_run", "would_ask", "would_be_blocked", "no_longer_blocked"]
    was: str
    would_be: str
    explanation: str
    people: str | None
    ended: str | None
    amounts: list[ReplayedAmount]


class NotJudgedAnswer(TypedDict):
    reason: str
    explanation: str
    count: int
    intents: list[str]


class LogOnlyGroup(TypedDict):
    """Decisions that would run alone, and that a `log_only` policy or limit of these bounds would have refused."""

    kind: Literal["policy", "limit"]
    name: str
    would_refuse: ReplayGroup


class ReplayAnswer(TypedDict):
    """A part of the history as it would have been under other bounds."""

    tenant_id: str
    since: str
    until: str
    counted_from: str
    decisions: int
    unchanged: int
    other_reason: int
    would_run: ReplayGroup
    would_ask: ReplayGroup
    would_be_blocked: ReplayGroup
    no_longer_blocked: ReplayGroup
    log_only: list[LogOnlyGroup]
    telling: list[TellingAnswer]
    not_judged: list[NotJudgedAnswer]


class SaidAnswer(TypedDict):
    """An action's fate by some bounds: `REFUSED` is what no door would store."""

    course: Literal["RUNS", "ASKS", "BLOCKED", "REFUSED"]
    reason: str
    explanation: str


class ExampleAnswer(TypedDict):
    """An action that could be proposed, when it would be decided, and what its facts would say; null was not had."""

    action: dict[str, Any]
    at: str
    facts: dict[str, Any]


class DifferentAnswer(ExampleAnswer):
    """One that goes otherwise, as the gate itself says."""

    before: SaidAnswer
    after: SaidAnswer


class NotProvedAnswer(TypedDict):
    rule: str | None
    construct: str | None
    problem: str


class LimitChangeAnswer(TypedDict):
    path: str
    change: Literal["WIDER", "NARROWER"]
    before: int | str | None
    after: int | str | None


class NeverProvedAnswer(TypedDict):
    never: str
    holds: bool
    example: ExampleAnswer | None
    not_proved: list[NotProvedAnswer]


class ProofAnswer(TypedDict):
    """
    The relation of bounds to others over all actions that could be proposed, counters aside, with one that shows it.
    """

    verdict: Literal["EQUAL", "NARROWER", "WIDER", "INCOMPARABLE", "NOT_PROVED"]
    wider: DifferentAnswer | None
    narrower: DifferentAnswer | None
    not_proved: list[NotProvedAnswer]
    limits: list[LimitChangeAnswer]
    never: list[NeverProvedAnswer]


class BoundsChangedAnswer(TypedDict):
    """
    The effect of a change of the bounds, or with `dry_run` of one only looked at; with `proof` over all possible
    actions, with `replay` to the history as well. `warnings` are likely slips, which are allowed.
    """

    tenant_id: str
    dry_run: bool
    changed: bool
    config_sequence: int
    changes: list[ChangeAnswer]
    type_versions: dict[str, int]
    zones_until: Json
    limits_from_zero: list[str]
    warnings: list[str]
    proof: NotRequired[ProofAnswer]
    replay: NotRequired[ReplayAnswer]


class CannotAnswer(TypedDict):
    """The refusal that no change of bounds is known to turn."""

    reason: str
    explanation: str


class CandidateAnswer(TypedDict):
    """One change of the bounds under which the intent would have run: the whole bounds with it, replay and proof."""

    kinds: list[Literal["list", "mode", "threshold", "limit", "rule", "scopes"]]
    changes: list[ChangeAnswer]
    bounds: Json
    replay: ReplayAnswer | None
    proof: ProofAnswer


class AutomateAnswer(TypedDict):
    """
    The smallest changes of the bounds number `config_sequence` under which a waiting intent would have run alone.

    `already` says that it would run under them as they are; `cannot` is null unless nothing is known to help.
    """

    tenant_id: str
    action_intent_id: str
    config_sequence: int
    already: bool
    cannot: CannotAnswer | None
    candidates: list[CandidateAnswer]


class RangeAnswer(TypedDict("Range", {"from": str})):
    """From the smallest to the largest, as decimal text."""

    to: str


class EnvelopeAnswer(TypedDict):
    """The parameters that people agreed to, by path: the range of each number, and a text's choices if they are few."""

    numbers: dict[str, RangeAnswer]
    choices: dict[str, list[str]]


class SuggestedChange(TypedDict):
    """A change of the bounds that a person may put in force: these whole bounds."""

    direction: Literal["WIDER", "NARROWER"]
    changes: list[ChangeAnswer]
    bounds: Json


class EvidenceAnswer(TypedDict):
    """
    People's answers about one version of an action type. The rate at which they disagree is between
    `disagreement_at_least` and `disagreement_at_most`, each of which is wrong with a chance of 5 % over all looks.
    """

    action_type: str
    version: int | None
    tool: str | None
    answered: int
    disagreed: int
    people: dict[str, int]
    reasons: dict[str, int]
    disagreement_at_least: float
    disagreement_at_most: float
    median_s_to_answer: float | None
    share_under_3_s: float | None
    envelope: EnvelopeAnswer
    suggestion: SuggestedChange | None


class SuggestionsAnswer(TypedDict):
    tenant_id: str
    config_sequence: int
    items: list[EvidenceAnswer]


class ValidatedAnswer(TypedDict):
    version: str
    rules: list[ClauseAnswer]


class DifferenceAnswer(TypedDict):
    changed: bool
    difference: str


class VersionLine(TypedDict):
    version: str
    in_force: bool
    files: list[str]


class VersionsAnswer(TypedDict):
    items: list[VersionLine]


class SourceAnswer(TypedDict):
    """One file of a tenant's policies. `log_only` is there where it refuses nothing."""

    name: str
    text: str
    log_only: NotRequired[bool]


class VersionAnswer(TypedDict):
    """One kept version of a tenant's policies, and the platform's rules beside them."""

    version: str
    in_force: bool
    policies: list[SourceAnswer]
    platform: str
