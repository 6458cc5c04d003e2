"""`docs/http.md` names every route, role and problem of the HTTP door, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from remit.core.access import ROLES
from remit.entrypoints.http import problems
from tests.entrypoints.test_http_roles import ALLOWED, PUBLIC

PAGE = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")


def test_every_route_is_listed_and_no_other() -> None:
    served = {route.partition(" ")[2].replace("{action_intent_id}", "{id}") for route in {*ALLOWED, *PUBLIC}}
    rows = "".join(line for line in PAGE.splitlines() if re.match(r"\| `(GET|POST|PUT)", line))
    listed = set(re.findall(r"`(?:(?:GET|POST|PUT) )?(/[\w/{}.-]+)`", rows))

    assert listed == served - {"/openapi.json"}


def test_every_role_and_every_problem_is_described() -> None:
    kinds = {kind for _, _, kind, _ in problems.KINDS} | {kind for kind, _ in problems.REFUSALS.values()} | {"internal"}

    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) >= set(ROLES)
    assert set(re.findall(r"`/problems/([\w-]+)`", PAGE)) == kinds - {"refused"}
