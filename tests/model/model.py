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

Applied = tuple[tuple[str, ...] | None, int | None, int | None]
"""One limit over an intent: window, most, taken. No window: no principal is named; nothing taken: nobody knows it."""
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
        new = {"status": "PROPOSED", "answer": None, "charge": None, "human": None, "amount": None, "principal": None}
        self.intents[name] = {**new, **fields}

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
        for window, limit, taken in self.limits(intent, now):
            if window is None:
                return "PRINCIPAL_MISSING"
            if taken is None:
                return "AMOUNT_UNKNOWN"
            if limit is not None and self.used[window] + taken > limit:
                return "BUDGET_EXCEEDED"
        return None

    def limits(self, intent: dict[str, Any], now: datetime) -> list[Applied]:
        """In order, each with its window, the most that it holds, and what the intent takes of it."""
        account, day = intent["account"], self.day(now)
        limits: list[Applied] = [
            ((*day, account, "all"), self.bounds["daily"], 1),
            ((*day, account, intent["type"]), self.bounds["per_type"].get(intent["type"]), 1),
        ]
        if self.bounds["ceiling"] is not None:
            limits.append(((*self.ceiling_day(now), "ceiling"), self.bounds["ceiling"], 1))
        named = {name: self._named(name, intent, now) for name in self.bounds["limits"]}
        return [*limits, *(limit for limit in named.values() if limit is not None)]

    def _named(self, name: str, intent: dict[str, Any], now: datetime) -> Applied | None:
        """`None` for a limit that is not over this type."""
        most = self.bounds["limits"][name]
        if name == "money":
            monday = (now - timedelta(days=now.weekday())).date().isoformat()
            amount = intent["amount"]
            taken = None if amount is None else round(amount * 10_000)
            over = intent["type"] in self.bounds["money_types"]
            return ((name, monday, intent["account"]), most * 10_000, taken) if over else None
        if name == "each":
            month = now.astimezone(rules_of("Pacific/Auckland")).strftime("%Y-%m")
            return (name, month, intent["principal"]) if intent["principal"] else None, most, 1
        # `watched` refuses nothing.
        return (name, now.strftime("%Y-%m-%dT%H")), most if name == "burst" else None, 1

    def decided(self, name: str, now: datetime) -> None:
        intent = self.intents[name]
        intent["answer"] = answer = self.expected(name, now)
        if answer[0] == "AUTO_EXECUTED":
            charge = {window: taken for window, _, taken in self.limits(intent, now) if window and taken}
            intent["charge"] = charge
            self.used.update(charge)
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

    def used_of_limits(self) -> Counter[tuple[str, str]]:
        """What each limit with a name holds, by limit and owner, in whatever windows."""
        found: Counter[tuple[str, str]] = Counter()
        for window, used in self.used.items():
            if window[0] in ("money", "each", "burst", "watched"):
                found[window[0], window[2] if len(window) > 2 else ""] += used
        return +found

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
