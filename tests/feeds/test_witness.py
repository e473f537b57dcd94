"""A real witness on loopback: what he cosigns, what he catches, what he answers to nonsense, and a client that trusts nobody."""

import os
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaymark.core import merkle
from assaymark.core.clock import FixedClock
from assaymark.core.errors import Malformed, Unreadable, Untrusted, UsageError
from assaymark.core.note import COSIGNATURE, Note, NoteKey
from assaymark.core.tlog import AddCheckpoint, Checkpoint, Proof, verify_checkpoint
from assaymark.core.witnessing import MAX_REQUEST, Watch
from assaymark.faces.http.witness import application
from assaymark.feeds.witness import HttpWitness
from assaymark.storage.keys import PrivateKey
from assaymark.storage.ledger import Quorum
from assaymark.storage.notekeys import note_key, note_signer
from tests.storage.ledgers import CLOCK, KEY, ORIGIN, PRIVATE, WITNESS_KEY, Place, watch

OPEN: list[HttpWitness] = []


def client(url: str, key: NoteKey, timeout: float = 10.0) -> HttpWitness:
    """A client that is closed when the test ends."""
    OPEN.append(HttpWitness(url, key, timeout=timeout))
    return OPEN[-1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def serving(watch_: Watch) -> AbstractContextManager[str]:
    """A witness's address."""
    return running(application(watch_))


def serve_bytes(body: bytes, status: int = 200) -> AbstractContextManager[str]:
    """Somebody who always says the same."""

    async def answer(_request: Request) -> Response:
        return Response(body, status)

    return running(Starlette(routes=[Route("/add-checkpoint", answer, methods=["POST"])]))


@contextmanager
def running(app: Starlette) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.001)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[str]:
    with serving(watch(tmp_path / "seen")) as url:
        yield url


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "place").mkdir()
    made = Place(tmp_path / "place")
    yield made
    made.close()


def quorum(url: str, needed: int = 1) -> Quorum:
    return Quorum((client(url, WITNESS_KEY),), needed)


def forged(leaves: list[bytes], old: int, private: PrivateKey = PRIVATE, origin: str = ORIGIN) -> AddCheckpoint:
    """What a thief of the log's key posts: any tree he likes, with a proof that is right for it."""
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    text = Checkpoint(origin, len(hashes), merkle.root(hashes)).text

    def nodes(height: int, index: int) -> bytes:
        return merkle.root(hashes[index << height : (index + 1) << height])

    path = merkle.consistency(min(old, len(hashes)), len(hashes), nodes)
    return AddCheckpoint(old, tuple(path), Note(text, (note_signer(origin, private).sign(text),)))


def post(url: str, body: bytes | AddCheckpoint) -> httpx.Response:
    return httpx.post(f"{url}/add-checkpoint", content=bytes(body))


LEAVES = [b"%d" % number for number in range(50)]


def test_a_log_is_published_when_its_witness_has_seen_it(place: Place, witness: str) -> None:
    log = place.open(quorum=quorum(witness))
    tickets = log.add(range(10))
    log.ledger.integrate()
    assert not (place.folder / "checkpoint").exists()
    assert log.ledger.cosign() == 1
    head = verify_checkpoint(Note.read((place.folder / "checkpoint").read_bytes()), KEY, [WITNESS_KEY], 1)
    assert head.cosigned[0].time == int(CLOCK.now().timestamp())
    tickets += log.add(range(10, 300))
    for ticket in (tickets[-1], tickets[0], tickets[290]):
        receipt = log.ledger.receipt(ticket)
        proof = Proof.read(receipt.proof.encode())
        size = 10 if receipt.index < 10 else 300  # the first that covers it: its time says when it was logged
        assert proof.verify(receipt.leaf, KEY, [WITNESS_KEY], 1).checkpoint.size == size
    assert not place.audit().problems


def test_the_earliest_cosignature_stays(place: Place, tmp_path: Path) -> None:
    """Asked again later, the witness signs the later time; the receipt still says when the entry was first seen."""
    moment = FixedClock(CLOCK.now())
    with serving(watch(tmp_path / "seen", moment)) as url:
        log = place.open(quorum=quorum(url))
        (ticket,) = log.add([1])
        before = log.ledger.receipt(ticket)
        moment.moment = datetime(2030, 1, 1, tzinfo=UTC)
        assert log.ledger.cosign() == 1
        assert log.ledger.receipt(ticket) == before


def test_a_new_client_learns_what_the_witness_saw(place: Place, witness: str) -> None:
    log = place.open(quorum=quorum(witness))
    log.add(range(10))
    log.ledger.integrate()
    log.ledger.cosign()
    again = place.open(quorum=quorum(witness))
    again.add(range(5))
    again.ledger.integrate()
    assert again.ledger.cosign() == again.ledger.cosign() == 1


def test_attack_the_log_and_its_files_are_rolled_back_from_a_backup(place: Place, witness: str) -> None:
    """Database and static files both: nothing but the witness remembers."""
    log = place.open(quorum=quorum(witness))
    log.add(range(5))
    log.ledger.integrate()
    log.ledger.cosign()
    with sqlite3.connect(place.root / "assay.db") as source, sqlite3.connect(place.root / "backup.db") as target:
        source.backup(target)
    source.close()
    target.close()
    shutil.copytree(place.folder, place.root / "backup")
    log.add(range(5))
    log.ledger.integrate()
    log.ledger.cosign()
    place.close()
    for name in ("assay.db-wal", "assay.db-shm"):
        (place.root / name).unlink(missing_ok=True)
    os.replace(place.root / "backup.db", place.root / "assay.db")
    shutil.rmtree(place.folder)
    os.replace(place.root / "backup", place.folder)
    again = place.open(quorum=quorum(witness))
    (ticket,) = again.add([77])
    again.ledger.integrate()
    with pytest.raises(Untrusted, match="saw 10 leaves of this log, which now has 6: rolled back") as refused:
        again.ledger.receipt(ticket)
    assert "backup" in refused.value.step
    again.add(range(8), word="evil")  # growing past what was seen does not help
    again.ledger.integrate()
    with pytest.raises(Untrusted, match="saw other leaves"):
        again.ledger.cosign()


def test_attack_a_stolen_log_key_rewrites_history(witness: str) -> None:
    assert post(witness, forged(LEAVES[:20], 0)).status_code == 200
    evil = [b"evil", *LEAVES[1:30]]
    assert post(witness, forged(evil, 20)).status_code == 422
    assert post(witness, forged(evil[:20], 20)).status_code == 409
    assert post(witness, forged(LEAVES[:30], 20)).status_code == 200


def test_attack_shrink(witness: str) -> None:
    assert post(witness, forged(LEAVES[:20], 0)).status_code == 200
    for old in (0, 10, 15):
        answer = post(witness, forged(LEAVES[:15], old))
        assert (answer.status_code, answer.text, answer.headers["content-type"]) == (409, "20\n", "text/x.tlog.size")
    assert post(witness, forged(LEAVES[:15], 20)).status_code == 400


def test_attack_split_view(witness: str) -> None:
    """Two trees of one size: only the first is cosigned."""
    assert post(witness, forged(LEAVES[:20], 0)).status_code == 200
    for old in (0, 20):
        assert post(witness, forged([*LEAVES[:19], b"other"], old)).status_code == 409


def test_the_same_checkpoint_may_be_asked_for_again(witness: str) -> None:
    request = forged(LEAVES[:20], 0)
    assert post(witness, request).status_code == 200
    assert post(witness, request).status_code == 409
    assert post(witness, AddCheckpoint(20, (), request.note)).status_code == 200
    assert post(witness, AddCheckpoint(20, (merkle.EMPTY,), request.note)).status_code == 422


def test_strangers_are_refused(witness: str) -> None:
    assert post(witness, forged(LEAVES, 0, origin="other.example/log")).status_code == 404
    assert post(witness, forged(LEAVES, 0, PrivateKey.generate("ed25519"))).status_code == 403
    good = forged(LEAVES, 0)
    signature = good.note.signatures[0]
    broken = type(signature)(signature.name, signature.id, bytes(64))
    assert post(witness, AddCheckpoint(0, (), Note(good.note.text, (broken,)))).status_code == 403
    assert post(witness, AddCheckpoint(0, (merkle.EMPTY,), good.note)).status_code == 422
    empty = forged([], 0)
    assert post(witness, empty).status_code == 200


def test_signatures_of_others_are_neither_kept_nor_signed(witness: str, tmp_path: Path) -> None:
    good = forged(LEAVES, 0)
    noise = note_signer("noise", PrivateKey.generate("ed25519")).sign(good.note.text)
    answer = post(witness, AddCheckpoint(0, (), good.note.with_signatures([noise])))
    assert answer.status_code == 200 and answer.text.count("\n") == 1
    (kept,) = (tmp_path / "seen").glob("*.checkpoint")
    assert [s.name for s in Note.read(kept.read_bytes()).signatures] == [ORIGIN, "witness.example/w1"]


@pytest.mark.parametrize(
    "body", [b"", b"old", b"old 0\n", b"old 00\n\nx\n\n", b"old -1\n\n", b"\xff" * 99, b"old 0\n" + b"A\n" * 70 + b"\n"]
)
def test_nonsense_is_a_bad_request(witness: str, body: bytes) -> None:
    answer = post(witness, body)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")


def test_attack_endless_request(witness: str) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1_000):
            yield b"x" * 65_536

    with suppress(httpx.WriteError):  # it may answer and close while we still talk
        assert httpx.post(f"{witness}/add-checkpoint", content=endless()).status_code == 413
    assert httpx.post(f"{witness}/add-checkpoint", content=b"x" * (MAX_REQUEST + 1)).status_code == 413
    assert httpx.get(f"{witness}/add-checkpoint").status_code == 405
    assert post(witness, forged(LEAVES, 0)).status_code == 200


def test_what_was_seen_outlives_the_witness(tmp_path: Path) -> None:
    with serving(watch(tmp_path / "seen")) as url:
        assert post(url, forged(LEAVES[:20], 0)).status_code == 200
    with serving(watch(tmp_path / "seen")) as url:
        assert post(url, forged([*LEAVES[:19], b"other"], 0)).status_code == 409
        assert post(url, forged(LEAVES[:21], 20)).status_code == 200


def test_a_memory_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    with serving(watch(tmp_path / "seen")) as url:
        assert post(url, forged(LEAVES[:20], 0)).status_code == 200
        (kept,) = (tmp_path / "seen").glob("*.checkpoint")
        good = kept.read_bytes()
        for bad in (good[:-5], b"", good.replace(b"\n20\n", b"\n19\n"), bytes(forged(LEAVES[:10], 0).note)):
            kept.write_bytes(bad)
            for request in (forged(LEAVES[:30], 20), forged(LEAVES[:30], 0), forged(LEAVES[:30], 10)):
                assert post(url, request).status_code == 500
        kept.write_bytes(good)
        assert post(url, forged(LEAVES[:30], 20)).status_code == 200


def test_nothing_is_said_before_it_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(watch(tmp_path / "seen")) as url:

        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        answer = post(url, forged(LEAVES[:20], 0))
        assert answer.status_code == 500 and "witness.example" not in answer.text
        monkeypatch.undo()
        assert post(url, forged([*LEAVES[:19], b"other"], 0)).status_code == 200


def test_many_at_once_get_one_history(tmp_path: Path) -> None:
    """Fifty logs claim to be the one: exactly one tree of twenty leaves is ever cosigned."""
    answers: list[int] = []
    watches = [watch(tmp_path / "seen") for _ in range(2)]

    def claim(number: int) -> None:
        request = forged([*LEAVES[:19], b"fork %d" % number], 0)
        answers.append(watches[number % 2].add_checkpoint(bytes(request)).status)

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 49


def test_a_witness_that_cannot_be_reached_holds_publication_and_loses_nothing(place: Place, tmp_path: Path) -> None:
    log = place.open(quorum=Quorum((client("http://127.0.0.1:9", WITNESS_KEY, timeout=2.0),), 1))
    (ticket,) = log.add([1])
    log.ledger.integrate()
    with pytest.raises(Unreadable, match="0 of 1 witnesses"):
        log.ledger.receipt(ticket)
    assert not (place.folder / "checkpoint").exists()
    with serving(watch(tmp_path / "seen")) as url:
        assert place.open(quorum=quorum(url)).ledger.receipt(ticket).index == 0


def test_one_bad_witness_cannot_stop_a_quorum(place: Place, witness: str) -> None:
    liar = note_key("witness.example/liar", PrivateKey.generate("ed25519").public, COSIGNATURE)
    with serve_bytes(b"99999\n", status=409) as url:
        both = Quorum((client(url, liar), client(witness, WITNESS_KEY)), 1)
        log = place.open(quorum=both)
        (ticket,) = log.add([1])
        assert log.ledger.receipt(ticket).index == 0
        assert any("saw 99,999 leaves" in line for line in place.said)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"", Malformed),
        (200, b"hello\n", Malformed),
        (200, "— witness.example/w1 AAAAAAAA\n".encode(), Unreadable),
        (200, b"x" * 200_000, Unreadable),
        (302, b"", Unreadable),
        (403, b"", Unreadable),
        (404, b"", Unreadable),
        (409, b"many", Malformed),
        (409, b"00\n", Malformed),
        (409, b"0\n", Untrusted),
        (422, b"", Untrusted),
        (500, b"\xff" * 100, Unreadable),
    ],
)
def test_a_client_believes_no_answer(status: int, body: bytes, error: type[Exception]) -> None:
    note = forged(LEAVES[:20], 0).note
    with serve_bytes(body, status=status) as url, pytest.raises(error):
        client(url, WITNESS_KEY).cosign(note, 20, lambda _: [])


def test_attack_an_old_cosignature_is_answered_again(witness: str) -> None:
    """It is over another text."""
    old = forged(LEAVES[:5], 0)
    cosignature = post(witness, old).content
    with serve_bytes(cosignature) as url, pytest.raises(Unreadable, match="no valid cosignature"):
        client(url, WITNESS_KEY).cosign(forged(LEAVES[:20], 0).note, 20, lambda _: [])


def test_plain_http_is_for_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="plain http"):
        client("http://witness.example/", WITNESS_KEY)
    with pytest.raises(UsageError, match="no address"):
        client("ftp://witness.example/", WITNESS_KEY)
    monkeypatch.setenv("ASSAY_OFFLINE", "1")
    with pytest.raises(UsageError, match="ASSAY_OFFLINE"):
        client("https://witness.example/", WITNESS_KEY)


def test_the_time_is_the_witnesss(tmp_path: Path) -> None:
    moment = FixedClock(datetime(2030, 1, 1, tzinfo=UTC))
    answer = watch(tmp_path / "seen", moment).add_checkpoint(bytes(forged(LEAVES, 0)))
    note = forged(LEAVES, 0).note
    from assaymark.core.note import signature_lines

    head = verify_checkpoint(note.with_signatures(signature_lines(answer.body)), KEY, [WITNESS_KEY], 1)
    assert head.cosigned[0].time == int(moment.now().timestamp())


@contextmanager
def dripping(text: bytes, pause: float) -> Iterator[str]:
    """Somebody who says one byte at a time, and never comes to an end."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(text)
                    while not stop.wait(pause):
                        connection.sendall(b"x")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            stop.set()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    "text",
    [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"HTT"],
    ids=["headers", "body", "status line"],
)
def test_attack_a_witness_who_drips_his_answer(text: bytes) -> None:
    """Each byte comes in time, the whole never does: it holds up neither the log nor the other witnesses."""
    note = Note(Checkpoint(ORIGIN, 1, merkle.EMPTY).text, ())
    with dripping(text, 0.05) as url:
        started = time.monotonic()
        with pytest.raises(Unreadable):
            client(url, WITNESS_KEY, timeout=0.5).cosign(note, 1, lambda _old: ())
        assert time.monotonic() - started < 5


class Waits:
    """A witness who answers when another one is asked, too."""

    def __init__(self, inner: HttpWitness, together: threading.Barrier) -> None:
        self._inner, self._together = inner, together
        self.key = inner.key

    def cosign(self, *asked: object) -> object:
        self._together.wait(30)
        return self._inner.cosign(*asked)


def test_witnesses_are_asked_at_the_same_time(place: Place, witness: str, tmp_path: Path) -> None:
    together = threading.Barrier(2)
    other = PrivateKey.generate("ed25519")
    with serving(watch(tmp_path / "other", name="witness.example/other", private=other)) as url:
        key = note_key("witness.example/other", other.public, COSIGNATURE)
        both = (Waits(client(witness, WITNESS_KEY), together), Waits(client(url, key), together))
        log = place.open(quorum=Quorum(both, 2))
        (ticket,) = log.add([1])
        assert log.ledger.receipt(ticket).index == 0
