"""
The folder of recorded data: the airline's records before a run, and the runs. Whatever is not as it should be is said.

`flights.json`, `reservations.json` and `users.json` are the records; `runs.jsonl` holds one run a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

Cabin = Literal["basic_economy", "economy", "business"]
Membership = Literal["regular", "silver", "gold"]
Label = Literal["right", "wrong", "refused_by_far_side"]
T = TypeVar("T")


class BadInput(Exception):
    """The folder is not what the measurement needs; the message says where and why."""


class FlightDay(msgspec.Struct):
    status: str
    available_seats: dict[str, int] = {}
    prices: dict[str, float] = {}


class Flight(msgspec.Struct):
    flight_number: str
    origin: str
    destination: str
    dates: dict[str, FlightDay]


class Segment(msgspec.Struct):
    flight_number: str
    date: str
    origin: str = ""
    destination: str = ""
    price: float = 0


class Payment(msgspec.Struct):
    payment_id: str
    amount: float


class Reservation(msgspec.Struct):
    reservation_id: str
    user_id: str
    origin: str
    destination: str
    flight_type: str
    cabin: Cabin
    flights: list[Segment]
    passengers: list[dict[str, Any]]
    created_at: str
    total_baggages: int
    nonfree_baggages: int
    insurance: str
    status: str = "booked"
    changed: bool = False


class PaymentMethod(msgspec.Struct):
    source: str
    id: str
    amount: float | None = None


class User(msgspec.Struct):
    membership: Membership
    payment_methods: dict[str, PaymentMethod]
    reservations: list[str]


class Call(msgspec.Struct):
    name: str
    arguments: dict[str, Any]
    write: bool = False
    label: Label | None = None


class Gold(msgspec.Struct):
    name: str
    arguments: dict[str, Any]


class Run(msgspec.Struct):
    run: str
    gold: list[Gold]
    calls: list[Call]


def read_runs(folder: Path) -> list[Run]:
    """Raises `BadInput` naming the line."""
    runs = [_checked_run(place, line) for place, line in _lines(folder / "runs.jsonl")]
    if not runs:
        raise BadInput("runs.jsonl: holds no run; a line of it is one run")
    return runs


def _checked_run(place: str, line: bytes) -> Run:
    run = _decoded(place, line, Run)
    for number, call in enumerate(run.calls):
        if call.write and call.label is None:
            raise BadInput(f"{place}: calls[{number}] is a write without `label`: right, wrong or refused_by_far_side")
    return run


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    for number, line in enumerate(_bytes(path).splitlines(), 1):
        if line.strip():
            yield f"{path.name}:{number}", line


def read_records(path: Path, of: type[T]) -> T:
    """Raises `BadInput` naming what is missing or of another kind."""
    return _decoded(path.name, _bytes(path), of)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file; name the folder that holds it") from None
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None


def _decoded(place: str, content: bytes, of: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=of)
    except msgspec.ValidationError as error:
        raise BadInput(f"{place}: {error}") from None
    except msgspec.DecodeError as error:
        raise BadInput(f"{place}: is not JSON: {error}") from None
