"""A witness over HTTP: `POST /add-checkpoint` of c2sp.org/tlog-witness. It needs no authentication: the log's signature is it."""

import asyncio
from typing import TYPE_CHECKING

from assaymark.core.errors import AssayError, UsageError
from assaymark.core.witnessing import MAX_REQUEST, TEXT, Answer, Watch

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_SLOWEST = 10.0
"""Seconds that a request may take to arrive."""
_CONNECTIONS = 64
_DETAIL = "the witness's memory cannot be used; its operator must look\n"


def application(watch: Watch) -> "Starlette":
    """The ASGI application."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    async def add_checkpoint(request: "Request") -> "Response":
        return await _answer(watch, request)

    return Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"])])


async def _answer(watch: Watch, request: "Request") -> "Response":
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import ClientDisconnect
    from starlette.responses import Response

    try:
        async with asyncio.timeout(_SLOWEST):
            body = await _body(request)
    except TimeoutError:
        answer = Answer(408, "the request did not arrive in time\n")
    except ClientDisconnect:
        answer = Answer(400, "the request ended early\n")
    else:
        answer = (
            Answer(413, f"at most {MAX_REQUEST:,} bytes\n")
            if body is None
            else await run_in_threadpool(_judge, watch, body)
        )
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    if answer.status in {408, 413}:
        headers["Connection"] = "close"
    response = Response(answer.body.encode(), answer.status, headers)
    response.headers["Content-Type"] = answer.kind
    return response


def _judge(watch: Watch, body: bytes) -> Answer:
    """Never cosign where memory fails, and say no more than that."""
    try:
        return watch.add_checkpoint(body)
    except AssayError:
        return Answer(500, _DETAIL, TEXT)


async def _body(request: "Request") -> bytes | None:
    """The body, or None where it is too long."""
    received = bytearray()
    async for piece in request.stream():
        received += piece
        if len(received) > MAX_REQUEST:
            return None
    return bytes(received)


def serve(watch: Watch, listen: str) -> None:
    """Serve until interrupted; raises UsageError for an address that is none, or is taken."""
    import uvicorn

    host, colon, port = listen.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65_536:
        raise UsageError(f"{listen!r} is no address", step="expected HOST:PORT, such as 127.0.0.1:8443")
    config = uvicorn.Config(
        application(watch),
        host=host.strip("[]"),
        port=int(port),
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=30,
        server_header=False,
        access_log=False,
        log_level="warning",
    )
    try:
        uvicorn.Server(config).run()
    except SystemExit as error:  # how uvicorn says that it cannot listen
        raise UsageError(f"cannot listen on {listen}", step="choose another port for --listen") from error
