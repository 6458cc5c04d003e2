"""What only real processes can show: they share nothing but the database."""

import multiprocessing

import pytest

from remit.core.errors import Conflict
from remit.ports import answer_of
from remit.stores.sql import SqlStore
from remit.testing.samples import counted, counting
from tests.waiting import received

# Not forked: a child must not inherit the open connections of its parent.
SPAWN = multiprocessing.get_context("spawn")
DATABASES = pytest.mark.parametrize("database", ["sqlite_url", "empty_postgres_url"])


@DATABASES
def test_two_processes_lose_no_update_and_never_exceed_a_limit(database, request):
    url = request.getfixturevalue(database)

    answers = _in_processes(2, _count, url, 300, 501)

    charged = sorted(answer for each in answers for answer in each if answer is not None)
    assert charged == list(range(1, 502))
    store = SqlStore.open(url)
    assert counted(store) == 501
    store.close()


@DATABASES
def test_processes_that_start_together_make_one_schema(database, request):
    url = request.getfixturevalue(database)

    answers = _in_processes(4, _count, url, 1, 10)

    assert sorted(answer for each in answers for answer in each) == [1, 2, 3, 4]


def _count(url, times, limit, start, answers):
    start.wait()
    store = SqlStore.open(url)
    told: list[int | None] = []
    for _ in range(times):
        answer = store.transact([counting(limit)])[0]
        told.append(None if isinstance(answer, Conflict) else answer_of([answer]))
    store.close()
    answers.put(told)


def _in_processes(number, job, *arguments):
    start, answers = SPAWN.Barrier(number), SPAWN.Queue()
    processes = [SPAWN.Process(target=job, args=(*arguments, start, answers)) for _ in range(number)]
    for process in processes:
        process.start()
    told = [received(answers, what="a process's answers") for _ in processes]
    for process in processes:
        process.join()
    return told
