"""What stands around every request: what is refused before it is read, headers of every answer, the access log.

Plain ASGI, so that bodies stream through untouched.
"""

import secrets
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import Request

from assaymark.core.clock import timestamp
from assaymark.faces.http.authentication import client_of
from assaymark.faces.http.metrics import Metrics
from assaymark.faces.http.problems import Problem, problem_response
from assaymark.faces.http.services import Services
from assaymark.registry.credentials import struck

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

_LONGEST_PATH = 4096
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""Of every answer that does not say otherwise: none of them is a page."""
_CLOSE = {"Connection": "close"}


class Shell:
    """The outermost application."""

    def __init__(self, app: _App, services: Services, metrics: Metrics) -> None:
        self._app, self._services, self._metrics = app, services, metrics

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """See ASGI."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["assay_id"] = secrets.token_hex(8)
        await _Exchange(self._app, self._services, self._metrics, scope).run(receive, send)


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: _App, services: Services, metrics: Metrics, scope: _Scope) -> None:
        self._app, self._services, self._metrics, self._scope = app, services, metrics, scope
        self._status = 0
        self._sent = 0
        self._over = False

    async def run(self, receive: _Receive, send: _Send) -> None:
        begun = time.perf_counter()

        async def dress(message: _Message) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
                message["headers"] = self._dressed(message.get("headers", []))
            elif message["type"] == "http.response.body":
                self._sent += len(message.get("body", b""))
                self._over = not message.get("more_body", False)
            await send(message)

        with self._metrics.under_way.track_inprogress():
            try:
                problem = refused(self._scope, self._services)
                app = self._app if problem is None else problem_response(problem, self._scope["assay_id"])
                await app(self._scope, receive, dress)
            except Exception as error:
                self._scope["assay_bug"] = error
                if not self._over:
                    raise  # the answer cannot be finished: the connection breaks
            finally:
                self._note(time.perf_counter() - begun)

    def _bug(self, error: Exception) -> None:
        places = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-8:]]
        why = struck(str(error))[:500]
        self._services.log({"id": self._scope["assay_id"], "bug": type(error).__name__, "why": why, "where": places})

    def _dressed(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        named = {name.lower() for name, _ in headers}
        missing = [pair for pair in _HEADERS if pair[0] not in named]
        if self._scope["scheme"] == "https":
            missing.append((b"strict-transport-security", b"max-age=31536000"))
        return [*headers, *missing, (b"x-request-id", self._scope["assay_id"].encode())]

    def _note(self, seconds: float) -> None:
        scope, caller = self._scope, self._scope.get("assay_caller")
        if "assay_bug" in scope:
            self._bug(scope["assay_bug"])
        route = getattr(scope.get("route"), "path", "")
        self._metrics.note(scope["method"], route, self._status, seconds)
        token = scope.get("assay_token")
        record = {
            "at": timestamp(self._services.clock.now()),
            "id": scope["assay_id"],
            "client": client_of(Request(scope), behind_proxy=self._services.behind_proxy),
            "method": scope["method"][:16],
            "path": struck(scope["path"][:512]),
            "status": self._status,
            "bytes": self._sent,
            "ms": round(seconds * 1000, 2),
            "user": caller.name if caller else "",
            "token": token.id if token else "",
            "refused": struck(scope.get("assay_refused", "")),
        }
        self._services.log({name: value for name, value in record.items() if value != ""})


def refused(scope: _Scope, services: Services) -> Problem | None:
    """Why a request goes no further, judged by its first lines; the connection ends with the answer."""
    headers: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, []).append(value)
    # 1. One length of the body. Two are how a request is smuggled past a proxy (RFC 9112, section 6.1, 11.2).
    lengths, codings = headers.get(b"content-length", []), headers.get(b"transfer-encoding", [])
    if len(lengths) > 1 or (lengths and codings) or len(codings) > 1:
        return Problem(400, "a request has one Content-Length, or one Transfer-Encoding", headers=_CLOSE)
    # 2. One Host, and it means us.
    hosts = headers.get(b"host", [])
    if len(hosts) != 1 or _host(hosts[0]) not in services.hosts:
        return Problem(421, "this server does not go by that name", "start it with --name", headers=_CLOSE)
    # 3. A path of which there is one reading.
    path, raw = scope["path"], scope.get("raw_path") or b""
    if len(raw) > _LONGEST_PATH or "\x00" in path or "\\" in path or not path.isprintable():
        return Problem(400, "the path is too long, or holds what no path holds", headers=_CLOSE)
    if any(part in {".", ".."} for part in path.split("/")) or "%" in path:
        return Problem(400, "a path has no dot segments, and is encoded once", headers=_CLOSE)
    return None


def _host(value: bytes) -> str:
    text = value.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if ":" in text else text


def to_stderr(record: Any) -> None:
    """A log that writes each record as one line of JSON."""
    import json

    sys.stderr.write(json.dumps(record, separators=(",", ":")) + "\n")
