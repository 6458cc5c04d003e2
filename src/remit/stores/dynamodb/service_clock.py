"""The service's clock, as its answers tell it: machines write and read by one clock, whatever their own says."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

_TOLERATED_US = 2_000_000
"""An answer tells the second, and was on its way for a while: within this, the machine's own clock is finer."""


class ServiceClock:
    """Safe to share between threads. Before the first answer it is the machine's own clock."""

    def __init__(self) -> None:
        self._ahead_us = 0

    def now_us(self) -> int:
        return time.time_ns() // 1000 + self._ahead_us

    def heard(self, answer: Mapping[str, Any]) -> None:
        """Look at the time in the head of a client's answer, where it has one."""
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if not date:
            return
        try:
            there_us = int(parsedate_to_datetime(date).timestamp() * 1_000_000) + 500_000
        except ValueError:
            return
        ahead_us = there_us - time.time_ns() // 1000
        if abs(ahead_us - self._ahead_us) > _TOLERATED_US:
            self._ahead_us = ahead_us if abs(ahead_us) > _TOLERATED_US else 0
