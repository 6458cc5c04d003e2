"""Worker processes that a test starts, listens to and ends, and a far side that holds what it was asked."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from remit.demo.crm import Crm, CrmAnswer, CrmRequest
from tests.waiting import PATIENCE_S, ended, happened, received

ROOT = Path(__file__).parents[2]


class Process:
    """A Python process whose standard output is heard line by line. It does not outlive the `with`."""

    def __init__(self, *arguments: str, cwd: Path = ROOT) -> None:
        # Wide enough that no table is cut.
        environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
        # What is heard in time because of it would not be heard by anybody else.
        environment.pop("PYTHONUNBUFFERED", None)
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.errors = ""
        self._readers = [threading.Thread(target=self._hear), threading.Thread(target=self._hear_errors)]
        for reader in self._readers:
            reader.start()

    def _hear(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _hear_errors(self) -> None:
        assert self._process.stderr is not None
        self.errors = self._process.stderr.read()

    def line(self) -> str:
        """The next line it says."""
        said = received(self._lines, what="a line of the process")
        assert said is not None, f"it ended instead:\n{self._wait_for_errors()}"
        return said

    def says_nothing_for(self, seconds: float) -> None:
        """Neither a line nor its end comes that soon."""
        try:
            said = self._lines.get(timeout=seconds)
        except queue.Empty:
            return
        raise AssertionError(f"it said {said!r}")

    def everything(self) -> str:
        """All that it says, to its end."""
        said = ""
        while (line := received(self._lines, what="the end of the process")) is not None:
            said += line
        self._wait_for_errors()
        return said

    def _wait_for_errors(self) -> str:
        ended(self._readers[1])
        return self.errors

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """As a power cut would."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE_S)

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        return self._process.wait(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()


class Worker(Process):
    """`tests.e2e.worker_process` over one database."""

    worker_id = ""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__("-m", "tests.e2e.worker_process", url, json.dumps(options))

    def heard(self, event: str) -> dict[str, Any]:
        """Waits until it has told of such an event; what it told before is passed over."""
        while True:
            said = self.line()
            told = json.loads(said) if said.startswith("{") else {}
            if told.get("event") == event:
                return dict(told)

    @classmethod
    def working(cls, url: str, **options: Any) -> Self:
        """One that has begun to work."""
        worker = cls(url, **options)
        try:
            worker.worker_id = worker.heard("working")["worker_id"]
        except BaseException:
            worker.__exit__(None, None, None)
            raise
        return worker


class HoldingCrm(Crm):
    """Acts on a request, says that it has, and answers when it is told to go on."""

    def __init__(self, port: int, *, honours_key: bool) -> None:
        super().__init__(port, honours_key=honours_key)
        self.acted: queue.Queue[CrmRequest] = queue.Queue()
        self.go_on = threading.Event()

    def answer(self, asked: CrmRequest) -> CrmAnswer | None:
        answer = super().answer(asked)
        self.acted.put(asked)
        happened(self.go_on, what="the far side may answer")
        return answer

    def stop(self) -> None:
        self.go_on.set()
        super().stop()
