"""Looks at one tenant's settings and at what is stored for what keeps its actions from being decided or executed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from remit.core.diagnosis import Diagnosis
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.zones import RULES
from remit.core.identity.access import roles_with
from remit.core.identity.api_key import ApiKey, in_use
from remit.core.records import API_KEY
from remit.flow.breakers import failing_tools_of
from remit.flow.context import Context, bounds_now
from remit.flow.obstacles import unlisted_hosts
from remit.flow.reading.status import stops
from remit.ports import CaseFilter, TriesHost

CLOCK_SLACK = timedelta(seconds=2)
EXPIRES_SOON = timedelta(days=14)


def diagnose(context: Context, tenant_id: str, now: datetime, *, connect: bool = True) -> Iterator[Diagnosis]:
    """Each check of one tenant in turn. With `connect` its tools' hosts are connected to, and nothing is sent."""
    bounds = bounds_now(context, tenant_id)
    yield _clock(context, tenant_id, now)
    yield _bounds(bounds)
    yield _keys(context.store.scan(API_KEY, tenant_id), now)
    yield from _stops(context, tenant_id)
    yield from _paused(context, tenant_id)
    if connect:
        yield from _hosts(context, tenant_id, bounds)
    else:
        for each in unlisted_hosts(bounds.bounds, context.connectors):
            yield Diagnosis("connectivity", "wrong", each, "list the host under allowed_hosts")


def _clock(context: Context, tenant_id: str, now: datetime) -> Diagnosis:
    """A clock that is behind what was recorded decides by another day than others do."""
    newest = context.store.cases(tenant_id, CaseFilter(), None, 1)
    behind = max((case.created_at - now for case in newest), default=timedelta())
    if behind > CLOCK_SLACK:
        stored = f"intent {newest[0].action_intent_id!r} was stored {behind} later"
        says = f"it is {now:%Y-%m-%d %H:%M:%S} UTC here, and {stored}"
        return Diagnosis("clock", "wrong", says, "set this machine's clock by NTP, or that of the one that stored it")
    return Diagnosis("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _bounds(bounds: BoundsInForce) -> Diagnosis:
    if not bounds.config_sequence:
        return Diagnosis(
            "bounds", "look", "none are in force, so a person decides everything", "run 'remit apply FILE'"
        )
    problem = bounds.unreadable()
    if problem:
        return Diagnosis(
            "bounds", "wrong", f"cannot be read: {problem}", "apply sound bounds, or upgrade this installation"
        )
    return Diagnosis("bounds", "ok", f"number {bounds.config_sequence}, read by the zones of {RULES}")


def _keys(keys: Sequence[ApiKey], now: datetime) -> Diagnosis:
    live = [key for key in keys if in_use(key, now)]
    soon = [key.name for key in live if not in_use(key, now + EXPIRES_SOON)]
    says = f"{len(live)} in force of {len(keys)}"
    if soon:
        return Diagnosis("keys", "look", f"{says}; {', '.join(soon)} end within two weeks", "make new ones in time")
    setters = {*roles_with("set_bounds")}
    if live and not any(setters & {*key.roles} for key in live):
        return Diagnosis("keys", "look", f"{says}; none may set bounds over HTTP", "make one with the role admin")
    return Diagnosis("keys", "ok", says)


def _stops(context: Context, tenant_id: str) -> Iterator[Diagnosis]:
    for stop in stops(context, tenant_id):
        says = f"{stop.level} is stopped for {stop.scope} by {stop.stopped_by}: {stop.reason}"
        yield Diagnosis("stops", "look", says, "put it back with 'remit resume' when its cause is gone")


def _paused(context: Context, tenant_id: str) -> Iterator[Diagnosis]:
    for tool in failing_tools_of(context, tenant_id):
        says = f"{tool.action_type}: {tool.failures} calls failed in a row ({tool.last_error})"
        yield Diagnosis("tool", "look", says, "see 'remit tools list', and resume it when its cause is gone")


def _hosts(context: Context, tenant_id: str, bounds: BoundsInForce) -> Iterator[Diagnosis]:
    """The far sides of its tools, and what their calls lack here, each once."""
    tried: set[str] = set()
    told: set[str] = set()
    for name, spec in bounds.bounds.action_types.items():
        connector = context.connectors.get(spec.tool.connector)
        if isinstance(connector, TriesHost):
            found = connector.try_host(tenant_id, spec.tool.wire(), bounds.bounds.allowed_hosts)
            if found.host not in tried:
                yield _reached(name, found.host, found.problem)
            tried.add(found.host)
            if found.lacks is not None and found.lacks not in told:
                way_out = f"where workers run, calls of {name} need it; here it may be missing"
                yield Diagnosis("secrets", "look", found.lacks, way_out)
                told.add(found.lacks)


def _reached(action_type: str, host: str, problem: str | None) -> Diagnosis:
    if problem is None:
        return Diagnosis("connectivity", "ok", f"{host} takes connections")
    return Diagnosis("connectivity", "wrong", f"{host}: {problem}", f"mend it, or the tool of {action_type}")
