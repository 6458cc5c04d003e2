"""Names of calls that wait, kept on disk: a gateway that is started again goes on with them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

log = logging.getLogger(__name__)

_IS_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._:@-]{0,127}")


class WaitingCalls:
    """
    A directory with an empty file for each. Gateways that share it need no lock: whoever begins first carries a call
    out, and the others are told so.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def add(self, action_intent_id: str) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file(action_intent_id).touch()
        except OSError as error:
            log.warning("intent %s is not gone on with after a restart: %s", action_intent_id, error)

    def discard(self, action_intent_id: str) -> None:
        try:
            self._file(action_intent_id).unlink(missing_ok=True)
        except OSError as error:
            log.warning("that intent %s has ended could not be noted: %s", action_intent_id, error)

    def names(self) -> list[str]:
        if not self._directory.is_dir():
            return []
        return sorted(file.name for file in self._directory.iterdir() if _IS_NAME.fullmatch(file.name))

    def _file(self, action_intent_id: str) -> Path:
        if not _IS_NAME.fullmatch(action_intent_id):
            raise OSError(f"{action_intent_id!r} is no name of a file")
        return self._directory / action_intent_id
