"""
A command to whoever starts it: hands its words and streams to the server whose socket is named first, and ends as
the command does. Loads nothing that takes its time.
"""

import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence


def ask(server: str, words: Sequence[str], cwd: str, env: Mapping[str, str], streams: Sequence[int]) -> int:
    """The exit code of the command, or the negative number of the signal that ended it."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(server)
        socket.send_fds(asked, [b"."], list(streams))
        with asked.makefile("rw", encoding="utf-8") as said:
            said.write(json.dumps({"words": [*words], "cwd": cwd, "env": {**env}}) + "\n")
            said.flush()
            return int(said.readline())


if __name__ == "__main__":
    # pathlib takes longer than all of this.
    code = ask(sys.argv[1], sys.argv[2:], os.getcwd(), os.environ, (0, 1, 2))  # noqa: PTH109
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)
