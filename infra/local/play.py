"""
`./dev aws-local`: the demo's story, through the real functions, rules and state machine, on loopback.

Needs no account and leaves nothing behind. 0 if the proof at its end holds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from typing import Any

from rich.console import Console

from infra.local.cloud import LocalCloud
from infra.local.database import database
from infra.local.emulator import Emulator
from remit.demo.crm import Crm
from remit.demo.intents import TENANT, stream
from remit.demo.story import FARSIDE_MOODS, heading, prove, read, set_bounds
from remit.entrypoints.aws_lambda import process
from remit.wiring import Remit

BY_EVENT = ("phone-1", "refund-small")
"""These are only stored; an ACTION_PROPOSED event wakes the gate for them."""


def main() -> int:
    console, began = Console(), time.monotonic()
    # What functions log and count goes to CloudWatch; here it would be in the way of the story.
    os.environ["POWERTOOLS_METRICS_DISABLED"], os.environ["POWERTOOLS_LOG_LEVEL"] = "true", "CRITICAL"
    with Emulator() as emulator, database() as url, Crm.start() as crm:
        cloud = LocalCloud(emulator)
        console.print(f"EventBridge, SQS, Secrets Manager and Step Functions at {emulator.url}; records at {url}")
        _set_up(cloud, url, crm)
        with process.remit() as remit:
            sound = _story(console, cloud, remit, crm)
        cloud.close()
    console.print(f"\nThat took {time.monotonic() - began:.0f} seconds; nothing is left of it.")
    return 0 if sound else 1


def _set_up(cloud: LocalCloud, url: str, crm: Crm) -> None:
    """What the deployment puts into the functions' environment."""
    cloud.emulator.client("secretsmanager").create_secret(
        Name=f"{cloud.name}/{TENANT}/CRM_URL", SecretString=json.dumps({"value": crm.url, "hosts": [crm.host]})
    )
    os.environ |= {
        "REMIT_DATABASE_URL": url,
        "REMIT_SENDER_URL": cloud.sender_url,
        "REMIT_TOOL_SECRET_PREFIX": cloud.name,
        "REMIT_PRIVATE_HOSTS": crm.host,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": cloud.emulator.url,
    }
    for path, fault in FARSIDE_MOODS:
        crm.misbehave(path, fault)


def _story(console: Console, cloud: LocalCloud, remit: Remit, crm: Crm) -> bool:
    set_bounds(console, remit)
    _propose(console, cloud, remit)
    told: set[str] = set()
    _carry_out(console, cloud, crm, told, "3  The state machine carries out what was approved")
    _people(console, cloud, remit)
    _carry_out(console, cloud, crm, told, "5  The state machine carries on")
    read(console, remit)
    return prove(console, remit, crm)


def _propose(console: Console, cloud: LocalCloud, remit: Remit) -> None:
    heading(console, "2  Agents propose to the function, the gate decides")
    for proposal in stream(remit.now()):
        by_event = proposal["action_intent_id"] in BY_EVENT
        answer = cloud.emulator.functions.call("propose", {"proposal": proposal, "gate": not by_event})
        _show(console, proposal, answer)
    same = {"action_intent_id": "refund-small", "tenant_id": TENANT, "account_id": "acct-berlin"}
    cloud.put("ACTION_PROPOSED", same)
    console.print("one ACTION_PROPOSED event was put on the bus a second time", highlight=False)


def _show(console: Console, proposal: dict[str, Any], answer: dict[str, Any]) -> None:
    what = f"{proposal['action_intent_id']:<13} {proposal['account_id']:<12} {proposal['action_type']:<21}"
    if "problem" in answer:
        line = f"[red]refused [/] {what} {answer['problem']['detail']}"
    elif "result" not in answer:
        line = f"[cyan]stored  [/] {what} an ACTION_PROPOSED event wakes the gate"
    else:
        mark = "[green]runs    [/]" if answer["result"] == "AUTO_EXECUTED" else "[yellow]asks    [/]"
        line = f"{mark} {what} [bold]{answer['reason']}[/]"
    console.print(line, highlight=False, soft_wrap=True)


def _carry_out(console: Console, cloud: LocalCloud, crm: Crm, told: set[str], title: str) -> None:
    """Wait for every execution, and show the ways they took; `told` holds those that have been shown."""
    heading(console, title)
    with console.status("executions run; the CRM fails once, and twice acts and drops the connection"):
        cloud.settle(within_s=120)
    executions = [execution for execution in cloud.executions() if execution["executionArn"] not in told]
    told |= {execution["executionArn"] for execution in executions}
    for path, times in Counter(" → ".join(_steps(cloud, execution)) for execution in executions).most_common():
        console.print(f"{times:3} × {path}", highlight=False, soft_wrap=True)
    console.print(f"the CRM has seen {len(crm.writes)} writes", highlight=False)


def _steps(cloud: LocalCloud, execution: dict[str, Any]) -> list[str]:
    """Its states, without the one that only looks at what another said."""
    return [state for state in cloud.states_of(execution) if state != "WhatFollows"]


def _people(console: Console, cloud: LocalCloud, remit: Remit) -> None:
    heading(console, "4  People answer the rest, through the review function")
    digests = {item["action_intent_id"]: item["digest"] for item in remit.queue(TENANT)[0]}

    def answered(verb: str, name: str, by: str, **more: Any) -> dict[str, Any]:
        asked = {"verb": verb, "tenant_id": TENANT, "action_intent_id": name, "by": by, **more}
        answer: dict[str, Any] = cloud.emulator.functions.call("review", asked)
        console.print(f"{by} said {verb} to {name}", highlight=False)
        return answer

    answered("approve", "refund-large", "bob", digest=digests["refund-large"])
    answered("reject", "delete-1", "bob", reason="the customer wants to keep the account")
    edited = answered("edit", "unsure", "bob", changes={"parameters.name": "Jane Doe"})["action_intent_id"]
    answered("approve", edited, "carol", digest=remit.intent(TENANT, edited).digest)


if __name__ == "__main__":
    sys.exit(main())
