"""
Start DynamoDB Local on loopback alone, in the Java that this Python process loads.

By itself it listens on every interface, and no option changes that; so its server is made, told its host, and only
then started. Run as a script by `servers`, with the paths of `libjvm` and of the jar, and the port. Ends with its
standard input, so that it never outlives who started it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jpype


def main(jvm: str, jar: Path, port: str) -> None:
    """Serve until standard input ends."""
    # JPype's own library is native: Java 24 and newer warn of that unless told.
    options = ["-Xmx512m", "--enable-native-access=ALL-UNNAMED"]
    sqlite = f"-Djava.library.path={jar.parent / 'DynamoDBLocal_lib'}"
    jpype.startJVM(jvm, *options, sqlite, classpath=[str(jar)])
    runner = jpype.JClass("software.amazon.dynamodb.services.local.main.ServerRunner")
    local = runner.createServerFromCommandLineArgs(["-inMemory", "-sharedDb", "-disableTelemetry", "-port", port])
    for connector in _jetty_of(local).getConnectors():
        connector.setHost("127.0.0.1")
    local.start()
    sys.stdin.read()
    local.stop()


def _jetty_of(local: Any) -> Any:
    field = local.getClass().getDeclaredField("server")
    field.setAccessible(True)
    return field.get(local)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
