"""Two packages over one table: what began on one release ends on it, and what begins begins on the newest."""

from __future__ import annotations

import pytest

from infra.local.cloud import real_handlers
from tests.flow.world import TENANT


class Releases:
    """Releases of the functions, deployed by version; each says of its calls that it was called."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.called: list[tuple[str, str]] = []

    def deploy(self, version):
        package = {name: self._of(version, handler) for name, handler in real_handlers().items()}
        self.cloud.deploy(version, package)

    def _of(self, version, handler):
        def handled(event, context):
            if "data" in event:
                self.called.append((version, event["data"]["action_intent_id"]))
            return handler(event, context)

        return handled

    def of(self, name):
        """The versions that an intent's execution called."""
        return {version for version, intent in self.called if intent == name}


@pytest.fixture
def releases(deployment):
    handlers = deployment.cloud.emulator.functions.handlers
    kept = dict(handlers)
    yield Releases(deployment.cloud)
    handlers.clear()
    handlers |= kept


def carried_out(deployment, name):
    deployment.propose(name)
    deployment.gate(name)
    deployment.settle()


@pytest.mark.parametrize(("before", "after"), [("1", "2"), ("2", "1")], ids=["upgrade", "roll-back"])
def test_an_execution_that_began_ends_on_its_release_whatever_is_deployed_meanwhile(
    deployment, releases, before, after
):
    releases.deploy(before)

    def deployed_meanwhile(call):
        releases.deploy(after)
        return "no DOWNSTREAM"

    # While the first call is under way; then there is a pause, and another call.
    deployment.far.script.append(deployed_meanwhile)
    carried_out(deployment, "first")
    carried_out(deployment, "second")

    assert len(deployment.far.calls) == 3
    assert releases.of("first") == {before}
    assert releases.of("second") == {after}
    assert [deployment.status(name) for name in ("first", "second")] == ["SUCCEEDED", "SUCCEEDED"]
    deployment.assert_sound()


def test_an_approval_of_one_release_is_executed_by_the_other(deployment, releases):
    releases.deploy("1")
    deployment.propose(confidence_score=0.1)
    deployment.gate()
    digest = deployment.remit.queue(TENANT)[0][0]["digest"]

    releases.deploy("2")
    deployment.call("review", verb="approve", tenant_id=TENANT, action_intent_id="i-1", by="bob", digest=digest)
    deployment.settle()

    assert deployment.status() == "SUCCEEDED"
    assert releases.of("i-1") == {"2"}
