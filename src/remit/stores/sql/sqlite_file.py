"""
Connections to one file of SQLite, and whether the file is still the one that they opened.

Who restores a database puts another file in its place: a connection from before goes on with the old one, which nobody
will ever open again.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

File = tuple[int, int]
"""The device and the number of the file on it."""


class FileConnection(sqlite3.Connection):
    """A connection that knows which file it opened."""

    file: File | None = None


class SqliteFile:
    """The file at a path from the root. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path, self._was_there = path, False

    def connected(self, **options: Any) -> FileConnection:
        """
        A new connection; the file is made if it never was there.

        Raises `sqlite3.OperationalError` where it was there and is gone or is empty, so that none is made in the middle
        of a restore.
        """
        before = self._file()
        if self._was_there and self._is_empty():
            raise _operational(sqlite3.SQLITE_CANTOPEN, "the file that was opened is gone, and an empty one is there")
        mode = "rw" if self._was_there else "rwc"
        # Of what begins with two slashes the first part would be taken for a host.
        uri = f"file://{quote(os.fsencode(self._path))}?mode={mode}"
        driver = sqlite3.connect(uri, uri=True, factory=FileConnection, **options)
        self._was_there = True
        # Of before, should it have been replaced meanwhile: then it is found out at the next look.
        driver.file = before or self._file()
        return driver

    def is_current(self, driver: FileConnection) -> bool:
        return driver.file == self._file()

    def check(self, driver: FileConnection) -> None:
        """Raises `sqlite3.OperationalError` for a connection whose file is not the one at the path any more."""
        if not self.is_current(driver):
            said = "another file stands in the place of the one that was opened"
            raise _operational(sqlite3.SQLITE_READONLY_DBMOVED, said)

    def _file(self) -> File | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _is_empty(self) -> bool:
        """Does whoever puts a file in place still have to write it? What SQLite wrote now would stand in the copy."""
        try:
            return not self._path.stat().st_size
        except OSError:
            return False


def _operational(code: int, said: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(said)
    error.sqlite_errorcode = code
    return error
