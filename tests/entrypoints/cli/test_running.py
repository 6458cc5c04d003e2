"""`remit worker` and `remit serve`: what they run, what they refuse, and how they end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys

import pytest

from tests.waiting import PATIENCE_S

from .desk import environment

FUNCTIONS = """
import remit

@remit.action("SHIP_ORDER", execute="worker")
def ship(order_id: str) -> str:
    return f"shipped {order_id}"

@remit.action("COUNT_STOCK")
def count(shelf: str) -> int:
    raise AssertionError("it runs where it is called")
"""


SHIPPING = """
tenant: acme
action_types: {SHIP_ORDER: {risk_tier: LOW, tool: {connector: function}}}
allowlist: [SHIP_ORDER]
modes: {default: AUTO_EXECUTE}
budget: {max_autonomous_per_day: 20}
"""


@pytest.fixture
def shipping(desk):
    """Two orders to ship, and a module of functions in a package."""
    (desk.folder / "app").mkdir()
    (desk.folder / "app" / "actions.py").write_text(FUNCTIONS)
    (desk.folder / "shipping.yaml").write_text(SHIPPING)
    desk.run("apply", "shipping.yaml")
    proposal = {"tenant_id": "acme", "account_id": "a-1", "action_type": "SHIP_ORDER", "confidence_score": 0.9}
    lines = [json.dumps({**proposal, "action_intent_id": f"o-{n}", "parameters": {"order_id": f"{n}"}}) for n in (1, 2)]
    desk.run("propose", "-", stdin="\n".join(lines))
    return desk


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_worker_runs_the_functions_of_the_modules_that_it_imports_and_others_leave_them(shipping, processes):
    assert shipping.one("worker", "--until-idle")["executed"] == 0

    worked = shipping.one("worker", "--until-idle", "--import", "app.actions", "--processes", processes)

    assert worked["by_status"] == {"SUCCEEDED": 2}
    assert shipping.one("result", "o-2", "--tenant", "acme")["content"] == "shipped 2"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["worker", "--import", "app.nothing"], "app.nothing cannot be imported"),
        (["worker", "--import", "json"], "json has no function with"),
        (["worker", "--processes", "2", "--import", "app.nothing"], "app.nothing cannot be imported"),
        (["serve", "--no-worker", "--import", "app.actions"], "leave out --no-worker"),
    ],
)
def test_a_module_without_functions_for_a_worker_is_refused(shipping, words, said):
    assert said in shipping.run(*words, code=2).stderr


def test_a_worker_that_is_told_to_end_ends(desk):
    reconciled = desk.one("reconcile")
    with subprocess.Popen(
        [sys.executable, "-m", "remit", "worker"],
        cwd=desk.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        started = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)

    assert reconciled == {"gated": 0, "published": 0, "expired": 0, "lapsed": 0, "erased": 0}
    assert started.startswith("working")
    assert (process.returncode, out, err) == (0, "executed 0\n", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_that_is_in_use_is_said_in_one_line(desk, host):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = desk.run("serve", "--host", host, "--port", str(port), code=2)

    assert refused.stderr.startswith(f"error: {host}:{port}: is in use already; ")
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""


def test_a_certificate_that_cannot_be_used_is_said_in_one_line(desk):
    (desk.folder / "bad.pem").write_text("no certificate")
    for words in (["--tls-certificate", "nowhere.pem"], ["--tls-certificate", "bad.pem"], ["--tls-key", "bad.pem"]):
        refused = desk.run("serve", "--port", "0", *words, code=2)

        assert refused.stderr.startswith("error: --tls-certificate: ")
        assert refused.stderr.count("\n") == 1
