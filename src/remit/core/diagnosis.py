"""Diagnoses: what a look at an installation finds, check by check."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

State = Literal["ok", "look", "wrong"]


class Diagnosis(Struct, frozen=True):
    """One check's finding: `look` is worth a look, `wrong` keeps something from working; `way_out` says what helps."""

    check: str
    state: State
    says: str
    way_out: str = ""
