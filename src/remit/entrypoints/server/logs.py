"""Logs as JSON, one object a line, where `REMIT_LOG=json` asks for it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from remit.core.errors import InvalidInput


class JsonLines(logging.Formatter):
    """`time`, `level`, `logger`, `message`, and `exception` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logs(environ: Mapping[str, str]) -> bool:
    """
    Answers whether logs are JSON now; else they stay as they are.

    Raises `InvalidInput` for a form that is not known.
    """
    wanted = environ.get("REMIT_LOG", "")
    if wanted not in ("", "json"):
        raise InvalidInput("REMIT_LOG", f"is {wanted!r}", "set it to json, or not at all")
    if not wanted:
        return False
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    return True
