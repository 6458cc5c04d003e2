"""The process that commands are forked from: it has loaded the command line, and done nothing."""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any, NoReturn, TextIO, cast

from remit.entrypoints.cli import COMMANDS, main
from tests.waiting import PATIENCE_S

LOADED = ("remit.app", "remit.wiring", "remit.stores.sql", "alembic.command")
"""What nearly every command loads when it runs, beside the commands themselves."""


def serve(listener: socket.socket) -> None:
    """Fork a process for each command that is asked for, until standard input ends."""
    # Nobody waits for the processes that wait for commands.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        asked, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _start(asked)
        asked.close()


def load() -> None:
    for module in (*LOADED, *(f"remit.entrypoints.cli.{name}" for name in sorted(set(COMMANDS.values())))):
        import_module(module)
    # What is loaded stays as it is: a collection in a fork would copy all of it.
    gc.freeze()


def _start(asked: socket.socket) -> NoReturn:
    """Fork the command; this process tells how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(asked, 1, 3)
    said = asked.makefile("rw", encoding="utf-8")
    command = json.loads(said.readline())
    if (child := os.fork()) == 0:
        said.close()
        asked.close()
        _become(command, streams)
    _, status = os.waitpid(child, 0)
    said.write(f"{os.waitstatus_to_exitcode(status)}\n")
    said.flush()
    os._exit(0)


def _become(command: Mapping[str, Any], streams: Sequence[int]) -> NoReturn:
    """Be `python -m remit WORDS`, as far as one can after the start."""
    # Whoever asked waits no longer than that.
    signal.alarm(int(PATIENCE_S))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # As long as the process, and as this interpreter opened its own.
    sys.stdin = sys.__stdin__ = _opened_as(sys.stdin, 0, "r")
    sys.stdout = sys.__stdout__ = _opened_as(sys.stdout, 1, "w")
    sys.stderr = sys.__stderr__ = _opened_as(sys.stderr, 2, "w", buffering=1)
    os.environ.clear()
    os.environ.update(command["env"])
    time.tzset()
    os.chdir(command["cwd"])
    sys.path[0] = command["cwd"]
    sys.argv = ["remit", *command["words"]]
    main()
    raise AssertionError("a command ends its process")


def _opened_as(stream: TextIO, number: int, mode: str, buffering: int = -1) -> TextIOWrapper:
    opened = open(number, mode, buffering, encoding=stream.encoding, errors=stream.errors)  # noqa: SIM115
    return cast(TextIOWrapper, opened)


if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{sys.argv[1]}.new")
        listener.listen()
        # Under its own name it is found when it listens.
        os.rename(f"{sys.argv[1]}.new", sys.argv[1])  # noqa: PTH104
        load()
        serve(listener)
