"""The functions' package: built as for Lambda, but for this machine, and every handler imported from it alone."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from infra.functions import FUNCTIONS
from infra.package import LARGEST_BYTES, build, size_of


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    here = f"{platform.machine()}-manylinux2014"
    return build(tmp_path_factory.mktemp("package") / "functions", platform=here, python=f"3.{sys.version_info.minor}")


def test_it_is_far_below_what_lambda_takes(package):
    assert size_of(package) < LARGEST_BYTES / 2


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_handler_finds_all_that_it_needs_in_it(package, function):
    module, _, name = function.handler.rpartition(".")
    code = f"import sys; sys.path.insert(0, {str(package)!r}); import {module} as found; assert callable(found.{name})"

    # Nothing of this machine's packages is on the path.
    said = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)

    assert said.returncode == 0, said.stderr


def test_it_holds_nothing_of_tests_demo_or_other_databases(package):
    for gone in ("remit/demo", "remit/testing", "remit/stores/sql", "sqlalchemy", "psycopg", "typer"):
        assert not (package / gone).exists()
