"""Moments at the ends of the calendar: converted, shifted and shown without falling off it."""

import ast
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

import remit
from remit.core.errors import InvalidInput
from remit.core.gate.budget import day_of
from remit.core.gate.zones import zone
from remit.core.values import (
    FIRST_MOMENT,
    LAST_MOMENT,
    check_moment,
    in_zone,
    instant,
    parse_day,
    parse_duration,
    parse_moment,
    parse_typed_moment,
    shifted,
    to_the_second,
)

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
        "2026-01-01",
        "20260101T000000Z",
        "2026-W01-1T00:00:00Z",
        "2026-001T00:00:00Z",
        "2026-01-01T00Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00+01",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+01:99",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:00Z ",
        " 2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z\n",
        "2026-01-01T00:00:00\0Z",
        "２０２６-01-01T00:00:00Z",
        "2026-01-01T00:00:0٣Z",
        "2026-01-01T00:00:00ℤ",
        "26-01-01T00:00:00Z",
        "1767225600",
        "now",
        None,
        20260101,
    ],
)
@pytest.mark.parametrize("read", [parse_moment, parse_typed_moment])
def test_what_names_no_moment_of_the_calendar_is_a_value_error(read, text):
    with pytest.raises(ValueError, match=r"^(is|says) "):
        read(text)


@pytest.mark.parametrize(
    ("text", "unsaid", "meant"),
    [
        ("2026-12-24T08:00Z", "", "2026-12-24T08:00:00Z"),
        ("2026-12-24 08:00+01:00", "", "2026-12-24T07:00:00Z"),
        ("2026-12-24t08:00:01.5z", "", "2026-12-24T08:00:01.500000Z"),
        ("2026-12-24 08:00", "Z", "2026-12-24T08:00:00Z"),
        ("2026-12-24T08:00:30", "Z", "2026-12-24T08:00:30Z"),
        ("2026-12-24 08:00+02:00", "Z", "2026-12-24T06:00:00Z"),
    ],
)
def test_people_may_leave_out_seconds_and_where_a_door_says_which_the_offset(text, unsaid, meant):
    assert instant(parse_typed_moment(text, unsaid_offset=unsaid)) == meant


def test_a_day_is_read_in_its_one_form():
    assert parse_day("2026-12-24").isoformat() == "2026-12-24"
    for text in (
        "20261224",
        "2026-W52-4",
        "2026-12-32",
        "2026-1-1",
        "٢٠٢٦-12-24",
        "2026-12-24 ",
        "0000-01-01",
        "",
        None,
    ):
        with pytest.raises(ValueError, match="is no day"):
            parse_day(text)


@pytest.mark.parametrize(
    "text", ["٣d", "3D", "0d", "-1d", "1.5h", " 3d", "3d\n", "10000000d", "9999999d", "", "d", "3"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1),  # noqa: DTZ001 - what is meant
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
        "2026-01-01T00:00:00Z",
        0,
    ],
)
def test_a_moment_that_is_none_in_utc_is_refused_by_its_field(moment):
    with pytest.raises(InvalidInput) as refused:
        check_moment("until", moment)

    assert refused.value.field == "until"


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
