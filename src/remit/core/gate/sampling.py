"""
Sampling: the share of a type's automatic actions that people are shown afterwards, and when their answers end autonomy.

Which ones they are is decided by the hash of the entry that tells the outcome. It holds an id that is made when the
outcome is written, so nobody knows beforehand, not even who executes the action; afterwards anybody can work it out
from the ledger.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from remit.core.canonical import sha256_hex
from remit.core.gate.amount import PLACES, decimal_text, in_units
from remit.core.values import Request

MOST_OF_SAMPLED = 1000
_ALL: int = 10**PLACES


def _checked_share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("is not a number from 0 to 1")
    scaled = Decimal(repr(value)).scaleb(PLACES)
    if scaled != int(scaled):
        raise ValueError(f"has more than {PLACES} decimal places")
    return float(value)


Share = Annotated[float, PlainValidator(_checked_share), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]
"""A share of all, exact to four places."""


class StopAfter(Request):
    """
    So many disagreements among the last `of_sampled` actions that people judged stop a type's autonomy.

    It counts from the last time that it did: what was answered before that is never counted again.
    """

    disagreements: Annotated[int, Field(ge=1, le=MOST_OF_SAMPLED)]
    of_sampled: Annotated[int, Field(ge=1, le=MOST_OF_SAMPLED)]

    @model_validator(mode="after")
    def _can_be_reached(self) -> StopAfter:
        if self.disagreements > self.of_sampled:
            raise ValueError(f"among {self.of_sampled} there are never {self.disagreements} disagreements")
        return self


def share_text(share: float) -> str:
    """As the ledger carries it: `0.02`."""
    return decimal_text(int(Decimal(repr(share)).scaleb(PLACES)))


def is_sampled(share: str, entry_hash: str) -> bool:
    """
    Is the action whose outcome stands in the entry of that hash among the share that people are shown?

    The first 64 bits of SHA-256 over `sampled|` and the hash, as a part of all such numbers, lie below the share.
    """
    drawn = int(sha256_hex(f"sampled|{entry_hash}".encode())[:16], 16)
    return drawn * _ALL < in_units(share) << 64
