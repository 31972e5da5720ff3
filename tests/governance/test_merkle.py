"""The tree against the recursive definition of RFC 9162 §2.1.1, and its published example of an empty tree."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.merkle import Frontier, inclusion_proof, leaf_hash, root_of, verify_inclusion


def defined_root(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    inner = b"\x01" + defined_root(leaves[:split]) + defined_root(leaves[split:])
    return hashlib.sha256(inner).digest()


def leaves_of(count):
    return [leaf_hash(str(number).encode()) for number in range(count)]


@given(st.integers(0, 70), st.integers(0, 70))
def test_growing_gives_the_defined_root(first, more):
    leaves = leaves_of(first + more)
    grown = Frontier().extended(leaves[:first])
    grown = Frontier.from_bytes(first, grown.to_bytes()).extended(leaves[first:])
    assert (grown.size, grown.root()) == (first + more, defined_root(leaves))


@given(st.integers(1, 70), st.data())
def test_a_proof_holds_for_its_leaf_only(count, data):
    leaves = leaves_of(count)
    index = data.draw(st.integers(0, count - 1))
    proof, root = inclusion_proof(leaves, index), root_of(leaves)
    other = data.draw(st.integers(0, count))

    def holds(leaf, place, path=proof):
        return verify_inclusion(leaf, index=place, size=count, proof=path, root=root)

    assert holds(leaves[index], index)
    assert holds(leaves[index], other) == (other == index)
    assert not holds(leaf_hash(b"forged"), index)
    assert not holds(leaves[index], index, [*proof, leaves[0]])


def test_a_frontier_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="a tree of 3 leaves has 2 peaks"):
        Frontier.from_bytes(3, b"x" * 32)
