"""How long the server waits for a client, and how many connections one address may hold: slow clients must not use it up.

uvicorn limits the time between two requests of a connection and nothing else: not that of a request's lines, of a body that
comes byte by byte, of an answer that nobody reads (RFC 9110 leaves all of it to the server; "slowloris", "slow read").
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds, unless said otherwise."""

    head: float = 15.0
    """Until the lines of a request have come whole, from the first byte; also from the connection to its first request."""
    turn: float = 60.0
    """In which a body, or the reading of an answer, has to go on by `turn * slowest` bytes."""
    slowest: int = 256
    """Bytes a second."""
    rest: float = 15.0
    """For the rest of a body whose answer went out already."""
    idle: int = 15
    """Between two requests."""
    most: int = 128
    """Connections of one address at a time; 0 for any number, as where all of them come from one proxy."""


class Patient(H11Protocol):
    """One connection. Everything here runs on the event loop."""

    def __init__(self, *arguments: Any, patience: Patience, guests: Counter[str], **options: Any) -> None:
        """`guests`: connections by address, shared by all of them."""
        super().__init__(*arguments, **options)
        self._patience, self._guests = patience, guests
        self._phase = ""
        self._timer: asyncio.TimerHandle | None = None
        self._received = 0
        self._mark = 0
        self._address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Take it, unless that address holds too many."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=1, low=0)  # what waits for the reader is known: see `pause_writing`
        self._address = self.client[0] if self.client else ""
        self._guests[self._address] += 1
        if 0 < self._patience.most < self._guests[self._address]:
            transport.abort()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._guests[self._address] -= 1
        if not self._guests[self._address]:
            del self._guests[self._address]
        self._enter("")
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self._received += len(data)
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """An answer went out."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """The client does not read what was sent."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """It has read it."""
        super().resume_writing()
        self._watch()

    def _watch(self) -> None:
        """Begin to wait for what has to come next; bytes that come do not begin it anew."""
        if self.transport.is_closing() and not self.transport.get_write_buffer_size():
            self._enter("")
        elif self.transport.get_write_buffer_size():
            self._enter("write")
        elif self.conn.their_state is h11.SEND_BODY:
            self._enter("rest" if self.cycle.response_complete else "body")
        elif self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None:
            self._enter("head")
        else:
            self._enter("")

    def _enter(self, phase: str) -> None:
        if phase != self._phase:
            self._phase = phase
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._phase:
            self._mark = self._moved()
            given = self._patience
            seconds = {"head": given.head, "rest": given.rest}.get(self._phase, given.turn)
            self._timer = self.loop.call_later(seconds, self._late)

    def _moved(self) -> int:
        """A number that grows with what was moved in this phase; while the client is waited for nothing is added to the buffer."""
        return -self.transport.get_write_buffer_size() if self._phase == "write" else self._received

    def _late(self) -> None:
        goes_on = self._moved() - self._mark >= self._patience.turn * self._patience.slowest
        ours = self._phase == "body" and self.flow.read_paused  # it is us who are slow
        if self._phase in {"body", "write"} and (goes_on or ours):
            self._arm()
        else:
            self.transport.abort()
