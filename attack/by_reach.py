"""Attacks that reach for what is another's: secrets, addresses, intents, tenants, approvals, the ledger."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from attack.attack import Finding, attack, quiet_goes_on
from attack.installation import HOSTILE, NOTE, QUIET, SEND, Installation, intent

_SENT = "only-quiet-may-send-this"
LISTED = {
    "REMIT_PRIVATE_HOSTS": "127.0.0.0/8",
    "QUIET_TOKEN": _SENT,
    "REMIT_TOOL_ENVIRONMENT": f"{QUIET}:QUIET_TOKEN@127.0.0.1",
}
SPELLINGS = (
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost",
    "169.254.169.254", "[fe80::1]", "10.0.0.1", "192.168.0.1", "100.64.0.1", "192.88.99.1", "[3fff::1]", "0.0.0.0",
)  # fmt: skip


@attack("an admin", "another tenant's secret in an own tool, webhook or base URL", environ=LISTED)
def secrets_of_others(here: Installation, seen: Finding) -> None:
    for part in (
        {"bearer_token": "${QUIET_TOKEN}"},
        {"headers": {"X-Token": "${QUIET_TOKEN}"}},
        {"body": "${QUIET_TOKEN}"},
    ):
        spec = here.bounds(HOSTILE)
        spec["action_types"][SEND]["tool"] |= part
        said = here.ask_as(HOSTILE, "admin", "PUT", "/v1/bounds", json=spec)
        if said.status == 200:
            name = f"steal-{next(iter(part))}"
            here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=intent(name, action_type=SEND))
            here.ask_as(HOSTILE, "agent", "GET", f"/v1/intents/{name}")
    quiet_goes_on(here, seen, "after tools that name another's secret")
    leaked = [part for part, body in here.far.seen if _SENT in part or _SENT.encode() in body]
    seen.must(not leaked, "another tenant's secret was sent to the attacker's host")


@attack("an admin", f"{len(SPELLINGS)} spellings of addresses that are not the internet's", environ={})
def private_addresses(here: Installation, seen: Finding) -> None:
    port = here.far.server_address[1]
    for number, host in enumerate(SPELLINGS):
        spec = here.bounds(HOSTILE, allowed_hosts=[host.strip("[]")])
        spec["action_types"][SEND]["tool"] |= {"url": f"http://{host}:{port}/{{action_intent_id}}", "timeout_s": 1}
        if here.ask_as(HOSTILE, "admin", "PUT", "/v1/bounds", json=spec).status == 200:
            here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=intent(f"reach-{number}", action_type=SEND))
    quiet_goes_on(here, seen, "after tools at private addresses")
    seen.must(not here.far.arrived, f"a tool reached this machine as {sorted(here.far.arrived)}")


@attack("an agent", "superseding, gating and comparing another agent's intent")
def intents_of_others(here: Installation, seen: Finding) -> None:
    with here.remit() as remit:
        other = remit.create_key(HOSTILE, {"name": "other", "roles": ["agent"]}, by="founder")[1]
    here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=intent("mine", confidence_score=0.1))
    takes = here.ask("POST", "/v1/intents", other, json=intent("theirs", confidence_score=0.1, supersedes="mine"))
    seen.must(400 <= takes.status < 500, f"another agent's intent is superseded ({takes.status})")
    gates = here.ask("POST", "/v1/gate", other, json={"action_intent_id": "mine", "account_id": "acct-1"})
    told = gates.status == 200 and gates.json().get("reason") not in (None, "INTENT_NOT_FOUND")
    seen.must(not told, "gating another agent's intent tells its verdict")
    again = here.ask("POST", "/v1/intents", other, json=intent("mine", confidence_score=0.2))
    seen.must("hello" not in again.text and "digest" not in again.text, "a repeated id tells what another proposed")


@attack("anybody of one tenant", "every read of one intent under another tenant's key")
def reads_across_tenants(here: Installation, seen: Finding) -> None:
    here.ask_as(QUIET, "agent", "POST", "/v1/intents", json=intent("private", confidence_score=0.1))
    known = "private"
    for role in ("agent", "approver", "admin", "auditor"):
        for path in ("", "/why", "/ledger"):
            said = here.ask_as(HOSTILE, role, "GET", f"/v1/intents/{known}{path}")
            seen.must(said.status in (403, 404), f"{role} of another tenant reads {path or 'status'}: {said.status}")
        for path in ("/v1/queue", "/v1/timeline", "/v1/intents", "/v1/ledger/export"):
            said = here.ask_as(HOSTILE, role, "GET", path)
            seen.must(known not in said.text, f"{role} of another tenant finds it in {path}")
        for verb in ("approve", "reject", "edit", "resolve"):
            said = here.ask_as(HOSTILE, role, "POST", f"/v1/intents/{known}/{verb}", json={"digest": "0" * 64})
            seen.must(400 <= said.status < 500, f"{role} of another tenant may {verb}: {said.status}")


@attack("an admin", "passing a two-person rule alone: an approver of his own making, or one name in two spellings")
def own_approvers(here: Installation, seen: Finding) -> None:
    types = here.bounds(HOSTILE)["action_types"]
    types[NOTE]["approvals_required"] = 2
    here.ask_as(HOSTILE, "admin", "PUT", "/v1/bounds", json=here.bounds(HOSTILE, action_types=types))
    with here.remit() as remit:
        admin = remit.create_key(HOSTILE, {"name": "mallory", "roles": ["admin", "approver"]}, by="founder")[1]

    def made(name: str) -> str:
        """The key's text; nothing that anybody has where a key of that name is refused."""
        said = here.ask("POST", "/v1/keys", admin, json={"name": name, "roles": ["approver"]})
        return str(said.json()["key"]) if said.status == 201 else "refused"

    bob, same_bob, ann = made("bob"), made("Bob"), made("ann")
    for number, (pair, what) in enumerate(
        (((bob, same_bob), "bob and Bob"), ((admin, ann), "an admin and the key he made"))
    ):
        name = f"payment-{number}"
        here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=intent(name, confidence_score=0.1))
        digest = here.ask("GET", f"/v1/intents/{name}", ann).json()["digest"]
        for key in pair:
            here.ask("POST", f"/v1/intents/{name}/approve", key, json={"digest": digest})
        status = here.ask("GET", f"/v1/intents/{name}", ann).json()["status"]
        seen.must(status == "AWAITING_APPROVAL", f"{what} count as two people")
    told = here.ask_as(HOSTILE, "auditor", "GET", "/v1/ledger/export").text
    seen.must(told.count("KEY_CHANGED") >= 2, "making a key leaves no entry in the ledger")


@attack("whoever holds the database", "rows changed to let something run, and put back")
def rows_put_back(here: Installation, seen: Finding) -> None:
    here.ask_as(HOSTILE, "admin", "PUT", "/v1/bounds", json=here.bounds(HOSTILE, allowlist=[NOTE]))
    here.stop()
    with closing(sqlite3.connect(here.folder / "remit.db")) as database:
        (set_last,) = database.execute("select body from bounds where tenant_id = ?", (HOSTILE,)).fetchone()
        wider = json.loads(set_last)
        wider["bounds"]["allowlist"] = [NOTE, SEND]
        _write(database, json.dumps(wider))
        with here.remit() as remit:
            proposal = {**intent("smuggled", action_type=SEND), "tenant_id": HOSTILE, "proposed_by": "x"}
            (answer,) = remit.submit([proposal])
        _write(database, set_last)
    with here.remit() as remit:
        report = remit.verify(HOSTILE)
    seen.must(
        answer.result == "AUTO_EXECUTED", "the row that was changed is not what decides: this attack is out of date"
    )
    seen.must(not report.ok, "a decision under bounds that the ledger does not know passes `verify`")
    here.start()


def _write(database: sqlite3.Connection, body: str) -> None:
    database.execute("update bounds set body = ? where tenant_id = ?", (body, HOSTILE))
    database.commit()
