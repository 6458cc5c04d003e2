"""`remit init` writes bounds that hold, makes what it is asked for, and says what to paste: pasted, it works."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from remit import Remit
from tests.waiting import PATIENCE_S

from .desk import Desk, environment

ROOT = Path(__file__).parents[3]
AGENT = """
import os

import httpx

import remit
from tests.waiting import until


def ready():
    try:
        return httpx.get(os.environ["REMIT_URL"] + "/readyz").status_code == 200
    except httpx.TransportError:
        return False


@remit.action("REFUND_ORDER", target=("order", "order_id"), confidence_score=0.9)
def refund(order_id: str, amount: float) -> dict:
    return {"refunded": amount}


until(ready, what="the server answers")
assert refund("o-1", 12.5) == {"refunded": 12.5}
"""


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.mark.parametrize("words", [["--tenant", "acme"], []])
@pytest.mark.parametrize("where", [[], ["--dir", "my shop"]])
def test_what_it_prints_puts_an_agent_within_its_bounds(desk, words, where):
    port = unused_port()
    made = desk.one("init", *words, *where, "--port", str(port))
    (desk.folder / "remit").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m remit "$@"\n')
    (desk.folder / "remit").chmod(0o755)
    (desk.folder / "agent.py").write_text(AGENT)
    apply, serve, export = made["lines"]
    script = [apply, serve, "server=$!", export, f'"{sys.executable}" agent.py; code=$?', "kill $server", "exit $code"]

    path = f"{desk.folder}{os.pathsep}{os.environ['PATH']}"
    known = environment(PATH=path, PYTHONPATH=f"{ROOT / 'src'}{os.pathsep}{ROOT}")
    pasted = ["sh", "-c", "\n".join(script)]
    done = subprocess.run(pasted, cwd=desk.folder, env=known, capture_output=True, text=True, timeout=PATIENCE_S)

    assert done.returncode == 0, done.stdout + done.stderr
    with Remit.open(f"sqlite:///{desk.folder / (where[1] if where else '.')}/remit.db") as remit:
        assert remit.counts("acme") == {"SUCCEEDED": 1}


def test_the_bounds_that_it_writes_pass_a_dry_run(desk):
    made = desk.one("init", "--tenant", "globex")

    seen = desk.run("apply", made["bounds"], "--dry-run").stdout

    assert "this would change for tenant globex" in seen
    assert made["key"].startswith("rk.globex.")


def test_without_a_tenant_it_writes_bounds_and_nothing_else(desk):
    made = desk.one("init", "--dir", "here")

    assert (made["key"], [path.name for path in (desk.folder / "here").iterdir()]) == (None, ["bounds.yaml"])


def test_no_file_is_overwritten_and_then_nothing_is_made(desk):
    (desk.folder / "bounds.yaml").write_text("mine")

    told = desk.error("init", "--tenant", "acme", code=2)

    assert "is there already, and is not overwritten" in told["message"]
    assert (desk.folder / "bounds.yaml").read_text() == "mine"
    assert not (desk.folder / "remit.db").exists()


def test_where_it_cannot_write_it_says_so(desk):
    (desk.folder / "file").write_text("")

    assert "--dir" in desk.error("init", "--dir", "file/inside", code=2)["message"]


def test_another_database_is_named_in_the_lines(desk):
    made = desk.one("init", "--tenant", "acme", "--db", "sqlite:///other.db")

    assert made["lines"][0] == "remit --db sqlite:///other.db apply bounds.yaml"
    assert (desk.folder / "other.db").exists()
