"""The airline's records as one run finds them and changes them. Nothing is written to the files."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from data import (
    Cabin,
    Call,
    Flight,
    FlightDay,
    Membership,
    Payment,
    PaymentMethod,
    Reservation,
    Segment,
    User,
    read_records,
)

NOW = datetime(2024, 5, 15, 15)  # noqa: DTZ001 - the airline's own time, as all times of its records are
"""When all runs happen (`rules.md`)."""

PER_BAG, INSURANCE_PER_PASSENGER = 50, 30
FREE_BAGS: dict[Membership, dict[Cabin, int]] = {
    "regular": {"basic_economy": 0, "economy": 1, "business": 2},
    "silver": {"basic_economy": 1, "economy": 2, "business": 3},
    "gold": {"basic_economy": 2, "economy": 3, "business": 3},
}
NEW_RESERVATIONS = ("HATHAT", "HATHAU", "HATHAV")
"""The ids that the recorded runs were given for what they booked, in this order."""


class Airline:
    """The records of one moment. `reset` brings back those of before a run; nothing is written to the files."""

    def __init__(
        self, flights: dict[str, Flight], reservations: dict[str, Reservation], users: dict[str, User]
    ) -> None:
        self.flights, self._reservations, self._users = flights, reservations, users
        self._changed_reservations: dict[str, Reservation] = {}
        self._changed_users: dict[str, User] = {}

    @classmethod
    def read(cls, folder: Path) -> Airline:
        """Raises `BadInput`."""
        return cls(
            read_records(folder / "flights.json", dict[str, Flight]),
            read_records(folder / "reservations.json", dict[str, Reservation]),
            read_records(folder / "users.json", dict[str, User]),
        )

    def reset(self) -> None:
        self._changed_reservations, self._changed_users = {}, {}

    def reservation(self, reservation_id: str) -> Reservation | None:
        return self._changed_reservations.get(reservation_id) or self._reservations.get(reservation_id)

    def user(self, user_id: str) -> User | None:
        return self._changed_users.get(user_id) or self._users.get(user_id)

    def day(self, segment: Segment) -> FlightDay | None:
        flight = self.flights.get(segment.flight_number)
        return flight.dates.get(segment.date) if flight else None

    def priced(self, segments: list[Segment], cabin: str, kept: list[Segment]) -> list[Segment]:
        """The segments with where they go and what a passenger pays: what a kept one did pay, else today's price."""
        paid = {(each.flight_number, each.date): each.price for each in kept}
        return [self._priced(each, cabin, paid) for each in segments]

    def _priced(self, segment: Segment, cabin: str, paid: dict[tuple[str, str], float]) -> Segment:
        flight, day = self.flights.get(segment.flight_number), self.day(segment)
        price = paid.get((segment.flight_number, segment.date), day.prices.get(cabin, 0) if day else 0)
        origin, destination = (flight.origin, flight.destination) if flight else ("", "")
        return Segment(segment.flight_number, segment.date, origin, destination, price)

    # --- what a recorded call changed ---

    def carry_out(self, call: Call) -> None:
        """Change the records as the far side did when this call was recorded. What it cannot follow changes nothing."""
        change = _CHANGES.get(call.name)
        if change is None:
            return
        before = copy.deepcopy((self._changed_reservations, self._changed_users))
        try:
            change(self, call.arguments)
        except (LookupError, StopIteration, TypeError, ValueError):
            self._changed_reservations, self._changed_users = before

    def changing_reservation(self, reservation_id: str) -> Reservation:
        found = self.reservation(reservation_id)
        if found is None:
            raise KeyError(reservation_id)
        return self._changed_reservations.setdefault(reservation_id, copy.deepcopy(found))

    def changing_user(self, user_id: str) -> User:
        found = self.user(user_id)
        if found is None:
            raise KeyError(user_id)
        return self._changed_users.setdefault(user_id, copy.deepcopy(found))

    def add(self, reservation: Reservation) -> None:
        self._changed_reservations[reservation.reservation_id] = reservation
        self.changing_user(reservation.user_id).reservations.append(reservation.reservation_id)

    def charge(self, user_id: str, payment_id: str, amount: float) -> None:
        """A certificate is used up whatever is left of it."""
        methods = self.changing_user(user_id).payment_methods
        method = methods[payment_id]
        if method.source == "certificate":
            del methods[payment_id]
        elif method.amount is not None:
            method.amount -= amount


def kept_segments(reservation: Reservation, cabin: str) -> list[Segment]:
    """In another cabin no segment keeps its price."""
    return reservation.flights if reservation.cabin == cabin else []


def segments_of(value: Any) -> list[Segment]:
    """Raises `msgspec.ValidationError` for what is no list of flight numbers and dates."""
    return msgspec.convert(value, list[Segment])


def price_difference(reservation: Reservation, segments: list[Segment]) -> float:
    """Of changed flights, for all passengers."""
    new, old = (sum(each.price for each in some) for some in (segments, reservation.flights))
    return (new - old) * len(reservation.passengers)


def _book(airline: Airline, said: dict[str, Any]) -> None:
    new_id = next(each for each in NEW_RESERVATIONS if airline.reservation(each) is None)
    segments = airline.priced(segments_of(said["flights"]), said["cabin"], [])
    fields = {**said, "reservation_id": new_id, "flights": segments, "created_at": NOW.isoformat()}
    airline.add(msgspec.convert(msgspec.to_builtins(fields), Reservation))
    for payment in msgspec.convert(said["payment_methods"], list[Payment]):
        airline.charge(said["user_id"], payment.payment_id, payment.amount)


def _cancel(airline: Airline, said: dict[str, Any]) -> None:
    airline.changing_reservation(said["reservation_id"]).status = "cancelled"


def _change_flights(airline: Airline, said: dict[str, Any]) -> None:
    reservation = airline.changing_reservation(said["reservation_id"])
    segments = airline.priced(segments_of(said["flights"]), said["cabin"], kept_segments(reservation, said["cabin"]))
    cost = price_difference(reservation, segments)
    reservation.flights, reservation.cabin, reservation.changed = segments, said["cabin"], True
    airline.charge(reservation.user_id, said["payment_id"], cost)


def _change_baggages(airline: Airline, said: dict[str, Any]) -> None:
    reservation = airline.changing_reservation(said["reservation_id"])
    more = max(int(said["nonfree_baggages"]) - reservation.nonfree_baggages, 0)
    reservation.total_baggages = int(said["total_baggages"])
    reservation.nonfree_baggages = int(said["nonfree_baggages"])
    airline.charge(reservation.user_id, said["payment_id"], PER_BAG * more)


def _change_passengers(airline: Airline, said: dict[str, Any]) -> None:
    airline.changing_reservation(said["reservation_id"]).passengers = list(said["passengers"])


def _send_certificate(airline: Airline, said: dict[str, Any]) -> None:
    methods = airline.changing_user(said["user_id"]).payment_methods
    new_id = f"certificate_{3221322 + sum(each.startswith('certificate_32213') for each in methods)}"
    methods[new_id] = PaymentMethod("certificate", new_id, said["amount"])


_CHANGES: dict[str, Callable[[Airline, dict[str, Any]], None]] = {
    "book_reservation": _book,
    "cancel_reservation": _cancel,
    "update_reservation_flights": _change_flights,
    "update_reservation_baggages": _change_baggages,
    "update_reservation_passengers": _change_passengers,
    "send_certificate": _send_certificate,
}
