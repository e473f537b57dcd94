"""Signed notes, checkpoints, cosignatures, proofs and tiles of C2SP: round trips, published vectors, hostile texts."""

import base64
from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core import merkle
from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.note import COSIGNATURE, ED25519, MAX_NOTE, Note, NoteKey, NoteSignature, VerifierKey, raw_key
from assaymark.core.tiles import Frontier, Tile, TileTree, hashes_of, pack, tiles_of, unpack
from assaymark.core.tlog import AddCheckpoint, Checkpoint, Proof, number, verify_checkpoint
from assaymark.storage.keys import PrivateKey
from assaymark.storage.notekeys import note_key, note_key_of, note_signer

LOG = PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
LOG_KEY = note_key("example.com/log", LOG.public)
WITNESS_KEY = note_key("witness.example/w1", WITNESS.public, COSIGNATURE)
LEAVES = [f"entry {number}".encode() for number in range(13)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
CHECKPOINT = Checkpoint("example.com/log", 13, merkle.root(HASHES))
SIGNED = Note(CHECKPOINT.text, (note_signer("example.com/log", LOG).sign(CHECKPOINT.text),))
COSIGNED = SIGNED.with_signatures(
    [note_signer("witness.example/w1", WITNESS, COSIGNATURE).sign(CHECKPOINT.text, 1_700_000_000)]
)
PATH = tuple(
    merkle.inclusion(5, 13, lambda height, index: merkle.root(HASHES[index << height : (index + 1) << height]))
)
PROOF = Proof(5, PATH, COSIGNED, b"beside")


def test_the_note_of_the_go_documentation_verifies() -> None:
    """golang.org/x/mod/sumdb/note, package documentation."""
    key = note_key_of(VerifierKey.read("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"))
    text = (
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    note = Note.read(text.encode())
    assert note.verify([key])[0].key == key.key
    assert bytes(note) == text.encode()


def test_texts_come_back_as_they_went() -> None:
    assert Note.read(bytes(COSIGNED)) == COSIGNED
    assert Checkpoint.read(COSIGNED.text) == CHECKPOINT
    assert Proof.read(str(PROOF).encode()) == PROOF
    request = AddCheckpoint(5, PATH, COSIGNED)
    assert AddCheckpoint.read(bytes(request)) == request
    for key in (LOG_KEY, WITNESS_KEY):
        assert VerifierKey.read(str(key.key)) == key.key
        assert note_key_of(key.key).verifier.keyid == key.verifier.keyid
    extended = Checkpoint("o", 0, merkle.EMPTY, ("more", "lines"))
    assert Checkpoint.read(extended.text) == extended


def test_a_proof_convinces_offline() -> None:
    head = PROOF.verify(LEAVES[5], LOG_KEY, [WITNESS_KEY], quorum=1)
    assert head.checkpoint == CHECKPOINT
    assert [(one.key.name, one.time) for one in head.cosigned] == [("witness.example/w1", 1_700_000_000)]


def test_attack_another_leaf_index_or_key() -> None:
    other = note_key("example.com/log", WITNESS.public)
    for refused in (
        lambda: PROOF.verify(LEAVES[6], LOG_KEY),
        lambda: Proof(6, PATH, COSIGNED).verify(LEAVES[5], LOG_KEY),
        lambda: PROOF.verify(LEAVES[5], other),
        lambda: PROOF.verify(LEAVES[5], note_key("example.com/other", LOG.public)),
    ):
        with pytest.raises(Untrusted):
            refused()


def test_attack_too_few_witnesses() -> None:
    with pytest.raises(Untrusted, match="1 witnesses must have cosigned"):
        verify_checkpoint(SIGNED, LOG_KEY, [WITNESS_KEY], quorum=1)
    with pytest.raises(Untrusted, match="2 witnesses"):
        verify_checkpoint(COSIGNED, LOG_KEY, [WITNESS_KEY, note_key("w2", LOG.public, COSIGNATURE)], quorum=2)


def test_attack_one_witness_under_two_names() -> None:
    names = ("witness.example/w1", "witness.example/w2")
    note = SIGNED.with_signatures(note_signer(name, WITNESS, COSIGNATURE).sign(SIGNED.text, 5) for name in names)
    with pytest.raises(Untrusted, match="2 witnesses"):
        verify_checkpoint(note, LOG_KEY, [note_key(name, WITNESS.public, COSIGNATURE) for name in names], quorum=2)


def test_attack_the_log_as_its_own_witness() -> None:
    note = SIGNED.with_signatures([note_signer("w", LOG, COSIGNATURE).sign(SIGNED.text, 5)])
    with pytest.raises(Untrusted, match="1 witnesses"):
        verify_checkpoint(note, LOG_KEY, [note_key("w", LOG.public, COSIGNATURE)], quorum=1)


def test_attack_a_signature_of_the_other_type() -> None:
    """A log's plain signature is no cosignature, and a cosignature is no log's signature: the types are in the key id."""
    plain = note_signer("witness.example/w1", WITNESS).sign(SIGNED.text)
    with pytest.raises(Untrusted):
        Note(SIGNED.text, (plain,)).verify([WITNESS_KEY])
    forged = NoteSignature(WITNESS_KEY.name, WITNESS_KEY.key.id, bytes(8) + plain.value)
    with pytest.raises(Untrusted, match="does not fit"):
        Note(SIGNED.text, (forged,)).verify([WITNESS_KEY])


def test_attack_the_time_of_a_cosignature_is_signed() -> None:
    (_, signature) = COSIGNED.signatures
    later = NoteSignature(signature.name, signature.id, (1_800_000_000).to_bytes(8, "big") + signature.value[8:])
    with pytest.raises(Untrusted, match="does not fit"):
        verify_checkpoint(SIGNED.with_signatures([later]), LOG_KEY, [WITNESS_KEY])


def test_a_checkpoint_of_another_log_by_the_same_key() -> None:
    text = Checkpoint("example.com/other", 0, merkle.EMPTY).text
    note = Note(text, (note_signer("example.com/log", LOG).sign(text),))
    with pytest.raises(Untrusted, match=r"a checkpoint of 'example\.com/other'"):
        verify_checkpoint(note, LOG_KEY)


def test_every_bit_of_a_checkpoint_counts() -> None:
    data = bytes(COSIGNED)
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises((Malformed, Untrusted)):
            verify_checkpoint(Note.read(bytes(flipped)), LOG_KEY, [WITNESS_KEY], quorum=1)


def test_every_bit_of_a_proof_counts_but_the_extra_data() -> None:
    data = str(PROOF).encode()
    extra = range(data.index(b"extra "), data.index(b"\nindex") + 1)
    for place in range(len(data) * 8):
        if place // 8 in extra:
            continue
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises((Malformed, Untrusted)):
            Proof.read(bytes(flipped)).verify(LEAVES[5], LOG_KEY, [WITNESS_KEY], quorum=1)


GOOD: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "note": (Note.read, bytes(COSIGNED)),
    "proof": (Proof.read, str(PROOF).encode()),
    "request": (AddCheckpoint.read, bytes(AddCheckpoint(5, PATH, COSIGNED))),
    "checkpoint": (lambda data: Checkpoint.read(data.decode("utf-8", "replace")), CHECKPOINT.text.encode()),
    "vkey": (lambda data: VerifierKey.read(data.decode("utf-8", "replace")), str(LOG_KEY.key).encode()),
    "path": (lambda data: Tile.read(data.decode("utf-8", "replace")), b"tile/0/x001/234.p/17"),
    "bundle": (lambda data: unpack(data, 13), pack(LEAVES)),
    "tile": (lambda data: hashes_of(data, 13), b"".join(HASHES)),
    "der": (raw_key, base64.b64decode("MCowBQYDK2VwAyEA") + bytes(32)),
}


def only_malformed(read: Callable[[bytes], object], data: bytes) -> bool:
    try:
        read(data)
    except Malformed as error:
        assert error.message
        return True
    return False


@pytest.mark.parametrize("kind", GOOD)
def test_cut_off_anywhere_is_malformed(kind: str) -> None:
    read, data = GOOD[kind]
    read(data)
    for length in range(len(data)):
        whole = kind in {"path", "checkpoint"} or data[:length].endswith(
            bytes(SIGNED)[-20:]
        )  # what is left is one, too
        assert only_malformed(read, data[:length]) or whole


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_hostile_texts_raise_only_malformed(kind: str, data: st.DataObject) -> None:
    read, good = GOOD[kind]
    at = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(at, len(good)))
    only_malformed(read, good[:at] + data.draw(st.binary(max_size=60)) + good[end:])
    only_malformed(read, good[:at] + data.draw(st.text(max_size=30)).encode() + good[end:])
    only_malformed(read, data.draw(st.binary(max_size=200)))


@pytest.mark.parametrize(
    "text", ["", "00", "01", "-1", "+1", " 1", "1 ", "1_0", "\u0661", "1e3", str(1 << 63), "9" * 5000]
)
def test_numbers_have_one_spelling(text: str) -> None:
    with pytest.raises(Malformed):
        number(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\u2003b", "a\x1f", "a\x7f", "\u2028", "n" * 300])
def test_names_of_keys(name: str) -> None:
    with pytest.raises(Malformed):
        VerifierKey(name, ED25519, bytes(32))


def test_endless_data_is_refused_before_it_is_read() -> None:
    for read in (Note.read, Proof.read, AddCheckpoint.read):
        assert only_malformed(read, b"x" * (MAX_NOTE * 2))
    lines = "".join(str(SIGNED.signatures[0]) for _ in range(101))
    assert only_malformed(Note.read, f"{SIGNED.text}\n{lines}".encode())
    many = AddCheckpoint(5, (merkle.EMPTY,) * 64, SIGNED)
    assert only_malformed(AddCheckpoint.read, bytes(many))


def test_sixteen_signatures_of_others_are_no_matter() -> None:
    others = [NoteSignature(f"other{n}", bytes(4), bytes(5000)) for n in range(15)]
    assert verify_checkpoint(Note.read(bytes(SIGNED.with_signatures(others))), LOG_KEY).checkpoint == CHECKPOINT


def test_a_key_and_its_verifier_are_one() -> None:
    with pytest.raises(Malformed, match="another one"):
        NoteKey(LOG_KEY.key, WITNESS.public)
    with pytest.raises(Malformed, match="key id is"):
        VerifierKey.read(str(LOG_KEY.key).replace("log+", "log2+"))


def test_the_tiles_of_the_specification() -> None:
    """70,000 leaves, c2sp.org/tlog-tiles: 273 full tiles and one of 112 at level 0, 1 and one of 17, one of 1."""
    tiles = list(tiles_of(70_000))
    level = {n: [t for t in tiles if t.level == n] for n in range(-1, 4)}
    assert len(level[0]) == 274 and level[0][-1].path == "tile/0/273.p/112"
    assert [t.path for t in level[1]] == ["tile/1/000", "tile/1/001.p/17"]
    assert [t.path for t in level[2]] == ["tile/2/000.p/1"] and not level[3]
    assert level[-1][-1].path == "tile/entries/273.p/112"
    assert [t.path for t in tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    assert Tile(0, 1_234_067).path == "tile/0/x001/x234/067"
    assert list(tiles_of(0)) == []


def test_only_what_changed_is_written_again() -> None:
    assert [t.path for t in tiles_of(257, 256)] == ["tile/entries/001.p/1", "tile/0/001.p/1"]
    for size in range(600):
        for since in range(0, size + 1, 7):
            assert set(tiles_of(size)) - set(tiles_of(since)) == set(tiles_of(size, since))


@pytest.mark.parametrize("path", ["tile/0/000/", "tile/00/000", "tile/0/x000/001", "tile/0/1", "tile/0/000.p/256",
                                  "tile/0/000.p/0", "tile/64/000", "tile/0/../000", "tile//000", "tile/0/001/000",
                                  "/tile/0/000", "tile/0/000.p", "tile/entries/x001.p/3", "tile/0/\u0660\u0660\u0660"])  # fmt: skip
def test_a_tile_has_one_name(path: str) -> None:
    with pytest.raises(Malformed):
        Tile.read(path)


@settings(max_examples=200, deadline=None)
@given(st.integers(-1, 63), st.integers(0, 1 << 55), st.integers(1, 256))
def test_names_of_tiles_come_back(level: int, index: int, width: int) -> None:
    assert Tile.read(Tile(level, index, width).path) == Tile(level, index, width)


def test_a_frontier_knows_every_full_tile_and_root() -> None:
    hashes = [merkle.leaf_hash(b"%d" % number) for number in range(66_000)]
    kept: dict[int, list[bytes]] = {0: hashes}

    def grow() -> Iterator[tuple[int, bytes]]:
        frontier = Frontier()
        for size, hash_ in enumerate(hashes, 1):
            for level, index, node in frontier.append(hash_):
                assert len(kept.setdefault(level, [])) == index
                kept[level].append(node)
            if size in {1, 255, 256, 257, 65_535, 65_536, 65_537, 66_000}:
                yield size, frontier.root()

    for size, root in grow():
        assert root == merkle.root(hashes[:size])
        loaded = Frontier.load(size, lambda level, begin, end: kept[level][begin:end])
        assert loaded.root() == root
        tree = TileTree(size, lambda tile: kept[tile.level][tile.start : tile.start + tile.width])
        assert tree.root() == root
        index = size * 2 // 3
        assert merkle.verify_inclusion(hashes[index], index, size, tree.inclusion(index), root)
        old = size // 2
        assert merkle.verify_consistency(old, size, tree.consistency(old), merkle.root(hashes[:old]), root)
    copy = loaded.copy()
    list(copy.append(hashes[0]))
    assert copy.root() != loaded.root() == root
    with pytest.raises(Malformed, match="level 0"):
        Frontier.load(10, lambda _level, begin, end: hashes[begin : end - 1])
