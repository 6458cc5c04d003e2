"""Records: how they are read."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Annotated

import pytest
from pydantic_core import core_schema

from remit.core import records
from remit.core.errors import InvalidInput
from remit.core.gate.autonomy import Stops
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.ledger.entries import NO_CHAIN, ChainHead
from remit.core.records import CHAIN, KINDS
from remit.core.values import Document

from .make import approval, attempt, bounds, case, intent, state, stop

TWO_READERS = """
import threading
from remit.core.values import Record

looking, go_on = threading.Event(), threading.Event()


def slow_type():
    # Looked up when the first record is read.
    looking.set()
    go_on.wait(60)
    return int


class Inner(Record):
    number: "slow_type()"


class Outer(Record):
    inner: Inner


def read():
    assert Outer.from_json('{"inner": {"number": 2}}').inner.number == 2


readers = [threading.Thread(target=read) for _ in range(2)]
readers[0].start()
looking.wait(60)
readers[1].start()
# Without its being made to wait, the second one is through, or has brought the process down, by then.
readers[1].join(0.2)
go_on.set()
for reader in readers:
    reader.join()
"""


def test_two_threads_may_read_the_first_record_of_a_kind_at_once():
    done = subprocess.run([sys.executable, "-c", TWO_READERS], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


SAMPLES = [
    case("RUNNING", attempt=attempt(), publication=state("PUBLISHED")),
    intent(),
    approval(),
    bounds(budget={"max_autonomous_per_day": 3}),
    Stops(stops=[stop()]),
    ChainHead(chain=NO_CHAIN),
]
OBJECTS = {"attempt", "publication", "chain", "bounds", "budget", "target", "scope", "stops"}
"""The fields that hold an object of ours, and not a map whose names are the caller's."""


def with_more(value):
    """What a newer version would have written: a field more in every object."""
    if isinstance(value, list):
        return [with_more(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    inner = {field: with_more(found) if field in OBJECTS else found for field, found in value.items()}
    return {**inner, "from_a_newer_version": {"a": 1}}


@pytest.mark.parametrize("record", SAMPLES, ids=lambda record: type(record).__name__)
def test_fields_that_a_newer_version_added_are_left_aside(record):
    kind, stored = type(record), with_more(json.loads(record.to_json()))

    assert kind.from_json(json.dumps(stored)).to_json() == record.to_json()
    assert kind.from_wire(stored).to_json() == record.to_json()


def test_a_door_refuses_what_a_reader_of_stored_records_leaves_aside():
    with pytest.raises(InvalidInput, match="from_a_newer_version"):
        parse_bounds({"tenant": "acme", "from_a_newer_version": 1})


def test_two_threads_that_check_the_first_values_of_a_model_build_its_checks_once():
    both, built = threading.Barrier(2), []

    class Slow:
        @classmethod
        def __get_pydantic_core_schema__(cls, *_):
            built.append(cls)
            with suppress(threading.BrokenBarrierError):
                both.wait(0.2)
            return core_schema.str_schema()

    class Noted(Document):
        text: Annotated[str, Slow]

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda text: Noted.from_wire({"text": text}).text, ["a", "b"]))

    assert (found, len(built)) == (["a", "b"], 1)


@pytest.mark.parametrize("kind", [*KINDS.values(), CHAIN], ids=lambda kind: kind.name)
def test_a_kind_has_the_type_of_records_that_it_is_said_to_have(kind):
    (constant,) = [name for name, value in vars(records).items() if value is kind]

    assert records.__annotations__[constant] == f"Kind[{kind.model.__name__}]"


def test_what_a_timed_kind_has_says_when_it_is_due():
    timed = [kind.model for kind in KINDS.values() if kind.timed]

    assert all(hasattr(model, "due_at") or "due_at" in model.model_fields for model in timed)
