"""
Circuit breaker: a tool whose calls keep failing is paused for its tenant, and tried by one call after each pause.

A tool is an action type of one tenant. Nothing is kept of one whose calls succeed: its record begins with a call that
failed, and goes with one that the far side answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from remit.core.execution.outcome import LEASE_LOST, CallResult
from remit.core.values import LAST_MOMENT, Record, UtcTime, instant, is_identifier

if TYPE_CHECKING:
    from remit.core.views import FailingToolAnswer

PAUSE_AFTER = 10
FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 300.0


class BreakerRules(Struct, frozen=True):
    """After how many failed calls in a row a tool is paused, and for how long: each time twice as long as before."""

    pause_after: int = PAUSE_AFTER
    first_pause_s: float = FIRST_PAUSE_S
    longest_pause_s: float = LONGEST_PAUSE_S

    def pause(self, pauses: int) -> timedelta:
        """The pause that follows so many."""
        return timedelta(seconds=min(self.first_pause_s * 2 ** min(pauses, 30), self.longest_pause_s))


DEFAULT_RULES = BreakerRules()


class ToolBreaker(Record, frozen=True):
    """
    A tool whose latest calls failed, `failures` of them in a row.

    It is paused while `paused_since` is set: until `trial_at` nobody calls, then one call is the trial, whose holder is
    `trial_by` and which is over at `trial_until` if nothing is heard of it. `pauses` are those that were begun.
    """

    action_type: str
    failures: int
    failed_at: UtcTime
    last_error: str
    paused_since: UtcTime | None = None
    pauses: int = 0
    trial_at: UtcTime | None = None
    trial_by: str | None = None
    trial_until: UtcTime | None = None

    @property
    def due_at(self) -> datetime:
        """By this a store finds it, over all tenants: what is paused before what only fails."""
        return self.trial_at or LAST_MOMENT


Heard = Literal["answered", "failed", "nothing"]


def heard_in(result: CallResult) -> Heard:
    """
    The sign that a call's result gives of its tool.

    | the far side acted | error class                             | says       |
    |--------------------|-----------------------------------------|------------|
    | yes                |                                         | `answered` |
    | any other          | `RATE_LIMIT`, `DOWNSTREAM` or `TIMEOUT` | `failed`   |
    | any other          | `VALIDATION` or `AUTH`                  | `answered` |
    | any other          | any other                               | `nothing`  |

    A refusal of one call is an answer. A call that was not sent, its worker being late, says nothing.
    """
    if result.acted == "yes":
        return "answered"
    if result.error_code == LEASE_LOST:
        return "nothing"
    if result.error_class in ("RATE_LIMIT", "DOWNSTREAM", "TIMEOUT"):
        return "failed"
    return "answered" if result.error_class in ("VALIDATION", "AUTH") else "nothing"


def may_call(breaker: ToolBreaker | None, now: datetime) -> Literal["call", "trial"] | datetime:
    """
    May a tool be called? A moment says until when nobody may, and when to ask again.

    | the tool   | its trial                      | answer                  |
    |------------|--------------------------------|-------------------------|
    | not paused |                                | call                    |
    | paused     | is to come                     | the trial's time        |
    | paused     | is under way                   | when that would be over |
    | paused     | is due, and none is under way  | this is the trial       |
    """
    if breaker is None or breaker.trial_at is None:
        return "call"
    if breaker.trial_until is not None and now < breaker.trial_until:
        return breaker.trial_until
    return breaker.trial_at if now < breaker.trial_at else "trial"


def trial_begun(breaker: ToolBreaker, *, by: str, until: datetime) -> ToolBreaker:
    """The trial call is marked: `by` names its holder, and `until` is its lease."""
    return breaker.changed(trial_by=by, trial_until=until)


class Answered(Struct, frozen=True):
    """A call's result, and who made the call."""

    result: CallResult
    holder: str


def after_calls(
    before: ToolBreaker | None, action_type: str, calls: Sequence[Answered], rules: BreakerRules, now: datetime
) -> ToolBreaker | None:
    """
    The record after some calls in a row; `None` if nothing has to be known of the tool any more.

    | the tool   | the call  | says       | then                                               |
    |------------|-----------|------------|----------------------------------------------------|
    | not paused | any       | `failed`   | one more failure; the last that it may have pauses |
    | not paused | any       | `answered` | nothing is known of it                             |
    | paused     | the trial | `failed`   | it is paused again, for twice as long              |
    | paused     | the trial | `answered` | nothing is known of it                             |
    | paused     | any other | any        | as before: that call began before the pause        |
    | any        | any       | `nothing`  | as before                                          |
    """
    known = before
    for call in calls:
        known = _after(known, action_type, call, rules, now)
    return known


def _after(
    known: ToolBreaker | None, action_type: str, call: Answered, rules: BreakerRules, now: datetime
) -> ToolBreaker | None:
    heard = heard_in(call.result)
    paused = known is not None and known.paused_since is not None
    if heard == "nothing" or (paused and known is not None and known.trial_by != call.holder):
        return known
    if heard == "answered":
        return None
    failed = ToolBreaker(
        action_type=action_type,
        failures=(known.failures if known else 0) + 1,
        failed_at=now,
        last_error=_named(call.result),
        paused_since=known.paused_since if known else None,
        pauses=known.pauses if known else 0,
    )
    return _paused(failed, rules, now) if paused or failed.failures >= rules.pause_after else failed


def _paused(failed: ToolBreaker, rules: BreakerRules, now: datetime) -> ToolBreaker:
    return failed.changed(
        paused_since=failed.paused_since or now, pauses=failed.pauses + 1, trial_at=now + rules.pause(failed.pauses)
    )


def _named(result: CallResult) -> str:
    """By codes alone: what the far side says may hold anything, and this is shown to everybody."""
    code = result.error_code if is_identifier(result.error_code or "") else None
    return " ".join(filter(None, [result.error_class, code]))


def explanation(breaker: ToolBreaker) -> str:
    """Its state in one sentence."""
    failed = f"{breaker.failures} failed call{'' if breaker.failures == 1 else 's'} in a row ({breaker.last_error})"
    if breaker.paused_since is None or breaker.trial_at is None:
        return f"{breaker.action_type}'s tool: {failed}, the last at {instant(breaker.failed_at)}"
    since, trial = instant(breaker.paused_since), instant(breaker.trial_at)
    return f"{breaker.action_type}'s tool is paused since {since} after {failed}; next trial at {trial}"


def described(breaker: ToolBreaker) -> FailingToolAnswer:
    """As it is shown."""
    return {
        "action_type": breaker.action_type,
        "failures": breaker.failures,
        "failed_at": instant(breaker.failed_at),
        "last_error": breaker.last_error,
        "paused_since": instant(breaker.paused_since) if breaker.paused_since else None,
        "next_trial_at": instant(breaker.trial_at) if breaker.trial_at else None,
        "explanation": explanation(breaker),
    }
