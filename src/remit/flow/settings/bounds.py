"""Settings that people change: a tenant's bounds as a whole, and the stop switches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from msgspec import Struct

from remit.core.errors import BoundsChanged, InvalidInput, TryLater, mistakes_of, raise_together
from remit.core.gate.action_type import ActionType, Tool
from remit.core.gate.autonomy import Stop, StopLevel, Stops, StopScope
from remit.core.gate.bounds import Bounds, BoundsInForce, changed_types, replace_bounds
from remit.core.gate.bounds_checks import check_policy_texts
from remit.core.gate.fact import FactSpec
from remit.core.gate.policy import Clause, PolicySource, clauses_of, find_mistakes, load_policies
from remit.core.ledger.config_change import config_data
from remit.core.ledger.entries import NO_CHAIN, ChainHead, Head
from remit.core.records import ACTION_TYPE, Key, stops_key, type_id
from remit.flow.context import Context, bounds_key, bounds_of, chain_head_key
from remit.flow.writers import TenantLedgerWriter
from remit.ports import Connector, FactSource, Snapshot, UnitOfWork, Writes, answer_of

MOST_TYPES_AT_ONCE = 50
"""New versions of action types in the one write that puts bounds in force; DynamoDB holds 100 items in one."""


class StagedTypes(Struct, frozen=True):
    """Versions of action types that are written and not in force, and the tenant's chain as it was then."""

    head: Head
    ids: frozenset[str]


def mistakes_in(context: Context, tenant_id: str, bounds: Bounds) -> list[InvalidInput]:
    """Everything in sound bounds that cannot be put in force here: tools, facts, policies. Raises `TryLater`."""
    return mistakes_of(
        lambda: check_tools(bounds, context.connectors),
        lambda: check_facts(bounds, context.fact_source),
        lambda: check_policies(context, tenant_id, bounds.policies),
    )


def check_facts(bounds: Bounds, source: FactSource | None) -> None:
    """Raises `InvalidInput` naming each action type and its fact that cannot be looked up here."""
    asked = {
        f"action_types.{name}.facts.{fact}": each
        for name, spec in bounds.action_types.items()
        for fact, each in spec.facts.items()
    }
    raise_together(mistakes_of(*(partial(_check_fact, field, fact, bounds, source) for field, fact in asked.items())))


def _check_fact(field: str, fact: FactSpec, bounds: Bounds, source: FactSource | None) -> None:
    if source is None:
        raise InvalidInput(field, "cannot be looked up here, where nothing is called", "leave it out")
    try:
        source.check(fact, bounds.allowed_hosts)
    except InvalidInput as error:
        raise_together([_below(field, each) for each in error.all])


def check_tools(bounds: Bounds, connectors: Mapping[str, Connector]) -> None:
    """Raises `InvalidInput` naming each action type whose tool no connector here can carry out."""
    tools = {f"action_types.{name}.tool": spec.tool for name, spec in bounds.action_types.items()}
    raise_together(mistakes_of(*(partial(_check_tool, field, tool, connectors) for field, tool in tools.items())))


def _check_tool(field: str, tool: Tool, connectors: Mapping[str, Connector]) -> None:
    connector = connectors.get(tool.connector)
    if connector is None:
        known = ", ".join(sorted(connectors))
        raise InvalidInput(f"{field}.connector", f"{tool.connector!r} is not known", f"use one of {known}")
    try:
        connector.check(tool.wire())
    except InvalidInput as error:
        raise_together([_below(field, each) for each in error.all])


def _below(field: str, error: InvalidInput) -> InvalidInput:
    return InvalidInput(f"{field}.{error.field}", error.problem, error.way_out)


def check_policies(context: Context, tenant_id: str, policies: Sequence[PolicySource]) -> None:
    """
    Compile the text, first where a crash or a hang of the parser ends nothing else.

    Raises `InvalidInput` naming the file and the place of every mistake, or `TryLater` where other text is being tried.
    """
    sources = tuple(policies)
    check_policy_texts(sources)
    if sources and context.policy_sandbox:
        context.policy_sandbox.try_out(tenant_id, sources)
    loaded = load_policies(sources)
    if isinstance(loaded, str):
        raise_together(find_mistakes(sources) or [InvalidInput("policies", loaded)])


def rules_of(context: Context, tenant_id: str, policies: Sequence[PolicySource]) -> list[Clause]:
    """The rules that these files hold, checked as `check_policies` does."""
    check_policies(context, tenant_id, policies)
    return clauses_of(policies)


class ChangeBounds(Struct, frozen=True):
    """
    Replace a tenant's whole bounds by what `wanted` makes of those in force; stop switches stay as they are.

    Bounds with properties (`never`) are put in force only if they are those that were `proved`.

    What `staged` has written already, and nothing has changed since, is not written again.

    Answers what was and what is. The same bounds again change nothing and write nothing.
    Raises `BoundsChanged` if these are not number `expected_sequence`.
    """

    context: Context
    tenant_id: str
    wanted: Callable[[Bounds], Bounds]
    by: str
    now: datetime
    expected_sequence: int | None = None
    staged: StagedTypes | None = None
    proved: Bounds | None = None

    def unit(self) -> UnitOfWork[tuple[BoundsInForce, BoundsInForce]]:
        return UnitOfWork([bounds_key(self.tenant_id), chain_head_key(self.tenant_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[tuple[BoundsInForce, BoundsInForce]]:
        before = bounds_of(snapshot, self.tenant_id)
        after = next_bounds(before, self.wanted(before.bounds), self.now, self.expected_sequence)
        if after == before:
            return Writes(answer=(before, before))
        if after.bounds.never and after.bounds != self.proved:
            raise TryLater(
                "the bounds were changed by somebody else meanwhile, and have to be proved anew; send it again"
            )
        writer = TenantLedgerWriter(self.context, snapshot, self.tenant_id, self.now)
        writer.append("CONFIG_CHANGED", config_data(before, after), actor=self.by)
        writes = writer.writes((before, after))
        writes.put(bounds_key(self.tenant_id), after)
        for registered in self._missing(snapshot, before, after):
            writes.put(_type_key(self.tenant_id, registered), registered)
        return writes

    def _missing(self, snapshot: Snapshot, before: BoundsInForce, after: BoundsInForce) -> list[ActionType]:
        """The new versions of action types that are not written yet."""
        missing = _not_staged(before, after, self.staged, _head(snapshot, self.tenant_id))
        if self.staged is not None and len(missing) > MOST_TYPES_AT_ONCE:
            raise TryLater("the bounds were changed by somebody else meanwhile; apply them again")
        return missing


def stage_types(context: Context, tenant_id: str, wanted: Callable[[Bounds], Bounds], now: datetime) -> StagedTypes:
    """
    Write the versions of action types that a change will bring, if they are more than one write holds, before it.

    Nothing refers to them until the change is made; if it never is, whoever makes the next version writes over them.
    """
    staged: StagedTypes | None = None
    while True:
        further = answer_of(context.store.transact([StageSomeTypes(tenant_id, wanted, staged, now).unit()]))
        if further == staged:
            return further
        staged = further


class StageSomeTypes(Struct, frozen=True):
    """
    Write as many of them as one write holds, beside those that are `staged`. Answers all that are then.

    Read with the chain's head, which each change moves on: what is written is of the bounds that are in force.
    """

    tenant_id: str
    wanted: Callable[[Bounds], Bounds]
    staged: StagedTypes | None
    now: datetime

    def unit(self) -> UnitOfWork[StagedTypes]:
        return UnitOfWork([bounds_key(self.tenant_id), chain_head_key(self.tenant_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[StagedTypes]:
        before, head = bounds_of(snapshot, self.tenant_id), _head(snapshot, self.tenant_id)
        after = next_bounds(before, self.wanted(before.bounds), self.now, None)
        missing = _not_staged(before, after, self.staged, head)
        some = missing[:MOST_TYPES_AT_ONCE] if len(missing) > MOST_TYPES_AT_ONCE else []
        puts = [(_type_key(self.tenant_id, each), each) for each in some]
        known = _known(self.staged, head) | {key.id for key, _ in puts}
        return Writes(answer=StagedTypes(head, known), puts=[*puts])


def _known(staged: StagedTypes | None, head: Head) -> frozenset[str]:
    """The staged versions, unless the bounds have changed since."""
    return staged.ids if staged is not None and staged.head == head else frozenset()


def _not_staged(
    before: BoundsInForce, after: BoundsInForce, staged: StagedTypes | None, head: Head
) -> list[ActionType]:
    known = _known(staged, head)
    new = [
        ActionType(name=name, version=after.type_versions[name], spec=after.bounds.action_types[name])
        for name in changed_types(before, after)
    ]
    return [each for each in new if type_id(each.name, each.version) not in known]


def _type_key(tenant_id: str, registered: ActionType) -> Key[ActionType]:
    return Key(ACTION_TYPE, tenant_id, type_id(registered.name, registered.version))


def _head(snapshot: Snapshot, tenant_id: str) -> Head:
    return (snapshot.get(chain_head_key(tenant_id)) or ChainHead(chain=NO_CHAIN)).chain


def next_bounds(before: BoundsInForce, wanted: Bounds, now: datetime, expected_sequence: int | None) -> BoundsInForce:
    """The bounds after the change: the same if nothing changes. Raises `BoundsChanged`."""
    if expected_sequence not in (None, before.config_sequence):
        raise BoundsChanged(wanted.tenant, expected_sequence or 0, before.config_sequence)
    if before.bounds == wanted and before.config_sequence > 0:
        return before
    return replace_bounds(before, wanted, now)


class StopAutonomy(Struct, frozen=True):
    """
    Pull a stop switch. Pulled again, it keeps the newer name and reason. `sampled` names the answer about a sampled
    action that brought it about.
    """

    context: Context
    scope: StopScope
    level: StopLevel
    by: str
    reason: str
    now: datetime
    sampled: Mapping[str, Any] | None = None

    def unit(self) -> UnitOfWork[Stop]:
        return UnitOfWork(switch_keys(self.scope), self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Stop]:
        return stop_together(self.context, snapshot, [self], self.now)


def stop_together(
    context: Context, snapshot: Snapshot, switches: Sequence[StopAutonomy], now: datetime
) -> Writes[Stop]:
    """Pull switches of one owner in one write, of which the last is the answer."""
    first = switches[0].scope
    stops_at, writer = stops_key(first.owner), TenantLedgerWriter(context, snapshot, first.owner, now)
    stops = snapshot.get(stops_at) or Stops()
    for each in switches:
        about = {"sampled": dict(each.sampled)} if each.sampled else {}
        told = {**_told(each.scope, each.level, each.by, each.reason), **about}
        writer.append("AUTONOMY_STOPPED", told, actor=each.by)
        stop = Stop(scope=each.scope, level=each.level, stopped_by=each.by, reason=each.reason, stopped_at=now)
        stops = stops.with_stop(stop)
    writes = writer.writes(stop)
    writes.put(stops_at, stops)
    return writes


class ResumeAutonomy(Struct, frozen=True):
    """Put one stop switch back. Answers false, and writes nothing, if it was not pulled."""

    context: Context
    scope: StopScope
    level: StopLevel
    by: str
    reason: str
    now: datetime

    def unit(self) -> UnitOfWork[bool]:
        return UnitOfWork(switch_keys(self.scope), self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        stops_at = stops_key(self.scope.owner)
        before = snapshot.get(stops_at) or Stops()
        after = before.without(self.scope, self.level)
        if after == before:
            return Writes(answer=False)
        writer = TenantLedgerWriter(self.context, snapshot, self.scope.owner, self.now)
        writer.append("AUTONOMY_RESUMED", _told(self.scope, self.level, self.by, self.reason), actor=self.by)
        writes = writer.writes(True)
        writes.put(stops_at, after)
        return writes


def switch_keys(scope: StopScope) -> list[Key[Any]]:
    """The records that pulling a switch, or putting it back, reads."""
    return [stops_key(scope.owner), chain_head_key(scope.owner)]


def _told(scope: StopScope, level: StopLevel, by: str, reason: str) -> dict[str, Any]:
    return {"scope": scope.wire(), "level": level, "by": by, "reason": reason}
