"""What each function really writes, in every way that an intent can take, is what its role may write."""

from __future__ import annotations

import json
from collections import defaultdict

from infra.functions import FUNCTIONS
from remit.core.gate.autonomy import StopScope
from remit.core.notifications.outbox import GATHER
from remit.ports import UnitOfWork
from tests.flow.notified import CONSOLE, Receiver
from tests.flow.world import OTHER, OWN, TENANT, TYPE, own_type, proposal, type_of

BY_NAME = {function.name: function for function in FUNCTIONS}


class Noting:
    """Notes which kinds are written and deleted, and by which function."""

    def __init__(self, transact):
        self._transact = transact
        self.by = None
        self.written, self.deleted, self.chains = defaultdict(set), defaultdict(set), defaultdict(set)

    def transact(self, units):
        return self._transact([self._noting(unit) for unit in units])

    def _noting(self, unit):
        def change(snapshot):
            writes = unit.decide(snapshot)
            self.written[self.by] |= {key.kind.name for key, _ in writes.puts}
            self.deleted[self.by] |= {key.kind.name for key in writes.deletes}
            self.chains[self.by] |= {entry.action_intent_id for entry in writes.entries}
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


def subscribed(deployment):
    """A mailbox that is told everything, with links that sign in."""
    ann = {"name": "ann", "address": "ann@example.com", "roles": ["approver"]}
    context = deployment.remit.context
    object.__setattr__(context, "notifiers", {"email": Receiver()})
    object.__setattr__(context, "console_url", CONSOLE)
    deployment.remit.set_subscription(TENANT, "ops", {"channel": "email", "recipients": [ann]}, by="ann")


def tell(deployment):
    """What happened is gathered, and then mailed."""
    deployment.call("notify")
    deployment.clock.pass_(seconds=GATHER.total_seconds())
    deployment.call("notify")


def stop_by_its_own_door(deployment):
    _, key = deployment.remit.create_key(TENANT, {"name": "eve", "roles": ["operator"]}, by="ann")
    for verb in ("stop", "resume"):
        status, said = deployment.over_http(
            "POST", f"/v1/{verb}", key, {"reason": "incident", "level": "autonomy"}, function="stop_door"
        )
        assert status == 200, said


def begun(deployment, name):
    """A run that was started, and whose event reached nobody else."""
    deployment.front.script.append("unreachable")
    deployment.call("propose", proposal=proposal(name))
    run = {"data": json.loads(deployment.front.calls[-1][0]["Detail"])["data"], "holder": "a run"}
    ref = deployment.remit.executor(run["holder"]).start(run["data"])
    return run, ref


def record_what_broke(deployment):
    """A run that broke when its answer was noted: people may be shown how it ended."""
    run, ref = begun(deployment, "broke")
    executor = deployment.remit.executor(run["holder"])
    executor.preflight(ref)
    executor.invoke(ref, executor.map(ref)["request"])
    deployment.call("execution_recorder", **run, error={"Error": "ValueError"})
    assert deployment.status("broke") == "SUCCEEDED"


def give_up_after_it_expired(deployment):
    """A run whose step broke, found when its intent was over."""
    run, _ = begun(deployment, "given-up")
    deployment.clock.pass_(days=30)
    deployment.call("execution_recorder", **run, error={"Error": "ValueError"})
    assert deployment.status("given-up") == "CANCELLED"


def every_way(deployment, noting):
    """One intent at least for each way that ends differently."""
    deployment.far.says = ("application/json", b"{}")
    deployment.apply(
        action_types={
            TYPE: {**type_of(), "sample": 1},
            OTHER: {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_note"}},
            "SLOW": {**type_of(timeout_s=60), "sample": 1},
            OWN: own_type(sample=1),
            "SLOW_NOTE": {
                "risk_tier": "LOW",
                "tool": {"connector": "internal", "operation": "create_note", "timeout_s": 60},
            },
            "PRIVATE": {**type_of(), "private": ["parameters.text"]},
            "TWO_MUST_AGREE": {**type_of(), "approvals_required": 2},
        },
        allowlist=[TYPE, OTHER, "SLOW", "SLOW_NOTE", OWN],
        budget={"max_autonomous_per_day": 20},
    )
    answer = {"tenant_id": TENANT, "by": "bob"}

    def approve(name, by="bob"):
        digest = deployment.remit.intent(TENANT, name).digest
        deployment.call("review", verb="approve", **{**answer, "by": by}, action_intent_id=name, digest=digest)

    def propose(name, **changes):
        return deployment.call("propose", proposal=proposal(name, **changes))

    propose("auto")
    propose("internal", action_type=OTHER)
    propose("slow-internal", action_type="SLOW_NOTE")
    propose("unsure", confidence_score=0.1)
    approve("unsure")
    propose("two", action_type="TWO_MUST_AGREE")
    approve("two", "bob")
    approve("two", "carol")
    propose("no", confidence_score=0.1)
    deployment.call("review", verb="reject", **answer, action_intent_id="no")
    propose("edited", confidence_score=0.1)
    deployment.call("review", verb="edit", **answer, action_intent_id="edited", changes={"parameters.text": "better"})
    propose("private", action_type="PRIVATE")
    deployment.call("review", verb="edit", **answer, action_intent_id="private", changes={"parameters.text": "unsaid"})
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
    # Tools that fail once and then answer, so that nothing has to be known of them any more.
    for name, action_type in {"fails": TYPE, "slow-fails": "SLOW"}.items():
        deployment.far.script.append("no DOWNSTREAM")
        propose(name, action_type=action_type)
        deployment.settle()
    deployment.call("review", verb="resolve", **answer, action_intent_id="lost", status="SUCCEEDED")
    deployment.propose("by-gate")
    deployment.gate("by-gate")
    record_what_broke(deployment)
    propose("never-finished", action_type=OWN)
    deployment.remit.begin(TENANT, "never-finished", by="agent")
    deployment.propose("left-alone")
    deployment.clock.pass_(minutes=5)
    deployment.call("reconcile")
    deployment.settle()

    stopped = {"stopped": TYPE, "slow-stopped": "SLOW"}
    for name, action_type in stopped.items():
        deployment.front.script.append("unreachable")
        deployment.propose(name, action_type=action_type)
        deployment.gate(name)
    deployment.remit.stop(StopScope(tenant_id=TENANT), by="ann", reason="incident")
    for name in stopped:
        deployment.gate(name)
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
    stop_by_its_own_door(deployment)
    tell(deployment)
    give_up_after_it_expired(deployment)
    deployment.clock.pass_(days=200)
    deployment.call("reconcile")
    deployment.call("reconcile")
    # Links that were mailed before are over by now.
    propose("late", confidence_score=0.1)
    tell(deployment)
    # By now everybody's entries say how late it is.
    deployment.clock.pass_(days=1)
    propose("later", confidence_score=0.1)
    tell(deployment)


def test_what_each_function_writes_and_deletes_is_what_its_role_may(door, monkeypatch):
    deployment = door
    subscribed(deployment)
    noting = note(deployment, monkeypatch)
    monkeypatch.setattr("remit.entrypoints.aws_lambda.notify.time.sleep", lambda _: None)

    every_way(deployment, noting)

    handlers = {name: function for name, function in BY_NAME.items() if name != "http_door"}
    for name, function in handlers.items():
        assert noting.written[name] <= function.writes, name
        assert noting.deleted[name] <= function.deletes, name
    # And hardly more than that: only after a release that changed the platform's policies are they kept anew.
    unused = {name: set(function.writes - noting.written[name]) for name, function in handlers.items()}
    assert {name: kinds for name, kinds in unused.items() if kinds} == {"notify": {"policy_versions"}}
    assert noting.deleted["notify"] == {"outboxes", "sign_in_links", "usages"}
    assert noting.deleted["reconcile"] == {"results", "samples"}
    assert noting.deleted["executor"] == noting.deleted["patient_executor"] == {"tool_breakers"}
    # Entries of intents are written by none that may write to a tenant's own chain alone.
    beyond = {name for name, chains in noting.chains.items() if chains - {None}}
    assert not beyond & {name for name, function in handlers.items() if function.own_chain_only}
