"""Map: what to send, by the version of the action type that the intent pinned."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from remit.core.errors import InvalidInput, RemitError
from remit.core.execution.request import bounded
from remit.flow.execute.common import Ref, Worker, connector_of, failed, intent_and_type

log = logging.getLogger(__name__)


def map_request(worker: Worker, ref_data: Mapping[str, str]) -> dict[str, Any]:
    """
    What to send: `{"request": …}`, by the version of the action type that the intent pinned; or
    `{"result": …}`, the failure to record. No secret is in either.
    """
    ref = Ref(**ref_data)
    try:
        intent, action_type = intent_and_type(worker, ref)
        tool = action_type.spec.tool.wire()
        connector = connector_of(worker, tool)
        return {"request": bounded(connector.map(tool, intent))}
    except InvalidInput as error:
        return {"result": failed("MAPPING", "VALIDATION", str(error)).wire()}
    except RemitError:
        raise
    except Exception as error:
        log.exception("mapping failed")
        return {"result": failed("MAPPING", "UNKNOWN", type(error).__name__).wire()}
