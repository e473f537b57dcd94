"""The body of a request as an iterator that a thread reads while the event loop receives."""

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from anyio import to_thread
from starlette.requests import ClientDisconnect, Request

from assaymark.faces.http.problems import Problem

_T = TypeVar("_T")
AT_ONCE = 24
"""Uploads under way; they have threads of their own, so that slow ones hold up nothing else."""
WAIT = 60.0
"""Seconds until the next bytes have to come."""
GRACE, SLOWEST = 60.0, 4 << 10
"""Seconds waited for a sender, after which he has to have come to so many bytes a second."""
_AHEAD = 16
"""Pieces that may wait; a slow disk slows the sender."""
_END = object()


async def received(request: Request, take: Callable[[Iterator[bytes]], _T]) -> _T:
    """Run a function in a thread on the pieces of the body; raises what it raises, and Problem where the sender fails."""
    state = request.app.state
    if not hasattr(state, "uploads"):
        state.uploads = anyio.CapacityLimiter(AT_ONCE)
    async with _pieces_of(request) as pieces:
        return await to_thread.run_sync(take, pieces, limiter=state.uploads)


@asynccontextmanager
async def _pieces_of(request: Request) -> AsyncIterator[Iterator[bytes]]:
    """Give the body's pieces to a blocking reader; one that breaks off raises Problem there, and nothing is stored."""
    waiting: queue.Queue[object] = queue.Queue(_AHEAD)
    receiving = asyncio.create_task(_receive(request, waiting))
    try:
        yield _pieces(waiting)
    finally:
        receiving.cancel()
        await asyncio.wait([receiving])


async def _receive(request: Request, waiting: "queue.Queue[object]") -> None:
    """The last item that is put is the end, or why there is none: the reader never waits in vain."""
    last: object = _END
    try:
        async for piece in _in_time(request):
            await _put(waiting, piece)
    except ClientDisconnect:
        last = Problem(400, "the upload broke off", "send it again", headers={"Connection": "close"})
    except TimeoutError:
        last = Problem(408, "the upload came too slowly", "send it again", headers={"Connection": "close"})
    except Exception as error:  # noqa: BLE001 - it is raised where the reader is
        last = error
    await _put(waiting, last)  # not when this is cancelled: then nobody reads any more


async def _in_time(request: Request) -> AsyncIterator[bytes]:
    """The pieces; raises TimeoutError for a sender who only means to keep the connection. Our own slowness does not count."""
    stream, clock = request.stream(), asyncio.get_running_loop().time
    waited, total = 0.0, 0
    while True:
        began = clock()
        async with asyncio.timeout(WAIT):
            piece = await anext(stream, None)
        waited += clock() - began
        if piece is None:
            return
        total += len(piece)
        if waited > GRACE and total < waited * SLOWEST:
            raise TimeoutError
        if piece:
            yield piece


async def _put(waiting: "queue.Queue[object]", item: object) -> None:
    while True:
        try:
            waiting.put_nowait(item)
        except queue.Full:
            await asyncio.sleep(0.002)
        else:
            return


def _pieces(waiting: "queue.Queue[object]") -> Iterator[bytes]:
    while (item := waiting.get()) is not _END:
        if isinstance(item, Exception):
            raise item
        if isinstance(item, bytes):
            yield item
