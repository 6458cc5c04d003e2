"""Reads of a tenant's whole ledger: exports as downloads, verification, replays; a process serves so many at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Annotated, TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread
from fastapi import Depends, Request
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from remit.core.errors import InvalidInput
from remit.core.gate.bounds import BoundsInForce
from remit.core.identity.principal import Principal
from remit.core.ledger.verification import Report
from remit.core.views import ReplayAnswer
from remit.entrypoints.web.shares import Place, Share, SharedPlaces, admitted
from remit.wiring import Remit

T = TypeVar("T")
PIECE_BYTES = 64 * 1024
"""How much of an export is read at once: no thread waits for a reader."""
LONGEST_REPLAY_S = 60
MOST_THREADS = 8
"""How many exports read at the same time; of their own, so that other requests find theirs."""


class LedgerReads:
    """Exports and verifications that are under way, in shares by tenant and credential. For one event loop."""

    def __init__(self, share: Share) -> None:
        self._places = SharedPlaces(share)
        self._threads = CapacityLimiter(MOST_THREADS)

    async def export(
        self,
        remit: Remit,
        caller: Principal,
        headers: Mapping[str, str] | None = None,
        *,
        first: datetime | None = None,
        before: datetime | None = None,
    ) -> LedgerDownload:
        """
        Begin a download, of which the first piece has been read: what is wrong can still be said in its status.

        With `first` or `before` it is a part, without a seal. Raises 429 for whoever holds a share already and 503
        where all are taken, with `Retry-After`.
        """
        scope = CancelScope()
        place = self._enter(caller, scope)
        whole = first is None and before is None
        pieces = _pieces(
            remit.export_lines(caller.tenant_id, by=caller.name)
            if whole
            else remit.extract_lines(caller.tenant_id, first, before)
        )
        try:
            begun = await self._read(pieces)
        except BaseException:
            self._places.give_back(place)
            raise
        return LedgerDownload(self, place, scope, begun, pieces, headers)

    async def verify(self, remit: Remit, caller: Principal) -> Report:
        """The invariants over the live store. Raises as `export` does."""
        # It cannot be given up half-way, so it keeps its place until it is done.
        place = self._enter(caller, CancelScope())
        try:
            return await to_thread.run_sync(remit.verify, caller.tenant_id)
        finally:
            self._places.give_back(place)

    async def replay(
        self, remit: Remit, caller: Principal, changed: tuple[BoundsInForce, BoundsInForce], period: str
    ) -> ReplayAnswer:
        """The caller's last `period` under a change of its bounds. Raises as `export` does, and `InvalidInput`."""
        return await self.within_time(caller, partial(remit.replay_change, *changed, period=period))

    async def within_time(self, caller: Principal, work: Callable[..., T]) -> T:
        """Work that reads a whole ledger, and tells how it gets on (`advance`). Raises as `replay` does."""
        within = _Within(LONGEST_REPLAY_S)
        scope = CancelScope()
        place = self._enter(caller, scope)
        try:
            with scope:
                return await to_thread.run_sync(
                    partial(work, advance=within), abandon_on_cancel=True, limiter=self._threads
                )
            raise HTTPException(503, "it had to make room for another tenant's; try again in a moment")
        finally:
            within.end()
            self._places.give_back(place)

    def _enter(self, caller: Principal, scope: CancelScope) -> Place:
        return admitted(
            self._places, caller, scope.cancel, of="exports and verifications", instead="wait until one has ended"
        )

    async def _read(self, pieces: Iterator[bytes]) -> bytes:
        return await to_thread.run_sync(next, pieces, b"", limiter=self._threads)

    async def rest(self, first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        piece = first
        while piece:
            yield piece
            piece = await self._read(pieces)

    def leave(self, place: Place) -> None:
        self._places.give_back(place)


class _Within:
    """Told how a replay gets on, it ends one that takes too long, or that nobody waits for any more."""

    def __init__(self, seconds: float) -> None:
        self._until = monotonic() + seconds

    def __call__(self, _: int = 1) -> None:
        if monotonic() > self._until:
            way_out = "ask for a shorter period, or use remit apply --dry-run --replay"
            raise InvalidInput("replay", f"takes longer than {LONGEST_REPLAY_S} s here", way_out)

    def end(self) -> None:
        self._until = 0.0


async def _reads_of(request: Request) -> LedgerReads:
    reads: LedgerReads = request.app.state.ledger_reads
    return reads


WholeLedgers = Annotated[LedgerReads, Depends(_reads_of)]


class LedgerDownload(StreamingResponse):
    """An export on its way. It ends with its reader, or, cut off, to make room for another tenant's."""

    def __init__(
        self,
        reads: LedgerReads,
        place: Place,
        scope: CancelScope,
        first: bytes,
        pieces: Generator[bytes],
        headers: Mapping[str, str] | None,
    ) -> None:
        super().__init__(reads.rest(first, pieces), media_type="application/x-ndjson", headers=headers)
        self._reads, self._place, self._scope, self._pieces = reads, place, scope, pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._scope:
                await super().__call__(scope, receive, send)
        finally:
            self._reads.leave(self._place)
            # Nothing reads it any more: a piece that is being read is waited for even when all else is cancelled.
            self._pieces.close()


def _pieces(lines: Iterator[bytes]) -> Generator[bytes]:
    """The lines, many at once."""
    piece = bytearray()
    for line in lines:
        piece += line + b"\n"
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
