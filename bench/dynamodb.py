"""
What DynamoDB is asked for each path of a decision: requests on the wire, and the units they consume.

Against DynamoDB Local, which is as quick as this machine, not as a region. Read units are those it tells. The
write units it tells of a transaction leave most of its items out, so they are reckoned from what is sent, by
the published rule.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from rich.table import Table

from bench.contention import Contended, contention
from bench.measure import Measured, by_callers
from bench.world import BOUNDS, PROPOSAL, all_ran, proposed
from infra.local.servers import LOCAL_CREDENTIALS, dynamodb_local
from remit import Remit
from remit.core.execution.outcome import CallResult
from remit.core.intent import ActionIntentV1
from remit.ports import DELIVERED, Call, Connector, Message, Receipt
from remit.stores.dynamodb import INDEXES, Index, create_table, open_client
from remit.stores.dynamodb.table import PARTITION, SORT

NODE_MODULES = Path(__file__).parent.parent / "requirements" / "npm" / "node_modules"
PER_MILLION_WRITES_USD, PER_MILLION_READS_USD, PER_MILLION_EVENTS_USD = 0.625, 0.125, 1.00
"""Public list prices of us-east-1, on demand: see docs/dynamodb.md for their date."""


@dataclass(slots=True)
class Counting:
    """A publisher that sends to nobody and counts its requests; and everything asked of DynamoDB, by hooks."""

    requests: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    sent: list[Message] = field(default_factory=list)
    indexed: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """What the indexes hold of each item, as far as it was written here."""

    def send(self, messages: Sequence[Message]) -> list[Receipt]:
        # PutEvents takes ten entries at most.
        self.requests["PutEvents"] += -(-len(messages) // 10)
        self.units["events"] += len(messages)
        self.sent += messages
        return [Receipt(DELIVERED) for _ in messages]

    def hook(self, client: Any) -> None:
        client.meta.events.register("provide-client-params.dynamodb.*", self._ask_for_units)
        client.meta.events.register("before-send.dynamodb.*", self._count_request)
        client.meta.events.register("after-call.dynamodb.*", self._count_units)

    def _count_request(self, event_name: str, **_: Any) -> None:
        self.requests[event_name.rpartition(".")[2]] += 1

    def _ask_for_units(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.units["write"] += sum(map(self._write_units, params.get("TransactItems", ())))
        return {**params, "ReturnConsumedCapacity": "TOTAL"}

    def _count_units(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        if model.name != "TransactWriteItems":
            told = parsed.get("ConsumedCapacity", [])
            self.units["read"] += sum(t["CapacityUnits"] for t in (told if isinstance(told, list) else [told]))

    def _write_units(self, action: dict[str, Any]) -> int:
        """Two for each KiB that is begun, and for each entry of an index that is made or given up."""
        if "Get" in action:
            return 0
        # What is deleted or only looked at is smaller than that.
        item = action["Put"]["Item"] if "Put" in action else {}
        size = sum(len(name) + len(str(next(iter(value.values()))).encode()) for name, value in item.items())
        return 2 * max(1, -(-size // 1024)) + 2 * (self._index_writes(item) if item else 0)

    def _index_writes(self, item: dict[str, Any]) -> int:
        key = item[PARTITION]["S"], item[SORT]["S"]
        before, after = self.indexed.get(key, {}), {index.name: _entry(index, item) for index in INDEXES}
        self.indexed[key] = after
        return sum(_replaced(before.get(name), entry) for name, entry in after.items())


def _entry(index: Index, item: dict[str, Any]) -> tuple[Any, ...] | None:
    if index.partition not in item:
        return None
    return item[index.partition], item[index.sort], *(item.get(name) for name in index.beside)


def _replaced(before: tuple[Any, ...] | None, after: tuple[Any, ...] | None) -> int:
    """How many writes an index takes: one to make an entry, change it or give it up; two to move it."""
    if before == after:
        return 0
    return 2 if before and after and before[:2] != after[:2] else 1


class Nowhere:
    """A connector whose far side takes no time, and nothing of DynamoDB."""

    always_honours_key = False

    def check(self, tool: dict[str, Any]) -> None:
        """Anything goes."""

    def map(self, tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:  # noqa: ARG002 - the port's own
        return {}

    def invoke(self, call: Call) -> CallResult:  # noqa: ARG002
        return CallResult(acted="yes")


@dataclass(frozen=True, slots=True)
class Way:
    """One path: what one decision on it takes."""

    what: str
    requests: dict[str, int]
    reads: float
    writes: float
    events: int
    decisions: int = 1

    @property
    def usd_per_million(self) -> float:
        dear = self.writes * PER_MILLION_WRITES_USD + self.reads * PER_MILLION_READS_USD
        return (dear + self.events * PER_MILLION_EVENTS_USD) / self.decisions


@contextmanager
def _opened() -> Iterator[tuple[Remit, Counting]]:
    os.environ.update(LOCAL_CREDENTIALS)
    with dynamodb_local(NODE_MODULES) as endpoint:
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
        maker = open_client(endpoint_url=endpoint, answer_within_s=30)
        create_table(maker, "bench")
        counting = Counting()
        with Remit.open(_url(), sender=counting) as remit:
            _count(remit, counting)
            remit.apply(BOUNDS, by="bench")
            all_ran([remit.submit(PROPOSAL)])
            yield remit, counting


def _url() -> str:
    return f"dynamodb://bench?endpoint_url={os.environ['AWS_ENDPOINT_URL_DYNAMODB']}&settle_s=0"


def _count(remit: Remit, counting: Counting) -> None:
    store: Any = remit.context.store
    counting.hook(store.client)


def measured(rounds: int) -> tuple[list[Way], list[tuple[str, Measured]], list[Contended]]:
    """Every path, how many decisions a second one and sixteen callers get, and what several processes get."""
    with _opened() as (remit, counting):
        paths = [_path(counting, *each) for each in _paths(remit)]
        paths.append(_executed(remit, counting))
        rates = []
        for callers in (1, 16):
            seen = [by_callers(remit, 25 * callers, callers) for _ in range(rounds)]
            seen.sort(key=lambda measured: measured.rate)
            rates.append((f"DynamoDB Local, gated and published, callers: {callers}", seen[rounds // 2]))
        return paths, rates, contention(_url())


def _paths(remit: Remit) -> Iterator[tuple[str, Callable[[], Any], int]]:
    aside = Remit(remit.context, remit.clock, publishing=False)
    yield "proposed (without a decision)", lambda: remit.propose(PROPOSAL), 1
    (gated,) = proposed(remit, 1)
    yield "gated: automatic, published", lambda: remit.gate(gated), 1
    yield "proposed and gated in one call: automatic, published", lambda: remit.submit(PROPOSAL), 1
    risky = {**PROPOSAL, "risk_level": "HIGH"}
    yield "proposed and gated in one call: sent to a person", lambda: remit.submit(risky), 1
    yield "gated again: already published", lambda: remit.gate(gated), 1
    (reserved,) = proposed(remit, 1)
    aside.gate(reserved)
    yield "gated again: reserved, published now", lambda: remit.gate(reserved), 1
    ten = proposed(remit, 10)
    yield "ten of one account gated in one call", lambda: remit.gate(ten), 10


def _executed(remit: Remit, counting: Counting) -> Way:
    """The last approval's execution, in a function's process that has seen nothing yet."""
    remit.submit(PROPOSAL)
    with Remit.open(_url(), sender=counting) as function:
        _count(function, counting)
        cast("dict[str, Connector]", function.context.connectors)["internal"] = Nowhere()
        run = function.executor("a run of the state machine")
        return _path(counting, "executed, by one function", lambda: run.at_once(counting.sent[-1].data), 1)


def _path(counting: Counting, what: str, act: Callable[[], Any], decisions: int) -> Way:
    counting.requests.clear()
    counting.units.clear()
    act()
    units = counting.units
    return Way(what, dict(counting.requests), units["read"], units["write"], units["events"], decisions)


def table(ways: list[Way]) -> Table:
    shown = Table("what", "requests", "read units", "write units", "USD a million", title="Asked of DynamoDB")
    for way in ways:
        asked = ", ".join(f"{count} {name}" for name, count in way.requests.items())
        price = f"{way.usd_per_million:.2f}"
        shown.add_row(way.what, f"{sum(way.requests.values())}: {asked}", f"{way.reads:g}", f"{way.writes:g}", price)
    return shown
