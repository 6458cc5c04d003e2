"""The permission to execute an action oneself, as a client was answered, and the verbs that end it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from remit.core.errors import NotBegun

if TYPE_CHECKING:
    from remit.core import views as a


@dataclass(frozen=True, slots=True)
class Permit:
    """
    The permission to run once, now: `parameters` on `target`, under `idempotency_key` where the far side honours one.

    `action_intent_id` is the intent that runs, which after a person's edit is another than was begun. Of an
    `AsyncRemitClient`, `finish` and `renew` are awaited.
    """

    answer: a.PermitAnswer
    _client: Any = field(repr=False, compare=False)

    @property
    def action_intent_id(self) -> str:
        return self.answer["action_intent_id"]

    @property
    def approval_id(self) -> str:
        return self.answer["approval_id"]

    @property
    def target(self) -> a.TargetAnswer | None:
        return self.answer["target"]

    @property
    def parameters(self) -> dict[str, Any]:
        return self.answer["parameters"]

    @property
    def digest(self) -> str:
        return self.answer["digest"]

    @property
    def idempotency_key(self) -> str:
        return self.answer["idempotency_key"]

    @property
    def lease_until(self) -> str:
        """The time from which the outcome of what was not finished is `UNKNOWN`; RFC 3339."""
        return self.answer["lease_until"]

    def finish(
        self,
        *,
        acted: Literal["yes", "no", "unknown"],
        external_object_refs: Sequence[a.RefAnswer] = (),
        error_code: str | None = None,
        error_class: str | None = None,
        error_message: str | None = None,
        result: Any = None,
        media_type: str | None = None,
    ) -> Any:
        """
        Say what came of it: `no` only for what certainly did not happen. Answers a `FinishedAnswer`.

        `result` is what the tool answered: bytes, a text, or any JSON value.
        """
        return self._client.finish(
            self.action_intent_id,
            approval_id=self.approval_id,
            acted=acted,
            external_object_refs=external_object_refs,
            error_code=error_code,
            error_class=error_class,
            error_message=error_message,
            result=result,
            media_type=media_type,
        )

    def renew(self) -> Any:
        """The permit with a longer lease."""
        return self._client.renew(self.action_intent_id, approval_id=self.approval_id)


@dataclass(frozen=True, slots=True)
class Proposed:
    """The gate's word on a proposal, and the permit where policy approved it."""

    verdict: a.VerdictAnswer
    permit: Permit | None


def permit_of(client: Any, begun: a.BegunAnswer) -> Permit:
    """Raises `NotBegun` where there is none."""
    if begun["permit"] is None:
        raise NotBegun(begun["action_intent_id"], begun["status"], begun["explanation"])
    return Permit(begun["permit"], client)
