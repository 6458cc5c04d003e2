"""
Scenarios, each written once, for every driver and with or without Remit.

A scenario does what happens and answers what was told last. What must be so afterwards, `test_conformance` says; what
is so without Remit, `table` counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.agents.suite.desk import Desk
from tests.agents.suite.jobs import Point, Told

MINUTE_S, HOUR_S = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """`what` is its line in the table, and `effects` how often the tool should act."""

    what: str
    effects: int
    play: Callable[[Desk], Told]


SCENARIOS: dict[str, Scenario] = {}


def scenario(what: str, *, effects: int) -> Callable[[Callable[[Desk], Told]], Callable[[Desk], Told]]:
    def note(play: Callable[[Desk], Told]) -> Callable[[Desk], Told]:
        SCENARIOS[play.__name__] = Scenario(what, effects, play)
        return play

    return note


@scenario("within bounds", effects=1)
def automatic(desk: Desk) -> Told:
    return desk.start(asks=False)


@scenario("asked, approved by another process a minute later, resumed", effects=1)
def approved(desk: Desk) -> Told:
    _asked(desk)
    desk.later(MINUTE_S)
    desk.approve()
    return desk.resume()


@scenario("rejected", effects=0)
def rejected(desk: Desk) -> Told:
    _asked(desk)
    desk.reject("already refunded")
    return desk.resume()


@scenario("edited by a person", effects=1)
def edited(desk: Desk) -> Told:
    _asked(desk)
    desk.edit(3)
    return desk.resume()


@scenario("answered after it had expired", effects=0)
def expired(desk: Desk) -> Told:
    _asked(desk)
    desk.later(30 * 24 * HOUR_S)
    return desk.resume()


@scenario("the day's budget is used up", effects=0)
def budget_used_up(desk: Desk) -> Told:
    desk.use_up_the_budget()
    return desk.start(asks=False)


@scenario("the gate cannot be reached", effects=0)
def gate_down(desk: Desk) -> Told:
    desk.stop_the_gate()
    return desk.start(asks=False)


def _killed(desk: Desk, point: Point) -> Told:
    """Approved, and the process that goes on is killed there; another one goes on with what is kept."""
    _asked(desk)
    desk.approve()
    desk.save()
    assert desk.resume(killed=point).killed
    return desk.resume()


@scenario("killed before it acted, and resumed", effects=1)
def killed_before_the_mark(desk: Desk) -> Told:
    return _killed(desk, "before the mark")


@scenario("killed with its permit before it acted, and resumed", effects=0)
def killed_after_the_mark(desk: Desk) -> Told:
    return _killed(desk, "after the mark")


@scenario("killed after it acted, and resumed", effects=1)
def killed_after_acting(desk: Desk) -> Told:
    return _killed(desk, "after acting")


@scenario("killed when the outcome was recorded, and resumed", effects=1)
def killed_after_finish(desk: Desk) -> Told:
    return _killed(desk, "after finish")


@scenario("one saved pause resumed twice", effects=1)
def resumed_twice(desk: Desk) -> Told:
    _asked(desk)
    desk.approve()
    desk.save()
    desk.resume()
    desk.put_back()
    return desk.resume()


@scenario("resumed with an approval that nobody gave", effects=0)
def approved_by_nobody(desk: Desk) -> Told:
    _asked(desk)
    return desk.resume()


@scenario("rewritten by another hook: acts that nobody approved", effects=0)
def rewritten(desk: Desk) -> Told:
    told = desk.start(rewrites=True)
    assert told.paused, told
    desk.approve()
    return desk.resume(rewrites=True)


@scenario("three processes resume one saved pause at once", effects=1)
def three_at_once(desk: Desk) -> Told:
    _asked(desk)
    desk.approve()
    told = desk.resume_at_once(3)
    return Told(heard=tuple(each.words for each in told))


@scenario("cancelled while it waits", effects=0)
def cancelled(desk: Desk) -> Told:
    return desk.start(wait_s=60.0, cancelled=True)


@scenario("broke off after it had acted, and resumed", effects=1)
def unknown(desk: Desk) -> Told:
    _asked(desk)
    desk.approve()
    desk.save()
    desk.resume(answers="breaks off")
    desk.put_back()
    return desk.resume()


@scenario("the tool says that it did not act", effects=0)
def did_not_act(desk: Desk) -> Told:
    return desk.start(asks=False, answers="did not act")


@scenario("a result of 1 MiB", effects=1)
def large_result(desk: Desk) -> Told:
    return desk.start(asks=False, answers="1 MiB")


def _asked(desk: Desk) -> None:
    told = desk.start()
    assert told.paused, told
