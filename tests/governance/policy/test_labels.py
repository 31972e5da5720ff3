"""Labels along lineage, against a slow fixpoint."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from governance.policy.labels import FieldEdge, LabelClosure, close_labels

edges = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7)).map(lambda pair: FieldEdge(*pair)), max_size=16
)
declared = st.dictionaries(
    st.integers(0, 7), st.sets(st.sampled_from(["pii.email", "pii.card"]), max_size=2), max_size=4
)


@given(edges, declared, st.data())
def test_labels_are_the_fixpoint_and_each_path_is_real(given_edges, tags, data):
    stopped = (
        frozenset(data.draw(st.sets(st.sampled_from(given_edges)))) if given_edges else frozenset()
    )
    closed = close_labels(given_edges, tags, stopped)
    reached = {field: set(own) for field, own in tags.items()}
    for _ in range(9):
        for source, target in set(given_edges) - stopped:
            reached.setdefault(target, set()).update(reached.get(source, ()))
    expected = {field: own - tags.get(field, set()) for field, own in reached.items()}
    assert {field: set(paths) for field, paths in closed.items()} == {
        field: own for field, own in expected.items() if own
    }
    for field, paths in closed.items():
        for tag, path in paths.items():
            steps = list(itertools.pairwise(path))
            assert (tag in tags[path[0]], path[-1]) == (True, field)
            assert set(map(tuple, steps)) <= set(map(tuple, set(given_edges) - stopped))


def test_the_path_is_a_shortest_one():
    steps = [FieldEdge(1, 2), FieldEdge(2, 3), FieldEdge(1, 3)]
    assert close_labels(steps, {1: ["pii.email"]}) == {
        2: {"pii.email": (1, 2)},
        3: {"pii.email": (1, 3)},
    }


def labels_of(closed):
    return {field: set(paths) for field, paths in closed.items() if paths}


@given(edges, declared, st.lists(st.integers(0, 15), max_size=24))
def test_the_closure_kept_edge_by_edge_equals_the_one_made_anew(given_edges, tags, turns):
    """Edges come and go in any order; an edge that is there is taken away, another one is added."""
    present = set(given_edges[::2])
    closure = LabelClosure(present, tags)
    for turn in turns:
        if not given_edges:
            break
        edge = given_edges[turn % len(given_edges)]
        before = labels_of(close_labels(present, tags))
        if edge in present:
            present.discard(edge)
            lost = closure.remove(edge)
        else:
            present.add(edge)
            closure.add(edge)
            lost = set()
        after = labels_of(close_labels(present, tags))
        assert closure.inherited() == after
        gone = {
            (field, tag) for field, own in before.items() for tag in own - after.get(field, set())
        }
        assert lost == gone
