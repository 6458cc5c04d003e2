"""Desks: where a scenario is played, with Remit before the tool or with the framework alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from tests.agents.suite.jobs import Decision, Job, Told, effects
from tests.agents.suite.processes import Run, at_once, barrier
from tests.entrypoints.http_world import ACME, OWN, World, bounds, http_world

NOWHERE = "http://127.0.0.1:9"
"""Where nobody listens."""


def suite_bounds(**changes: Any) -> dict[str, Any]:
    """A person is asked about what is of some risk, however sure a model is: not every client says that."""
    known = bounds(**changes)
    own = {**known["action_types"][OWN], "min_confidence": "none"}
    return {**known, "action_types": {**known["action_types"], OWN: own}}


class Desk(Protocol):
    def start(self, **changes: Any) -> Told: ...
    def resume(self, **changes: Any) -> Told: ...
    def resume_at_once(self, times: int) -> list[Told]: ...
    def approve(self) -> None: ...
    def reject(self, reason: str) -> None: ...
    def edit(self, amount: int) -> None: ...
    def later(self, seconds: float) -> None: ...
    def use_up_the_budget(self) -> None: ...
    def stop_the_gate(self) -> None: ...
    def save(self) -> None: ...
    def put_back(self) -> None: ...
    def effects(self) -> list[int]: ...
    def approved(self) -> list[int]: ...


class _Runs:
    """Runs of one driver over one folder, and what it keeps there."""

    def __init__(self, driver: str, job: Job) -> None:
        self.driver, self.job = driver, job

    def start(self, **changes: Any) -> Told:
        return Run(self.driver, "start", replace(self.job, **changes)).told()

    def resume(self, **changes: Any) -> Told:
        return Run(self.driver, "resume", replace(self.job, **changes)).told()

    def resume_at_once(self, times: int) -> list[Told]:
        job = replace(self.job, meets=barrier(times))
        return at_once([Run(self.driver, "resume", job) for _ in range(times)])

    def save(self) -> None:
        """Remember what the driver keeps now: a backup of the application's own database."""
        if (self.job.folder / "kept").exists():
            shutil.copytree(self.job.folder / "kept", self.job.folder / "saved")

    def put_back(self) -> None:
        shutil.rmtree(self.job.folder / "kept", ignore_errors=True)
        saved = self.job.folder / "saved"
        if saved.exists():
            shutil.copytree(saved, self.job.folder / "kept")

    def effects(self) -> list[int]:
        return effects(self.job.folder)


class MovingClock:
    """The time, and as much later as a test says."""

    def __init__(self) -> None:
        self.later_by = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later_by


class RemitDesk(_Runs):
    """Remit is before the tool. Its people answer at the HTTP door, in another process than the agent's."""

    def __init__(self, driver: str, job: Job, world: World, clock: MovingClock) -> None:
        super().__init__(driver, job)
        self.world, self.clock = world, clock

    def approve(self) -> None:
        waiting = self._waiting()
        self._ask(f"/v1/intents/{waiting['action_intent_id']}/approve", {"digest": waiting["digest"]})

    def reject(self, reason: str) -> None:
        self._ask(f"/v1/intents/{self._waiting()['action_intent_id']}/reject", {"reason": reason})

    def edit(self, amount: int) -> None:
        """A person changes it, and what it became is approved."""
        name = self._waiting()["action_intent_id"]
        self._ask(f"/v1/intents/{name}/edit", {"changes": {"parameters.amount": amount}})
        self.approve()

    def later(self, seconds: float) -> None:
        """So much later, and what is due by then is done."""
        self.clock.later_by += timedelta(seconds=seconds)
        self.world.remit.reconcile()

    def use_up_the_budget(self) -> None:
        self.world.remit.apply(suite_bounds(budget={"max_autonomous_per_day": 0}), by="the test")

    def stop_the_gate(self) -> None:
        self.job = replace(self.job, url=NOWHERE)

    def approved(self) -> list[int]:
        """The amounts that people and policy saw."""
        names = [line["action_intent_id"] for line in self.world.remit.intents(ACME)[0]]
        return [self.world.remit.intent(ACME, name).parameters["amount"] for name in names]

    def recorded_size(self) -> int:
        """Bytes of the result, as the ledger has it."""
        (line,) = self.world.remit.intents(ACME)[0]
        result = self.world.client("agent").get(f"/v1/intents/{line['action_intent_id']}/result")
        return int(result.raise_for_status().json()["size"])

    def statuses(self) -> list[str]:
        """Of every intent, the newest first."""
        return [line["status"] for line in self.world.remit.intents(ACME)[0]]

    def _waiting(self) -> dict[str, Any]:
        (card,) = self.world.client("approver").get("/v1/queue").raise_for_status().json()["items"]
        return dict(card)

    def _ask(self, path: str, body: dict[str, Any]) -> None:
        answer = self.world.client("approver").post(path, json=body)
        assert answer.is_success, answer.text


class BareDesk(_Runs):
    """The framework alone: what a person said is what the application tells it when it goes on."""

    def approve(self) -> None:
        self.job = replace(self.job, decision=Decision("approve"))

    def reject(self, reason: str) -> None:
        self.job = replace(self.job, decision=Decision("reject", reason=reason))

    def edit(self, amount: int) -> None:
        self.job = replace(self.job, decision=Decision("edit", amount=amount))

    def approved(self) -> list[int]:
        return [self.job.amount]

    def later(self, seconds: float) -> None:
        """Nothing is due."""

    def use_up_the_budget(self) -> None:
        """There is none."""

    def stop_the_gate(self) -> None:
        """There is none."""


@contextmanager
def remit_desk(driver: str, folder: Path) -> Iterator[RemitDesk]:
    """`remit verify` holds afterwards."""
    clock = MovingClock()
    with http_world(folder, clock=clock) as world:
        world.remit.apply(suite_bounds(), by="the test")
        job = Job(folder=folder, url=world.url, key=world.keys[ACME, "agent"])
        yield RemitDesk(driver, job, world, clock)
        report = world.client("auditor").post("/v1/verify").raise_for_status().json()
        assert report["ok"], report


def bare_desk(driver: str, folder: Path) -> BareDesk:
    return BareDesk(driver, Job(folder=folder))
