"""
Erasing results whose time is over: `./dev python -m bench.erasing URL [RESULTS [BYTES]]`, a new database at URL.

Says how many a second go by reconciling alone, round after round, and how long a round takes, for which writers wait.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterable
from datetime import timedelta

from remit import Remit
from remit.core.canonical import sha256_hex
from remit.core.execution.result import StoredResult
from remit.core.records import result_key
from remit.testing.samples import putting

AT_ONCE = 500


def erased(url: str, results: int = 4000, size: int = 300) -> str:
    with Remit.open(url, environ={}, settings={}) as remit:
        # The first round is one of a process that has been there for a while.
        remit.reconcile()
        _fill(remit, [f"i-{number:07}" for number in range(results)], size)
        # A look in which nothing was found is not repeated at once.
        remit.results._looked_at = None
        count, erased_now, rounds = 0, 0, list[float]()
        while not rounds or erased_now:
            began = time.perf_counter()
            erased_now = remit.reconcile().erased
            rounds.append(time.perf_counter() - began)
            count += erased_now
    longest, middle = (f"{1000 * of(rounds):.1f} ms" for of in (max, statistics.median))
    return f"{count} in {len(rounds)} rounds, {count / sum(rounds):,.0f}/s; a round {middle}, at most {longest}"


def _fill(remit: Remit, names: list[str], size: int) -> None:
    for start in range(0, len(names), AT_ONCE):
        some = _over(remit, names[start : start + AT_ONCE], size)
        remit.context.store.transact([putting((result_key("bench", each.action_intent_id), each)) for each in some])


def _over(remit: Remit, names: Iterable[str], size: int) -> Iterable[StoredResult]:
    for name in names:
        content, at = os.urandom(size), remit.now() - timedelta(seconds=1)
        sha256 = sha256_hex(content)
        yield StoredResult(action_intent_id=name, account_id="a", sha256=sha256, erase_at=at, content=content)


if __name__ == "__main__":
    of_url, *how_many = sys.argv[1:]
    sys.stdout.write(erased(of_url, *map(int, how_many)) + "\n")
