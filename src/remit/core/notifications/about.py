"""The intent that a notice is about: who wants it by type, reason and amount, and the fields of it that are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Struct, field
from pydantic import AfterValidator

from remit.core.errors import InvalidInput
from remit.core.gate.amount import Amount, AmountName, AmountUnknown, Unit, parse_amount
from remit.core.intent import ActionIntentV1
from remit.core.paths import parse_path
from remit.core.private_values import is_commitment
from remit.core.rendering import Row, rows, value_text
from remit.core.values import Document, Request

ROOTS = ("target", "parameters", "why")
"""The fields of an intent that a subscription may ask to be shown, whole or in parts."""
MOST_FIELDS = 30
LONGEST_FIELD = 300
"""Of a longer value a message says how much there is."""


def _checked_sum(text: str) -> str:
    try:
        parse_amount(text, "above")
    except InvalidInput as error:
        raise ValueError(f"{error.problem}; {error.way_out}") from None
    return text


def _checked_field(text: str) -> str:
    root = text.partition(".")[0].partition("[")[0]
    if root not in ROOTS:
        raise ValueError(f"is nothing that can be shown; name {', '.join(ROOTS)}, or a part such as parameters.amount")
    try:
        parse_path(text)
    except InvalidInput as error:
        raise ValueError(f"{error.problem}; {error.way_out}") from None
    return text


ShownField = Annotated[str, AfterValidator(_checked_field)]


class AmountAbove(Request):
    """More than so much of a unit: of the amount called `name`, or of any that the action type declares."""

    above: Annotated[str, AfterValidator(_checked_sum)]
    unit: Unit
    name: AmountName | None = None

    def takes(self, amounts: Mapping[str, Amount | AmountUnknown]) -> bool:
        """One that cannot be known is taken: it may be as much."""
        looked_at = [amount for name, amount in amounts.items() if self.name in (None, name)]
        return any(isinstance(amount, AmountUnknown) or self._exceeded(amount) for amount in looked_at)

    def _exceeded(self, amount: Amount) -> bool:
        return amount.unit == self.unit and amount.ten_thousandths > parse_amount(self.above, "above")


class FieldShown(Document):
    """One field of an intent as people see it."""

    path: str
    text: str


class AboutIntent(Struct, frozen=True):
    """An intent, as it stands in the ledger; `reason` is why a person is asked, `amounts` what its type declares."""

    intent: ActionIntentV1
    reason: str | None = None
    amounts: Mapping[str, Amount | AmountUnknown] = field(default_factory=dict)

    def wanted(
        self, action_types: Sequence[str] | None, reasons: Sequence[str] | None, amounts: Sequence[AmountAbove] | None
    ) -> bool:
        """Does it fit each of these? What is `None` does not matter; of several amounts one is enough."""
        return (
            (action_types is None or self.intent.action_type in action_types)
            and (reasons is None or self.reason in reasons)
            and (amounts is None or any(each.takes(self.amounts) for each in amounts))
        )

    def shown(self, paths: Iterable[str]) -> list[FieldShown]:
        """The fields at these paths, and below them, in the order of the intent."""
        wanted = tuple(paths)
        found = [row for row in self.rows() if any(_is_at(row.path, path) for path in wanted)]
        return [FieldShown(path=row.path, text=_cut(value_text(row.value))) for row in found[:MOST_FIELDS]]

    def shows_all(self, paths: Iterable[str]) -> bool:
        """Do these show, whole and open, everything of target and parameters, so that one sees what one approves?"""
        wanted = tuple(paths)
        told = [row for row in self.rows() if any(_is_at(row.path, path) for path in wanted)]
        runs = [row for row in self.rows() if _is_at(row.path, "target") or _is_at(row.path, "parameters")]
        return all(row in told and _is_whole(row) for row in runs) and len(told) <= MOST_FIELDS

    def rows(self) -> list[Row]:
        """Every value that can be shown."""
        wire = self.intent.wire()
        record: dict[str, Any] = {root: wire[root] for root in ROOTS if wire.get(root)}
        return list(rows(record))


def _is_at(path: str, wanted: str) -> bool:
    return path == wanted or path.startswith((f"{wanted}.", f"{wanted}["))


def _is_whole(row: Row) -> bool:
    return len(value_text(row.value)) <= LONGEST_FIELD and not _holds_commitment(row.value)


def _holds_commitment(value: Any) -> bool:
    if is_commitment(value):
        return True
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(map(_holds_commitment, parts))


def _cut(text: str) -> str:
    if len(text) <= LONGEST_FIELD:
        return text
    return f"{text[:LONGEST_FIELD]}… {len(text) - LONGEST_FIELD:,} more characters"
