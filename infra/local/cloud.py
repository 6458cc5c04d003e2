"""
The deployed parts, joined on loopback: bus, rules, queues for what fails, state machine, functions.

What stands in for AWS: moto keeps bus, rules, queues and executions, and interprets the state machine. It delivers
events to queues only, so each rule's target is a queue here, and `Deliveries` carries on from there as EventBridge
and Lambda would: try, try again, and after some tries leave it in the dead-letter queue.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any
from uuid import uuid4

from infra.events import EXECUTION, GATE, RULES, Rule, pattern_json
from infra.functions import FUNCTIONS
from infra.local.emulator import ACCOUNT, REGION, Emulator, Handler, function_arn
from infra.state_machine import STEPS, definition

log = logging.getLogger(__name__)

TRIES = 4
PAUSE_S = 0.02
ROLE = f"arn:aws:iam::{ACCOUNT}:role/local"
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


class LocalCloud:
    """One deployment in the emulator. Until it is closed, it delivers what comes on its bus."""

    def __init__(self, emulator: Emulator) -> None:
        self.name = f"remit-{uuid4().hex[:8]}"
        self.emulator = emulator
        self.events, self.sqs, self.states = (emulator.client(name) for name in ("events", "sqs", "stepfunctions"))
        emulator.functions.handlers |= real_handlers()
        self.events.create_event_bus(Name=self.name)
        self.machine = self._state_machine()
        targets: dict[str, Callable[[str], Any]] = {GATE: self._gate, EXECUTION: self._start_execution}
        self._deliveries = [Deliveries(self.sqs, self._queue(rule), targets[rule.target]) for rule in RULES]

    @property
    def sender_url(self) -> str:
        return f"eventbridge://{self.name}?region={REGION}&endpoint_url={self.emulator.url}"

    def _state_machine(self) -> str:
        created = self.states.create_state_machine(name=self.name, definition=_definition(""), roleArn=ROLE)
        arn: str = created["stateMachineArn"]
        return arn

    def deploy(self, version: str, package: Mapping[str, Handler]) -> None:
        """Publish a package's functions under a version; who begins from here on begins on it."""
        handlers = self.emulator.functions.handlers
        handlers |= {f"{name}:{version}": handler for name, handler in package.items()} | dict(package)
        self.states.update_state_machine(stateMachineArn=self.machine, definition=_definition(f":{version}"))

    def _queue(self, rule: Rule) -> str:
        """A queue behind the rule, and another for what cannot be delivered."""
        dead = self._arn_of(self._url_of(f"{rule.name}-dead"))
        policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": str(TRIES)})
        url = self._url_of(rule.name, RedrivePolicy=policy, VisibilityTimeout="1")
        self.events.put_rule(Name=rule.name, EventBusName=self.name, EventPattern=pattern_json(rule))
        target: dict[str, Any] = {"Id": "target", "Arn": self._arn_of(url)}
        if rule.transformer():
            target["InputTransformer"] = rule.transformer()
        self.events.put_targets(Rule=rule.name, EventBusName=self.name, Targets=[target])
        return url

    def _url_of(self, name: str, **attributes: str) -> str:
        url: str = self.sqs.create_queue(QueueName=f"{self.name}-{name}", Attributes=attributes)["QueueUrl"]
        return url

    def _arn_of(self, url: str) -> str:
        said = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return str(said["QueueArn"])

    def _gate(self, body: str) -> None:
        self.emulator.functions.call("gate", json.loads(body))

    def _start_execution(self, body: str) -> None:
        # As a rule does: under a name that nobody chose, so that a repeated event is a second execution.
        self.states.start_execution(stateMachineArn=self.machine, input=body, name=str(uuid4()))

    # --- what is seen of it ---

    def put(self, detail_type: str, data: dict[str, Any]) -> None:
        """One event on the bus."""
        entry = {"Source": "remit", "DetailType": detail_type, "Detail": json.dumps({"data": data})}
        answer = self.events.put_events(Entries=[{**entry, "EventBusName": self.name}])
        assert answer["FailedEntryCount"] == 0, answer

    def executions(self) -> list[dict[str, Any]]:
        """Every execution, described."""
        listed = self.states.list_executions(stateMachineArn=self.machine)["executions"]
        return [self.states.describe_execution(executionArn=one["executionArn"]) for one in listed]

    def states_of(self, execution: dict[str, Any]) -> list[str]:
        """The states that an execution entered, in order."""
        history = self.states.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)["events"]
        return [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]

    def dead_letters(self, rule: str) -> list[Any]:
        """What was given up on."""
        messages = self.sqs.receive_message(QueueUrl=self._url_of(f"{rule}-dead"), MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in messages.get("Messages", [])]

    def settle(self, within_s: float = 60.0) -> None:
        """Wait until nothing is on its way: no event undelivered, no execution running. Raises `TimeoutError`."""
        until = time.monotonic() + within_s
        while not (all(each.is_empty() for each in self._deliveries) and self._all_ended()):
            if time.monotonic() > until:
                raise TimeoutError(f"{self.name} is still at work after {within_s:.0f} s")
            time.sleep(PAUSE_S)

    def _all_ended(self) -> bool:
        listed = self.states.list_executions(stateMachineArn=self.machine)["executions"]
        return all(one["status"] in ENDED for one in listed)

    def close(self) -> None:
        for each in self._deliveries:
            each.close()


class Deliveries:
    """Takes what a rule put into its queue and hands it on, one after the other."""

    def __init__(self, sqs: Any, queue_url: str, deliver: Callable[[str], Any]) -> None:
        self._sqs, self._queue_url, self._deliver = sqs, queue_url, deliver
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)
        self._thread.start()

    def is_empty(self) -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        said = self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=names)["Attributes"]
        return all(said[name] == "0" for name in names)

    def _run(self) -> None:
        while not self._stop.is_set():
            messages = self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10).get("Messages", [])
            for message in messages:
                self._hand_on(message)
            if not messages:
                self._stop.wait(PAUSE_S)

    def _hand_on(self, message: dict[str, Any]) -> None:
        try:
            self._deliver(message["Body"])
        except Exception as error:
            # Not removed from the queue, so it comes again, and at last goes where dead letters go.
            log.info("delivering again: %s", error)
            return
        self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


def _definition(version: str) -> str:
    """The state machine over the functions of one version, which an execution keeps until it ends."""
    return json.dumps(definition({name: function_arn(name + version) for name in STEPS.values()}))


def real_handlers() -> dict[str, Any]:
    """Every function's handler, found by the name that the deployment gives it."""
    return {function.name: _found(function.handler) for function in FUNCTIONS}


def _found(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)
