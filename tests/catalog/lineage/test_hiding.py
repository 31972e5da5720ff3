"""What becomes of hidden nodes, against a slow reference."""

from hypothesis import given
from hypothesis import strategies as st

from catalog.lineage.hiding import Hidden, hide_nodes

A, B, C, D = 2, 4, 6, 8
J1, J2, J3 = 3, 5, 7


def hide(edges, *, datasets, start=(A,)) -> Hidden:
    nodes = {node for edge in edges for node in edge} | set(start)
    return hide_nodes(nodes, edges, datasets=datasets, start=start)


def test_a_hidden_dataset_between_others_stays_without_a_name() -> None:
    """A → J1 → B (hidden) → J2 → C."""
    found = hide([(A, J1), (J1, B), (B, J2), (J2, C)], datasets={B})
    assert found == Hidden(frozenset({B}), frozenset())


def test_a_dead_end_is_not_told() -> None:
    """A → J1 → B (hidden) → J2 → C (hidden)."""
    found = hide([(A, J1), (J1, B), (B, J2), (J2, C)], datasets={B, C})
    assert found == Hidden(frozenset(), frozenset({B, J2, C}))


def test_a_job_that_only_hidden_datasets_show_is_hidden_too() -> None:
    """A → J1 → B (hidden) → J2 → C (hidden) → J3 → D."""
    edges = [(A, J1), (J1, B), (B, J2), (J2, C), (C, J3), (J3, D)]
    assert hide(edges, datasets={B, C}) == Hidden(frozenset({B, J2, C}), frozenset())


def test_the_start_is_never_hidden() -> None:
    assert hide([(J1, B)], datasets={B}, start={J1}) == Hidden(frozenset(), frozenset({B}))


EDGES = st.lists(
    st.tuples(st.integers(0, 5).map(lambda n: 2 * n), st.integers(0, 5).map(lambda n: 2 * n + 1)),
    max_size=14,
)


@given(edges=EDGES, datasets=st.sets(st.integers(1, 5).map(lambda n: 2 * n)))
def test_what_is_left_hangs_together_as_before(edges, datasets) -> None:
    nodes = {node for edge in edges for node in edge} | {0}
    datasets &= nodes
    found = hide_nodes(nodes, edges, datasets=datasets, start={0})
    hidden = found.anonymous | found.dropped
    beside = {n: {b for e in edges if n in e for b in e if b != n} for n in nodes}
    assert datasets <= hidden
    assert hidden == datasets | {
        n for n in nodes if n & 1 and all(other in datasets for other in beside[n])
    }
    left = nodes - found.dropped
    for node in found.anonymous:
        assert len(beside[node] & left) >= 2
    # Taking away one dead end after the other takes away no more.
    once_more = nodes - found.dropped
    assert not [n for n in once_more & hidden if len(beside[n] & once_more) < 2]
    assert connected(left - hidden, left, beside) == connected(left - hidden, nodes, beside)


def connected(of, through, beside) -> set[frozenset[int]]:
    """The parts into which `of` falls when one may go through `through`."""
    parts = set()
    for node in of:
        seen, waiting = {node}, [node]
        while waiting:
            fresh = (beside[waiting.pop()] & through) - seen
            seen |= fresh
            waiting += fresh
        parts.add(frozenset(seen & of))
    return parts
