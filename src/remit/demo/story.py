"""The demo: real intents, a real far side, a person's answers, and the proof. It asks nothing."""

from __future__ import annotations

import io
import socket
import threading
import time
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from remit.app.offline import verify_export
from remit.core.errors import RemitError
from remit.core.gate.autonomy import StopScope
from remit.core.identity.access import TENANT_ROLES
from remit.core.identity.principal import Principal
from remit.demo import short
from remit.demo.crm import Crm
from remit.demo.intents import TENANT, stream
from remit.entrypoints.bounds_file import read_bounds
from remit.entrypoints.server.serve import serve
from remit.entrypoints.server.worker import work
from remit.entrypoints.web.settings import HttpSettings
from remit.flow.gate import GateAnswer, GateRequest
from remit.wiring import Remit

if TYPE_CHECKING:
    from remit.core.views import QueuedAnswer

DEFAULT_FILE = "remit-demo.db"
PORT = 8000
FARSIDE_MOODS = (("/contacts/c-flaky", "fail=503*1"), ("/orders/o-drop", "drop*1"), ("/notes", "drop*1"))


def main(url: str | None = None, console: Console | None = None, *, full: bool = False, serves: bool = False) -> int:
    """
    Play the story on a fresh database (`remit-demo.db` here, unless `url` names one). 0 if the proof holds.

    It is told in some fifteen lines, with `full` in all of them. With `serves` its console is open until it is told to
    end.
    """
    console = console or Console()
    with Crm.start() as crm, _opened(url or _fresh_file(), crm) as remit:
        sound = _played(console, remit, crm, full=full)
        if serves:
            _serve(console, remit)
    return 0 if sound else 1


def _played(console: Console, remit: Remit, crm: Crm, *, full: bool) -> bool:
    told, shown = _console_for(console, told=full), _console_for(console, told=not full)
    started = time.monotonic()
    for path, fault in FARSIDE_MOODS:
        crm.misbehave(path, fault)
    set_bounds(told, remit)
    _decide(told, remit)
    short.decided(shown, remit)
    _execute(told, remit, crm, "3  A worker carries out what was approved")
    short.executed(shown, remit, crm)
    _people(told, remit)
    _execute(told, remit, crm, "5  The worker carries on")
    short.answered(shown, remit)
    read(told, remit)
    sound = prove(told, remit, crm)
    short.proved(shown, remit, crm, sound=sound)
    _what_next(told, remit, time.monotonic() - started)
    short.what_next(shown, time.monotonic() - started)
    return sound


def _console_for(console: Console, *, told: bool) -> Console:
    """The console, or one that nobody sees."""
    return console if told else Console(file=io.StringIO())


def _serve(console: Console, remit: Remit) -> None:
    """The console, with the worker and the CRM beside it, until it is told to end."""

    roles = frozenset(TENANT_ROLES) - {"agent"}

    def ready(url: str) -> None:
        token = remit.make_link(Principal("you", TENANT, roles), leads_to="/console/queue", loopback_only=True)
        console.print("\nIts console, signed in, once (Ctrl-C ends it):", highlight=False)
        console.print(f"  {url}/console/link/{token}", highlight=False, soft_wrap=True)

    serve(remit, port=_port(), settings=HttpSettings(), on_ready=ready)


def _port() -> int:
    """The usual one, if it is free."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return 0
    return PORT


def _opened(url: str, crm: Crm) -> Remit:
    """With an operator's consent to call this machine, and with a variable that is the tenant's, for the CRM alone."""
    settings = {"REMIT_PRIVATE_HOSTS": crm.host, "REMIT_TOOL_ENVIRONMENT": f"{TENANT}:CRM_URL@{crm.host}"}
    return Remit.open(url, environ={"CRM_URL": crm.url}, settings=settings)


def _fresh_file() -> str:
    for suffix in ("", "-wal", "-shm"):
        Path(DEFAULT_FILE + suffix).unlink(missing_ok=True)
    return f"sqlite:///{DEFAULT_FILE}"


def heading(console: Console, text: str) -> None:
    console.print()
    console.rule(f"[bold]{text}", align="left")


def set_bounds(console: Console, remit: Remit) -> None:
    heading(console, "1  People set bounds")
    with resources.as_file(resources.files("remit.demo") / "bounds.yaml") as file:
        remit.apply(read_bounds(file), by="ann")
    remit.stop(StopScope(tenant_id=TENANT, account_id="acct-frozen"), by="ann", reason="audit in progress")
    console.print("ann applied src/remit/demo/bounds.yaml: lists, modes, budgets and one policy of her own;")
    console.print("she also stopped autonomy for acct-frozen. Nothing below can leave these bounds.")


def _decide(console: Console, remit: Remit) -> None:
    heading(console, "2  Agents propose, the gate decides")
    for proposal in stream(remit.now()):
        (answer,) = remit.submit([proposal])
        _show(console, proposal, answer)
    _ask_for_nothing(console, remit)
    _race(console, remit)


def _show(console: Console, proposal: dict[str, Any], answer: GateAnswer | RemitError) -> None:
    what = f"{proposal['action_intent_id']:<13} {proposal['account_id']:<12} {proposal['action_type']:<21}"
    if isinstance(answer, RemitError):
        console.print(f"[red]refused [/] {what} {answer}")
        return
    ran = answer.result == "AUTO_EXECUTED"
    nobody_is_asked = answer.status not in ("AWAITING_APPROVAL", "BLOCKED")
    mark = "[green]runs    [/]" if ran else "[dim]ends    [/]" if nobody_is_asked else "[yellow]asks    [/]"
    again = "  [dim](asked again: same answer, not charged again)[/]" if answer.already_published else ""
    console.print(f"{mark} {what} [bold]{answer.reason}[/]{again}", highlight=False, soft_wrap=True)
    if not ran:
        console.print(f"         [dim]{answer.explanation}[/]", highlight=False, soft_wrap=True)


def _ask_for_nothing(console: Console, remit: Remit) -> None:
    for name, account in (("no-such-intent", "acct-berlin"), ("", "acct-berlin")):
        (answer,) = remit.gate([GateRequest(name, TENANT, account)])
        shown = {"action_intent_id": name or "(none)", "account_id": account, "action_type": ""}
        _show(console, shown, answer)


def _race(console: Console, remit: Remit) -> None:
    (intent,) = remit.propose(
        [{**stream(remit.now())[0], "action_intent_id": "raced-1", "target": {"entity_type": "c", "entity_id": "r"}}]
    )
    assert not isinstance(intent, RemitError)
    before = _used(remit, "acct-berlin")
    request = GateRequest(intent.action_intent_id, TENANT, intent.account_id)
    threads = [threading.Thread(target=remit.gate, args=([request],)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    console.print(
        f"[green]runs    [/] raced-1       was delivered four times at once: charged "
        f"[bold]{_used(remit, 'acct-berlin') - before}[/] time"
    )


def _used(remit: Remit, account_id: str) -> int:
    (account,) = remit.usage(TENANT, account_id=account_id)["accounts"]
    return int(account["used"])


def _execute(console: Console, remit: Remit, crm: Crm, title: str) -> None:
    heading(console, title)
    done: list[str] = []
    before = len(crm.writes)
    with console.status("working; the CRM fails once, and twice acts and drops the connection without an answer"):
        work(remit, until_idle=True, on_done=done.append)
    counts = ", ".join(f"{done.count(status)} {status}" for status in sorted(set(done)))
    console.print(f"{counts}; the CRM saw {len(crm.writes) - before} writes", highlight=False)


def _people(console: Console, remit: Remit) -> None:
    heading(console, "4  People answer the rest")
    waiting, _ = remit.queue(TENANT)
    digests = {item["action_intent_id"]: item["digest"] for item in waiting}
    remit.approve(TENANT, "refund-large", by="bob", digest=digests["refund-large"])
    console.print("bob approved refund-large, bound to the digest he saw")
    remit.reject(TENANT, "delete-1", by="bob", reason="the customer wants to keep the account")
    console.print("bob rejected delete-1")
    answer = remit.edit(TENANT, "unsure", by="bob", changes={"parameters.name": "Jane Doe"})
    said = f"bob edited unsure; the edited intent waits as {answer.action_intent_id} ({answer.reason})"
    console.print(said, soft_wrap=True)
    digest = remit.intent(TENANT, answer.action_intent_id).digest
    remit.approve(TENANT, answer.action_intent_id, by="carol", digest=digest)
    console.print("carol approved what bob had edited")


def read(console: Console, remit: Remit) -> None:
    heading(console, "6  What happened (newest first)")
    for entry in remit.timeline(TENANT, limit=14)[0]:
        console.print(f"[dim]{entry['at'][11:19]}[/]  {entry['text']}", highlight=False, soft_wrap=True)
    heading(console, "7  What needs a person, and what is left of the budgets")
    console.print(_queue_table(remit))
    console.print(_usage_table(remit))
    heading(console, "8  Why refund-large was not automatic")
    story = remit.why(TENANT, "refund-large")
    decision, clause, approval = story["decision"], story["clause"], story["approval"]
    assert decision is not None
    assert clause is not None
    assert approval is not None
    for check in decision["checks"]:
        mark = "[green]passed[/]" if check["passed"] else "[yellow]failed[/]"
        console.print(f"  {mark}  {check['check']}", highlight=False)
    console.print(clause["text"], highlight=False, style="dim", soft_wrap=True)
    console.print(f"  approved by {approval['approved_by']} at {approval['approved_at']}")


def _queue_table(remit: Remit) -> Table:
    table = Table("intent", "account", "reason", "expires in", "left today", box=None, pad_edge=False)
    for item in remit.queue(TENANT)[0]:
        left = item["budget"]["left"]
        table.add_row(
            item["action_intent_id"][-13:], item["account_id"], item["reason"], _until(remit, item), str(left)
        )
    return table


def _until(remit: Remit, item: QueuedAnswer) -> str:
    left: timedelta = remit.intent(TENANT, item["action_intent_id"]).expires_at - remit.now()
    return f"{left.days} d" if left.days else f"{left.seconds // 3600} h"


def _usage_table(remit: Remit) -> Table:
    table = Table("account", "used", "of", "left", "resets at", box=None, pad_edge=False)
    usage = remit.usage(TENANT)
    for account in usage["accounts"]:
        limit = account["max_autonomous_per_day"]
        table.add_row(
            account["account_id"],
            str(account["used"]),
            "no budget" if limit is None else str(limit),
            str(account["left"]),
            f"{account['resets_at']} ({account['timezone']})",
        )
    return table


def prove(console: Console, remit: Remit, crm: Crm) -> bool:
    heading(console, "9  The proof")
    live = remit.verify(TENANT)
    exported = verify_export(iter(list(remit.export(TENANT, by="demo"))))
    for name, report in (("the live store", live), ("its export alone", exported)):
        verdict = "[green]every invariant holds[/]" if report.ok else f"[red]{report.findings[0]}[/]"
        console.print(
            f"{name}: {verdict} ({report.entries} entries, {report.intents} intents, "
            f"{report.autonomous} on autopilot, {report.approved_by_people} approved by people)",
            highlight=False,
            soft_wrap=True,
        )
    keys = [write.key for write in crm.writes]
    console.print(f"the CRM's own books: {len(keys)} writes, {len(set(keys))} of them different", highlight=False)
    return live.ok and exported.ok and len(keys) == len(set(keys))


def _what_next(console: Console, remit: Remit, seconds: float) -> None:
    heading(console, f"That took {seconds:.0f} seconds. The database stays for you to explore")
    database = f"--db {remit.url}"
    for line in (
        f"./dev remit queue    --tenant {TENANT} {database}",
        f"./dev remit why      refund-large --tenant {TENANT} {database}",
        f"./dev remit resolve  lost-1 --tenant {TENANT} --by you --succeeded {database}",
        f"./dev remit export   --tenant {TENANT} {database} > ledger.jsonl && ./dev remit verify ledger.jsonl",
    ):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
