"""
Trains a dictionary for the ledger's segments: `./dev python -m bench.dictionary FILE`.

The samples are segments of made-up tenants that live through what happens to intents; no tenant's data is in them. A
dictionary that was shipped is never changed: a better one gets the next number.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import zstandard

from remit import Remit
from remit.core.errors import RemitError
from remit.flow.execute.take import Taken
from remit.stores.segments import segments_of

SIZE_BYTES = 32 * 1024
INTENTS = 1500
NAMES = ("CREATE_NOTE", "UPDATE_CONTACT", "REFUND_ORDER", "SEND_EMAIL", "CANCEL_ORDER", "RESTART_SERVICE")
WORDS = ("asked about the invoice", "the number has changed", "customer called", "late delivery", "item is broken")


def main() -> None:
    samples: list[bytes | bytearray | memoryview] = [*_samples(random.Random(7))]
    trained = zstandard.train_dictionary(SIZE_BYTES, samples, level=1)
    Path(sys.argv[1]).write_bytes(trained.as_bytes())
    sizes = [len(sample) for sample in samples]
    packer = zstandard.ZstdCompressor(level=1, dict_data=trained, write_checksum=False, write_dict_id=False)
    packed = sum(len(packer.compress(sample)) for sample in samples)
    mean = sum(sizes) // len(sizes)
    sys.stdout.write(f"{len(samples)} samples of {mean} bytes, packed to {packed / sum(sizes):.1%}\n")


def _samples(chance: random.Random) -> list[bytes]:
    found: list[bytes] = []
    for tenant in ("acme", "globex", "initech"):
        with Remit.open("memory://") as remit:
            _live(remit, tenant, chance)
            for entries in _writes(remit, tenant):
                found += [b"\n".join(entry.line for entry in segment.entries) for segment in segments_of(entries)]
    return found


def _writes(remit: Remit, tenant: str) -> list[list[Any]]:
    """The entries of each chain in the pieces in which writes add them: what has one moment was one write."""
    chains: dict[tuple[str | None, str], list[Any]] = {}
    for entry in remit.context.store.export(tenant):
        chains.setdefault((entry.action_intent_id, entry.at), []).append(entry)
    return list(chains.values())


def _live(remit: Remit, tenant: str, chance: random.Random) -> None:
    tool = {"connector": "internal", "operation": "create_note"}
    remit.apply(
        {
            "tenant": tenant,
            "action_types": {
                name: {"risk_tier": chance.choice(["LOW", "LOW", "LOW", "HIGH"]), "tool": tool} for name in NAMES
            },
            "allowlist": list(NAMES[:-1]),
            "modes": {"default": "AUTO_EXECUTE"},
            "budget": {"max_autonomous_per_day": INTENTS // 3, "timezone": "Europe/Berlin"},
        },
        by="ann",
    )
    for number in range(INTENTS):
        answer = remit.submit(_proposal(tenant, number, chance))
        if answer.result == "REQUIRE_APPROVAL" and chance.random() < 0.5:
            _answered(remit, tenant, answer.action_intent_id, chance)
        if number % 20 == 0:
            _worked(remit, number)


def _worked(remit: Remit, number: int) -> None:
    taken = remit.take(64, f"w-{number}")
    calls = [each for each in taken if isinstance(each, Taken)]
    remit.settle([(each, result) for each in calls for result in remit.carry_out([each])])


def _answered(remit: Remit, tenant: str, name: str, chance: random.Random) -> None:
    try:
        if chance.random() < 0.7:
            remit.approve(tenant, name, by="bob", digest=remit.intent(tenant, name).digest)
        else:
            remit.reject(tenant, name, by="bob", reason=chance.choice(WORDS))
    except RemitError:
        return


def _proposal(tenant: str, number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "account_id": f"acct-{chance.randrange(40)}",
        "action_type": chance.choice(NAMES),
        "target": {"entity_type": chance.choice(["contact", "order", "service"]), "entity_id": f"c-{number}"},
        "parameters": {"text": chance.choice(WORDS), "amount": round(chance.uniform(1, 500), 2), "currency": "EUR"},
        "confidence_score": round(chance.uniform(0.5, 1), 2),
        "risk_level": "LOW",
        "why": [chance.choice(WORDS)],
        "proposed_by": chance.choice(["crm-agent", "agent", "support-agent"]),
    }


if __name__ == "__main__":
    main()
