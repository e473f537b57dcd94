"""Merkle trees of RFC 6962, section 2.1: hashes, roots, proofs that a leaf is in a tree and that a tree only grew.

Pure, over SHA-256. Proofs are made from perfect subtrees (`Nodes`), wherever those are kept, and verified with nothing
but hashes. A verifying function gives False for any proof that does not hold, its length included; it never raises.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol

HASH = 32
"""Bytes of a hash."""
EMPTY = sha256(b"").digest()
"""Root of the tree without leaves."""
MAX_SIZE = (1 << 63) - 1
"""Most leaves a tree can have here; a proof then has at most 63 hashes."""


class Nodes(Protocol):
    """Where the hashes of perfect subtrees come from."""

    def __call__(self, height: int, index: int) -> bytes:
        """Hash of the subtree over the leaves from `index << height` up to `(index + 1) << height`."""
        ...


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00 || leaf)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """Merkle Tree Hash of leaves, given their hashes."""
    if not hashes:
        return EMPTY
    level = list(hashes)
    while len(level) > 1:
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = [*paired, level[-1]] if len(level) % 2 else paired
    return level[0]


class Compact:
    """A tree that grows at its right edge, as the hashes of its largest perfect subtrees (a compact range)."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def copy(self) -> "Compact":
        """One that grows by itself."""
        other = Compact()
        other.size, other._peaks = self.size, list(self._peaks)
        return other

    def append(self, hash_: bytes, height: int = 0) -> None:
        """Add a perfect subtree of `1 << height` leaves; the size must be a multiple of that."""
        self.size += 1 << height
        while self._peaks and self._peaks[-1][0] == height:
            hash_ = node_hash(self._peaks.pop()[1], hash_)
            height += 1
        self._peaks.append((height, hash_))

    def root(self) -> bytes:
        """Merkle Tree Hash of all that was added."""
        return _fold(hash_ for _, hash_ in reversed(self._peaks))


def range_root(begin: int, end: int, nodes: Nodes) -> bytes:
    """Merkle Tree Hash of the leaves from `begin` to `end`, where `begin` is a multiple of a power of two >= the length."""
    peaks = []
    while begin < end:
        height = (end - begin).bit_length() - 1
        peaks.append(nodes(height, begin >> height))
        begin += 1 << height
    return _fold(reversed(peaks))


def inclusion(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """PATH(index, D[size]) of section 2.1.1: the sibling of the leaf first. Raises ValueError outside of the tree."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    proof: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            proof.append(range_root(middle, end, nodes))
            end = middle
        else:
            proof.append(range_root(begin, middle, nodes))
            begin = middle
    proof.reverse()
    return proof


def consistency(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """PROOF(old, D[new]) of section 2.1.2; empty for an old size of 0 or `new`. Raises ValueError unless 0 <= old <= new."""
    if not 0 <= old <= new:
        raise ValueError(f"no tree of {old} leaves in one of {new}")
    if old in {0, new}:
        return []
    proof: list[bytes] = []
    begin, end, target = 0, new, old
    while target != end:
        middle = begin + _split(end - begin)
        if target <= middle:
            proof.append(range_root(middle, end, nodes))
            end = middle
        else:
            proof.append(range_root(begin, middle, nodes))
            begin = middle
    if begin:
        proof.append(range_root(begin, end, nodes))
    proof.reverse()
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root_: bytes) -> bool:
    """Whether the leaf with hash `leaf` is number `index` in the tree of `size` leaves with this root."""
    if not 0 <= index < size <= MAX_SIZE or not _hashes(leaf, root_, *proof):
        return False
    inner = (index ^ (size - 1)).bit_length()
    border = (index >> inner).bit_count()
    if len(proof) != inner + border:
        return False
    hash_ = leaf
    for height, sibling in enumerate(proof[:inner]):
        hash_ = node_hash(sibling, hash_) if index >> height & 1 else node_hash(hash_, sibling)
    for sibling in proof[inner:]:
        hash_ = node_hash(sibling, hash_)
    return hash_ == root_


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the tree of `new` leaves begins with all leaves of the tree of `old` ones (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new <= MAX_SIZE or not _hashes(old_root, new_root, *proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    left, right = old - 1, new - 1
    while left & 1:
        left >>= 1
        right >>= 1
    if not path:
        return False
    before = after = path[0]
    for sibling in path[1:]:
        if right == 0:
            return False
        if left & 1 or left == right:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not left & 1 and left:
                left >>= 1
                right >>= 1
        else:
            after = node_hash(after, sibling)
        left >>= 1
        right >>= 1
    return right == 0 and before == old_root and after == new_root


def _split(length: int) -> int:
    """The largest power of two smaller than `length`, which is at least 2."""
    return 1 << ((length - 1).bit_length() - 1)


def _fold(peaks: Iterable[bytes]) -> bytes:
    """Root over perfect subtrees, from the smallest, which is the rightmost, to the largest."""
    total = b""
    for hash_ in peaks:
        total = node_hash(hash_, total) if total else hash_
    return total or EMPTY


def _hashes(*values: bytes) -> bool:
    return all(len(value) == HASH for value in values)
