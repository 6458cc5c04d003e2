"""What each function really writes, in every way that an intent can take, is what its role may write."""

from __future__ import annotations

from collections import defaultdict

from infra.functions import FUNCTIONS
from remit.core.gate.autonomy import StopScope
from remit.ports import UnitOfWork
from tests.flow.world import OTHER, TENANT, TYPE, proposal, type_of

BY_NAME = {function.name: function for function in FUNCTIONS}


class Noting:
    """Notes which kinds are written and deleted, and by which function."""

    def __init__(self, transact):
        self._transact = transact
        self.by = None
        self.written, self.deleted = defaultdict(set), defaultdict(set)

    def transact(self, units):
        return self._transact([self._noting(unit) for unit in units])

    def _noting(self, unit):
        def change(snapshot):
            writes = unit.decide(snapshot)
            self.written[self.by] |= {key.kind.name for key, _ in writes.puts}
            self.deleted[self.by] |= {key.kind.name for key in writes.deletes}
            return writes

        return UnitOfWork(unit.reads, change, unit.then_reads)


def note(deployment, monkeypatch):
    """From here on, who writes what is noted."""
    store = deployment.remit.context.store
    noting = Noting(store.transact)
    monkeypatch.setattr(store, "transact", noting.transact)

    def named(name, handler):
        def noted(event, context):
            before, noting.by = noting.by, name
            try:
                return handler(event, context)
            finally:
                noting.by = before

        return noted

    handlers = deployment.cloud.emulator.functions.handlers
    for name, handler in [*handlers.items()]:
        monkeypatch.setitem(handlers, name, named(name, handler))
    return noting


def every_way(deployment, noting):
    """One intent at least for each way that ends differently."""
    deployment.apply(
        action_types={
            TYPE: type_of(),
            OTHER: {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_note"}},
            "TWO_MUST_AGREE": {**type_of(), "approvals_required": 2},
        },
    )
    answer = {"tenant_id": TENANT, "by": "bob"}

    def approve(name, by="bob"):
        digest = deployment.remit.intent(TENANT, name).digest
        deployment.call("review", verb="approve", **{**answer, "by": by}, action_intent_id=name, digest=digest)

    def propose(name, **changes):
        return deployment.call("propose", proposal=proposal(name, **changes))

    propose("auto")
    propose("internal", action_type=OTHER)
    propose("unsure", confidence_score=0.1)
    approve("unsure")
    propose("two", action_type="TWO_MUST_AGREE")
    approve("two", "bob")
    approve("two", "carol")
    propose("no", confidence_score=0.1)
    deployment.call("review", verb="reject", **answer, action_intent_id="no")
    propose("edited", confidence_score=0.1)
    deployment.call("review", verb="edit", **answer, action_intent_id="edited", changes={"parameters.text": "better"})
    deployment.settle()
    deployment.front.script.append("refused")
    propose("refused")
    # The bus takes the event and its answer is lost: the execution finds the approval still reserved.
    deployment.front.script.append("lost")
    propose("unconfirmed")
    deployment.settle()
    deployment.far.script.append("lost")
    propose("lost")
    deployment.settle()
    deployment.call("review", verb="resolve", **answer, action_intent_id="lost", status="SUCCEEDED")
    deployment.propose("by-gate")
    deployment.gate("by-gate")
    deployment.propose("left-alone")
    deployment.clock.pass_(minutes=5)
    deployment.call("reconcile")
    deployment.settle()

    deployment.front.script.append("unreachable")
    deployment.propose("stopped")
    deployment.gate("stopped")
    deployment.remit.stop(StopScope(tenant_id=TENANT), by="ann", reason="incident")
    deployment.gate("stopped")
    deployment.settle()
    deployment.remit.resume(StopScope(tenant_id=TENANT), by="ann", reason="over")

    def stop(call):
        # A person's doing, while the function waits.
        function, noting.by = noting.by, None
        deployment.remit.stop(StopScope(tenant_id=TENANT), by="ann", reason="incident")
        noting.by = function
        return "no DOWNSTREAM"

    deployment.far.script.append(stop)
    propose("stopped-between")
    deployment.settle()
    deployment.call("notify")
    deployment.clock.pass_(days=200)
    deployment.call("reconcile")
    deployment.call("reconcile")


def test_what_each_function_writes_and_deletes_is_what_its_role_may(deployment, monkeypatch):
    noting = note(deployment, monkeypatch)
    monkeypatch.setattr("remit.entrypoints.aws_lambda.notify.time.sleep", lambda _: None)

    every_way(deployment, noting)

    handlers = {name: function for name, function in BY_NAME.items() if name != "http_door"}
    for name, function in handlers.items():
        assert noting.written[name] <= function.writes, name
        assert noting.deleted[name] <= function.deletes, name
    # And hardly more than that: a release may read policies anew, and nobody has subscribed here.
    unused = {name: set(function.writes - noting.written[name]) for name, function in handlers.items()}
    assert {name: kinds for name, kinds in unused.items() if kinds} == {
        "notify": {"notification_states", "outboxes", "deliveries", "policy_versions"},
    }
    assert noting.deleted["reconcile"] == BY_NAME["reconcile"].deletes
