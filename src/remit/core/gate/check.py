"""One check of the gate, as a decision carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

Plain = str | int | None | Sequence["Plain"] | Mapping[str, "Plain"]
"""A JSON value without a fraction: its canonical form is written without looking (`canonical_plain`)."""


class Check(msgspec.Struct, frozen=True):
    """One check of the gate: its name, whether it passed, and what it saw, which is `Plain`. Nobody changes it."""

    check: str
    passed: bool
    saw: dict[str, Any]


def checked(check: str, passed: bool, **saw: Plain) -> Check:
    return Check(check, passed, saw)
