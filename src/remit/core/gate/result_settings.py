"""Settings of an action type's results: whether they are kept, how long, which parts, and who reads them."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from remit.core.errors import InvalidInput
from remit.core.paths import parse_path
from remit.core.values import Request, parse_duration

ResultMode = Literal["none", "refs", "kept"]
"""Of what a tool answered: nothing at all; its hash and the objects it named; or the content as well."""

DEFAULT_KEEP = "7d"
LONGEST_KEEP = timedelta(days=365)
MOST_PATHS = 100


@lru_cache(maxsize=1024)
def keep_duration(text: str) -> timedelta:
    """`0d` to `365d`, or in other units. Raises `ValueError`."""
    span = timedelta(0) if re.fullmatch(r"0[smhdw]", text) else parse_duration(text)
    if span > LONGEST_KEEP:
        raise ValueError("results are kept for at most 365d")
    return span


def _checked_keep(text: str) -> str:
    keep_duration(text)
    return text


def _checked_path(text: str) -> str:
    try:
        parse_path(text)
    except InvalidInput as error:
        # A ValueError, so that pydantic says in which of the paths it is.
        raise ValueError(f"{error.problem}; {error.way_out}") from None
    return text


Keep = Annotated[str, AfterValidator(_checked_keep)]
ResultPath = Annotated[str, AfterValidator(_checked_path)]


class ResultSettings(Request):
    """
    `keep_paths` are the only parts of a JSON answer that are kept, `drop_paths` parts that are not; a step `*` stands
    for every item of a list, or every name of an object. With `people`, people read it too, and not its proposer alone.
    """

    mode: ResultMode = "kept"
    keep: Keep = DEFAULT_KEEP
    keep_paths: Annotated[list[ResultPath], Field(max_length=MOST_PATHS)] = []
    drop_paths: Annotated[list[ResultPath], Field(max_length=MOST_PATHS)] = []
    people: bool = False

    @property
    def kept_for(self) -> timedelta:
        return keep_duration(self.keep)


def _from_mode(value: Any) -> Any:
    return {"mode": value} if isinstance(value, str) else value


ResultSetting = Annotated[ResultSettings, BeforeValidator(_from_mode)]
"""As bounds say it: the settings, or the mode alone (`result: none`)."""

BY_DEFAULT = ResultSettings.model_construct()
"""What holds where a type says nothing."""
