"""The protocol's own conformance package, against the gateway over HTTP: every scenario that is about tools."""

import json
import os
import shutil
import subprocess
import sys
import threading

import pytest

from tests.conftest import NODE_MODULES
from tests.entrypoints.http_world import ACME

from .gateway_world import ROOT, gateway_world
from .mcp_conformance import ANSWERS, ASKED

PACKAGE = NODE_MODULES / "@modelcontextprotocol" / "conformance"
NOW = "2026-07-28"
TOOLS = [
    *("tools-list", "tools-call-simple-text", "tools-call-image", "tools-call-audio", "tools-call-embedded-resource"),
    *("tools-call-mixed-content", "tools-call-error", "tools-call-with-progress", "json-schema-2020-12"),
    *("dns-rebinding-protection", "server-sse-multiple-streams"),
]
SCENARIOS = [
    *((name, None) for name in [*TOOLS, "server-initialize", "server-session-lifecycle", "ping"]),
    *((name, NOW) for name in [*TOOLS, "server-stateless", "caching", "http-header-validation"]),
    *((name, NOW) for name in ("http-custom-header-server-validation", "input-required-result-unsupported-methods")),
    ("input-required-result-ignore-extra-params", NOW),
    *((f"tasks-{name}", None) for name in ("lifecycle", "wire-fields", "request-headers", "dispatch-and-envelope")),
    ("tasks-request-state-removal", None),
]
NOT_OURS = {
    # Their tools elicit, log, or fail by an error of the protocol: what a server asks of its client does not pass.
    "sep-2575-server-rejects-undeclared-capability",
    "sep-2575-missing-capability-http-400",
    "sep-2575-http-server-no-independent-requests-on-stream",
    "sep-2575-server-no-log-without-loglevel",
    "sep-2663-tasks-get-status-failed",
    "tasks-result-type-complete-on-non-task-responses",
    # There are no prompts and no resources.
    "sep-2549-prompts-list-caching-hints",
    "sep-2549-resources-list-caching-hints",
    "sep-2549-resources-templates-list-caching-hints",
}


class Approver:
    """A person who says yes to everything, a moment after having seen it."""

    def __init__(self, gate):
        self._gate, self._stop, self._seen = gate, threading.Event(), set()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(1):
            waiting = {each.action_intent_id: each.digest for each in self._gate.world.remit.waiting(ACME)}
            for name in self._seen & waiting.keys():
                client = self._gate.world.client("approver")
                # It may have been taken back meanwhile.
                client.post(f"/v1/intents/{name}/approve", json={"digest": waiting[name]})
            self._seen = set(waiting)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    if shutil.which("node") is None or not PACKAGE.is_dir():
        if os.environ.get("CI"):
            raise RuntimeError(f"no conformance package: {PACKAGE} is not there; run './dev test', which installs it")
        pytest.skip(f"no node, or no {PACKAGE}: './dev test' installs it where there is npm")
    server = {"command": sys.executable, "args": ["-m", "tests.agents.mcp_conformance"]}
    own = {"env": {"PYTHONPATH": str(ROOT)}}
    # Each scenario calls anew, some in the words of another.
    rules = {name: {"action_type": "REFUND" if name in ASKED else "NOTE", "read_only": True} for name in ANSWERS}
    directory = tmp_path_factory.mktemp("conformance")
    behind = {"servers": {"one": {**server, **own}}, "tools": rules, "free": []}
    with gateway_world(directory, **behind) as gate, gate.gateway() as listens, Approver(gate):
        yield listens


@pytest.mark.parametrize(("scenario", "version"), SCENARIOS)
def test_the_gateway_does_as_the_protocol_says(url, tmp_path, scenario, version):
    at = ["--spec-version", version, "--force"] if version else []
    script = [str(PACKAGE / "dist" / "index.js"), "server", "--url", url, "--scenario", scenario, "-o", str(tmp_path)]
    command = ["node", "--import", str(ROOT / "tests" / "agents" / "older_node.mjs"), *script, *at]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    (file,) = tmp_path.rglob("checks.json")
    checks = json.loads(file.read_text())
    failed = {check["id"]: check.get("errorMessage") for check in checks if check["status"] == "FAILURE"}
    assert any(check["status"] == "SUCCESS" for check in checks), done.stdout
    assert {id: said for id, said in failed.items() if id not in NOT_OURS} == {}
