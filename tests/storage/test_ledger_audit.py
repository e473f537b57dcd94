"""The auditor with nothing but static files: every bit of a small log, and attacks that each have their name."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from assaymark.core.merkle import leaf_hash, root
from assaymark.core.note import Note
from assaymark.core.tiles import Frontier, pack, tiles_of, unpack
from assaymark.core.tlog import Checkpoint
from assaymark.storage.ledger_audit import Auditor
from assaymark.storage.ledger_files import Folder
from assaymark.storage.notekeys import note_signer
from tests.storage.ledgers import KEY, ORIGIN, PRIVATE, Place

SIZE = 40


class Memory:
    """StaticFiles in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def paths(self) -> Iterator[str]:
        yield from self.files


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Forty entries, with an older checkpoint of seventeen, whose partial tiles are still there."""
    place = Place(tmp_path_factory.mktemp("log"))
    opened = place.open()
    opened.add(range(17))
    opened.ledger.integrate()
    older = (place.folder / "checkpoint").read_bytes()
    opened.add(range(17, SIZE))
    opened.ledger.integrate()
    place.close()
    found = {p.relative_to(place.folder).as_posix(): p.read_bytes() for p in place.folder.rglob("*") if p.is_file()}
    return {**found, "older": older}


def problems(files: dict[str, bytes], since: bytes | None = None) -> list[tuple[str, str]]:
    kept = {path: data for path, data in files.items() if path != "older"}
    audit = Auditor(Memory(kept), KEY).run(since)  # type: ignore[arg-type] # an auditor only reads
    return [(problem.path, problem.what) for problem in audit.problems]


def signed(size: int, root_: bytes) -> bytes:
    """A checkpoint with a stolen key."""
    text = Checkpoint(ORIGIN, size, root_).text
    return bytes(Note(text, (note_signer(ORIGIN, PRIVATE).sign(text),)))


def test_a_good_log_holds(log: dict[str, bytes]) -> None:
    assert problems(log) == problems(log, log["older"]) == problems(log, log["checkpoint"]) == []
    assert sorted(log) == ["checkpoint", "older", "tile/0/000.p/17", "tile/0/000.p/40", "tile/entries/000.p/17", "tile/entries/000.p/40"]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["checkpoint", "tile/0/000.p/17", "tile/0/000.p/40", "tile/entries/000.p/17", "tile/entries/000.p/40"]
)
def test_every_bit_counts(log: dict[str, bytes], name: str) -> None:
    data = log[name]
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        assert problems({**log, name: bytes(flipped)}), f"bit {place} of {name}"


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000.p/40", "tile/entries/000.p/40"])
def test_every_file_counts(log: dict[str, bytes], name: str) -> None:
    assert problems({path: data for path, data in log.items() if path != name}) == [(name, "is missing")]
    for length in range(0, len(log[name]), 7):
        assert problems({**log, name: log[name][:length]})
    assert problems({**log, name: log[name] + b"\0"})


def test_the_fault_is_found_where_it_is(log: dict[str, bytes]) -> None:
    entries = unpack(log["tile/entries/000.p/40"], SIZE)
    entries[23] = b'{"n":99}'
    assert problems({**log, "tile/entries/000.p/40": pack(entries)}) == [
        ("tile/entries/000.p/40", "entry 23 does not have the hash that tile/0/000.p/40 holds for it")
    ]
    tile = bytearray(log["tile/0/000.p/40"])
    tile[23 * 32] ^= 1
    assert problems({**log, "tile/0/000.p/40": bytes(tile)}) == [
        ("tile/0/000.p/40", "the hash of entry 23 is not that of the signed tree")
    ]


def test_attack_entries_are_swapped(log: dict[str, bytes]) -> None:
    entries = unpack(log["tile/entries/000.p/40"], SIZE)
    entries[20], entries[21] = entries[21], entries[20]
    assert [path for path, _ in problems({**log, "tile/entries/000.p/40": pack(entries)})] == [
        "tile/entries/000.p/40"
    ] * 2


def test_attack_entry_and_its_hash_are_changed(log: dict[str, bytes]) -> None:
    entries = unpack(log["tile/entries/000.p/40"], SIZE)
    entries[30] = b'{"n":99}'
    hashes = [leaf_hash(entry) for entry in entries]
    changed = {"tile/entries/000.p/40": pack(entries), "tile/0/000.p/40": b"".join(hashes)}
    assert problems({**log, **changed}) == [
        ("tile/entries", "the 40 entries are not those that were signed: another root")
    ]


def test_attack_a_stolen_log_key_rewrites_history(log: dict[str, bytes]) -> None:
    """By itself such a log holds: an older checkpoint, or a witness, is what tells."""
    entries = unpack(log["tile/entries/000.p/40"], SIZE)
    entries[3] = b'{"n":99}'
    hashes = [leaf_hash(entry) for entry in entries]
    forged = {
        "checkpoint": signed(SIZE, root(hashes)),
        "tile/entries/000.p/40": pack(entries),
        "tile/0/000.p/40": b"".join(hashes),
    }
    assert problems(forged) == []
    fork = "the first 17 entries are not those that were signed then: a fork or a rewrite"
    assert problems(forged, log["older"]) == [("--since", fork)]


def test_attack_shrink(log: dict[str, bytes]) -> None:
    shrunk = {"checkpoint": log["older"], **{path: data for path, data in log.items() if "p/17" in path}}
    assert problems(shrunk) == []
    assert problems(shrunk, log["checkpoint"]) == [
        ("--since", "the log had 40 leaves and now has 17: it was rolled back")
    ]


def test_an_older_checkpoint_of_somebody_else_is_refused(log: dict[str, bytes]) -> None:
    assert problems(log, b"nothing")[0][0] == "--since"
    assert problems(log, log["older"].replace(b"registry", b"Registry"))[0][0] == "--since"


def test_files_beyond_the_checkpoint_are_only_named(log: dict[str, bytes]) -> None:
    """A writer that was killed before it signed leaves such."""
    beyond = {**log, "tile/0/000.p/41": bytes(32 * 41), "index.html": b"hello", "tile/entries/007": b""}
    kept = {path: data for path, data in beyond.items() if path != "older"}
    audit = Auditor(Memory(kept), KEY).run()  # type: ignore[arg-type] # an auditor only reads
    assert not audit.problems
    assert sorted(audit.unexplained) == ["index.html", "tile/0/000.p/41", "tile/entries/007"]


def test_a_partial_tile_may_be_gone_when_the_full_one_is_there(tmp_path: Path) -> None:
    place = Place(tmp_path)
    opened = place.open()
    opened.add(range(200))
    opened.ledger.integrate()
    older = (place.folder / "checkpoint").read_bytes()
    opened.add(range(200, 300))
    opened.ledger.integrate()
    place.close()
    assert not os.path.exists(place.folder / "tile/0/000.p")
    (place.folder / "checkpoint").write_bytes(older)
    assert not place.audit().problems


def test_many_levels() -> None:
    size = 66_000
    entries = [b"%d" % number for number in range(size)]
    levels: dict[int, list[bytes]] = {0: [leaf_hash(entry) for entry in entries]}
    frontier = Frontier()
    for hash_ in levels[0]:
        for level, _, node in frontier.append(hash_):
            levels.setdefault(level, []).append(node)
    files = {"checkpoint": signed(size, frontier.root())}
    for tile in tiles_of(size):
        content = entries if tile.level < 0 else levels[tile.level]
        part = content[tile.start : tile.start + tile.width]
        files[tile.path] = pack(part) if tile.level < 0 else b"".join(part)
    assert problems(files) == []
    names = ["tile/0/256", "tile/0/257.p/208", "tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1"]
    changed = {name: files[name][:10] + bytes([files[name][10] ^ 4]) + files[name][11:] for name in names}
    assert [path for path, _ in problems({**files, **changed})] == names


def test_attack_endless_log(log: dict[str, bytes]) -> None:
    """Signed, but without files: the audit ends."""
    audit = Auditor(Memory({**log, "checkpoint": signed(1 << 62, root([]))}), KEY).run()  # type: ignore[arg-type]
    assert len(audit.problems) == 100 and audit.more > 10_000


def test_a_folder_that_is_no_log(tmp_path: Path) -> None:
    audit = Auditor(Folder(os.fspath(tmp_path)), KEY).run()
    assert [(p.path, p.what) for p in audit.problems] == [("checkpoint", "is missing")]
    assert audit.head is None
