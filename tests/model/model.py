"""
What Remit should come to, in dicts and counters. It knows the contract and no code of ours, but for
the time zones' rules, which are a package's.

It predicts every answer of the gate and every charge. What moves by itself (publication, execution,
expiry) it only watches: each move must be one that the contract allows just then, and gives back a
charge exactly where the contract says so.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import Any

from remit.core.gate.zones import zone as rules_of

WAITING = ("AWAITING_APPROVAL", "BLOCKED")
ENDED = ("REJECTED", "EXPIRED", "SUPERSEDED", "SUCCEEDED", "FAILED", "CANCELLED", "WITHDRAWN")
MAY_FOLLOW = {
    "PROPOSED": ("AWAITING_APPROVAL", "BLOCKED", "APPROVED", "EXPIRED"),
    "AWAITING_APPROVAL": ("APPROVED", "REJECTED", "EXPIRED", "SUPERSEDED"),
    "BLOCKED": ("APPROVED", "REJECTED", "EXPIRED", "SUPERSEDED"),
    "APPROVED": ("RUNNING", "AWAITING_APPROVAL", "EXPIRED"),
    "RUNNING": ("SUCCEEDED", "FAILED", "UNKNOWN", "CANCELLED"),
    "UNKNOWN": ("SUCCEEDED", "FAILED"),
}


class Model:
    def __init__(self, bounds: dict[str, Any]) -> None:
        self.bounds = bounds
        self.zone, self.zone_before, self.zone_until = bounds["zone"], bounds["zone"], datetime.min.replace(tzinfo=UTC)
        self.stops: set[tuple[str | None, str | None, str]] = set()
        self.intents: dict[str, dict[str, Any]] = {}
        self.used: Counter[tuple[str, ...]] = Counter()

    # --- what people set ---

    def change(self, bounds: dict[str, Any], now: datetime) -> None:
        current = self.zone_at(now)
        self.zone, self.zone_until = bounds["zone"], datetime.min.replace(tzinfo=UTC)
        if bounds["zone"] != current:
            self.zone_before, self.zone_until = current, end_of_day(now, current)
        self.bounds = bounds

    def zone_at(self, now: datetime) -> str:
        return self.zone_before if now < self.zone_until else self.zone

    def day(self, now: datetime) -> tuple[str, str]:
        zone = self.zone_at(now)
        return zone, now.astimezone(rules_of(zone)).date().isoformat()

    def ceiling_day(self, now: datetime) -> tuple[str, str]:
        return "UTC", now.date().isoformat()

    # --- the gate ---

    def propose(self, name: str, **fields: Any) -> None:
        self.intents[name] = {"status": "PROPOSED", "answer": None, "charge": None, "human": None, **fields}

    def expected(self, name: str, now: datetime) -> tuple[str, str]:
        """The gate's result and reason, for one that is not decided."""
        intent = self.intents[name]
        reason = self._before_budget(intent, now) or self._without_room(intent, now)
        return ("REQUIRE_APPROVAL", reason) if reason else ("AUTO_EXECUTED", "WITHIN_BOUNDS")

    def _before_budget(self, intent: dict[str, Any], now: datetime) -> str | None:
        mode = self.bounds["modes"].get(intent["type"], self.bounds["modes"]["default"])
        nos = [
            ("INTENT_EXPIRED", now >= intent["expires_at"]),
            ("AUTONOMY_STOPPED", self.stopped(intent)),
            ("EDITED_BY_PERSON", intent["edited"]),
            ("ACTION_TYPE_NOT_ALLOWLISTED", intent["type"] not in self.bounds["allowlist"]),
            ("ACTION_TYPE_DISABLED", self._disabled(intent)),
            ("PROPOSE_ONLY", mode == "PROPOSE_ONLY"),
            ("TENANT_POLICY", mode == "APPROVAL_REQUIRED"),
            ("RISK_LEVEL_HIGH", intent["risk"] in ("MEDIUM", "HIGH")),
            ("CONFIDENCE_BELOW_THRESHOLD", intent["confidence"] < 0.7),
        ]
        return next((reason for reason, applies in nos if applies), None)

    def _disabled(self, intent: dict[str, Any]) -> bool:
        modes = self.bounds["modes"]
        return "DISABLED" in (modes.get(intent["type"]), modes["default"])

    def _without_room(self, intent: dict[str, Any], now: datetime) -> str | None:
        full = [self.used[window] >= limit for window, limit in self.limits(intent, now).items() if limit is not None]
        return "BUDGET_EXCEEDED" if any(full) else None

    def limits(self, intent: dict[str, Any], now: datetime) -> dict[tuple[str, ...], int | None]:
        account, day = intent["account"], self.day(now)
        limits: dict[tuple[str, ...], int | None] = {
            (*day, account, "all"): self.bounds["daily"],
            (*day, account, intent["type"]): self.bounds["per_type"].get(intent["type"]),
        }
        if self.bounds["ceiling"] is not None:
            limits[(*self.ceiling_day(now), "ceiling")] = self.bounds["ceiling"]
        return limits

    def decided(self, name: str, now: datetime) -> None:
        intent = self.intents[name]
        intent["answer"] = answer = self.expected(name, now)
        if answer[0] == "AUTO_EXECUTED":
            intent["charge"] = tuple(self.limits(intent, now))
            self.used.update(intent["charge"])
            intent["status"] = "APPROVED"
        elif answer[1] == "INTENT_EXPIRED":
            intent["status"] = "EXPIRED"
        else:
            # Whatever refused it first.
            intent["status"] = "BLOCKED" if self._disabled(intent) else "AWAITING_APPROVAL"

    def stopped(self, intent: dict[str, Any], *, human: bool = False) -> bool:
        return any(
            account in (None, intent["account"])
            and action_type in (None, intent["type"])
            and (level == "everything" or not human)
            for account, action_type, level in self.stops
        )

    def withdrawn(self, name: str) -> None:
        """Taken back: what was charged for it goes back."""
        intent = self.intents[name]
        intent["status"] = "WITHDRAWN"
        if intent["answer"] is None:
            intent["answer"] = "REQUIRE_APPROVAL", "INTENT_WITHDRAWN"
        self._given_back(intent)

    def newest(self, name: str) -> str:
        """The intent that took the place of this one, or of the one that did; itself if none did."""
        while self.intents[name].get("replaced_by"):
            name = self.intents[name]["replaced_by"]
        return name

    def begun(self, name: str, holder: str, now: datetime, *, own: str, lease: timedelta) -> bool | None:
        """Does this begin of the newest give a permit? `None` for what its proposer does not execute itself."""
        intent = self.intents[name]
        status, over = intent["status"], now >= intent["expires_at"]
        if status in ("APPROVED", *WAITING) and over:
            self._moved(intent, "EXPIRED", now)
            return False
        if status == "APPROVED" and intent["type"] != own:
            return None
        if status == "APPROVED" and self.stopped(intent, human=intent["human"] is not None):
            self._moved(intent, "CANCELLED", now)
            return False
        if status == "APPROVED":
            intent |= {"status": "RUNNING", "holder": holder, "lease": now + lease}
            return True
        return status == "RUNNING" and intent.get("holder") == holder and now < intent["lease"]

    def finished(self, name: str, acted: str) -> str:
        """The status after its caller's word."""
        intent = self.intents[name]
        if intent["status"] == "RUNNING":
            intent["status"] = {"yes": "SUCCEEDED", "no": "FAILED", "unknown": "UNKNOWN"}[acted]
        elif intent["status"] == "UNKNOWN" and acted != "unknown":
            intent |= {"status": {"yes": "SUCCEEDED", "no": "FAILED"}[acted], "resolved": True}
        status: str = intent["status"]
        return status

    def blocked(self, intent: dict[str, Any]) -> bool:
        modes = self.bounds["modes"]
        return "DISABLED" in (modes["default"], modes.get(intent["type"]))

    # --- what moved by itself ---

    def saw(self, name: str, status: str, now: datetime) -> None:
        """Take over a status that was seen. Raises `AssertionError` for a move that may not be."""
        intent = self.intents[name]
        for step in way(intent["status"], status):
            self._moved(intent, step, now)

    def _moved(self, intent: dict[str, Any], status: str, now: datetime) -> None:
        before, intent["status"] = intent["status"], status
        if status == "EXPIRED":
            assert now >= intent["expires_at"], "it expired before its time"
        if status in ("EXPIRED", "CANCELLED") or (before == "APPROVED" and status == "AWAITING_APPROVAL"):
            self._given_back(intent)
        if before == "APPROVED" and status == "AWAITING_APPROVAL":
            intent["human"] = None

    def _given_back(self, intent: dict[str, Any]) -> None:
        if intent["charge"]:
            self.used.subtract(intent["charge"])
            intent["charge"] = None


def way(before: str, after: str) -> list[str]:
    """The shortest way by the table, without `before`. Raises `AssertionError` if there is none."""
    ways = [[before]]
    while ways:
        path = ways.pop(0)
        if path[-1] == after:
            return path[1:]
        ways += [[*path, status] for status in MAY_FOLLOW.get(path[-1], ()) if status not in path]
    raise AssertionError(f"{before} may not become {after}")


def end_of_day(now: datetime, zone: str) -> datetime:
    tomorrow = now.astimezone(rules_of(zone)).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(0), rules_of(zone)).astimezone(UTC)
