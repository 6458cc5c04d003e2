"""Moments at the ends of the calendar: converted, shifted and shown without falling off it."""

import ast
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

import remit
from remit.core.gate.budget import day_of
from remit.core.gate.zones import zone
from remit.core.values import FIRST_MOMENT, LAST_MOMENT, in_zone, instant, parse_moment, shifted, to_the_second

SOURCE = Path(remit.__file__).parent


@pytest.fixture
def machine_in(monkeypatch):
    def set_zone(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("where", ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Pacific/Niue", "UTC"])
@pytest.mark.parametrize("moment", [FIRST_MOMENT, LAST_MOMENT, datetime(2026, 3, 10, 12, tzinfo=UTC)])
def test_every_moment_is_shown_on_every_clock(machine_in, where, moment):
    machine_in(where)

    for shown in (in_zone(moment, None), in_zone(moment, zone(where))):
        assert shown == moment
        assert len(to_the_second(shown).split()) == 3


def test_a_moment_beyond_a_zones_calendar_is_shown_in_utc(machine_in):
    machine_in("Europe/Berlin")
    assert to_the_second(in_zone(LAST_MOMENT, None)) == "9999-12-31 23:59:59 UTC"
    machine_in("America/New_York")
    assert to_the_second(in_zone(FIRST_MOMENT, None)) == "0001-01-01 00:00:00 UTC"
    assert to_the_second(in_zone(datetime(2026, 3, 10, 12, 0, 0, 5, UTC), None)) == "2026-03-10 08:00:00 EDT"


def test_shifting_stops_at_the_ends_of_the_calendar():
    hour = timedelta(hours=1)

    assert (shifted(FIRST_MOMENT, -hour), shifted(LAST_MOMENT, hour)) == (FIRST_MOMENT, LAST_MOMENT)
    assert shifted(FIRST_MOMENT, hour) == datetime(1, 1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00-24:00",
        "2026-01-01T00:00:00",
        "2026-02-30T00:00:00Z",
        "",
        "9" * 5000,
    ],
)
def test_what_names_no_moment_of_the_calendar_is_a_value_error(text):
    with pytest.raises(ValueError):
        parse_moment(text)


@pytest.mark.parametrize("moment", [FIRST_MOMENT, LAST_MOMENT, LAST_MOMENT.replace(microsecond=0)])
def test_what_is_written_is_read_back(moment):
    assert parse_moment(instant(moment)) == moment
    assert (
        parse_moment(moment.astimezone(timezone(timedelta(hours=1 if moment.year == 1 else -1))).isoformat()) == moment
    )


@pytest.mark.parametrize("where", ["Europe/Berlin", "America/New_York", "UTC"])
@pytest.mark.parametrize("moment", [FIRST_MOMENT, LAST_MOMENT])
def test_there_is_a_day_at_both_ends_of_the_calendar(where, moment):
    today = day_of(moment, where)

    assert today.date in ("0001-01-01", "9999-12-31")
    assert today.ends_at >= moment or today.date == "0001-01-01"


def test_conversions_that_can_fall_off_the_calendar_stand_in_one_place():
    asked = {"astimezone", "strftime"}
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in asked
    }

    assert found == {"core/values.py"}
