"""
Policy text is tried out in a process of its own before this one compiles it.

Here belong that process, its limits, and whose turn it is. No rule about policies does.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Condition

from remit.core.canonical import digest_of
from remit.core.errors import InvalidInput, TryLater
from remit.core.gate.policy import SCHEMA, PolicySource

log = logging.getLogger(__name__)
_CHILD = Path(__file__).with_name("child.py")
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT")
MOST_AT_ONCE = 2


class ProcessSandbox:
    """
    One process for each text that is new; text that was tried before is known by its hash.

    A tenant has one process at a time, all tenants together `MOST_AT_ONCE`: whoever tries text without end
    keeps one place.
    """

    def __init__(self, *, wall_s: float = 10, wait_s: float = 5, most_known: int = 1000) -> None:
        self._wall_s, self._wait_s, self._most_known = wall_s, wait_s, most_known
        self._known: OrderedDict[str, None] = OrderedDict()
        self._turns = Condition()
        self._running: set[str] = set()

    def try_out(self, tenant_id: str, sources: Sequence[PolicySource]) -> None:
        texts = {digest_of(source.text): source for source in sources}
        new = {digest: source for digest, source in texts.items() if digest not in self._known}
        if not new:
            return
        with self._turn(tenant_id):
            culprit = self._try([*new.values()])
        if culprit:
            problem = f"{culprit.name} takes Cedar's parser too much time or memory, or ends it"
            raise InvalidInput("policies", problem, "write it shorter and flatter")
        with self._turns:
            self._known |= dict.fromkeys(new)
            while len(self._known) > self._most_known:
                self._known.popitem(last=False)

    @contextmanager
    def _turn(self, tenant_id: str) -> Iterator[None]:
        def free() -> bool:
            return tenant_id not in self._running and len(self._running) < MOST_AT_ONCE

        with self._turns:
            if not self._turns.wait_for(free, self._wait_s):
                raise TryLater("other policies are being checked; nothing was changed, send it again")
            self._running.add(tenant_id)
        try:
            yield
        finally:
            with self._turns:
                self._running.discard(tenant_id)
                self._turns.notify_all()

    def _try(self, sources: Sequence[PolicySource]) -> PolicySource | None:
        """The first text that the process did not survive; `None` if it survived all."""
        asked = json.dumps({"schema": SCHEMA, "texts": [source.text for source in sources]}).encode()
        command = [sys.executable, "-P", "-S", "-B", str(_CHILD)]
        # Nothing of what people sent is in the command.
        with subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
        ) as child:
            try:
                begun, said = child.communicate(asked, self._wall_s)
            except subprocess.TimeoutExpired:
                child.kill()
                begun, said = child.communicate()
        if child.returncode == 0:
            return None
        if not begun:
            log.error("policies cannot be checked: %s", said.decode(errors="replace")[-500:])
            raise TryLater("the process that checks policies could not begin; nothing was changed, send it again")
        return sources[int(begun.split()[-1])]


def _environment() -> dict[str, str]:
    """The environment by which this process finds its packages, with none of its secrets."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed_on, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
