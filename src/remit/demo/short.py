"""The demo's story in some fifteen lines; all of it is told by `remit demo --full`."""

from __future__ import annotations

from collections import Counter

from rich.console import Console

from remit.core.lifecycle import WAITING
from remit.demo.crm import Crm
from remit.demo.intents import TENANT
from remit.ports import CaseFilter
from remit.wiring import Remit

_SHOWN = ("refund-large", "unsure")
"""Of what is asked about, those that are said: the ones that people answer next."""


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


def decided(console: Console, remit: Remit) -> None:
    lines, _ = remit.intents(TENANT, CaseFilter(), limit=500)
    alone = [line for line in lines if line["approval_source"] == "POLICY"]
    waiting, _ = remit.queue(TENANT, limit=500)
    types = len(remit.bounds(TENANT).bounds.action_types)
    _say(console, f"ann set bounds: {types} kinds of action, budgets, a rule of her own; acct-frozen is stopped")
    _say(console, f"agents proposed {len(lines)} actions: {len(alone)} run alone, {len(waiting)} need a person:")
    for item in waiting:
        if item["action_intent_id"] in _SHOWN:
            _say(console, f"  [yellow]{item['title']}[/]: {item['explanation']}")
    _say(console, "  [green]raced-1[/] was delivered four times at once, and charged once")


def executed(console: Console, remit: Remit, crm: Crm) -> None:
    _say(console, f"a worker carried out what may run: {_counted(remit)}")
    _say(console, f"  the CRM failed once and lost two answers; it saw {len(crm.writes)} writes, and none twice")


def answered(console: Console, remit: Remit) -> None:
    _say(console, "bob approved refund-large, bound to what he saw, and rejected delete-1")
    _say(console, "bob edited unsure, and carol approved his edit: an edit always needs a person")
    _say(console, f"the worker carried on: {_counted(remit)}")


def proved(console: Console, remit: Remit, crm: Crm, *, sound: bool) -> None:
    counted = remit.counts(TENANT)
    waiting = sum(counted.get(status, 0) for status in WAITING)
    verdict = "[green]every invariant holds[/], live and in the export alone" if sound else "[red]it does not hold[/]"
    _say(console, f"proof: {verdict}; the CRM's own books agree: {len(crm.writes)} writes, all different")
    _say(console, f"{waiting} need a person; {counted.get('UNKNOWN', 0)} nobody knows of is never repeated on a guess")


def what_next(console: Console, seconds: float) -> None:
    _say(console, f"That took {seconds:.0f} seconds, in remit-demo.db. All of it: ./dev demo --full")
    _say(console, "To look at it in its console: ./dev serve")


def _counted(remit: Remit) -> str:
    ended = Counter(remit.counts(TENANT))
    words = {"SUCCEEDED": "done", "FAILED": "failed", "UNKNOWN": "nobody knows", "CANCELLED": "cancelled"}
    return ", ".join(f"{ended[status]} {word}" for status, word in words.items() if ended[status])
