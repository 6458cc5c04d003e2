"""
Following the ledger, on a schedule: days are counted, and people outside are told.

Executions never wait for it. Two that run at once count nothing twice: the follower's record lets one of them through.
"""

from __future__ import annotations

import time
from typing import Any

from remit.entrypoints.aws_lambda.entry import entry
from remit.entrypoints.server.notifications import notifying
from remit.wiring import Remit

FOLLOWS_FOR_S = 20.0
"""Of every minute: what is left then is where the next one goes on."""


def follow(remit: Remit, event: Any, *, for_s: float = FOLLOWS_FOR_S) -> dict[str, Any]:
    """Follow, and tell, for so long."""
    del event
    with notifying(remit):
        time.sleep(for_s)
    return {"followed_for_s": for_s}


handler = entry(follow)
