"""
Errors, sorted by what the caller does next.

`CallerMistake`: change the request. `NotFound`: a `CallerMistake` about something that is not there.
`Conflict`: look again, somebody or something decided first. `TryLater`: nothing happened, send it
again. `OutcomeUnknown`: it may have happened; look before you send it again.

Being sent to a person is an answer, not an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


class RemitError(Exception):
    """Everything Remit raises on purpose."""


class CallerMistake(RemitError):
    """The request cannot be carried out as it is; nothing was stored."""


class InvalidInput(CallerMistake):
    """`field` names the place in the request, `problem` what is wrong there, `way_out` what to send."""

    def __init__(self, field: str, problem: str, way_out: str = "") -> None:
        self.field = field
        self.problem = problem
        self.way_out = way_out
        self.others: tuple[InvalidInput, ...] = ()
        super().__init__(f"{field}: {problem}" + (f"; {way_out}" if way_out else ""))

    @property
    def all(self) -> tuple[InvalidInput, ...]:
        """This one, and the other mistakes that were found with it."""
        return (self, *self.others)

    @property
    def in_lines(self) -> str:
        """A line for each mistake."""
        return "\n".join(str(each) for each in self.all)


class PlacedMistake(InvalidInput):
    """A mistake in a text: `file`, and `line` and `column` from 1 where they are known."""

    def __init__(
        self, file: str, line: int | None, column: int | None, field: str, problem: str, way_out: str = ""
    ) -> None:
        self.file, self.line, self.column = file, line, column
        super().__init__(field, problem, way_out)
        place = ":".join(str(each) for each in (file, line, column) if each is not None)
        self.args = (f"{place}: {self.args[0]}",)


def mistakes_of(*checks: Callable[[], object]) -> list[InvalidInput]:
    """Every mistake that these checks raise, in their order."""
    found: list[InvalidInput] = []
    for check in checks:
        try:
            check()
        except InvalidInput as error:
            found += error.all
    return found


def raise_together(mistakes: Sequence[InvalidInput]) -> None:
    """Raises the first, which carries the others; nothing where there is none."""
    if mistakes:
        first, *others = mistakes
        first.others = tuple(others)
        raise first


class NotFound(CallerMistake):
    """Nothing by that name exists for this tenant."""

    def __init__(self, what: str, name: str, tenant_id: str) -> None:
        self.what, self.name, self.tenant_id = what, name, tenant_id
        super().__init__(f"{what} {name!r} is not known" + ("" if what == "tenant" else f" to tenant {tenant_id!r}"))

    @classmethod
    def of_result(cls, action_intent_id: str, tenant_id: str) -> NotFound:
        """For an intent that is there, and of which no tool's answer is."""
        error = cls("result of intent", action_intent_id, tenant_id)
        error.args = (f"no result of intent {action_intent_id!r} is known; its status says what became of it",)
        return error


class NoDatabase(NotFound):
    """There is no database to read; reading makes none."""

    def __init__(self, name: str) -> None:
        super().__init__("database", name, "")
        self.args = (f"there is no database at {name}",)


class NeverSeen(NotFound):
    """A stop is for something that was never seen: likely a slip, and what was meant would go on."""

    def __init__(self, what: str, name: str, tenant_id: str) -> None:
        super().__init__(what, name, tenant_id)
        where = "here" if what == "tenant" else f"at tenant {tenant_id!r}"
        self.args = (
            f"{what} {name!r} was never seen {where}, and nothing was stopped; check its spelling, or stop it all the "
            "same with even_if_unknown (--even-if-unknown)",
        )


class NotAnApproval(CallerMistake):
    """An event that claims to announce an approval, and none stands behind it. Nothing was started."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the event announces no approval: {problem}")


class Unauthenticated(CallerMistake):
    """Nobody known is asking."""


class Forbidden(CallerMistake):
    """A caller that may not do this."""


class Conflict(RemitError):
    """A refusal by what is stored; nothing was changed."""


class IntentIdReused(Conflict):
    """The id belongs to an intent with other content; the stored one stays."""

    def __init__(self, action_intent_id: str, fields: list[str]) -> None:
        self.action_intent_id, self.fields = action_intent_id, fields
        super().__init__(
            f"intent {action_intent_id!r} is stored already and differs in {', '.join(fields)}; "
            "send changed content under a new id"
        )


class QueueFull(Conflict):
    """As much of one proposer waits for people as may; nothing of this proposal was stored."""

    def __init__(self, proposed_by: str, most_waiting: int) -> None:
        self.proposed_by, self.most_waiting = proposed_by, most_waiting
        super().__init__(
            f"{most_waiting} intents of {proposed_by!r} wait for a person, and no more may (REMIT_MOST_WAITING); "
            "propose again when some have been answered, or supersede one that waits"
        )


class BoundsChanged(Conflict):
    """Somebody changed the bounds after they were looked at."""

    def __init__(self, tenant_id: str, expected_sequence: int, config_sequence: int) -> None:
        self.tenant_id, self.expected_sequence, self.config_sequence = tenant_id, expected_sequence, config_sequence
        super().__init__(
            f"the bounds of tenant {tenant_id!r} are number {config_sequence}, and you changed number "
            f"{expected_sequence}; look at them again and change those"
        )


class NotInThatState(Conflict):
    """The intent's status does not allow this step."""

    def __init__(self, action_intent_id: str, status: str, step: str, hint: str = "") -> None:
        self.action_intent_id, self.status, self.step = action_intent_id, status, step
        super().__init__(
            f"intent {action_intent_id!r} is {status}: it cannot be {step}" + (f"; {hint}" if hint else "")
        )


class NotBegun(NotInThatState):
    """There is no permit to execute this; `explanation` says why in words. It must not run."""

    def __init__(self, action_intent_id: str, status: str, explanation: str) -> None:
        self.explanation = explanation
        super().__init__(action_intent_id, status, "begun", explanation)


class DigestChanged(Conflict):
    """The person saw something other than what would be executed."""

    def __init__(self, action_intent_id: str, seen: str, current: str) -> None:
        self.action_intent_id, self.seen, self.current = action_intent_id, seen, current
        super().__init__(
            f"intent {action_intent_id!r} has digest {current[:12]}… and you approved {seen[:12]}…; "
            "look at it again and approve what you see"
        )


class ConfigMissing(RemitError):
    """Something that the operator has to set up is missing, by its `name`; nothing was done."""

    code = "CONFIG_MISSING"

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(f"{self.code}: {name} {problem}")


class TryLater(RemitError):
    """Nothing happened; the same request may be sent again."""


class NotActed(Exception):
    """Raised by a tool that certainly did nothing. Any other exception leaves it open whether it acted."""


class OutcomeUnknown(RemitError):
    """The answer was lost: it may have happened. Read the record, then send it again if it is not there."""
