"""Record: write the outcome, for good, once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remit.core.execution.outcome import (
    ActionOutcomeV1,
    CallResult,
    Conclusion,
    ExecutionAttempt,
    OutcomeStatus,
    Resolution,
)
from remit.flow.context import CaseWriter
from remit.flow.execute.common import Keys, Ref, Worker, charged_keys, ended, failed, in_doubt
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
    status: OutcomeStatus = result.get("status") or ("SUCCEEDED" if came_back.acted == "yes" else "FAILED")

    def change(snapshot: Snapshot) -> Writes[str | None]:
        outcome, attempt = snapshot.get(keys.outcome), snapshot.get(keys.attempt)
        if outcome is not None:
            return _late(worker, snapshot, keys, outcome, came_back, now, called=bool(result.get("late")))
        # A success that arrives after a take-over is still the truth about this intent.
        if attempt is None or not (worker.holds(attempt, ref) or came_back.acted == "yes"):
            return Writes(answer=None)
        end = _conclusion(attempt, status, came_back)
        return ended(worker, snapshot, keys, end.status, end.result, now, answer=end.status)

    return answer_of(worker.context.store.transact([UnitOfWork(keys.all(), change, charged_keys(keys))]))


def broken(error: str) -> dict[str, Any]:
    """
    What to record when an engine gave a step up: `error` is its name for why, cut and made writable.

    What an earlier call came to, if it is noted, stands all the same; a call without an answer stays `UNKNOWN`.
    """
    name = error.encode("utf-8", "replace").decode()[:LONGEST_ERROR_NAME] or "an error without a name"
    return {"result": failed("STEP_BROKE", "UNKNOWN", f"a step could not be finished: {name}").wire()}


def _late(
    worker: Worker,
    snapshot: Snapshot,
    keys: Keys,
    outcome: ActionOutcomeV1,
    result: CallResult,
    now: datetime,
    *,
    called: bool,
) -> Writes[str | None]:
    case, attempt = snapshot.get(keys.case), snapshot.get(keys.attempt)
    if outcome.status != "UNKNOWN" or case is None or case.status != "UNKNOWN" or attempt is None:
        return Writes(answer=outcome.status)
    # That one call did nothing says that nothing happened only if no other call went unanswered.
    nothing_happened = result.acted == "no" and called and not attempt.in_doubt
    if result.acted != "yes" and not nothing_happened:
        return Writes(answer=outcome.status)
    writer = CaseWriter(worker.context, case, now)
    resolution = Resolution(
        action_intent_id=outcome.action_intent_id,
        tenant_id=outcome.tenant_id,
        status="SUCCEEDED" if result.acted == "yes" else "FAILED",
        resolved_by="remit",
        resolved_at=now,
        note=result.error_message or "the far side's answer arrived late",
        external_object_refs=result.external_object_refs,
    )
    writer.resolve(outcome, resolution)
    return writer.writes(resolution.status)


def _conclusion(attempt: ExecutionAttempt, status: OutcomeStatus, result: CallResult) -> Conclusion:
    """What a recorder brings, or what is noted already; a failure beside a call does not answer that call."""
    if result.acted != "yes" and attempt.conclusion is not None:
        return attempt.conclusion
    if status == "FAILED" and attempt.unanswered:
        return Conclusion(status="UNKNOWN", result=in_doubt(attempt, result.error_message or "it could not go on"))
    return Conclusion(status=status, result=result)
