"""`docs/http.md` names every route, role and problem of the HTTP door, none that is not there, and its lines work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from remit.core.identity.access import ROLES
from remit.entrypoints.web import problems
from remit.entrypoints.web.problem_details import KINDS
from remit.ports import CaseFilter
from tests.entrypoints.http_world import ACME, EMAIL, NOTE, OWN, SILENT, Silent, bounds, http_world
from tests.entrypoints.test_http_roles import ALLOWED, PUBLIC, WEBHOOK

PAGE = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")


def test_every_route_is_listed_and_no_other():
    served = {re.sub(r"{\w+_intent_id}", "{id}", route.partition(" ")[2]) for route in {*ALLOWED, *PUBLIC}}
    rows = "".join(line for line in PAGE.splitlines() if re.match(r"\| `(GET|POST|PUT|DELETE)", line))
    listed = set(re.findall(r"`(?:(?:GET|POST|PUT|DELETE) )?(/[\w/{}.-]+)`", rows))

    assert listed == served - {"/", "/openapi.json"}


def test_every_role_and_every_problem_is_described():
    kinds = {kind for _, _, kind, _ in KINDS} | {kind for kind, _ in problems.REFUSALS.values()} | {"internal"}

    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) >= set(ROLES)
    assert set(re.findall(r"`/problems/([\w-]+)`", PAGE)) == kinds - {"refused"}


LINES = re.findall(r"^\| (`(?:GET|POST|PUT|DELETE).*?) \| [^|]* \| `([^|]*)` \|$", PAGE, re.MULTILINE)
(SHORTHAND,) = re.findall(r"^`(c\(\) .*)`\.", PAGE, re.MULTILINE)
TIMED_OUT = 28
"""How curl ends a stream, which has no end of its own."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A door with the files that the lines send, and an action type whose outcome nobody knows."""
    if not shutil.which("curl"):
        if os.environ.get("CI"):
            pytest.fail("curl is missing")
        pytest.skip("curl is missing; install it to try the lines of docs/http.md")
    folder = tmp_path_factory.mktemp("shop")
    with http_world(folder, connectors={"silent": Silent()}) as world:
        whole = bounds(silent=True)
        whole["action_types"][NOTE] |= {"sample": 1}
        world.remit.apply(whole, by="the test")
        (folder / "bounds.json").write_text(json.dumps({**whole, "allowed_hosts": ["api.example.com"]}))
        (folder / "policies.json").write_text(json.dumps({"policies": []}))
        yield world


def _prepared(world, place, line):
    """The line, about an intent that is where the line needs it to be; what acts on one's own, about the reader's."""
    name = f"doc-{place}"
    if "SUBSCRIPTION" in line:
        world.remit.set_subscription(ACME, name, WEBHOOK, by="the test")
    if "/promote" in line:
        burst = {"name": "burst", "most": 1000, "per": "minute", "of": "account", "log_only": True}
        whole = world.remit.bounds(ACME).bounds.model_dump(mode="json")
        world.remit.apply({**whole, "limits": [burst]}, by="the test")
    if "/resolve" in line:
        world.submit(name, action_type=SILENT)
        world.work()
    elif "/judge" in line:
        world.submit(name, action_type=NOTE)
        world.work()
    elif any(part in line for part in ("/answer", "/result", "/auto-exec-state")):
        world.submit(name, action_type=NOTE, proposed_by="reader")
        world.work()
    elif "/begin " in line or "/finish " in line or "/renew " in line:
        world.submit(name, action_type=OWN, proposed_by="reader")
        begun = world.remit.begin(ACME, name, by="reader") if "/begin " not in line else None
        line = line.replace('"approval_id":"…"', f'"approval_id":"{begun.permit.approval_id}"') if begun else line
    elif 'd \'{"action_intent_id":"ID","account_id":"acct-1","action_type"' not in line:
        own = "/withdraw " in line or "/supplement " in line
        world.submit(name, action_type=EMAIL, proposed_by="reader" if own else "agent")
        digest = world.remit.intent(ACME, name).digest
        if "/supplement " in line:
            world.remit.ask(ACME, name, by="bob", text="Which order?")
        elif line.endswith("/undo"):
            world.remit.approve(ACME, name, by="reader", digest=digest, undo_for_s=60)
        line = line.replace('"digest":"…"', f'"digest":"{digest}"')
    _, key = world.remit.create_key(ACME, {"name": name, "roles": ["agent"]}, by="the test")
    line = line.replace("SUBSCRIPTION", name)
    line = line.replace("KEY_ID", key.split(".")[2]).replace("/ID", f"/{name}").replace('"ID"', f'"{name}"')
    return line.replace('"3"', f'"{world.remit.bounds(ACME).config_sequence}"')


def _ended(world):
    """What the line began is ended: until its lease is over, whoever works until nothing is left would wait for it."""
    begun, _ = world.remit.intents(ACME, CaseFilter(statuses=["RUNNING"]))
    for name in [intent["action_intent_id"] for intent in begun]:
        approval = world.remit.why(ACME, name)["approval"]
        world.remit.finish(ACME, name, by="reader", approval_id=approval["approval_id"], acted="yes")


@pytest.mark.parametrize("place", range(len(LINES)), ids=[line.split("$U")[1][:40] for _, line in LINES])
def test_each_line_works_as_it_stands(shop, place):
    line = LINES[place][1]
    roles = sorted(set(ROLES) - {"platform"})
    _, key = shop.remit.create_key(ACME, {"name": "reader", "roles": roles}, by="the test")
    shorthand = SHORTHAND.replace("curl -s", "curl -s --fail-with-body --max-time 2")
    script = f"{shorthand}\n{_prepared(shop, place, line).replace('curl -s', 'curl -s --fail-with-body', 1)}"

    done = subprocess.run(
        ["sh", "-c", script],
        env={"PATH": os.environ["PATH"], "U": shop.url, "KEY": key},
        cwd=Path(shop.remit.url.removeprefix("sqlite:///")).parent,
        capture_output=True,
        text=True,
    )
    _ended(shop)

    assert done.returncode == (TIMED_OUT if "/v1/stream" in line else 0), done.stdout + done.stderr
    assert done.stdout


def test_every_row_has_a_line():
    assert len(LINES) == len(re.findall(r"^\| `(?:GET|POST|PUT|DELETE)", PAGE, re.MULTILINE))
