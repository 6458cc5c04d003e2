"""
Export of a tenant's ledger as of one moment, page by page.

Chains only grow, so the moment is fully told by where each chain ended in it: that is read first and kept in a file.
The entries follow in pages. Each page borrows a connection for one statement and drops what came after the moment, so
that a reader who is slow, or gone, holds neither a connection nor a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple

from remit.core.ledger.entries import LedgerEntry
from remit.stores.segments import unpack
from remit.stores.sql import queries
from remit.stores.sql.dialect import Dialect
from remit.stores.sql.readers import Readers
from remit.stores.sql.rows import TENANT_CHAIN, Row

PAGE_ROWS = 500
_KEPT_IN_MEMORY = 1024 * 1024
"""Bytes of chain ends; more of them go to a file."""
_BEHIND_ALL = 2**62


class _ChainEnd(NamedTuple):
    chain: str
    first: int
    """That of the chain's last segment."""


def exported(dialect: Dialect, readers: Readers, tenant_id: str) -> Iterator[LedgerEntry]:
    """Every entry of every intent's chain as of one moment, in the order of the chains' names."""
    with SpooledTemporaryFile(_KEPT_IN_MEMORY) as file:
        readers.borrow(lambda driver: _note_ends(dialect, driver, tenant_id, file))
        file.seek(0)
        for _, _, body in _until(map(_parsed, file), _segments(dialect, readers, tenant_id)):
            yield from unpack(body)


def _note_ends(dialect: Dialect, driver: Any, tenant_id: str, file: IO[bytes]) -> None:
    # Asked again after a lost connection, it begins anew.
    file.seek(0)
    file.truncate()
    with closing(dialect.stream(driver, queries.CHAIN_ENDS, {"tenant": tenant_id})) as rows:
        file.writelines(f"{first} {chain}\n".encode() for chain, first in rows)


def _parsed(line: bytes) -> _ChainEnd:
    first, _, chain = line.decode().rstrip("\n").partition(" ")
    return _ChainEnd(chain, int(first))


def _segments(dialect: Dialect, readers: Readers, tenant_id: str) -> Iterator[Row]:
    """Chain, first and body of each, as committed when its page is read."""
    chain, first = TENANT_CHAIN, _BEHIND_ALL
    while True:
        given = {"tenant": tenant_id, "chain": chain, "first": first, "limit": PAGE_ROWS}
        page = readers.borrow(partial(dialect.fetch, sql=queries.EXPORT_PAGE, parameters=given))
        yield from page
        if len(page) < PAGE_ROWS:
            return
        chain, first, _ = page[-1]


def _until(ends: Iterator[_ChainEnd], segments: Iterator[Row]) -> Iterator[Row]:
    """The segments that are not behind the end of their chain; both come in the order of the chains' names."""
    end = next(ends, None)
    for segment in segments:
        while end is not None and end.chain < segment[0]:
            end = next(ends, None)
        if end is None:
            return
        if segment[0] == end.chain and segment[1] <= end.first:
            yield segment
