"""An export in which everything has happened, the means to alter it, and what verification finds in it then."""

import copy
import pickle
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self

import pytest

from remit.app.offline import verify_export
from remit.core.gate.amount import in_units, on_wire
from remit.core.ledger.config_change import before_first, changes_between, with_changes
from remit.core.ledger.entries import Head, entry_hash
from remit.core.ledger.seal import HeadFold
from remit.core.ledger.verification import (
    INVARIANTS,
    Part,
    PartReader,
    Report,
    may_begin_part,
    read_line,
    verify_parts,
    written_line,
)
from remit.ports import REFUSED, UNCONFIRMED
from remit.stores.memory import MemoryStore

from ...flow.world import NOON, OTHER, OWN, TENANT, TYPE, World, bounds, own_type, type_of

LATE, PAY, SCOPED, REFUND = "SELDOM_DONE", "PAY", "TAKES_SCOPES", "REFUND"
WINDOW = "2026-03-10@UTC|account:north|all"
MONEY = "2026-03-10T00:00:00Z|day|UTC|account:shop|money"
EACH = "2026-03-08T23:00:00Z|week|Europe/Berlin|principal:alice|each"
WATCHED = "2026-03-01T00:00:00Z|month|UTC|account:shop|watched"
LIMITS = [
    {
        **{"name": "money", "sum": "amount", "unit": "EUR", "most": 100, "per": "day", "of": "account"},
        "action_types": [REFUND],
        "stop_after": {"disagreements": 2, "of_sampled": 5},
    },
    {
        **{"name": "each", "most": 5, "per": "week", "of": "principal", "timezone": "Europe/Berlin"},
        "action_types": [REFUND],
    },
    {"name": "busy", "most": 50, "per": "hour", "of": "tenant", "timezone": "Asia/Kathmandu"},
    {"name": "watched", "most": 1, "per": "month", "of": "account", "action_types": [REFUND], "log_only": True},
]

Line = dict[str, Any]
Mutate = Callable[[Any], None]


class Lines:
    """An export that can be altered and made right again."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = copy.deepcopy(lines)

    def chain(self, name: str | None) -> list[Line]:
        return [line for line in self.lines if line["action_intent_id"] == name]

    def entry(self, name: str | None, event_type: str, nth: int = 0) -> Line:
        return [line for line in self.chain(name) if line["event_type"] == event_type][nth]

    def data(self, name: str | None, event_type: str, nth: int = 0) -> dict[str, Any]:
        return self.entry(name, event_type, nth)["data"]

    def drop(self, name: str, event_type: str | None = None) -> None:
        self.lines = [
            line
            for line in self.lines
            if line["action_intent_id"] != name or event_type not in (None, line["event_type"])
        ]

    def insert_after(self, entry: Line, *more: Line) -> None:
        """Copies of `more`, behind `entry`."""
        place = next(i for i, line in enumerate(self.lines) if line is entry) + 1
        self.lines[place:place] = copy.deepcopy(list(more))

    def alter_configs(self, change: Callable[[dict[str, Any]], object], only: int | None = None) -> None:
        """Each state of the bounds as `change` makes it (or one of them), told as changes from the one before."""
        told = [line for line in self.lines if line["event_type"] == "CONFIG_CHANGED"]
        nothing = before_first(TENANT)
        states: list[dict[str, Any]] = []
        whole = nothing
        for line in told:
            whole = with_changes(whole, line["data"])
            states.append(copy.deepcopy(whole))
        for number, state in enumerate(states):
            if only in (None, number):
                change(state["bounds"])
        for line, before, after in zip(told, [nothing, *states], states, strict=False):
            line["data"] = changes_between(before, after)

    def alter_numbers(self, change: Callable[[int], int]) -> None:
        """Another number for the last state of the bounds, wherever it is told."""
        last = self.entry(None, "CONFIG_CHANGED", -1)
        number = last["data"]["config_sequence"]
        whole = before_first(TENANT)
        for line in self.chain(None):
            if line["event_type"] == "CONFIG_CHANGED":
                before, whole = whole, with_changes(whole, line["data"])
        after = {**whole, "config_sequence": change(number)}
        last["data"] = changes_between(before, after)
        for line in self.lines:
            if line["data"].get("config_sequence") == number and line is not last:
                line["data"]["config_sequence"] = change(number)

    def movements(self, window_id: str) -> list[tuple[int, dict[str, Any]]]:
        found = [
            (charge["position"], sign, charge)
            for line in self.lines
            for sign in [{"ACTION_APPROVED": 1, "BUDGET_RELEASED": -1}.get(line["event_type"])]
            if sign
            for charge in line["data"]["charges"]
            if charge["window_id"] == window_id
        ]
        return [(sign, charge) for _, sign, charge in sorted(found, key=lambda each: each[0])]

    def renumbered(self) -> Self:
        """Positions without gaps and uses that follow from them, in every window."""
        windows = {charge["window_id"] for line in self.lines for charge in line["data"].get("charges", [])}
        for window_id in windows:
            used = 0
            for position, (sign, charge) in enumerate(self.movements(window_id), start=1):
                used += sign * in_units(charge.get("taken", 1))
                charge |= {"position": position, "used_after": on_wire(used, charge.get("unit"))}
        return self

    def decisions_follow(self) -> Self:
        """What decisions say of limits, as charges and bounds have it that were altered, so that 8 is not broken."""
        whole, states = before_first(TENANT), {}
        for line in self.lines:
            if line["event_type"] == "CONFIG_CHANGED":
                whole = with_changes(whole, line["data"])
                states[whole["config_sequence"]] = copy.deepcopy(whole["bounds"])
        for line in self.lines:
            for check in line["data"].get("checks", []) if line["event_type"] == "GATE_DECIDED" else []:
                if check["check"] == "budget" and check["passed"]:
                    follow_charges(check["saw"]["limits"], self._charges(line["action_intent_id"]))
                elif check["check"] == "budget":
                    follow_bounds(check["saw"], states[line["data"]["config_sequence"]])
        return self

    def _charges(self, name: str) -> list[dict[str, Any]]:
        approved = [line["data"] for line in self.chain(name) if line["event_type"] == "ACTION_APPROVED"]
        return approved[0]["charges"] if approved else []

    def rehashed(self) -> list[Line]:
        """Sequences, hashes and the closing seal as they would be had all of this been written so."""
        chains: dict[str | None, list[Line]] = defaultdict(list)
        for line in self.lines:
            chains[line["action_intent_id"]].append(line)
        heads = {name: link(chain) for name, chain in chains.items() if name is not None}
        own = chains[None]
        if own and own[-1]["event_type"] == "LEDGER_SEALED":
            before = link(own[:-1])
            entries = sum(map(len, chains.values())) - 1
            fold = HeadFold(entries=entries - before.sequence)
            for name in sorted(heads):
                fold.add(name, heads[name])
            own[-1]["data"] = fold.seal(before)
        link(own)
        order = sorted(chains, key=lambda name: (name is None, name or ""))
        self.lines = [line for name in order for line in chains[name]]
        return self.lines


def follow_charges(seen: list[dict[str, Any]], charges: list[dict[str, Any]]) -> None:
    """The limits of a check, as the charges that were made then say: one for each, but for what was not counted."""
    by_name = {kind_of_window(each["window_id"]): each for each in charges}
    seen[:] = [each for each in seen if kind_of_window(each["window_id"]) in by_name or not each.get("taken", 1)]
    for each in seen:
        charge = by_name.get(kind_of_window(each["window_id"]))
        if charge is None:
            continue
        taken, unit = charge["taken"], charge["unit"]
        before = on_wire(in_units(charge["used_after"]) - in_units(taken), unit)
        each |= {"window_id": charge["window_id"], "limit": charge["limit"], "used_before": before}
        each |= {"used_after": charge["used_after"]} | ({"unit": unit, "taken": taken} if "name" in each else {})
        each.pop("would_be_limit", None), each.pop("would_say", None)
        if (most := charge.get("would_be_limit")) is not None:
            exceeded = in_units(charge["used_after"]) > in_units(most)
            each |= {"would_be_limit": most, "would_say": "BUDGET_EXCEEDED" if exceeded else None}


def kind_of_window(window_id: str) -> str:
    """The name of its limit, or the counter of a budget: of the account, its types, or the tenant."""
    *_, owner, name = window_id.split("|")
    return name if window_id.count("|") == 4 else f"{owner.partition(':')[0]}|{name}"


def follow_bounds(saw: dict[str, Any], bounds: dict[str, Any]) -> None:
    """The limits of a check that refused, and which of them did, as the bounds that it names have them."""
    budget, most = bounds["budget"], {each["name"]: each["most"] for each in bounds.get("limits", [])}
    of_budget = {
        "account": budget["max_autonomous_per_day"],
        "tenant": bounds["tenant_budget"]["max_autonomous_per_day"],
    }
    saw["limits"] = [each for each in saw["limits"] if each.get("name") in (None, *most)]
    for each in saw["limits"]:
        if "name" not in each:
            each["limit"] = of_budget.get(each["scope"], each["limit"])
        elif "would_be_limit" not in each:
            each["limit"] = most.get(each["name"], each["limit"])
    full = [each for each in saw["limits"] if refuses(each)]
    saw.pop("refused_by", None)
    if full and "name" in full[0]:
        saw["refused_by"] = full[0]["name"]


def refuses(seen: dict[str, Any]) -> bool:
    if seen["limit"] is None or seen.get("taken", 1) is None:
        return "problem" in seen and "would_be_limit" not in seen
    return in_units(seen["used_before"]) + in_units(seen.get("taken", 1)) > in_units(seen["limit"])


def link(chain: list[Line]) -> Head:
    previous: str | None = None
    for sequence, line in enumerate(chain, start=1):
        line |= {"sequence": sequence, "previous_hash": previous}
        line["hash"] = previous = entry_hash(line)
    return Head(sequence=len(chain), hash=previous)


def rehash(lines: list[Line]) -> list[Line]:
    """A file altered at will, with every hash, sequence, seal head and count made right again."""
    return Lines(lines).rehashed()


NOT_FOR_SALE = """
@id("not_for_sale") @reason("NOT_FOR_SALE") @effect("BLOCK")
forbid (principal, action, resource)
when { context.texts.hasTag("text") && context.texts.getTag("text") == "everything must go" };
"""


WATCHES = '@id("watched") forbid (principal, action, resource) when { context.action_type == "REFUND" };'


def own_bounds(**changes: Any) -> dict[str, Any]:
    types = {TYPE: type_of(), OTHER: type_of(honours_idempotency_key=True), LATE: type_of()}
    types[PAY] = {**type_of(), "approvals_required": 2}
    types[SCOPED] = {**type_of(), "required_scopes": ["crm:write"], "min_confidence": "none"}
    types[OWN] = own_type()
    types[REFUND] = {**type_of(), "amounts": {"amount": {"value": "parameters.amount", "unit": "parameters.currency"}}}
    types[REFUND] |= {"sample": 1, "stop_after": {"disagreements": 2, "of_sampled": 3}}
    budget = {"max_autonomous_per_day": 5, "max_per_action_type": {OTHER: 1}}
    return bounds(
        action_types=types,
        allowlist=list(types),
        budget=budget,
        tenant_budget={"max_autonomous_per_day": 50},
        limits=LIMITS,
        policies=[
            {"name": "own.cedar", "text": NOT_FOR_SALE},
            {"name": "watch.cedar", "text": WATCHES, "log_only": True},
        ],
        principals={"alice": {"scopes": ["crm:read", "crm:write"]}},
        **changes,
    )


def eventful_world() -> World:
    """A world in which everything that can happen to an intent has happened."""
    world = World(MemoryStore, sending=True)
    world.app.apply(own_bounds(), by="ann")
    for name in ("auto-1", "auto-2"):
        world.submit(name)
    world.submit("auto-3", action_type=OTHER, supersedes=None)
    world.submit("spill", action_type=OTHER)
    world.work()
    world.approve("spill")
    world.far.script += ["no VALIDATION"]
    world.submit("failed")
    world.work()
    on_behalf(world)
    people(world)
    doubts(world)
    questions(world)
    results(world)
    refunds(world)
    endings(world)
    taken_back(world)
    callers(world)
    judged(world)
    list(world.app.export(TENANT))
    return world


def on_behalf(world: World) -> None:
    whose = {"account_id": "abroad", "action_type": SCOPED, "on_behalf_of": "alice", "confidence_score": None}
    hop = {"agent": "agent", "scopes": ["crm:write"]}
    world.submit("scoped", **whose, target=None, delegation=[hop], agent_tier="subagent")
    world.submit("narrowed", **whose, delegation=[{**hop, "scopes": ["crm:read"]}])
    world.work()


def people(world: World) -> None:
    for name in ("rejected", "edited", "answered", "superseded"):
        world.queued(name, account_id="south")
    world.app.reject(TENANT, "rejected", by="bob", reason="no")
    edited = world.app.edit(TENANT, "edited", by="bob", changes={"parameters.text": "better"}).action_intent_id
    world.approve(edited)
    world.approve("answered")
    world.queued("paid", account_id="south", action_type=PAY)
    world.approve("paid")
    world.approve("paid", by="eve")
    world.queued("for-sale", account_id="south", parameters={"text": "everything must go"})
    world.submit("superseding", account_id="south", supersedes="superseded")
    world.app.apply(own_bounds(modes={"default": "AUTO_EXECUTE", LATE: "DISABLED"}), by="ann")
    world.submit("blocked", action_type=LATE)
    world.work()


def doubts(world: World) -> None:
    world.far.script += ["lost"]
    world.submit("unknown", account_id="south")
    world.work()
    world.app.resolve(TENANT, "unknown", by="bob", status="SUCCEEDED", note="looked it up")
    world.submit("stopped", account_id="south")
    world.stop()
    world.work()
    world.submit("while-stopped", account_id="south")
    world.resume()
    world.bus.script += [REFUSED]
    world.submit("refused", account_id="south")
    world.approve("refused")
    world.work()


def questions(world: World) -> None:
    for name in ("asked", "asked-in-vain"):
        world.queued(name, account_id="west")
        world.app.ask(TENANT, name, by="bob", text="which one?")
    world.app.supplement(TENANT, "asked", by="agent", text="this one")
    world.app.assign(TENANT, "asked-in-vain", by="bob", to="zoe")
    world.app.hand_over(TENANT, by="zoe", to="bob", until=world.clock.at + timedelta(days=1))
    for name in ("asked", "asked-in-vain"):
        world.app.reject(TENANT, name, by="bob")


def results(world: World) -> None:
    world.far.says = ("application/json", b'{"id": 17}')
    for name in ("answered-by-tool", "erased"):
        world.queued(name, account_id="west")
        world.approve(name)
        world.work()
    world.far.says = None
    world.app.erase_result(TENANT, "erased", by="ann", reason="asked for")


def endings(world: World) -> None:
    world.bus.script += [UNCONFIRMED]
    soon = (NOON.replace(hour=13)).isoformat()
    world.submit("expired-reserved", account_id="east", expires_at=soon)
    world.queued("expired-waiting", account_id="east", expires_at=soon)
    world.clock.pass_(hours=2)
    world.app.reconcile()
    world.app.apply(own_bounds(accounts={"east": {"budget": {"max_autonomous_per_day": 4}}}), by="ann")
    world.submit("late", account_id="east", action_type=TYPE)
    world.work()
    world.submit("running", account_id="east")
    message = world.bus.take()
    world.executor().start(message.data)


def taken_back(world: World) -> None:
    """What waited, and what policy had approved and charged."""
    world.queued("withdrawn", account_id="south")
    world.bus.script += [UNCONFIRMED]
    world.submit("withdrawn-reserved", account_id="east")
    for name in ("withdrawn", "withdrawn-reserved"):
        world.app.withdraw(TENANT, name, by="agent", reason="no longer needed")


def callers(world: World) -> None:
    """What its proposer executed itself: done, and never heard of again."""
    for name in ("own", "own-lapsed"):
        world.submit(name, account_id="south", action_type=OWN)
        permit = world.app.begin(TENANT, name, by="agent").permit
        assert permit is not None
        if name == "own":
            world.app.finish(TENANT, name, by="agent", approval_id=permit.approval_id, acted="yes")
    world.clock.pass_(seconds=60)
    world.app.reconcile()


def judged(world: World) -> None:
    """What ran alone and people were shown afterwards: the second no stopped its type, and that of the account."""
    world.app.judge(TENANT, "refund-1", by="bob", right=False, reason="the wrong order")
    world.app.judge(TENANT, "refund-2", by="bob", right=True)
    world.app.judge(TENANT, "refund-3", by="eve", right=False)
    world.resume(action_type=REFUND)
    world.resume(action_type=REFUND, account_id="shop")


def refunds(world: World) -> None:
    """What counts against limits with names: room for all, none for one, and what is given back."""
    for name, amount in {"refund-1": "30.50", "refund-2": 60, "refund-over": 20}.items():
        refund(world, name, amount)
    refund(world, "refund-unknown", "many")
    world.bus.script += [UNCONFIRMED]
    refund(world, "refund-back", 9.5)
    world.app.withdraw(TENANT, "refund-back", by="agent")
    refund(world, "refund-3", "9")
    world.work()


def refund(world: World, name: str, amount: Any) -> None:
    parameters = {"amount": amount, "currency": "EUR"}
    world.submit(name, account_id="shop", action_type=REFUND, on_behalf_of="alice", parameters=parameters)


def verified(lines: list[Line]) -> Report:
    """The report about these lines, which is the same whether they are written and read again or taken as they are."""
    report = verify_export(iter(lines))
    assert report.wire() == verify_export(lines).wire()
    for shortest in (1, 40):
        together = verified_in_parts(lines, shortest)
        assert together is None or together.wire() == report.wire()
    return report


def verified_in_parts(lines: list[Line], shortest: int) -> Report | None:
    """The report that parts of at least so many lines come to, each read by itself and sent from its reader."""
    entries = [as_read(line) for line in lines]
    reader = PartReader(entries)
    told, before = list[Part](), 0
    for part in parts_of(entries, shortest):
        told.append(pickle.loads(pickle.dumps(reader.read(part, entries_before=before))))
        before += len(part)
    return verify_parts(told, own_chain=entries)


def as_read(line: Line) -> Any:
    return read_line(written_line(line))


def parts_of(entries: list[Any], shortest: int) -> list[list[Any]]:
    parts = list[list[Any]]([[]])
    for before, entry in zip([None, *entries], entries, strict=False):
        if len(parts[-1]) >= shortest and may_begin_part(entry, before):
            parts.append([])
        parts[-1].append(entry)
    return parts


def found(lines: list[Line]) -> set[int]:
    return {finding.invariant for finding in verified(lines).findings}


class Mutations(list[Any]):
    """Ways to break one invariant, each a function of the lines: the decorator of those functions."""

    def __init__(self, invariant: int) -> None:
        super().__init__()
        self.invariant = invariant

    def __call__(self, mutate: Mutate) -> Mutate:
        self.append(pytest.param(self.invariant, mutate, id=f"{self.invariant}-{mutate.__name__}"))
        return mutate


def assert_that_one_alone(lines: Lines, invariant: int, mutate: Mutate) -> None:
    """`mutate` breaks `invariant`, and nothing else is reported."""
    mutate(lines)

    altered = (lines if invariant == 8 else lines.decisions_follow()).rehashed()

    report = verified(altered)
    assert {finding.invariant for finding in report.findings} == {invariant}, [str(f) for f in report.findings]
    assert INVARIANTS[invariant] in str(report.findings[0])
