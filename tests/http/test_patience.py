"""Clients that are slow on purpose, on real sockets. The limits are passed in; each test waits for the server to hang up."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from starlette.responses import StreamingResponse

from assaymark.faces.http.app import create_app
from assaymark.faces.http.patience import Patience
from assaymark.faces.http.routes import PUBLIC, Routes
from assaymark.faces.http.server import Listen, Server
from tests.http.conftest import Stage

LONG = 60.0
"""Seconds after which a test gives up; nothing takes as long."""
SOON = 0.2
LAX = Patience(head=LONG, turn=LONG, rest=LONG, idle=60)
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
LARGE = Routes()


@LARGE.get("/large", PUBLIC)
def large() -> StreamingResponse:
    return StreamingResponse(b"x" * (1 << 16) for _ in range(1 << 12))


@pytest.fixture
def served(stage: Stage) -> Iterator[Callable[[Patience], Server]]:
    started: list[tuple[Server, threading.Thread]] = []

    def start(patience: Patience) -> Server:
        server = Server(create_app(stage.services, [LARGE]), Listen(port=0), patience)
        thread = threading.Thread(target=lambda: server.run(signals=False))
        thread.start()
        started.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return server

    yield start
    for server, thread in started:
        server.stop()
        thread.join(LONG)
        assert not thread.is_alive()


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(server.address, LONG) as made:
        yield made


def hung_up(client: socket.socket) -> bytes:
    """What came until the server hung up; fails where it does not."""
    data = b""
    try:
        while piece := client.recv(1 << 16):
            data += piece
    except ConnectionResetError:
        pass
    return data


@contextmanager
def dripping(client: socket.socket, drop: bytes) -> Iterator[None]:
    """A thread that sends a few bytes again and again until the server has hung up."""

    def drip() -> None:
        try:
            while not over.wait(0.02):
                client.sendall(drop)
        except OSError:
            pass

    over = threading.Event()
    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("begun", [b"", b"G", HEAD], ids=["nothing", "a byte", "lines"])
def test_a_request_that_does_not_come_whole(served: Callable[[Patience], Server], begun: bytes) -> None:
    with connected(served(replace(LAX, head=SOON))) as client:
        client.sendall(begun)
        assert hung_up(client) == b""


@pytest.mark.parametrize("drop", [b"X", b"X-A: b\r\n"])
def test_slowloris(served: Callable[[Patience], Server], drop: bytes) -> None:
    with connected(served(replace(LAX, head=SOON))) as client:
        client.sendall(HEAD)
        with dripping(client, drop):
            assert hung_up(client) == b""


@pytest.mark.parametrize("drop", [b"X", b"\r\n"], ids=["bytes", "empty lines"])
def test_slowloris_after_a_good_request(served: Callable[[Patience], Server], drop: bytes) -> None:
    with connected(served(replace(LAX, head=SOON))) as client:
        client.sendall(HEAD + b"\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        with dripping(client, drop):
            hung_up(client)


def test_a_connection_that_idles(served: Callable[[Patience], Server]) -> None:
    with connected(served(replace(LAX, idle=0))) as client:
        client.sendall(HEAD + b"\r\n")
        assert hung_up(client).startswith(b"HTTP/1.1 200")


def body_of(stage: Stage) -> bytes:
    token = stage.user("root", "admin")
    return (
        b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\nAuthorization: Bearer %s\r\n\r\n{" % token.encode()
    )


@pytest.mark.parametrize("drop", [b"", b" "], ids=["stalled", "dripping"])
def test_a_body_that_does_not_come(stage: Stage, served: Callable[[Patience], Server], drop: bytes) -> None:
    with connected(served(replace(LAX, turn=SOON, slowest=4096))) as client:
        client.sendall(body_of(stage))
        with dripping(client, drop):
            assert hung_up(client) == b""
    assert not any("bug" in record for record in stage.logged)


def test_a_body_that_breaks_off_is_no_bug(stage: Stage, served: Callable[[Patience], Server]) -> None:
    server = served(LAX)
    with connected(server) as client:
        client.sendall(body_of(stage))
    given_up = time.monotonic() + LONG
    while not any(record.get("status") == 400 for record in stage.logged):
        assert time.monotonic() < given_up, stage.logged
        time.sleep(0.01)
    assert not any("bug" in record for record in stage.logged)


def test_a_slow_body_that_goes_on_is_waited_for(stage: Stage, served: Callable[[Patience], Server]) -> None:
    body = json.dumps({"name": "alice"}).encode().ljust(60)
    head = body_of(stage)[:-1].replace(b"1000", b"60")
    with connected(served(replace(LAX, turn=0.01, slowest=0))) as client:
        client.sendall(head)
        for byte in body:
            client.sendall(bytes([byte]))
            time.sleep(0.002)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 201")


def test_a_body_after_its_answer(stage: Stage, served: Callable[[Patience], Server]) -> None:
    with connected(served(replace(LAX, rest=SOON))) as client:
        client.sendall(b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
        with dripping(client, b"x"):
            assert hung_up(client).startswith(b"HTTP/1.1 401")


def test_slow_read(served: Callable[[Patience], Server]) -> None:
    """An answer of 256 MB that nobody reads."""
    with connected(served(replace(LAX, turn=SOON))) as client:
        client.sendall(HEAD.replace(b"/healthz", b"/large") + b"\r\n")
        time.sleep(SOON)
        assert len(hung_up(client)) < 1 << 28


def test_too_many_connections_of_one_address(served: Callable[[Patience], Server]) -> None:
    server = served(replace(LAX, most=3))
    held = [socket.create_connection(server.address, LONG) for _ in range(3)]
    try:
        for client in held:
            client.sendall(HEAD + b"\r\n")
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        with connected(server) as fourth:
            assert hung_up(fourth) == b""
    finally:
        for client in held:
            client.close()
    given_up = time.monotonic() + LONG
    answer = b""
    while not answer:  # the server has to notice first that they are gone
        assert time.monotonic() < given_up
        with connected(server) as client:
            try:
                client.sendall(HEAD + b"Connection: close\r\n\r\n")
            except OSError:
                continue
            answer = hung_up(client)
    assert answer.startswith(b"HTTP/1.1 200")
