"""Sampled actions as they are listed, and the tallies of answers about them, held against their intents' chains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from remit.core.errors import RemitError
from remit.core.execution.limit_answers import tally_id
from remit.core.execution.sample import Sample, SampleTally, count_answer, sample_of
from remit.core.gate.sampling import StopAfter
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.ledger.verification.tenant_chain import MALFORMED
from remit.core.records import SAMPLE, SAMPLE_TALLY, chain_key, sample_key
from remit.core.values import utc
from remit.ports import Store

MOST_LOOKED_AT = 500


class SampleRows:
    """
    Those of one tenant, beside the chains of all its intents.

    Rows and entries are read at different moments, so what does not agree is read again, both as of one moment.
    """

    def __init__(self, store: Store, tenant_id: str, now: datetime, broken: Callable[[str, str], None]) -> None:
        self._store, self._tenant_id, self._now, self._broken = store, tenant_id, now, broken
        self._rows = dict(self._read_rows())
        self._answers: dict[str, list[_Answered]] = {}

    def _read_rows(self) -> Iterator[tuple[str, Sample]]:
        try:
            yield from self._store.records(SAMPLE, self._tenant_id)
        except RemitError as error:
            self._broken("the store", str(error))

    def passed(self, name: str, entries: Sequence[LedgerEntry]) -> None:
        """The chain of an intent."""
        row = self._rows.pop(name, None)
        # Most chains are of no sampled action, and cost no more than this look.
        if row is None and not any(b'"sample":' in entry.line for entry in entries):
            return
        for entry in entries:
            for tally, answered in _answers_in(entry):
                self._answers.setdefault(tally, []).append(answered)
        if self._problems(IntentHistory(entries), row):
            self._look_again(name)

    def _look_again(self, name: str) -> None:
        chain_at, sample_at = chain_key(self._tenant_id, name), sample_key(self._tenant_id, name)
        try:
            seen = self._store.read([chain_at, sample_at])
        except RemitError as error:
            self._broken(f"intent {name}", str(error))
            return
        for problem in self._problems(seen.get(chain_at) or IntentHistory(()), seen.get(sample_at)):
            self._broken(f"intent {name}", problem)

    def _problems(self, history: IntentHistory, row: Sample | None) -> list[str]:
        try:
            due = _due(history)
        except MALFORMED as error:
            return [f"whether people are shown it cannot be told ({type(error).__name__}: {error})"]
        if row is None:
            missing = due is not None and due.is_listed(self._now)
            return ["nobody judged it, and it is missing from the list of what people are shown"] if missing else []
        if due is None:
            return ["it is listed for people to judge, and was judged, or is none that they are shown"]
        return [] if row == due else ["it is listed for people to judge as something else than it is"]

    def finish(self) -> None:
        """Finish once every chain has passed: rows of those that have not, and the tallies."""
        for name in sorted(self._rows):
            self._look_again(name)
        try:
            rows = dict(self._store.records(SAMPLE_TALLY, self._tenant_id))
            for name in sorted({*rows, *self._answers}):
                self._check_tally(name, rows.get(name))
        except RemitError as error:
            self._broken("the store", str(error))

    def _check_tally(self, name: str, row: SampleTally | None) -> None:
        known = self._answers.get(name, [])
        answered = row.answered if row is not None else 0
        where = f"answers about {name}"
        try:
            due = _tally(name, known)
        except MALFORMED as error:
            self._broken(where, f"they cannot be counted ({type(error).__name__}: {error})")
            return
        if answered > len(known):
            # Somebody answered since the chains were read: then there is an entry that says so.
            if self._latest(name) < answered:
                self._broken(where, f"their tally has {answered}, the ledger {len(known)}")
        elif row != due:
            self._broken(where, "their tally is not what the entries come to")

    def _latest(self, name: str) -> int:
        found = self._store.recent(self._tenant_id, ["AUTONOMY_SAMPLED"], None, None, MOST_LOOKED_AT)
        own = (answered for entry in found for of, answered in _answers_in(entry) if of == name)
        return max((data["number"] for data, _ in own), default=0)


def _due(history: IntentHistory) -> Sample | None:
    """The sample to be listed of it; nothing of what was judged."""
    intent, ended = history.intent, history.ended
    approval = history.approval(ended.data["approval_id"]) if ended is not None else None
    if intent is None or ended is None or approval is None or history.sample_answer is not None:
        return None
    return sample_of(
        intent, approval, ended.data["outcome"]["status"], ended.hash, utc(datetime.fromisoformat(ended.at))
    )


_Answered = tuple[dict[str, Any], bool]
"""What an answer says of how it was counted, for its type or for a limit, and whether it was a yes."""


def _answers_in(entry: LedgerEntry) -> Iterator[tuple[str, _Answered]]:
    """By the names of the tallies that count it."""
    if entry.event_type == "AUTONOMY_SAMPLED":
        data = entry.data
        yield str(data.get("action_type")), (data, bool(data.get("right")))
        for limit in data.get("limits", ()):
            yield tally_id(limit["limit"], limit["scope"]), (limit, bool(data.get("right")))


def _tally(name: str, answers: Sequence[_Answered]) -> SampleTally:
    scope, _, limit = name.rpartition("|")
    tally = SampleTally(limit=limit, scope=scope) if scope else SampleTally(action_type=name)
    for data, right in sorted(answers, key=lambda answered: answered[0]["number"]):
        stop_after = data.get("stop_after")
        tally = count_answer(tally, right, StopAfter.model_validate(stop_after) if stop_after else None).tally
    return tally
