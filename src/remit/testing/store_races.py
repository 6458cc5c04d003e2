"""The part of the contract about several who write at once. The races are forced: see `Meeting`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from remit.core.errors import Conflict
from remit.ports import Snapshot, Store, UnitOfWork, Writes, answer_of
from remit.testing.faults import Meeting, PausingStore
from remit.testing.samples import (
    TENANT,
    all_at_once,
    appending,
    breaking,
    counted,
    counting,
    make_entry,
)
from remit.testing.store_writing import OpenIt, StoreBase


class RaceContract(StoreBase):
    """Several callers of one store, and several stores on one place."""

    def test_callers_at_once_lose_no_update(self, store: Store) -> None:
        answers = all_at_once(*[_repeatedly(store, 25)] * 8)

        assert sorted(answer for each in answers for answer in each) == list(range(1, 201))
        assert counted(store) == 200

    def test_callers_at_once_never_exceed_a_limit(self, store: Store) -> None:
        answers = all_at_once(*[_repeatedly(store, 10, limit=33)] * 8)

        assert sum(answer is not None for each in answers for answer in each) == 33
        assert counted(store) == 33

    def test_stores_on_one_place_lose_no_update_and_never_exceed_a_limit(self, open_it: OpenIt) -> None:
        stores = [open_it(), open_it()]

        answers = all_at_once(*(_repeatedly(stores[n % 2], 10, limit=33) for n in range(8)))

        assert sum(answer is not None for each in answers for answer in each) == 33
        assert counted(stores[0]) == 33

    def test_two_who_both_saw_nothing_do_not_both_insert(self, open_it: OpenIt) -> None:
        self._race(open_it, before=0)

    def test_two_who_both_saw_the_same_do_not_both_update_it(self, open_it: OpenIt) -> None:
        self._race(open_it, before=5)

    def _race(self, open_it: OpenIt, before: int) -> None:
        meeting = Meeting()
        stores = [open_it(), open_it()]
        for _ in range(before):
            stores[0].transact([counting()])
        asked: list[int] = []
        unit = _noting(counting(), lambda _: asked.append(1))

        answers = all_at_once(*(lambda s=store: answer_of(_pausing(s, meeting).transact([unit])) for store in stores))

        assert sorted(answers) == [before + 1, before + 2]
        assert counted(stores[0]) == before + 2
        # If both had read before either wrote, the one who lost was asked again.
        assert len(asked) == 2 + meeting.met

    def test_a_unit_that_is_asked_again_sees_what_the_winner_wrote(self, open_it: OpenIt) -> None:
        store, rival = open_it(), open_it()
        if store is rival:
            pytest.skip("one lock from read to write: nobody can come between")
        seen: list[int] = []
        barging = _Barging(rival)

        answer = answer_of(store.transact([_noting(counting(), lambda usage: seen.append(usage), then=barging)]))
        barging.thread.join()

        assert sorted([answer, barging.answer]) == [1, 2]
        assert counted(store) == 2

    def test_two_chains_entries_for_one_place_do_not_both_count(self, open_it: OpenIt) -> None:
        meeting = Meeting()
        stores = [_pausing(open_it(), meeting), _pausing(open_it(), meeting)]
        rivals = [make_entry(data={"by": n}) for n in range(2)]

        def append(n: int) -> bool:
            try:
                stores[n].transact([appending(rivals[n])])
            except Exception:
                return False
            return True

        assert sorted(all_at_once(lambda: append(0), lambda: append(1))) == [False, True]
        assert len(stores[0].chain(TENANT, "i-1")) == 1

    def test_a_caller_with_a_bug_does_not_fail_the_others(self, store: Store) -> None:
        answers = _while_one_is_held(
            store, [lambda: store.transact([counting()])] * 3 + [lambda: store.transact([breaking()])]
        )

        assert sorted(answer[0] for answer in answers[:3]) == [1, 2, 3]
        assert isinstance(answers[3], ZeroDivisionError)
        assert counted(store) == 3

    def test_a_caller_who_can_not_be_written_does_not_fail_the_others(self, store: Store) -> None:
        taken = make_entry()
        store.transact([appending(taken)])

        answers = _while_one_is_held(
            store, [lambda: store.transact([counting()])] * 3 + [lambda: store.transact([appending(taken)])]
        )

        assert sorted(answer[0] for answer in answers[:3]) == [1, 2, 3]
        assert isinstance(answers[3], Exception)
        assert counted(store) == 3


class _Barging:
    """Another writer who starts when the first has read, and is given a moment to get through."""

    def __init__(self, rival: Store) -> None:
        self.answer = 0
        self._rival = rival
        self.thread = threading.Thread(target=self._write)

    def __call__(self) -> None:
        if self.thread.ident is None:
            self.thread.start()
            self.thread.join(timeout=0.2)

    def _write(self) -> None:
        self.answer = answer_of(self._rival.transact([counting()]))


def _repeatedly(store: Store, times: int, *, limit: int = 10**9) -> Callable[[], list[int | None]]:
    """Counts so many times, each in a call of its own; `None` for what was refused."""

    def job() -> list[int | None]:
        answers = [store.transact([counting(limit)])[0] for _ in range(times)]
        return [None if isinstance(answer, Conflict) else answer_of([answer]) for answer in answers]

    return job


def _pausing(store: Store, meeting: Meeting) -> Store:
    return PausingStore(store, meeting)


def _noting(
    unit: UnitOfWork[int], note: Callable[[Any], None], then: Callable[[], None] | None = None
) -> UnitOfWork[int]:
    """A unit like this one; it notes each time that it is asked."""

    def change(snapshot: Snapshot) -> Writes[int]:
        writes = unit.decide(snapshot)
        note(writes.answer)
        if then is not None:
            then()
        return writes

    return replace(unit, decide=change)


def _while_one_is_held(store: Store, jobs: list[Callable[[], Any]]) -> list[Any]:
    """
    The answers of the jobs, or what they raised, started while another caller is held between read and write, so
    that a store that combines callers has all of them together.
    """
    held, go_on = threading.Event(), threading.Event()

    def change(_snapshot: Snapshot) -> Writes[None]:
        held.set()
        go_on.wait(10)
        return Writes(None)

    def outcome(job: Callable[[], Any]) -> Any:
        try:
            return job()
        except Exception as error:
            return error

    def release() -> None:
        # Long enough for the others to have queued up, wherever the store lets them.
        threading.Event().wait(0.2)
        go_on.set()

    holder = threading.Thread(target=lambda: store.transact([UnitOfWork([], change)]))
    holder.start()
    held.wait(10)
    *outcomes, _ = all_at_once(*(lambda job=job: outcome(job) for job in jobs), release)
    holder.join()
    return outcomes
