"""The example that measures an airline's rules on recorded runs, on records and runs of this test's own."""

from __future__ import annotations

import json
from importlib import import_module

import pytest

from tests.e2e.processes import ROOT

EXAMPLE = ROOT / "examples" / "airline"
SEATS = {"basic_economy": 9, "economy": 9, "business": 1}
PRICES = {"basic_economy": 50, "economy": 100, "business": 300}
OPEN = {"status": "available", "available_seats": SEATS, "prices": PRICES}
DATES = {
    "2024-05-14": {"status": "landed"},
    "2024-05-15": {"status": "delayed"},
    "2024-05-16": {"status": "cancelled"},
    "2024-05-20": OPEN,
    "2024-05-21": OPEN,
}
CARD, GIFT, VOUCHER = "credit_card_1", "gift_card_1", "certificate_1"


def _flight(number, origin, destination):
    return {"flight_number": number, "origin": origin, "destination": destination, "dates": DATES}


def _reservation(name, day="2024-05-20", **changed):
    booked = {"origin": "JFK", "destination": "SEA", "flight_number": "F1", "date": day, "price": 100}
    usual = {
        "reservation_id": name,
        "user_id": "ann",
        "origin": "JFK",
        "destination": "SEA",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [booked],
        "passengers": [{"first_name": "Ann"}, {"first_name": "Bob"}],
        "created_at": "2024-05-01T10:00:00",
        "total_baggages": 2,
        "nonfree_baggages": 0,
        "insurance": "no",
    }
    return usual | changed


RESERVATIONS = [
    _reservation("PLAIN"),
    _reservation("BASIC", cabin="basic_economy"),
    _reservation("BUSINESS", cabin="business"),
    _reservation("INSURED", insurance="yes"),
    _reservation("FRESH", created_at="2024-05-14T16:00:00"),
    _reservation("FLOWN", "2024-05-14", cabin="business"),
    _reservation("HIT", "2024-05-16"),
    _reservation("LATE", "2024-05-15", cabin="business", passengers=[{}, {}, {}]),
]
METHODS = {
    CARD: {"source": "credit_card", "id": CARD, "brand": "visa", "last_four": "1"},
    GIFT: {"source": "gift_card", "id": GIFT, "amount": 120},
    VOUCHER: {"source": "certificate", "id": VOUCHER, "amount": 250},
}
USERS = {
    "ann": {
        "membership": "gold",
        "payment_methods": METHODS,
        "reservations": [each["reservation_id"] for each in RESERVATIONS],
    },
    "ben": {"membership": "regular", "payment_methods": {}, "reservations": []},
}


def _booking(*paid, **changed):
    usual = {
        "user_id": "ann",
        "origin": "JFK",
        "destination": "SEA",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [{"flight_number": "F1", "date": "2024-05-20"}],
        "passengers": [{"first_name": "Ann"}],
        "payment_methods": [{"payment_id": name, "amount": amount} for name, amount in paid or [(CARD, 100)]],
        "total_baggages": 3,
        "nonfree_baggages": 0,
        "insurance": "no",
    }
    return "book_reservation", usual | changed


def _change(name, flight="F1", day="2024-05-20", cabin="economy", payment=CARD):
    flights = [{"flight_number": flight, "date": day}]
    return "update_reservation_flights", {
        "reservation_id": name,
        "cabin": cabin,
        "flights": flights,
        "payment_id": payment,
    }


def _bags(name, total, paid, payment=CARD):
    return "update_reservation_baggages", {
        "reservation_id": name,
        "total_baggages": total,
        "nonfree_baggages": paid,
        "payment_id": payment,
    }


def _people(name, many):
    return "update_reservation_passengers", {"reservation_id": name, "passengers": [{"first_name": "Eve"}] * many}


def _cancel(name):
    return "cancel_reservation", {"reservation_id": name}


def _certificate(user, amount):
    return "send_certificate", {"user_id": user, "amount": amount}


RIGHT = [
    [_booking()],
    [_booking((VOUCHER, 200), (GIFT, 30), total_baggages=5, nonfree_baggages=2, insurance="yes", passengers=[{}])],
    [_booking(flight_type="round_trip", flights=[{"flight_number": n, "date": "2024-05-20"} for n in ("F1", "F2")])],
    [_change("PLAIN", day="2024-05-21"), _change("BUSINESS"), _change("BASIC")],
    # What was upgraded can be changed.
    [_change("BASIC"), _change("BASIC", day="2024-05-21", payment=GIFT)],
    [_bags("PLAIN", 6, 0), _bags("PLAIN", 7, 1), _people("PLAIN", 2)],
    [_cancel("BUSINESS"), _cancel("INSURED"), _cancel("FRESH"), _cancel("HIT")],
    [_certificate("ann", 200)],
    [_cancel("LATE"), _certificate("ann", 150)],
    # What this run booked can be cancelled in it.
    [_booking(), _cancel("HATHAT")],
]
RIGHT[2][0][1]["payment_methods"][0]["amount"] = 200

WRONG = {
    "AT_MOST_FIVE_PASSENGERS": _booking((CARD, 600), passengers=[{}] * 6),
    "AT_MOST_FIVE_PAYMENTS": _booking(*[(f"other_{n}", 1) for n in range(6)]),
    "PAID_BAGS_ARE_AMONG_ALL_BAGS": _bags("PLAIN", 2, 3),
    "CHANGES_ARE_NOT_PAID_BY_CERTIFICATE": _change("PLAIN", day="2024-05-21", payment=VOUCHER),
    "CERTIFICATE_IS_FOR_ONE_TO_FIVE_PASSENGERS": _certificate("ann", 75),
    "(refused at the door)": _booking((VOUCHER, 50), ("certificate_2", 50)),
    "BOOKING_CAN_BE_HAD": _booking(flights=[{"flight_number": "F1", "date": "2024-05-15"}]),
    "BOOKING_COUNTS_FREE_BAGS": _booking((CARD, 150), nonfree_baggages=1),
    "BOOKING_IS_PAID_BY_THE_PROFILE": _booking(("credit_card_9", 100)),
    "BOOKING_IS_PAID_IN_FULL": _booking((CARD, 90)),
    "BASIC_ECONOMY_KEEPS_ITS_FLIGHTS": _change("BASIC", day="2024-05-21", cabin="basic_economy"),
    "CHANGE_KEEPS_THE_ROUTE": _change("PLAIN", "F2"),
    "CHANGE_CAN_BE_HAD": _change("PLAIN", cabin="business"),
    "CHANGE_IS_PAID_BY_THE_PROFILE": _change("BASIC", cabin="economy", payment="gift_card_9"),
    "BAGS_ARE_ADDED_ONLY": _bags("PLAIN", 1, 0),
    "BAGS_COUNT_FREE_ONES": _bags("PLAIN", 3, 1),
    "BAGS_ARE_PAID_BY_THE_PROFILE": _bags("PLAIN", 7, 1, "gift_card_9"),
    "PASSENGERS_STAY_AS_MANY": _people("PLAIN", 3),
    "CANCELLED_TRIP_IS_WHOLE": _cancel("FLOWN"),
    "CANCELLING_IS_DUE": _cancel("PLAIN"),
    "COMPENSATION_IS_DUE": _certificate("ben", 100),
    "FACT_UNAVAILABLE": _cancel("NOBODY"),
    "ACTION_TYPE_NOT_ALLOWLISTED": ("close_account", {"user_id": "ann"}),
}
# Where several rules say no, the first of them by its name gives the reason.
HELD_BY_ANOTHER_TOO = {"PAID_BAGS_ARE_AMONG_ALL_BAGS", "CHANGES_ARE_NOT_PAID_BY_CERTIFICATE"}


def _run(number, calls, label, gold=()):
    return {
        "run": f"{number}-0",
        "task_id": number,
        "trial": 0,
        "run_succeeded": label == "right",
        "gold": [{"name": name, "arguments": arguments} for name, arguments in gold],
        "calls": [{"id": "c", "name": "get_user_details", "arguments": {"user_id": "ann"}, "write": False}]
        + [{"id": "c", "name": name, "arguments": said, "write": True, "label": label} for name, said in calls],
    }


@pytest.fixture(scope="module")
def measure():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE))
        yield import_module("measure").main


@pytest.fixture
def folder(tmp_path):
    flights = [_flight("F1", "JFK", "SEA"), _flight("F2", "SEA", "JFK")]
    records = {
        "flights": {each["flight_number"]: each for each in flights},
        "reservations": {each["reservation_id"]: each for each in RESERVATIONS},
        "users": USERS,
    }
    for name, content in records.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    _write_runs(tmp_path, [_run(0, [_booking()], "right")])
    return tmp_path


def _write_runs(folder, runs):
    (folder / "runs.jsonl").write_text("".join(json.dumps(each) + "\n" for each in runs), encoding="utf-8")


def test_every_rule_holds_what_breaks_it_and_nothing_that_keeps_all(measure, folder, capsys):
    right = [_run(n, calls, "right") for n, calls in enumerate(RIGHT)]
    wrong = [_run(100 + n, [call], "wrong") for n, call in enumerate(WRONG.values())]
    wanted = _run(200, [_booking((GIFT, 100))], "wrong", gold=[_booking()])
    refused = _run(300, [_booking(("gift_card_9", 100)), _cancel("HATHAT")], "refused_by_far_side")
    _write_runs(folder, [*right, *wrong, wanted, refused])

    assert measure([str(folder)]) == 0

    said = capsys.readouterr().out
    in_a_line = " ".join(said.split())
    many_right, many_wrong = sum(map(len, RIGHT)), len(WRONG) + 1
    rows = [line.split() for line in said.splitlines()]
    assert f"right writes that ran alone {many_right} of {many_right} (100%)" in in_a_line
    assert f"wrong writes held {len(WRONG)} of {many_wrong}" in in_a_line
    # Nothing that the far side refused changed the records: what it would have booked is not there.
    assert "refused by the far side, held before 2 of 2 (100%)" in in_a_line
    assert f"7 of {many_wrong}" in said, "the parameters alone hold what breaks a rule about them, and no more"
    for reason in WRONG.keys() - HELD_BY_ANOTHER_TOO:
        assert [*reason.split()] in [row[:-3] for row in rows if len(row) > 3], f"{reason} held nothing: {said}"
    assert "200-0 book_reservation ann: keeps every rule; the customer wanted other payment_methods" in said


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("users.json", None, "users.json: there is no such file"),
        ("flights.json", "{", "flights.json: is not JSON"),
        ("reservations.json", '{"A": {"reservation_id": "A"}}', "reservations.json: Object missing required field"),
        ("runs.jsonl", "", "runs.jsonl: holds no run"),
        ("runs.jsonl", '\n{"run": "0-0", "gold": []}', "runs.jsonl:2: Object missing required field `calls`"),
        (
            "runs.jsonl",
            json.dumps({"run": "0", "gold": [], "calls": [{"name": "book", "arguments": {}, "write": True}]}),
            "runs.jsonl:1: calls[0] is a write without `label`",
        ),
        ("runs.jsonl", json.dumps(_run(0, [("Not a name", {})], "right")), "which is no tool's name"),
    ],
)
def test_what_is_bad_input_is_said_with_its_place(measure, folder, capsys, name, content, says):
    path = folder / name
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")

    assert measure([str(folder)]) == 2

    assert says in capsys.readouterr().err
