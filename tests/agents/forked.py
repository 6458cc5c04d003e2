"""
Commands that are there at once: forked from a process that has loaded what they need, as the suite's runs are.

What speaks over stdio is started by its client as a command; that command is a relay (`suite.relay`) to a port where
each connection has a process of its own.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from remit.entrypoints import cli
from remit.entrypoints.gateway import gateway, upstream
from tests.agents.suite.processes import processes
from tests.waiting import PATIENCE_S

_RELAY = str(Path(__file__).with_name("suite") / "relay.py")


class Remit:
    """`remit …` in a process, started. `first_line` is what it said first."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self._reader, writer = processes().Pipe(duplex=False)
        self._process = processes().Process(target=_remit, args=(arguments, environ, writer), daemon=True)
        self._process.start()
        writer.close()

    def first_line(self) -> str:
        said = b""
        while not said.endswith(b"\n"):
            assert self._reader.poll(PATIENCE_S), "it says nothing"
            read = os.read(self._reader.fileno(), 1)
            assert read, f"it ended after {said!r}"
            said += read
        return said.decode()

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()

    def ended(self) -> None:
        """End it, and return when it has."""
        self._process.terminate()
        self._process.join(PATIENCE_S)
        self._reader.close()


@contextmanager
def remit_over_stdio(arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[list[str]]:
    """A command that is `remit …` to whoever starts it."""
    with _at_port(_remit, arguments, environ, None) as command:
        yield command


@contextmanager
def over_stdio(main: Callable[..., None], *arguments: Any) -> Iterator[list[str]]:
    """A command that is `main`, a function of a module, to whoever starts it."""
    with _at_port(main, *arguments) as command:
        yield command


def _remit(arguments: Sequence[str], environ: Mapping[str, str], says: Connection | None) -> None:
    if says is not None:
        os.dup2(says.fileno(), 1)
        sys.stdout = open(1, "w")  # noqa: SIM115  # as long as the process
    os.environ.update(environ)
    # For people at their agents; a busy machine takes its time.
    upstream.LIST_WITHIN_S = gateway.ASKED_WITHIN_S = PATIENCE_S
    sys.argv = ["remit", *arguments]
    cli.main()


@contextmanager
def _at_port(main: Callable[..., None], *arguments: Any) -> Iterator[list[str]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = processes().Process(target=_each, args=(listener, main, arguments), daemon=True)
        process.start()
        try:
            yield [sys.executable, "-S", "-E", _RELAY, str(listener.getsockname()[1])]
        finally:
            process.kill()
            process.join(PATIENCE_S)


def _each(listener: socket.socket, main: Callable[..., None], arguments: Sequence[Any]) -> None:
    """A process for each connection, until whoever wanted them is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None
    while listener in connection.wait([listener, parent.sentinel]):
        taken, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _at_its_stdio(taken, main, arguments)
        taken.close()


def _at_its_stdio(taken: socket.socket, main: Callable[..., None], arguments: Sequence[Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for stream in (0, 1):
        os.dup2(taken.fileno(), stream)
    taken.close()
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115  # as long as the process
    try:
        main(*arguments)
    finally:
        # Nothing of the process that it was forked from is gone on with.
        os._exit(0)
