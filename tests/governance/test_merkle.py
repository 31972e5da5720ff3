"""The tree against the recursive definition of RFC 9162 §2.1.1, and its published example of an empty tree."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    read_frontier,
    root_of,
    verify_consistency,
    verify_inclusion,
)


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


class Leaves:
    """Complete subtrees of leaves in memory."""

    def __init__(self, leaves):
        self.leaves = leaves

    def subtree(self, level, index):
        return defined_root(self.leaves[index << level : (index + 1) << level])


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
    proof, root = inclusion_proof(Leaves(leaves), index, count), root_of(leaves)
    other = data.draw(st.integers(0, count))

    def holds(leaf, place, path=proof):
        return verify_inclusion(leaf, index=place, size=count, proof=path, root=root)

    assert holds(leaves[index], index)
    assert holds(leaves[index], other) == (other == index)
    assert not holds(leaf_hash(b"forged"), index)
    assert not holds(leaves[index], index, [*proof, leaves[0]])


def defined_consistency(old, leaves, *, whole=True):
    """SUBPROOF of RFC 9162 §2.1.4.1, word by word."""
    if old == len(leaves):
        return [] if whole else [defined_root(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if old <= split:
        return [
            *defined_consistency(old, leaves[:split], whole=whole),
            defined_root(leaves[split:]),
        ]
    inner = defined_consistency(old - split, leaves[split:], whole=False)
    return [*inner, defined_root(leaves[:split])]


@given(st.integers(1, 70), st.integers(0, 70), st.data())
def test_a_proof_of_consistency_is_the_defined_one_and_holds_for_its_trees_only(old, more, data):
    leaves = leaves_of(old + more)
    proof = consistency_proof(Leaves(leaves), old, len(leaves))
    assert proof == defined_consistency(old, leaves)
    roots = {"old_root": root_of(leaves[:old]), "new_root": root_of(leaves)}
    assert verify_consistency(old=old, new=len(leaves), proof=proof, **roots)
    other = data.draw(st.integers(1, old + more))
    if other != old:
        forged = {**roots, "old_root": root_of([*leaves[: old - 1], leaf_hash(b"forged")])}
        assert not verify_consistency(old=other, new=len(leaves), proof=proof, **roots)
        assert not verify_consistency(old=old, new=len(leaves), proof=proof, **forged)
    assert not verify_consistency(old=old, new=len(leaves), proof=[*proof, leaves[0]], **roots)
    assert read_frontier(Leaves(leaves), old) == Frontier().extended(leaves[:old])


def test_a_frontier_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="a tree of 3 leaves has 2 peaks"):
        Frontier.from_bytes(3, b"x" * 32)
