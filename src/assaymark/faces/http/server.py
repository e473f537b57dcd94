"""The server: uvicorn on a socket of our own, on this machine alone unless it is told otherwise."""

import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn

from assaymark.core.errors import UsageError
from assaymark.faces.http.patience import Patience, Patient
from assaymark.faces.http.services import LOOPBACK

_GRACE = 20
"""Seconds that requests under way have when the server is asked to stop."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen, and how. Port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 8470
    certificate: str | None = None
    key: str | None = None
    behind_proxy: bool = False

    @classmethod
    def parse(cls, text: str, **options: Any) -> "Listen":
        """Read `HOST:PORT` or `[ADDRESS]:PORT`; raises UsageError."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
            raise UsageError(f"{text[:100]!r} is no place to listen at", step="write HOST:PORT, as in 127.0.0.1:8470")
        return cls(host.strip("[]").lower(), int(port), **options)

    def check(self) -> None:
        """Refuse to send tokens over a net in the clear."""
        if (self.certificate is None) != (self.key is None):
            raise UsageError("a certificate and its key belong together", step="--tls-cert FILE --tls-key FILE")
        if self.host not in LOOPBACK and self.certificate is None and not self.behind_proxy:
            raise UsageError(
                f"{self.host} can be reached from other machines, and tokens would travel in the clear",
                step="--tls-cert and --tls-key, or --insecure-behind-proxy where a proxy speaks TLS for it",
            )


class Server:
    """One server; `run` blocks until it is stopped by a signal or by `stop`."""

    def __init__(self, app: Any, listen: Listen, patience: Patience | None = None) -> None:
        """Raises UsageError where it cannot listen. `patience`: how slow clients may be."""
        listen.check()
        given = patience or Patience(most=0 if listen.behind_proxy else Patience().most)
        self._socket = _socket(listen)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        protocol: Any = partial(Patient, patience=given, guests=Counter())  # called as a class would be
        config = uvicorn.Config(
            app, http=protocol, ws="none", lifespan="off", loop="asyncio", interface="asgi3",
            log_config=None, access_log=False, server_header=False, date_header=True, proxy_headers=False,
            limit_concurrency=1_000, backlog=512, timeout_keep_alive=given.idle, timeout_graceful_shutdown=_GRACE,
            h11_max_incomplete_event_size=32 << 10,
            ssl_certfile=listen.certificate, ssl_keyfile=listen.key,
        )  # fmt: skip
        try:
            config.load()
        except OSError as error:  # ssl.SSLError is one
            self._socket.close()
            raise UsageError(f"the certificate or its key cannot be used: {error.strerror or error}") from error
        self._server = uvicorn.Server(config)

    @property
    def started(self) -> bool:
        """Whether it takes requests."""
        return self._server.started

    def run(self, *, signals: bool = True) -> None:
        """Serve until stopped; with `signals`, SIGINT and SIGTERM stop it, the second one at once."""
        # uvicorn would raise the signal again once it has stopped, and what is open above us would not be closed
        self._server.capture_signals = self._caught if signals else nullcontext  # type: ignore[method-assign,assignment]
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    @contextmanager
    def _caught(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Take no more requests, finish those under way, return from `run`. May be called by any thread."""
        self._server.should_exit = True


def _socket(listen: Listen) -> socket.socket:
    """A listening socket. Its protocol is named, for asyncio sets TCP_NODELAY on no other."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.bind(address)
            made.listen(512)
        except OSError:
            made.close()
            raise
    except OSError as error:
        message = f"cannot listen at {listen.host}:{listen.port}: {error.strerror}"
        raise UsageError(message, step="choose another place with --listen") from error
    return made
