"""A mapped request, as far as Remit itself cares: it has to be carried from step to step."""

from __future__ import annotations

import json
from typing import Any

from remit.core.errors import InvalidInput

LARGEST_REQUEST_BYTES = 224 * 1024
"""As JSON with everything but ASCII escaped: engines carry it between steps, and Step Functions at most 256 KiB."""


def bounded(request: dict[str, Any]) -> dict[str, Any]:
    """The request, if it can be carried. Raises `InvalidInput`."""
    size = len(json.dumps(request))
    if size > LARGEST_REQUEST_BYTES:
        way_out = f"at most {LARGEST_REQUEST_BYTES} are carried"
        raise InvalidInput("parameters", f"map to a request of {size} bytes", way_out)
    return request
