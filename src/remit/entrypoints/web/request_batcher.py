"""
Batching of requests: what concurrent ones ask of one thing is asked in one go, so that they share a thread and a
commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

Q = TypeVar("Q")
A = TypeVar("A")
Asked = tuple[Q, "asyncio.Future[A]"]
TURNS = 3
"""Turns of the loop before a round: those of the last round are told, what has come is read, and is asked."""


class RequestBatcher(Generic[Q, A]):
    """
    Collects what is asked while a round is under way; the next round takes of it, of everybody in turn.

    `carry_out` runs in a thread, is given at most `most` questions, and answers each in order; what is an
    exception is raised to the one who asked. If it raises itself, everybody of that round is told so. `asked_by` says
    whose a question is: each one's come in the order in which they were asked. To be used from one event loop.
    """

    def __init__(
        self,
        carry_out: Callable[[Sequence[Q]], Sequence[A | Exception]],
        most: int,
        asked_by: Callable[[Q], str] = lambda _: "",
    ) -> None:
        self._carry_out, self._most, self._asked_by = carry_out, most, asked_by
        self._waiting: list[Asked[Q, A]] = []
        self._rounds: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._all_rounds())
        return await answer

    async def _all_rounds(self) -> None:
        try:
            while self._waiting:
                await _taken_in()
                asked, self._waiting = self._next_round()
                await self._round([question for question, _ in asked], [answer for _, answer in asked])
        finally:
            self._rounds = None

    def _next_round(self) -> tuple[list[Asked[Q, A]], list[Asked[Q, A]]]:
        """Those whose turn it is, and those who wait on."""
        if len(self._waiting) <= self._most:
            return self._waiting, []
        lines: dict[str, list[Asked[Q, A]]] = {}
        for asked in self._waiting:
            lines.setdefault(self._asked_by(asked[0]), []).append(asked)
        in_turn = [asked for turn in zip_longest(*lines.values()) for asked in turn if asked is not None]
        return in_turn[: self._most], in_turn[self._most :]

    async def _round(self, questions: Sequence[Q], futures: Sequence[asyncio.Future[A]]) -> None:
        answers: Sequence[A | Exception]
        try:
            answers = await run_in_threadpool(self._carry_out, questions)
        except Exception as error:
            answers = [error] * len(questions)
        for future, answer in zip(futures, answers, strict=True):
            # Who has gone away meanwhile has cancelled its future.
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


async def _taken_in() -> None:
    """Until what has come by now is asked: a round for each few of it costs a thread's turn and a commit each."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
