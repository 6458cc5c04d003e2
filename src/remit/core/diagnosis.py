"""Diagnoses: what a look at an installation finds, check by check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "look", "wrong"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check's finding: `look` is worth a look, `wrong` keeps something from working; `way_out` says what helps."""

    check: str
    state: State
    says: str
    way_out: str = ""
