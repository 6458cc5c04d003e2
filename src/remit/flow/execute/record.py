"""Record: write the outcome, for good, once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remit.core.execution.fulfilment import conclusion, found_late, late_resolution, may_record, outcome_of
from remit.core.execution.outcome import ActionOutcomeV1, CallResult, OutcomeStatus
from remit.flow.context import CaseWriter, Context
from remit.flow.execute.common import Keys, Ref, Worker, end, failed
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

LONGEST_ERROR_NAME = 200


def record(worker: Worker, ref_data: Mapping[str, str], result: Mapping[str, Any]) -> str | None:
    """
    Write the outcome, for good, once.

    `result` is what `map` or `invoke` answered. Answers the recorded status. Run again, or by a
    worker that lost its attempt, it changes nothing, except that an answer to a call whose
    outcome is `UNKNOWN` becomes a resolution by the system.
    """
    ref = Ref(**ref_data)
    now = worker.clock.now()
    keys = Keys.of(ref)
    came_back = CallResult.from_wire(result["result"])
    status: OutcomeStatus = result.get("status") or outcome_of(came_back)

    def change(snapshot: Snapshot) -> Writes[str | None]:
        case, history = snapshot.get(keys.case), snapshot.get(keys.chain)
        outcome, attempt = history.outcome if history else None, case.attempt if case else None
        if outcome is not None:
            return late(worker.context, snapshot, keys, outcome, came_back, now, called=bool(result.get("late")))
        if attempt is None or not may_record(worker.hold(attempt, ref, now), came_back):
            return Writes(answer=None)
        concluded = conclusion(attempt, status, came_back)
        return end(worker, snapshot, keys, concluded, now, answer=concluded.status)

    return answer_of(worker.context.store.transact([UnitOfWork(keys.all(), change, keys.charged)]))


def broken(error: str) -> dict[str, Any]:
    """
    What to record when an engine gave a step up: `error` is its name for why, cut and made writable.

    What an earlier call came to, if it is noted, stands all the same; a call without an answer stays `UNKNOWN`.
    """
    name = error.encode("utf-8", "replace").decode()[:LONGEST_ERROR_NAME] or "an error without a name"
    return {"result": failed("STEP_BROKE", "UNKNOWN", f"a step could not be finished: {name}").wire()}


def late(
    context: Context,
    snapshot: Snapshot,
    keys: Keys,
    outcome: ActionOutcomeV1,
    result: CallResult,
    now: datetime,
    *,
    called: bool,
) -> Writes[str | None]:
    """A result that comes after the outcome: a resolution by the system, if it tells what nobody knew."""
    case = snapshot.get(keys.case)
    found = found_late(outcome, case, case.attempt if case else None, result, called=called)
    if found is None or case is None:
        return Writes(answer=outcome.status)
    writer = CaseWriter(context, case, now)
    writer.resolve(outcome, late_resolution(outcome, found, result, now))
    return writer.writes(found)
