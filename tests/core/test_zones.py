"""Time zones: which names there are, whose rules hold, and what becomes of a name that is gone."""

import subprocess
import sys
from datetime import datetime, timedelta
from importlib.resources import files

import pytest

from remit.core.errors import InvalidInput
from remit.core.gate import zones
from remit.core.gate.bounds import BoundsInForce, replace_bounds
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.bounds_parts import Budgets, parse_part
from remit.core.gate.zones import ZoneUnknown, check_zone, zone, zone_loads, zone_names

from .make import NOW

NO_ZONES = [
    "localtime",
    "posixrules",
    "Factory",
    "right/Europe/Berlin",
    "posix/Europe/Berlin",
    "europe/berlin",
    "EUROPE/BERLIN",
    "utc",
    "Europe",
    "Europe/Berlin/",
    "Europe//Berlin",
    "Europe/../Europe/Berlin",
    "./UTC",
    "/usr/share/zoneinfo/Europe/Berlin",
    "tzdata.zi",
    "zone.tab",
    "__init__.py",
    "Europe/__init__.py",
    "CET-1CEST",
    "UTC+1",
    "+01:00",
    " UTC",
    "UTC\n",
    "UTC\0",
    "",
    "x" * 100,
]


@pytest.mark.parametrize("name", NO_ZONES)
def test_only_an_exact_iana_name_is_a_time_zone(name):
    with pytest.raises(InvalidInput) as refused:
        check_zone("budget.timezone", name)
    with pytest.raises(ZoneUnknown):
        zone(name)
    assert not zone_loads(name)
    assert refused.value.field == "budget.timezone"


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "US/Pacific", "GB", "EST5EDT", "Etc/GMT+5", "America/Argentina/Buenos_Aires"]
)
def test_iana_names_and_their_older_spellings_are_time_zones(name):
    check_zone("budget.timezone", name)

    assert zone(name).key == name


def test_every_name_that_the_package_lists_has_rules():
    assert {zone(name).key for name in zone_names()} == zone_names()
    assert len(zone_names()) > 500


@pytest.mark.parametrize(
    ("written", "meant"), [("europe/berlin", "Europe/Berlin"), (" america/new york", "America/New_York")]
)
def test_a_name_in_another_case_is_told_how_it_is_spelled(written, meant):
    with pytest.raises(InvalidInput, match=f"write {meant}"):
        check_zone("budget.timezone", written)


def test_a_file_that_is_put_beside_the_packages_own_is_no_zone(tmp_path, monkeypatch):
    listed = files("tzdata").joinpath("zones").read_text("utf-8")
    (tmp_path / "zones").write_text(listed)
    (tmp_path / "zoneinfo").mkdir()
    (tmp_path / "zoneinfo" / "Mine").symlink_to(str(files("tzdata").joinpath("zoneinfo", "UTC")))
    monkeypatch.setattr(zones, "files", lambda package: tmp_path)
    zone.cache_clear()

    with pytest.raises(ZoneUnknown):
        zone("Mine")
    # Listed, and its rules are not there: a package that was not installed whole.
    with pytest.raises(ZoneUnknown):
        zone("Asia/Tokyo")


def test_the_operating_systems_rules_are_never_asked(tmp_path):
    tokyo = files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes()
    (tmp_path / "Europe").mkdir()
    for name in ("Europe/Berlin", "localtime", "UTC"):
        (tmp_path / name).write_bytes(tokyo)
    ask = (
        "from remit.core.gate.zones import zone\n"
        "from datetime import datetime\n"
        "print(*(datetime(2026, 1, 1, tzinfo=zone(name)).utcoffset() for name in ('Europe/Berlin', 'UTC')))"
    )

    said = subprocess.run(
        [sys.executable, "-c", ask],
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONTZPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.split() == ["1:00:00", "0:00:00"]


# A zone that bounds were set with and that the rules of today do not have.

GONE = {"budget": {"max_autonomous_per_day": 5, "timezone": "Mars/Base"}}


def stored(**more):
    """Bounds as an installation with other rules has stored them."""
    return BoundsInForce.model_validate(
        {"config_sequence": 1, "type_versions": {}, "bounds": {"tenant": "acme", **GONE, **more}}
    )


def test_stored_bounds_in_a_zone_that_is_gone_are_read_and_say_so():
    bounds = stored()

    assert bounds.bounds.budget.timezone == "Mars/Base"
    assert "'Mars/Base' is not a time zone" in bounds.unreadable()
    assert bounds.budget_zones("north", NOW) == ("Mars/Base", "UTC")


def test_an_account_whose_zone_is_there_is_not_held_up_by_another_whose_zone_is_gone():
    bounds = stored(budget={"max_autonomous_per_day": 5}, accounts={"west": {"budget": {"timezone": "Mars/Base"}}})

    assert bounds.budget("north", NOW).day.timezone == "UTC"
    assert (bounds.unreadable("north"), bounds.unreadable("west") is None) == (None, False)


def test_what_is_counted_and_told_of_a_tenants_days_goes_on_in_utc():
    assert stored().day(NOW).timezone == stored().budget("north", NOW).day.timezone == "UTC"
    assert stored().zones(NOW) == {"UTC"}


def test_bounds_in_a_zone_that_is_gone_can_be_changed_into_one_that_is_there():
    after = replace_bounds(stored(), parse_bounds({"tenant": "acme", "budget": {"timezone": "Asia/Tokyo"}}), NOW)

    assert after.zones_until == {}
    assert after.budget("north", NOW).day.timezone == "Asia/Tokyo"


def test_a_zone_that_is_gone_cannot_be_written_again():
    with pytest.raises(InvalidInput) as in_all:
        parse_bounds(stored().bounds)
    with pytest.raises(InvalidInput) as in_part:
        parse_part(Budgets, {"tenant": None, "accounts": {"west": {"timezone": "Mars/Base"}}, "ceiling": None})

    assert in_all.value.field == "budget.timezone"
    assert in_part.value.field == "accounts.west.timezone"


def test_a_part_that_is_made_in_code_is_checked_as_well():
    with pytest.raises(InvalidInput, match=r"ceiling\.timezone"):
        Budgets(tenant=None, accounts={}, ceiling={"max_autonomous_per_day": 1, "timezone": "localtime"})


def test_rules_do_not_run_out_where_the_years_do():
    assert zone("Europe/Berlin").utcoffset(datetime(9999, 7, 1)) == timedelta(hours=2)  # noqa: DTZ001
