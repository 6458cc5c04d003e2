"""
Made `database.sql`, a database of the first format with an intent in every state, as SQL that both databases read.

Run it in a checkout of revision edbe0cf, the last of the first format, with that version's requirements:
`PYTHONPATH=src:. python make_database.py > database.sql`
"""

# mypy: ignore-errors

import sqlite3
import sys
import tempfile
from contextlib import suppress
from typing import Any

from remit.stores.sql import SqlStore
from remit.testing.faults import Crash
from tests.flow.world import OTHER, TYPE, World, type_of


def fill(world: Any) -> None:
    world.apply(
        action_types={TYPE: type_of(), OTHER: {**type_of(honours_idempotency_key=True), "approvals_required": 2}},
        budget={"max_autonomous_per_day": 50},
    )
    world.app.create_key("acme", {"name": "crm-agent", "roles": ["agent"]}, by="ann")
    asked = {"channel": "webhook", "url": "https://hooks.example.com/x", "signing_secret": "${SIGNING}"}
    world.app.set_subscription("acme", "hook", {**asked, "notices": ["NEEDS_INPUT"]}, by="ann")
    for script, name in (("yes", "done"), ("no VALIDATION", "refused"), ("lost", "unknown"), ("lost", "found-out")):
        world.far.script.append(script)
        world.submit(name)
        world.work()
    world.app.resolve("acme", "found-out", by="ann", status="SUCCEEDED")
    for name in ("rejected", "approved-by-bob", "edited", "waiting", "voted"):
        world.queued(name, action_type=OTHER if name == "voted" else TYPE)
    world.app.reject("acme", "rejected", by="bob", reason="no")
    world.app.approve("acme", "voted", by="bob", digest=world.app.intent("acme", "voted").digest)
    world.approve("approved-by-bob")
    world.work()
    world.app.edit("acme", "edited", by="bob", changes={"parameters.text": "goodbye"})
    world.stop(level="autonomy", account_id="south")
    world.submit("stopped", account_id="south")
    world.propose("proposed")
    world.reserve("reserved")
    world.submit("published")
    while world.bus.take():
        pass
    world.submit("called")

    def dies(*_: Any) -> None:
        raise Crash

    world.far.script.append(dies)
    with suppress(Crash):
        world.work()
    world.app.follow()
    list(world.app.export("acme"))


class Unsent:
    """A channel that takes any subscription, and sends nothing."""

    def check(self, asked: Any) -> None:
        """Anything goes."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/remit.db"
        world = World(lambda **more: SqlStore.open(f"sqlite:///{path}", **more), notifiers={"webhook": Unsent()})
        fill(world)
        for line in sqlite3.connect(path).iterdump():
            if not line.startswith(("PRAGMA", "BEGIN", "COMMIT")):
                sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
