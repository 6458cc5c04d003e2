"""
A command that stands for a server which runs already: carries its own stdin and stdout to a port on loopback.

A client starts it as it would the server, and has an answer at once: nothing is imported but sockets.
"""

import os
import socket
import sys
import threading
from contextlib import suppress

_AT_ONCE = 2**16


def _send(far: socket.socket) -> None:
    while data := os.read(0, _AT_ONCE):
        far.sendall(data)
    far.shutdown(socket.SHUT_WR)


def main(port: str) -> None:
    # One that is killed may leave without a word.
    with suppress(ConnectionError), socket.create_connection(("127.0.0.1", int(port))) as far:
        threading.Thread(target=_send, args=(far,), daemon=True).start()
        while data := far.recv(_AT_ONCE):
            while data:
                data = data[os.write(1, data) :]


if __name__ == "__main__":
    main(sys.argv[1])
