"""Asks witnesses for cosignatures: the log's side of c2sp.org/tlog-witness."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from assaymark import __version__
from assaymark.core.errors import Malformed, Unreadable, Untrusted, UsageError
from assaymark.core.note import Note, NoteKey, NoteSignature, signature_lines, strict_text
from assaymark.core.tlog import AddCheckpoint, number
from assaymark.feeds import offline
from assaymark.feeds.access import plain_allowed, shown

if TYPE_CHECKING:
    import httpx

_LIMIT = 64 << 10
"""Bytes of an answer."""
_TIMEOUT = 10.0
_TURNS = 4
_FORKED = "sign nothing more: restore the newest backup, and compare it with what the witness holds"


class HttpWitness:
    """One witness by the prefix of his URL. He must know the log's origin and key."""

    def __init__(self, url: str, key: NoteKey, *, timeout: float = _TIMEOUT) -> None:
        """`timeout`: seconds for one request, from the first byte to the last. Raises UsageError."""
        parts = urlsplit(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise UsageError(f"{shown(url)!r} is no address of a witness", step="expected https://HOST/PREFIX")
        if offline():
            raise UsageError("ASSAY_OFFLINE is set: no witness is asked", step="unset it, or name no witness")
        if parts.scheme == "http" and not plain_allowed(parts.hostname):
            step = f"use https, or set ASSAY_PLAIN_HTTP={parts.hostname} if that net is yours"
            raise UsageError(f"{shown(url)}: plain http to another machine; nothing was dialled", step=step)
        self._key = key
        self._url = f"{url.rstrip('/')}/add-checkpoint"
        self._timeout = timeout
        self._known = 0
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None

    @property
    def key(self) -> NoteKey:
        """See storage.ledger.Witness."""
        return self._key

    def cosign(self, note: Note, size: int, consistency: Callable[[int], Sequence[bytes]]) -> tuple[NoteSignature, ...]:
        """See storage.ledger.Witness."""
        with self._lock:
            old = min(self._known, size)
            for _ in range(_TURNS):
                request = AddCheckpoint(old, tuple(consistency(old)), note)
                status, body = self._post(bytes(request))
                if status != 409:
                    break
                seen = self._size(body)
                if seen > size:
                    raise Untrusted(
                        f"witness {self._key.name} saw {seen:,} leaves of this log, which now has {size:,}: rolled back, or forked",
                        step=_FORKED,
                    )
                if seen == old:
                    raise Untrusted(
                        f"witness {self._key.name} saw another log of {seen:,} leaves: forked", step=_FORKED
                    )
                old = seen
            if status == 200:
                found = self._cosignatures(note, body)
                self._known = size
                return found
            if status == 422:
                raise Untrusted(f"witness {self._key.name} saw other leaves than this log has: forked", step=_FORKED)
            step = "tell the witness the log's origin and public key" if status in {403, 404} else "try again later"
            raise Unreadable(f"witness {self._key.name} answered {status}", step=step)

    def close(self) -> None:
        """End the connection."""
        if self._client is not None:
            self._client.close()

    def _size(self, body: bytes) -> int:
        text = strict_text(body, _LIMIT)
        if not text.endswith("\n"):
            raise Malformed(f"witness {self._key.name} answered 409 without a size")
        return number(text[:-1])

    def _cosignatures(self, note: Note, body: bytes) -> tuple[NoteSignature, ...]:
        """Only his own, and only when they are valid."""
        wanted = (self._key.key.name, self._key.key.id)
        own = tuple(s for s in signature_lines(strict_text(body, _LIMIT)) if (s.name, s.id) == wanted)
        if not any(self._key.time_of(note.text, s) is not None for s in own):
            step = "check the witness's name and public key"
            raise Unreadable(f"witness {self._key.name} answered with no valid cosignature of his", step=step)
        return tuple(s for s in own if self._key.time_of(note.text, s) is not None)

    def _post(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; bounded in bytes and time, no redirect is followed."""
        import httpx

        if self._client is None:
            headers = {"User-Agent": f"assaymark/{__version__}", "Accept-Encoding": "identity"}
            limits = httpx.Limits(max_keepalive_connections=0)  # so that each request says which connection is its own
            self._client = httpx.Client(headers=headers, timeout=self._timeout, limits=limits, follow_redirects=False)
        received = bytearray()
        try:
            with (
                _Deadline(self._timeout) as deadline,
                self._client.stream("POST", self._url, content=body, extensions={"trace": deadline.watch}) as response,
            ):
                for piece in response.iter_raw():
                    received += piece
                    if len(received) > _LIMIT or deadline.passed:
                        raise Unreadable(f"witness {self._key.name} answered with too much, or too slowly")
                return response.status_code, bytes(received)
        except httpx.HTTPError as error:
            raise Unreadable(f"witness {self._key.name} was not reached: {error}", step="try again later") from error


class _Deadline:
    """Ends a connection when its time is up, whatever trickles in: the client's own limits are for each piece."""

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._socket: Any = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """The connection, as soon as there is one (the trace extension of httpcore)."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._socket = info["return_value"].get_extra_info("socket")
            if self.passed:
                self._end()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        """Shut down rather than closed: whoever waits in it is woken, and its number is not given to another file yet."""
        self.passed = True
        if self._socket is not None:
            with suppress(OSError):
                # Of the plain socket below TLS: an SSLSocket would forget, while another thread reads, that it is one.
                super(type(self._socket), self._socket).shutdown(2)  # type: ignore[misc] # of socket.socket, whichever it is
