"""`python -m bench.growth URL MANY`: decision time with 1,000 and with MANY stored intents, and peak memory."""

from __future__ import annotations

import json
import statistics
import sys
import time

from bench.measure import in_batches, one_by_one, peak_mb, warm
from bench.world import open_world
from remit import Remit

FEW = 1_000
CHUNK = 2_000
ROUNDS = 5
DECISIONS = 200


def main(url: str, many: int) -> None:
    with open_world(url) as remit:
        warm(remit)
        _load(remit, FEW)
        few = _median_seconds(remit)
        began = time.perf_counter()
        _load(remit, many - FEW)
        loading = time.perf_counter() - began
        answer = {
            "few_s": few,
            "many_s": _median_seconds(remit),
            "loading_s": loading,
            "peak_mb": peak_mb(),
        }
    print(json.dumps(answer))


def _load(remit: Remit, count: int) -> None:
    for first in range(0, count, CHUNK):
        in_batches(remit, min(CHUNK, count - first), CHUNK)


def _median_seconds(remit: Remit) -> float:
    return statistics.median(statistics.median(one_by_one(remit, DECISIONS).calls) for _ in range(ROUNDS))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
