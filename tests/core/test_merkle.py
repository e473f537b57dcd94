"""RFC 6962 beside another implementation of it (pymerkle), and proofs that must not verify."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from assaymark.core.merkle import (
    EMPTY,
    MAX_SIZE,
    Compact,
    consistency,
    inclusion,
    leaf_hash,
    node_hash,
    range_root,
    root,
    verify_consistency,
    verify_inclusion,
)

MANY = 140
LEAVES = [f"leaf {number}".encode() for number in range(700)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


def nodes(height: int, index: int) -> bytes:
    return root(HASHES[index << height : (index + 1) << height])


@pytest.fixture(scope="module")
def oracle() -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for leaf in LEAVES[:MANY]:
        tree.append_entry(leaf)
    return tree


def test_roots_are_those_of_another_implementation(oracle: InmemoryTree) -> None:
    compact = Compact()
    assert compact.root() == root([]) == EMPTY == oracle.hash_empty()
    for size in range(1, MANY + 1):
        compact.append(HASHES[size - 1])
        assert root(HASHES[:size]) == oracle.get_root(size) == compact.root() == range_root(0, size, nodes)
        assert compact.size == size


def test_proofs_of_inclusion_are_those_of_another_implementation(oracle: InmemoryTree) -> None:
    for size in range(1, MANY + 1):
        for index in {0, size // 3, size // 2, size - 2, size - 1} & set(range(size)):
            theirs = oracle.prove_inclusion(index + 1, size).path
            assert inclusion(index, size, nodes) == theirs[1:]


def test_proofs_of_consistency_hold_between_the_roots_of_another_implementation(oracle: InmemoryTree) -> None:
    for new in range(1, MANY + 1):
        for old in {1, 2, 3, new // 2, new - 1} & set(range(1, new + 1)):
            proof = consistency(old, new, nodes)
            assert verify_consistency(old, new, proof, oracle.get_root(old), oracle.get_root(new))


def test_the_examples_of_the_rfc() -> None:
    """RFC 6962, 2.1.3: a tree of seven leaves."""
    c, d, g, i, j, k = (nodes(*at) for at in ((0, 2), (0, 3), (1, 0), (1, 2), (0, 6), (2, 0)))
    h, a_ = nodes(1, 1), nodes(0, 0)
    b, l_, f, e = nodes(0, 1), range_root(4, 7, nodes), nodes(0, 5), nodes(0, 4)
    assert [inclusion(at, 7, nodes) for at in (0, 3, 4, 6)] == [[b, h, l_], [c, g, l_], [f, j, k], [i, k]]
    assert [consistency(old, 7, nodes) for old in (3, 4, 6)] == [[c, d, g, l_], [l_], [i, j, k]]
    assert node_hash(k, l_) == root(HASHES[:7]) and node_hash(a_, b) == g and node_hash(e, f) == i


def test_every_leaf_of_every_small_tree_is_proved_and_no_other() -> None:
    for size in range(1, 41):
        whole = root(HASHES[:size])
        for index in range(size):
            proof = inclusion(index, size, nodes)
            assert verify_inclusion(HASHES[index], index, size, proof, whole)
            assert not verify_inclusion(HASHES[index + 1], index, size, proof, whole)
            for other in {index - 1, index + 1, index ^ 1, size, -1} - {index}:
                assert not verify_inclusion(HASHES[index], other, size, proof, whole)
            assert not verify_inclusion(HASHES[index], index, size, [*proof, HASHES[0]], whole)
            assert size == 1 or not verify_inclusion(HASHES[index], index, size, proof[:-1], whole)


def test_every_growth_of_small_trees_is_proved_and_no_other() -> None:
    for new in range(41):
        after = root(HASHES[:new])
        for old in range(new + 1):
            before, proof = root(HASHES[:old]), consistency(old, new, nodes)
            assert verify_consistency(old, new, proof, before, after)
            assert not verify_consistency(old, new, [*proof, HASHES[0]], before, after)
            assert not verify_consistency(old, new, proof, HASHES[9], after)
            if old:
                assert not verify_consistency(old, new, proof, before, HASHES[9])
            if proof:
                assert not verify_consistency(old, new, proof[1:], before, after)
                assert not verify_consistency(old, new, proof[:-1], before, after)
                swapped = [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]]
                assert not verify_consistency(old, new, swapped, before, after)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_proofs_of_larger_trees(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(0, size))
    whole = root(HASHES[:size])
    assert verify_inclusion(HASHES[index], index, size, inclusion(index, size, nodes), whole)
    assert verify_consistency(old, size, consistency(old, size, nodes), root(HASHES[:old]), whole)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(-2, 1 << 70), st.integers(-2, 1 << 70), st.lists(st.binary(max_size=33) | st.just(EMPTY), max_size=70)
)
def test_nonsense_never_verifies_and_never_raises(one: int, two: int, proof: list[bytes]) -> None:
    assert not verify_inclusion(HASHES[0], one, two, proof, EMPTY)
    assert not verify_consistency(one, two, proof, HASHES[0], HASHES[1])


def test_a_leaf_is_no_node() -> None:
    """Second preimage: an inner node's content given as a leaf."""
    content = HASHES[0] + HASHES[1]
    assert leaf_hash(content) != node_hash(HASHES[0], HASHES[1])
    assert not verify_inclusion(leaf_hash(content), 0, 1, [], root(HASHES[:2]))


def test_outside_of_the_tree_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no leaf 4"):
        inclusion(4, 4, nodes)
    with pytest.raises(ValueError, match="no tree of 5"):
        consistency(5, 4, nodes)
    assert not verify_inclusion(EMPTY, 0, MAX_SIZE + 1, [EMPTY] * 63, EMPTY)
