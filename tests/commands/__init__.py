"""
`remit …` as a process of its own that is there at once: forked from one that has loaded the command line already.

A new interpreter takes a second to load what a command needs, at every command; a fork of one that has loaded it takes
milliseconds, and has arguments, environment, folder, streams and an exit code of its own. What an interpreter makes of
its environment when it starts (an encoding, a hash seed) it takes from the process that it is forked from.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from tests.commands import relay
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """The exit code, or the negative number of the signal that ended it, and what it said."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: bytes = b"", encoding: str | None = None
) -> Done:
    """Run `remit WORDS` to its end, in an interpreter that was started with this encoding of its streams."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        streams = [stream.fileno() for stream in (given, out, err)]
        return Done(relay.ask(_server(encoding), words, str(cwd), env, streams), _read(out), _read(err))


def shell_line() -> str:
    """A shell's line that runs `remit` with the words behind it, in the folder and with the streams that it has."""
    return f'exec "{sys.executable}" -S -E "{relay.__file__}" "{_server()}" "$@"'


def _read(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    return stream.read()


@cache
def _server(encoding: str | None = None) -> str:
    """The socket of the server that lives as long as this process."""
    # Not under pytest's own directory: the path of a socket may have 107 characters.
    directory = tempfile.mkdtemp(prefix="remit-commands-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    path = Path(directory) / "socket"
    given = {"PYTHONUTF8": "1"} if encoding is None else {"PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    known = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), **given}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.commands.server", str(path)], env=known, stdin=subprocess.PIPE
    )
    until(lambda: path.exists() or process.poll() is not None, what="the server of commands listens")
    assert process.poll() is None, "the server of commands ended at once"
    return str(path)
