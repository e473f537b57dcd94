"""The body of a request as an iterator that a thread reads while the event loop receives."""

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from assaymark.core.errors import Unreadable

_AHEAD = 16
"""Pieces that may wait; a slow disk slows the sender."""
_END = object()


@asynccontextmanager
async def pieces_of(request: Request) -> AsyncIterator[Iterator[bytes]]:
    """Give the body's pieces to a blocking reader; one that breaks off raises Unreadable there, and nothing is stored."""
    waiting: queue.Queue[object] = queue.Queue(_AHEAD)
    receiving = asyncio.create_task(_receive(request, waiting))
    try:
        yield _pieces(waiting)
    finally:
        receiving.cancel()


async def _receive(request: Request, waiting: "queue.Queue[object]") -> None:
    try:
        async for piece in request.stream():
            if piece:
                await _put(waiting, piece)
        await _put(waiting, _END)
    except ClientDisconnect:
        await _put(waiting, Unreadable("the upload broke off", step="send it again"))


async def _put(waiting: "queue.Queue[object]", item: object) -> None:
    while True:
        try:
            waiting.put_nowait(item)
        except queue.Full:
            await asyncio.sleep(0.002)
        else:
            return


def _pieces(waiting: "queue.Queue[object]") -> Iterator[bytes]:
    while (item := waiting.get(timeout=300)) is not _END:
        if isinstance(item, Exception):
            raise item
        if isinstance(item, bytes):
            yield item
