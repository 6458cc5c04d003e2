"""What concurrent requests ask is asked together, and each is answered by itself."""

from __future__ import annotations

import asyncio
import threading

import pytest

from remit.core.errors import TryLater
from remit.entrypoints.web.request_batcher import RequestBatcher
from tests.waiting import happened, until_in_loop


class Rounds:
    """Answers each question with itself in capitals once it is let go; `boom` with an error."""

    def __init__(self):
        self.asked: list[list[str]] = []
        self.go = threading.Event()

    def __call__(self, questions):
        self.asked.append(list(questions))
        happened(self.go, what="the round may go on")
        return [TryLater("boom") if question == "boom" else question.upper() for question in questions]


async def _all(together, questions, rounds):
    asking = [asyncio.ensure_future(together.ask(question)) for question in questions]
    await until_in_loop(lambda: rounds.asked, what="the first round is asked")
    rounds.go.set()
    return await asyncio.gather(*asking, return_exceptions=True)


def test_what_comes_during_a_round_goes_together_with_the_next():
    rounds = Rounds()

    async def ask():
        together: RequestBatcher[str, str] = RequestBatcher(rounds, most=3)
        first = asyncio.ensure_future(together.ask("first"))
        await until_in_loop(lambda: rounds.asked, what="the first round is asked")
        return [*(await _all(together, ["a", "b", "c", "d"], rounds)), await first]

    assert asyncio.run(ask()) == ["A", "B", "C", "D", "FIRST"]
    assert rounds.asked == [["first"], ["a", "b", "c"], ["d"]]


def test_an_error_is_told_to_the_one_who_asked_and_to_nobody_else():
    rounds = Rounds()

    async def ask():
        return await _all(RequestBatcher(rounds, most=9), ["a", "boom", "b"], rounds)

    a, boom, b = asyncio.run(ask())

    assert (a, b) == ("A", "B")
    assert isinstance(boom, TryLater)


def test_a_round_that_breaks_is_told_to_all_of_it_and_the_next_goes_on():
    def carry_out(questions):
        if "break" in questions:
            raise TryLater("the store does not answer")
        return list(questions)

    async def ask():
        together: RequestBatcher[str, str] = RequestBatcher(carry_out, most=9)
        broken = await asyncio.gather(together.ask("break"), together.ask("other"), return_exceptions=True)
        return broken, await together.ask("later")

    broken, later = asyncio.run(ask())

    assert [type(each) for each in broken] == [TryLater, TryLater]
    assert later == "later"


def test_who_goes_away_is_not_waited_for_and_the_others_are_answered():
    rounds = Rounds()

    async def ask():
        together: RequestBatcher[str, str] = RequestBatcher(rounds, most=9)
        gone, stays = asyncio.ensure_future(together.ask("gone")), asyncio.ensure_future(together.ask("stays"))
        await until_in_loop(lambda: rounds.asked, what="the first round is asked")
        gone.cancel()
        rounds.go.set()
        answer = await stays
        with pytest.raises(asyncio.CancelledError):
            await gone
        return answer

    assert asyncio.run(ask()) == "STAYS"


def test_a_round_that_cannot_take_all_takes_of_everybody_in_turn():
    rounds = Rounds()

    async def ask():
        together: RequestBatcher[str, str] = RequestBatcher(rounds, most=3, asked_by=lambda question: question[0])
        first = asyncio.ensure_future(together.ask("first"))
        await until_in_loop(lambda: rounds.asked, what="the first round is asked")
        many = [asyncio.ensure_future(together.ask(question)) for question in ("a1", "a2", "a3", "a4", "b1")]
        await asyncio.sleep(0)
        rounds.go.set()
        await asyncio.gather(first, *many)

    asyncio.run(ask())

    assert rounds.asked == [["first"], ["a1", "b1", "a2"], ["a3", "a4"]]
