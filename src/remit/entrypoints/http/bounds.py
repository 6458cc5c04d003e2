"""Bounds: a tenant's as a whole, and part by part, read and replaced."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi import Body as JsonBody
from pydantic import BaseModel, WithJsonSchema

from remit.core.errors import Forbidden, InvalidInput
from remit.core.gate.bounds import Bounds, BoundsInForce
from remit.core.gate.bounds_diff import changes, limits_from_zero
from remit.core.gate.bounds_parts import PARTS, BoundsPart, parse_part
from remit.core.identity.principal import Principal
from remit.core.mirrors import view_of
from remit.core.views import AutomateAnswer, BoundsChangedAnswer, SuggestionsAnswer
from remit.entrypoints.web.bodies import IntentId, PromoteBody
from remit.entrypoints.web.callers import BoundsSetterCaller, CurrentRemit, ReaderCaller
from remit.entrypoints.web.ledger_reads import WholeLedgers
from remit.entrypoints.web.problems import responds_with
from remit.entrypoints.web.reading_bodies import JsonRoute, turns_of
from remit.wiring import Remit

router = APIRouter(tags=["bounds"], route_class=JsonRoute)
DryRun = Annotated[bool, Query(description="Only answer what would change.")]
ReplayPeriod = Annotated[
    str | None,
    Query(description="With `dry_run`: how much of the history is decided again under these bounds, such as `30d`."),
]
ProofWanted = Annotated[
    bool, Query(description="With `dry_run`: whether the bounds become wider or narrower, over all possible actions.")
]
IfMatch = Annotated[
    str | None, Header(description="The `ETag` of what was looked at: if the bounds have changed since, 409.")
]


def schema_of(model: type[BaseModel], *, without: str = "") -> dict[str, Any]:
    """A model's JSON schema with what it refers to written out, so that it can stand anywhere."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def written_out(part: Any) -> Any:
        if isinstance(part, list):
            return [written_out(item) for item in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return written_out(definitions[part["$ref"].rsplit("/", 1)[-1]])
        return {name: written_out(value) for name, value in part.items()}

    schema["required"] = [name for name in schema.get("required", []) if name != without]
    whole: dict[str, Any] = written_out(schema)
    return whole


BoundsBody = Annotated[Any, WithJsonSchema(schema_of(Bounds, without="tenant")), JsonBody()]


@router.get("/v1/bounds", responses=responds_with(Bounds))
def bounds(remit: CurrentRemit, caller: ReaderCaller, response: Response) -> Any:
    """The whole bounds in force. The `ETag` is their `config_sequence`, 0 before the first."""
    in_force = remit.bounds(caller.tenant_id)
    _mark(response, in_force)
    return in_force.bounds.model_dump(mode="json")


class WholeChange:
    """A change of the whole bounds as a request asks for it: only to be looked at, proved, or replayed."""

    def __init__(
        self,
        request: Request,
        remit: CurrentRemit,
        caller: BoundsSetterCaller,
        reads: WholeLedgers,
        response: Response,
        if_match: IfMatch = None,
        dry_run: DryRun = False,
        replay: ReplayPeriod = None,
        proof: ProofWanted = False,
    ) -> None:
        self.remit, self.caller = remit, caller
        self._turns, self._reads, self._response = turns_of(request), reads, response
        self._if_match, self._dry_run, self._replay, self._proof = if_match, dry_run, replay, proof

    async def answer(self, change: Callable[..., tuple[BoundsInForce, BoundsInForce]]) -> BoundsChangedAnswer:
        """The answer to `change`, with its proof and what it would have done to the history, if they are asked for."""
        _require_dry_run(self._dry_run, replay=self._replay is not None, proof=self._proof)
        carry_out = partial(change, dry_run=self._dry_run, expected_sequence=_expected(self._if_match))
        async with self._turns.of(self.caller.tenant_id):
            changed = await to_thread.run_sync(carry_out)
        # Not in the tenant's turn at the threads: these take long, and have places of their own.
        answer = _changed(self.remit, self._response, *changed, dry_run=self._dry_run)
        if self._proof:
            answer["proof"] = await to_thread.run_sync(partial(self.remit.prove_change, *changed))
        if self._replay is not None:
            answer["replay"] = await self._reads.replay(self.remit, self.caller, changed, self._replay)
        return answer


AskedChange = Annotated[WholeChange, Depends()]


@router.put("/v1/bounds")
async def replace_bounds(asked: AskedChange, body: BoundsBody) -> BoundsChangedAnswer:
    """Replace the whole bounds: what is not listed any more goes. Stop switches stay as they are."""
    return await asked.answer(partial(asked.remit.apply, _of_own_tenant(asked.caller, body), by=asked.caller.name))


@router.post("/v1/bounds/promote")
async def promote(asked: AskedChange, body: PromoteBody) -> BoundsChangedAnswer:
    """Make a `log_only` policy file or limit count, by its name. What counts already stays so."""
    caller = asked.caller
    return await asked.answer(partial(asked.remit.promote, caller.tenant_id, body.name, by=caller.name))


@router.get("/v1/intents/{action_intent_id}/automate")
async def automate(
    remit: CurrentRemit,
    caller: BoundsSetterCaller,
    reads: WholeLedgers,
    action_intent_id: IntentId,
    replay: Annotated[str | None, Query(description="How much of the history each is replayed over.")] = "30d",
) -> AutomateAnswer:
    """
    The smallest changes of the bounds under which a waiting intent would have run, each confirmed by the gate.

    Each comes with the whole bounds, to be put in force with `If-Match` of `config_sequence`.
    """
    work = partial(remit.automate, caller.tenant_id, action_intent_id, period=replay or None)
    return await reads.within_time(caller, work)


@router.get("/v1/suggestions")
async def suggestions(remit: CurrentRemit, caller: BoundsSetterCaller, reads: WholeLedgers) -> SuggestionsAnswer:
    """People's answers by shape of action, and the changes of the bounds that this speaks for. Changes nothing."""
    return await reads.within_time(caller, partial(remit.suggestions, caller.tenant_id))


def _add_routes(kind: type[BoundsPart]) -> None:
    """The two routes of one part: read it, replace it."""

    def read(remit: CurrentRemit, caller: ReaderCaller, response: Response) -> Any:
        return _part(kind, remit, caller, response)

    def replace(
        remit: CurrentRemit,
        caller: BoundsSetterCaller,
        body: Any,
        response: Response,
        if_match: IfMatch = None,
        dry_run: DryRun = False,
        proof: ProofWanted = False,
    ) -> BoundsChangedAnswer:
        _require_dry_run(dry_run, proof=proof)
        return _replaced(kind, remit, caller, body, response, if_match, dry_run, proof)

    # Checked by `parse_part`; the OpenAPI document shows it whole.
    replace.__annotations__["body"] = Annotated[Any, WithJsonSchema(schema_of(kind)), JsonBody()]
    name = kind.route.rpartition("/")[2].replace("-", "_")
    read.__name__, replace.__name__ = name, f"replace_{name}"
    router.get(kind.route, responses=responds_with(kind), description=kind.reading)(read)
    router.put(kind.route, description=kind.replacing)(replace)


for _kind in PARTS:
    _add_routes(_kind)


def _part(kind: type[BoundsPart], remit: Remit, caller: Principal, response: Response) -> dict[str, Any]:
    in_force = remit.bounds(caller.tenant_id)
    _mark(response, in_force)
    return kind.of(in_force.bounds).model_dump(mode="json")


def _replaced(
    kind: type[BoundsPart],
    remit: Remit,
    caller: Principal,
    body: Any,
    response: Response,
    if_match: str | None,
    dry_run: bool,
    proof: bool,
) -> BoundsChangedAnswer:
    part, expected = parse_part(kind, body), _expected(if_match)
    changed = remit.apply_part(caller.tenant_id, part, by=caller.name, dry_run=dry_run, expected_sequence=expected)
    answer = _changed(remit, response, *changed, dry_run=dry_run)
    if proof:
        answer["proof"] = remit.prove_change(*changed)
    return answer


def _require_dry_run(dry_run: bool, **asked: bool) -> None:
    for name, wanted in asked.items():
        if wanted and not dry_run:
            raise InvalidInput(name, "goes with dry_run", "add dry_run=true; nothing is changed then")


def _of_own_tenant(caller: Principal, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    if body.get("tenant", caller.tenant_id) != caller.tenant_id:
        raise Forbidden(f"tenant comes from the credential, which says {caller.tenant_id!r}; leave it out")
    return {**body, "tenant": caller.tenant_id}


def _expected(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'\s*"([0-9]{1,15})"\s*', if_match)
    if not found:
        raise InvalidInput("If-Match", f"is {if_match[:100]!r}", 'send one ETag as it was received, such as "3"')
    return int(found[1])


def _mark(response: Response, in_force: BoundsInForce) -> None:
    response.headers["ETag"] = f'"{in_force.config_sequence}"'


def _changed(
    remit: Remit, response: Response, before: BoundsInForce, after: BoundsInForce, *, dry_run: bool
) -> BoundsChangedAnswer:
    """The effect of a change, done or only looked at."""
    in_force = before if dry_run else after
    _mark(response, in_force)
    shown = after.wire()
    return {
        "tenant_id": after.bounds.tenant,
        "dry_run": dry_run,
        "changed": before != after,
        "config_sequence": in_force.config_sequence,
        "changes": [view_of(change) for change in changes(before, after)],
        "type_versions": shown["type_versions"],
        "zones_until": shown["zones_until"],
        "limits_from_zero": limits_from_zero(before, after),
        "warnings": remit.warnings(after.bounds),
    }
