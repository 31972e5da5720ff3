"""The walk against a slow, obvious reference."""

from hypothesis import given
from hypothesis import strategies as st

from catalog.lineage.graph import walk

EDGES = st.sets(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=25)


def distances(edges, depth: int) -> dict[int, int]:
    found = {0: 0}
    for step in range(1, depth + 1):
        for origin, destination in sorted(edges):
            if found.get(origin) == step - 1 and destination not in found:
                found[destination] = step
    return found


@given(edges=EDGES, depth=st.integers(0, 6), budget=st.integers(1, 12))
def test_nearest_first_within_depth_and_budget(edges, depth, budget) -> None:
    def expand(frontier, most):
        return sorted({destination for origin, destination in edges if origin in frontier})[:most]

    whole = distances(edges, depth)
    found = walk([0], depth=depth, budget=budget, expand=expand)
    assert list(found.distances.values()) == sorted(found.distances.values())
    assert found.cut == (len(whole) > budget)
    if found.cut:
        assert len(found.distances) == budget
        assert {node: whole[node] for node in found.nodes} == found.distances
    else:
        assert found.distances == whole
