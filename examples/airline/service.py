"""
The airline's systems of record over HTTP, on this machine: what rules need to know, and nothing that an agent says.

It answers questions with what stands in the records and with sums and counts over it. Whether an action is fine is not
its business: that is what the rules say.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from data import Payment, PaymentMethod, Reservation, Segment, User
from records import (
    FREE_BAGS,
    INSURANCE_PER_PASSENGER,
    NOW,
    PER_BAG,
    Airline,
    kept_segments,
    price_difference,
    segments_of,
)

FOR_CANCELLED, FOR_DELAYED = 100, 50
"""What a certificate is worth for each passenger, by what happened to the flight."""
Query = dict[str, str]


class NotThere(Exception):
    """Nothing of this name is in the records."""


# --- what is answered ---


def reservation_answer(airline: Airline, reservation_id: str, _: Query) -> dict[str, Any]:
    reservation = _reservation(airline, reservation_id)
    statuses = [_status(airline, each) for each in reservation.flights]
    booked_for = NOW - datetime.fromisoformat(reservation.created_at)
    return {
        "status": reservation.status,
        "cabin": reservation.cabin,
        "insured": reservation.insurance == "yes",
        "hours_since_booking": round(booked_for.total_seconds() / 3600, 4),
        "passengers": len(reservation.passengers),
        "segments": {
            "used": sum(each in ("landed", "flying") for each in statuses),
            "cancelled": statuses.count("cancelled"),
        },
    }


def change_answer(airline: Airline, reservation_id: str, query: Query) -> dict[str, Any]:
    """These flights in this cabin instead of the booked ones, paid or refunded by this means."""
    reservation, cabin = _reservation(airline, reservation_id), query["cabin"]
    kept = kept_segments(reservation, cabin)
    segments = airline.priced(segments_of(json.loads(query["flights"])), cabin, kept)
    booked = [(each.flight_number, each.date) for each in reservation.flights]
    known = {(each.flight_number, each.date) for each in kept}
    new = [each for each in segments if (each.flight_number, each.date) not in known]
    cost = price_difference(reservation, segments)
    method = _user(airline, reservation.user_id).payment_methods.get(query["payment_id"])
    return {
        "same_flights": [(each.flight_number, each.date) for each in segments] == booked,
        "same_route": goes(segments, reservation.flight_type, reservation.origin, reservation.destination),
        "has_seats": have_seats(airline, new, cabin, len(reservation.passengers)),
        "cost": cost,
        "payment": _means(method, cost),
    }


def baggage_answer(airline: Airline, reservation_id: str, query: Query) -> dict[str, Any]:
    """So many checked bags in all instead of the booked ones."""
    reservation = _reservation(airline, reservation_id)
    user = _user(airline, reservation.user_id)
    paid = paid_bags(user, reservation.cabin, len(reservation.passengers), int(query["total_baggages"]))
    cost = PER_BAG * max(paid - reservation.nonfree_baggages, 0)
    return {
        "total_now": reservation.total_baggages,
        "paid_bags": paid,
        "payment": _means(user.payment_methods.get(query["payment_id"]), cost),
    }


def quote_answer(airline: Airline, user_id: str, query: Query) -> dict[str, Any]:
    """A new booking: what it costs in all, and whether it can be had."""
    user, cabin, passengers = _user(airline, user_id), query["cabin"], int(query["passengers"])
    segments = airline.priced(segments_of(json.loads(query["flights"])), cabin, [])
    paid = paid_bags(user, cabin, passengers, int(query["total_baggages"]))
    insurance = INSURANCE_PER_PASSENGER if query["insurance"] == "yes" else 0
    return {
        "total": (sum(each.price for each in segments) + insurance) * passengers + PER_BAG * paid,
        "paid_bags": paid,
        "same_route": goes(segments, query["flight_type"], query["origin"], query["destination"]),
        "has_seats": have_seats(airline, segments, cabin, passengers),
    }


def payment_answer(airline: Airline, user_id: str, query: Query) -> dict[str, Any]:
    """Means of payment by what the profile knows them as, and what is charged to them in all."""
    methods = _user(airline, user_id).payment_methods
    payments = msgspec.convert(json.loads(query["methods"]), list[Payment])
    means = [_means(methods.get(each.payment_id), each.amount) for each in payments]
    return {
        "total": sum(each.amount for each in payments),
        "certificates": means.count("certificate"),
        "credit_cards": means.count("credit_card"),
        "gift_cards": means.count("gift_card"),
        "not_usable": sum(each in ("unknown", "too_little") for each in means),
    }


def compensation_answer(airline: Airline, user_id: str, query: Query) -> dict[str, Any]:
    """How many reservations would have this amount as a gesture, if the customer complains about them and asks."""
    user, amount = _user(airline, user_id), float(query["amount"])
    reservations = [each for name in user.reservations if (each := airline.reservation(name))]
    entitled = [
        each
        for each in reservations
        if user.membership in ("silver", "gold") or each.insurance == "yes" or each.cabin == "business"
    ]

    def hit_by(status: str, worth: int) -> list[Reservation]:
        hit = [each for each in entitled if status in [_status(airline, segment) for segment in each.flights]]
        return [each for each in hit if worth * len(each.passengers) == amount]

    delayed = hit_by("delayed", FOR_DELAYED)
    return {
        "for_cancelled": len(hit_by("cancelled", FOR_CANCELLED)),
        "for_delayed": len(delayed),
        "for_delayed_and_changed": sum(each.changed or each.status == "cancelled" for each in delayed),
    }


# --- what answers are made of ---


def paid_bags(user: User, cabin: str, passengers: int, total: int) -> int:
    """How many of so many checked bags are not free."""
    free: dict[Any, int] = {**FREE_BAGS[user.membership]}
    return max(total - free[cabin] * passengers, 0)


def goes(segments: list[Segment], flight_type: str, origin: str, destination: str) -> bool:
    """Do the flights join to this trip, there, or there and back, on days in their order?"""
    if not segments or not all(each.origin for each in segments):
        return False
    joined = all(one.destination == next_.origin and one.date <= next_.date for one, next_ in pairwise(segments))
    back = flight_type == "round_trip"
    turned = not back or destination in [each.destination for each in segments[:-1]]
    ends = segments[-1].destination == (origin if back else destination)
    return joined and turned and ends and segments[0].origin == origin


def have_seats(airline: Airline, segments: list[Segment], cabin: str, passengers: int) -> bool:
    days = [airline.day(each) for each in segments]
    return all(
        day is not None and day.status == "available" and day.available_seats.get(cabin, 0) >= passengers
        for day in days
    )


def _means(method: PaymentMethod | None, amount: float) -> str:
    """What the profile knows it as; `unknown`, or `too_little` where it holds less than this."""
    if method is None:
        return "unknown"
    return "too_little" if method.amount is not None and method.amount < amount else method.source


def _status(airline: Airline, segment: Segment) -> str:
    day = airline.day(segment)
    return day.status if day else "unknown"


def _reservation(airline: Airline, reservation_id: str) -> Reservation:
    found = airline.reservation(reservation_id)
    if found is None:
        raise NotThere
    return found


def _user(airline: Airline, user_id: str) -> User:
    found = airline.user(user_id)
    if found is None:
        raise NotThere
    return found


_ANSWERS: dict[tuple[str, str], Callable[[Airline, str, Query], dict[str, Any]]] = {
    ("reservations", ""): reservation_answer,
    ("reservations", "change"): change_answer,
    ("reservations", "baggage"): baggage_answer,
    ("users", "quote"): quote_answer,
    ("users", "payment"): payment_answer,
    ("users", "compensation"): compensation_answer,
}


def answer(airline: Airline, url: str) -> tuple[int, dict[str, Any]]:
    """The status and the answer to a `GET`."""
    parts = urlsplit(url)
    kind, name, question = ([unquote(each) for each in parts.path.split("/")[1:]] + ["", "", ""])[:3]
    asked = _ANSWERS.get((kind, question))
    if asked is None:
        return 404, {"error": "nothing is answered at this address"}
    query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    try:
        return 200, asked(airline, name, query)
    except NotThere:
        return 404, {"error": f"no such {kind[:-1]}"}
    except (LookupError, TypeError, ValueError) as error:
        return 400, {"error": f"this cannot be answered: {error!r}"}


# --- the server ---


class AirlineServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, airline: Airline) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.airline = airline

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: AirlineServer

    def do_GET(self) -> None:
        status, content = answer(self.server.airline, self.path)
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet: the measurement prints what matters."""


@contextmanager
def serving(airline: Airline) -> Iterator[AirlineServer]:
    server = AirlineServer(airline)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
