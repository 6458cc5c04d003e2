"""The names that `remit` offers, and the weight of asking for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import remit

HEAVY = {"boto3", "cedarpy", "fastapi", "limits", "pydantic", "sqlalchemy", "typer"}


@pytest.mark.parametrize("name", remit.__all__)
def test_every_public_name_is_there(name):
    assert getattr(remit, name).__name__ == name
    assert name in dir(remit)


def test_a_name_that_is_not_public_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        remit.nothing  # noqa: B018 - asking is what is tested


@pytest.mark.parametrize("asked", ["import remit", "from remit import RemitClient", "from remit import TryLater"])
def test_who_calls_a_remit_elsewhere_loads_no_store_and_no_server(asked):
    loaded = f"{asked}; import sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"

    told = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, timeout=60)

    assert HEAVY.isdisjoint(told.stdout.split())
