"""Where the local cloud keeps its records."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty database that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="remit-aws-local-") as directory:
        yield f"sqlite:///{Path(directory) / 'remit.db'}"
