"""Views that mirror a record have its fields as the wire has them: name, type, what may be absent and what null."""

import dataclasses
import importlib
import pkgutil
import types
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, NotRequired, Union, get_args, get_origin, get_overloads

import msgspec
import pytest
from pydantic import BaseModel
from typing_extensions import get_type_hints, is_typeddict

from remit import core
from remit.core import views
from remit.core.delegation import Hop
from remit.core.erasure import Erased
from remit.core.execution.approval import Approval, AutoExecStateV1
from remit.core.execution.assignment import Handover
from remit.core.execution.obstacle import Obstacle
from remit.core.execution.outcome import ActionOutcomeV1, ExternalObjectRef, Resolution
from remit.core.execution.permit import Begun, Finished, PermitRecord
from remit.core.execution.question import Question
from remit.core.execution.result import ToolResult
from remit.core.execution.sample import LimitAnswer, SampleAnswer
from remit.core.gate.amount import Amount, AmountUnknown
from remit.core.gate.autonomy import Stop, StopScope
from remit.core.gate.bounds_diff import Difference
from remit.core.gate.budget import Remaining
from remit.core.gate.charging import Charge
from remit.core.gate.check import Check
from remit.core.gate.decision import Decision
from remit.core.gate.fact import Fact
from remit.core.gate.log_only import WouldHaveSaid
from remit.core.gate.policy.source import Clause, PolicySource
from remit.core.identity.api_key import ApiKey
from remit.core.identity.credential import Credential
from remit.core.intent import ActionIntentV1, Target
from remit.core.ledger.history import TimedVote
from remit.core.mirrors import view_of
from remit.core.notifications.about import AmountAbove, FieldShown
from remit.core.notifications.daily_counts import Answers, DailyCounts, Decisions, Outcomes, Sums
from remit.core.notifications.notice import Notice
from remit.core.notifications.outbox import Delivery, LastResult
from remit.core.notifications.subscription import Recipient, SlackPerson, Subscription
from remit.core.notifications.timing import Escalation, QuietHours
from remit.core.views import intents as intent_views
from remit.core.views import notifications as notice_views
from remit.core.views.intents import PrivateAnswer
from remit.testing.samples import make_entry

RECORDS = {
    views.AnswersAnswer: Answers,
    views.ApprovalRecord: Approval,
    views.AutoExecStateAnswer: AutoExecStateV1,
    views.BegunAnswer: Begun,
    views.ChangeAnswer: Difference,
    views.ChargeAnswer: Charge,
    views.CheckAnswer: Check,
    views.ClauseAnswer: Clause,
    views.CredentialAnswer: Credential,
    views.DayAnswer: DailyCounts,
    views.DecisionAnswer: Decision,
    views.DecisionsAnswer: Decisions,
    views.DeliveryAnswer: Delivery,
    views.ErasedAnswer: Erased,
    views.FactAnswer: Fact,
    notice_views.AmountAboveAnswer: AmountAbove,
    notice_views.EscalationAnswer: Escalation,
    notice_views.FieldAnswer: FieldShown,
    notice_views.QuietHoursAnswer: QuietHours,
    notice_views.SlackPersonAnswer: SlackPerson,
    views.FinishedAnswer: Finished,
    views.HandoverAnswer: Handover,
    views.HopAnswer: Hop,
    views.IntentAnswer: ActionIntentV1,
    views.JudgedAnswer: SampleAnswer,
    views.KeyAnswer: ApiKey,
    views.LastResultAnswer: LastResult,
    intent_views.LimitJudgedAnswer: LimitAnswer,
    views.LogOnlyAnswer: WouldHaveSaid,
    views.NoticeAnswer: Notice,
    views.ObstacleAnswer: Obstacle,
    views.OfTypeAnswer: Remaining,
    views.OutcomeAnswer: ActionOutcomeV1,
    views.OutcomesAnswer: Outcomes,
    views.PermitAnswer: PermitRecord,
    views.QuestionAnswer: Question,
    views.RecipientAnswer: Recipient,
    views.RefAnswer: ExternalObjectRef,
    views.ResolutionAnswer: Resolution,
    views.ResultFacts: ToolResult,
    views.ScopeAnswer: StopScope,
    views.SourceAnswer: PolicySource,
    views.StopAnswer: Stop,
    views.SubscriptionAnswer: Subscription,
    views.SumsAnswer: Sums,
    views.TargetAnswer: Target,
    views.VoteAnswer: TimedVote,
}
MIRRORS = {record: view for view, record in RECORDS.items()}
NOT_SHOWN: dict[type, set[str]] = {
    ApiKey: {"secret_hash"},
    Begun: {"ended_now"},
    Delivery: {"in_hand", "done"},
    ToolResult: {"content"},
}
"""Fields that a record has for itself."""

BUILT = [Amount(100, "EUR"), AmountUnknown("is not there"), make_entry()]
"""Of records that write what they show themselves, one each."""

OF_THEIR_OWN = {views.TypeGroup}
"""Views that have the fields of some record by chance."""

FILLED_IN = {ActionIntentV1, ApiKey}
"""Records that are shown with `None`, or the usual, for what is not given."""

OTHERWISE = {
    # A private value that is not to be had is shown as what was committed.
    (ActionIntentV1, "why"): list[str | PrivateAnswer] | None,
    (Target, "entity_type"): str | PrivateAnswer,
    (Target, "entity_id"): str | PrivateAnswer,
    # Links that sign somebody in are what is not said.
    (Recipient, "links"): Literal["answer"],
}
"""Fields that are shown with a type that their record does not tell."""


def plain(kind):
    """A type of JSON values, with `NotRequired` and notes taken off."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Annotated, NotRequired):
        return plain(inner[0])
    if origin in (Union, types.UnionType):
        return Union[tuple(plain(each) for each in inner if each is not msgspec.UnsetType)]  # noqa: UP007
    if origin in (list, tuple, set, frozenset, Sequence):
        return list[plain(inner[0])]
    if origin in (dict, Mapping):
        return dict[str, plain(inner[1])]
    if kind in (datetime, date, Decimal):
        return str
    return MIRRORS.get(kind, kind) if isinstance(kind, type) else kind


def never_null(kind):
    return Union[tuple(each for each in get_args(kind) if each is not types.NoneType)]  # noqa: UP007


def left_out(record):
    """Fields that the wire may not have, and those that are never null there, because null is left out."""
    if record in FILLED_IN:
        return set(), set()
    if issubclass(record, BaseModel):
        excluded = {name: field.exclude_if for name, field in record.model_fields.items() if field.exclude_if}
        return set(excluded), {name for name, leaves_out in excluded.items() if leaves_out(None)}
    if not issubclass(record, msgspec.Struct):
        return set(), set()
    defaults = record.__struct_config__.omit_defaults
    fields = msgspec.structs.fields(record)
    absent = {each.name for each in fields if each.default is msgspec.UNSET or (defaults and not each.required)}
    return absent, {each.name for each in fields if each.name in absent and each.default is None}


def of_record(record):
    """Each field's type on the wire, and whether it may be absent."""
    absent, not_null = left_out(record)
    hints = get_type_hints(record, include_extras=True)
    found = {}
    for name in fields_of(record) - NOT_SHOWN.get(record, set()):
        kind = OTHERWISE.get((record, name)) or plain(hints[name])
        if name in not_null and types.NoneType in get_args(kind):
            kind = never_null(kind)
        found[name] = (kind, name in absent)
    return found


def of_view(view):
    hints = get_type_hints(view, include_extras=True)
    # `__optional_keys__` does not see through annotations that are text.
    loose = set() if view.__total__ else set(hints)
    return {
        name: (plain(kind), name in loose or getattr(kind, "__origin__", None) is NotRequired)
        for name, kind in hints.items()
    }


@pytest.mark.parametrize("view", RECORDS, ids=lambda view: view.__name__)
def test_a_view_has_the_fields_of_its_record_as_the_wire_has_them(view):
    assert of_view(view) == of_record(RECORDS[view])


def becomes():
    """By each record that `view_of` takes, the view that it says."""
    names = {kind.__name__: kind for kind in [*kinds_in(core), *kinds_in(views)]}
    for each in get_overloads(view_of):
        hints = get_type_hints(each, names)
        for record in get_args(hints["record"]) or [hints["record"]]:
            yield record, hints["return"]


def test_a_record_becomes_the_view_that_is_held_against_it():
    by_hand = {type(None), *map(type, BUILT)}
    said = {record: view for record, view in becomes() if record not in by_hand}

    assert said == {record: MIRRORS.get(record) for record in said}


@pytest.mark.parametrize("record", BUILT, ids=lambda record: type(record).__name__)
def test_what_a_record_writes_itself_has_the_fields_of_its_view(record):
    view = dict(becomes())[type(record)]

    assert set(record.wire()) == set(get_type_hints(view))


def fields_of(kind):
    if is_typeddict(kind):
        return frozenset(get_type_hints(kind))
    if issubclass(kind, BaseModel):
        return frozenset(kind.model_fields)
    if issubclass(kind, msgspec.Struct):
        return frozenset(kind.__struct_fields__)
    return frozenset(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


def kinds_in(package):
    """The public types that the modules of a package define."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, kind in vars(importlib.import_module(found.name)).items():
            if isinstance(kind, type) and kind.__module__ == found.name and not name.startswith("_"):
                yield kind


def test_no_view_with_the_fields_of_a_record_is_left_unwatched():
    records = {fields_of(kind): kind.__name__ for kind in kinds_in(core) if not is_typeddict(kind)}
    unwatched = set(kinds_in(views)) - set(RECORDS) - OF_THEIR_OWN

    assert {view.__name__: records[fields_of(view)] for view in unwatched if fields_of(view) in records} == {}
