"""
Replay an agent's tool calls through the gate and execute what it lets run, against a shop over HTTP.

    ./dev python examples/replay_tool_calls.py CALLS.jsonl [--mapping examples/retail_shop.yaml] [--db URL]

CALLS holds one JSON object a line: `domain`, `task_id`, `action_id`, `action` (the tool's name) and
`arguments`. The mapping says which action type each tool is, how sure the agent is taken to be, which
account a task belongs to, and the bounds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table

from remit import Remit, RemitError, work

CHUNK = 50


class Shop(ThreadingHTTPServer):
    """Stands for the shop: carries out each tool call once per `Idempotency-Key` and counts them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.carried_out: dict[str, str] = {}
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def carry_out(self, key: str, path: str) -> str:
        with self.lock:
            self.carried_out.setdefault(key, path)
            return f"call-{list(self.carried_out).index(key) + 1}"


class _Handler(BaseHTTPRequestHandler):
    server: Shop

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        answer = json.dumps({"id": self.server.carry_out(self.headers["Idempotency-Key"], self.path)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Quiet: the replay prints what matters."""


@contextmanager
def running_shop() -> Iterator[Shop]:
    shop = Shop()
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    try:
        yield shop
    finally:
        shop.shutdown()
        shop.server_close()


def intents(calls: Path, mapping: dict[str, Any]) -> list[dict[str, Any]]:
    """One proposal a line, in the file's order."""
    with calls.open(encoding="utf-8") as lines:
        return [_intent(json.loads(line), mapping) for line in lines if line.strip()]


def _intent(call: dict[str, Any], mapping: dict[str, Any]) -> dict[str, Any]:
    tool = mapping["tools"][call["action"]]
    entity_type, argument = tool["target"]
    return {
        "action_intent_id": f"{call['domain']}-{call['action_id']}",
        "tenant_id": mapping["tenant"],
        "account_id": mapping["account"].format(task=int(call["task_id"]) % mapping["desks"]),
        "action_type": tool["action_type"],
        "target": {"entity_type": entity_type, "entity_id": str(call["arguments"].get(argument, "-"))[:512]},
        "parameters": call["arguments"],
        "confidence_score": tool["confidence"],
        "proposed_by": f"{call['domain']}-agent",
        "why": [f"task {call['task_id']}, tool {call['action']}"],
    }


def opened(url: str, shop: Shop, tenant: str) -> Remit:
    """As the operator allows it: the shop's address is this tenant's variable, and is on this machine."""
    settings = {"REMIT_PRIVATE_HOSTS": "127.0.0.1", "REMIT_TOOL_ENVIRONMENT": f"{tenant}:SHOP_URL@127.0.0.1"}
    return Remit.open(url, environ={"SHOP_URL": shop.url}, settings=settings)


def replay(calls: Path, mapping: dict[str, Any], url: str, console: Console) -> bool:
    """Propose, gate, execute, and prove. True if every invariant holds and the shop saw each execution once."""
    with running_shop() as shop, opened(url, shop, mapping["tenant"]) as remit:
        remit.apply(mapping["bounds"], by="replay")
        proposals = intents(calls, mapping)
        verdicts: Counter[tuple[str, str, str]] = Counter()
        began = time.monotonic()
        for first in track(range(0, len(proposals), CHUNK), "deciding", console=console):
            chunk = proposals[first : first + CHUNK]
            for proposal, answer in zip(chunk, remit.submit(chunk), strict=True):
                if isinstance(answer, RemitError):
                    raise answer
                verdicts[answer.result, answer.reason, proposal["action_type"]] += 1
        decided = time.monotonic()
        done: list[str] = []
        with console.status("executing"):
            work(remit, until_idle=True, on_done=done.append)
        executed = time.monotonic()
        _show(console, verdicts)
        report = remit.verify(mapping["tenant"])
        console.print(
            f"{len(proposals)} intents decided in {decided - began:.1f} s, {len(done)} executed in "
            f"{executed - decided:.1f} s: {dict(Counter(done))}"
        )
        console.print(f"the shop carried out {len(shop.carried_out)} calls; verify: {'ok' if report.ok else 'BROKEN'}")
        return report.ok and len(shop.carried_out) == done.count("SUCCEEDED") == len(done)


def _show(console: Console, verdicts: Counter[tuple[str, str, str]]) -> None:
    table = Table("result", "reason", "intents", "of which")
    for result, reason in sorted({key[:2] for key in verdicts}):
        of = {kind: n for (r, why, kind), n in verdicts.items() if (r, why) == (result, reason)}
        shown = ", ".join(f"{n} {kind}" for kind, n in sorted(of.items()))
        table.add_row(result, reason, str(sum(of.values())), shown)
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", type=Path)
    parser.add_argument("--mapping", type=Path, default=Path(__file__).with_name("retail_shop.yaml"))
    parser.add_argument("--db", default=None, help="a database URL; a file that is thrown away if left out")
    options = parser.parse_args()
    mapping = yaml.safe_load(options.mapping.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        sound = replay(options.calls, mapping, options.db or f"sqlite:///{folder}/replay.db", Console(width=120))
    return 0 if sound else 1


if __name__ == "__main__":
    raise SystemExit(main())
