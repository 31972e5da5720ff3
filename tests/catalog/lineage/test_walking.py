"""Walks over a changing graph against the reference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from catalog.lineage.graph import Walk, join_walks
from catalog.lineage.paths import find_ways
from catalog.lineage.walking import walk
from tests.catalog.lineage.graphs import KEYS, all_ways, churn, distances, edges, view_of

DIRECTIONS = st.sampled_from(["upstream", "downstream", "both"])
ALLOWED = st.sets(st.integers(0, 12))


class Gate:
    """Allows some keys, and notes what it is asked."""

    def __init__(self, allowed) -> None:
        self.allowed = allowed
        self.asked: list[int] = []
        self.questions = 0

    def __call__(self, keys):
        self.questions += 1
        self.asked += keys.tolist()
        return np.isin(keys, sorted(self.allowed))


def named(view, found: Walk[int]) -> dict[int, int]:
    return dict(zip(view.keys(found.nodes).tolist(), found.distances.values(), strict=True))


@given(
    history=churn(),
    direction=DIRECTIONS,
    steps=st.integers(0, 6),
    allowed=ALLOWED,
    compact=st.booleans(),
)
def test_a_walk_sees_what_the_changes_left_and_the_caller_may(
    history, direction, steps, allowed, compact
) -> None:
    first, batches, last = history
    view = view_of(first)
    for batch in batches:
        view = view.apply(batch)
        if compact:
            view = view.compacted()
    wanted = distances(last, 0, direction=direction, steps=steps, allowed=allowed | {0})
    start = view.place(0)
    if start is None:
        assert wanted == {0: 0}
        return
    gate = Gate(allowed)
    found = walk(view, [start], direction=direction, steps=steps, budget=100, allow=gate)
    assert named(view, found) == wanted
    assert (found.cut, found.open_ends) == (False, ())
    assert list(found.distances.values()) == sorted(found.distances.values())
    assert len(gate.asked) == len(set(gate.asked))
    among = view.edges_among(found.nodes)
    origins, targets = view.keys(among.origins).tolist(), view.keys(among.destinations).tolist()
    assert sorted(zip(among.edges.tolist(), origins, targets, strict=True)) == sorted(
        edge for edge in last if edge[1] in wanted and edge[2] in wanted
    )


@given(history=churn())
def test_what_was_told_already_changes_nothing(history) -> None:
    first, batches, _ = history
    view = view_of(first)
    for batch in batches:
        view = view.apply(batch)
    for batch in batches[-1:]:
        again = view.apply(batch)
        assert again.out_rows.keys() == view.out_rows.keys()
        nodes = range(view.size)
        for mine, other in zip(again.edges_among(nodes), view.edges_among(nodes), strict=True):
            assert mine.tolist() == other.tolist()


@given(rows=edges(), direction=DIRECTIONS, budget=st.integers(1, 8), allowed=ALLOWED)
def test_a_budget_cuts_the_farthest_and_says_so(rows, direction, budget, allowed) -> None:
    view = view_of(rows)
    start = view.place(0)
    if start is None:
        return
    whole = distances(rows, 0, direction=direction, steps=99, allowed=allowed | {0})
    found = walk(view, [start], direction=direction, steps=99, budget=budget, allow=Gate(allowed))
    known = named(view, found)
    assert found.cut == (len(whole) > budget)
    assert len(known) == min(budget, len(whole))
    assert {node: whole[node] for node in known} == known
    if found.cut:
        left_out = set(whole) - set(known)
        farthest = max(known.values())
        assert min(whole[node] for node in left_out) >= farthest
        ends = set(view.keys(found.open_ends).tolist())
        assert ends <= set(known)
        # Who goes on from the open ends, without a budget, meets all that was left out.
        reached = set()
        for end in ends:
            reached |= set(
                distances(rows, end, direction=direction, steps=99, allowed=allowed | {0})
            )
        assert left_out <= reached


@given(rows=edges(), ends=st.tuples(KEYS, KEYS), direction=DIRECTIONS, allowed=ALLOWED)
def test_shortest_ways(rows, ends, direction, allowed) -> None:
    view = view_of(rows)
    places = [view.place(end) for end in ends]
    wanted = all_ways(rows, *ends, direction=direction, allowed=allowed | set(ends))
    if None in places:
        assert all(len(way) == 1 for way in wanted)
        return
    found = find_ways(view, *places, direction=direction, budget=100, allow=Gate(allowed))
    listed = {tuple(view.keys(way).tolist()) for way in found.listed(most=10_000)}
    assert listed == wanted
    assert found.cut is False
    nodes = {node for way in wanted for node in way}
    assert set(view.keys(list(found.distances)).tolist()) == nodes


def test_a_search_for_ways_ends_at_its_budget() -> None:
    view = view_of([(number, number, number + 1) for number in range(50)])
    gate = Gate(set(range(60)))
    found = find_ways(
        view, view.place(0), view.place(50), direction="downstream", budget=10, allow=gate
    )
    assert (found.distances, found.cut) == ({}, True)


def test_who_may_see_all_is_asked_about_once() -> None:
    """However deep the graph: the number of questions does not grow with the answer."""
    for length in (5, 500):
        view = view_of([(number, number, number + 1) for number in range(length)])
        gate = Gate(set(range(length + 1)))
        found = walk(view, [0], direction="downstream", steps=10_000, budget=1_000, allow=gate)
        assert (len(found.nodes), gate.questions) == (length + 1, 1)


def test_a_hub_of_hidden_nodes_is_asked_about_in_few_questions() -> None:
    """The allowed node comes last of 20,000; each question is about thousands."""
    view = view_of([(number, 0, number + 1) for number in range(20_000)])
    gate = Gate({20_000})
    found = walk(view, [0], direction="downstream", steps=5, budget=5_000, allow=gate)
    assert named(view, found) == {0: 0, 20_000: 1}
    assert gate.questions <= 6


def test_joined_walks_keep_the_smaller_distance() -> None:
    joined = join_walks(
        Walk({1: 0, 2: 1, 3: 2}), Walk({1: 0, 3: 1, 4: 1}, cut=True, open_ends=(1,))
    )
    assert joined == Walk({1: 0, 2: 1, 3: 1, 4: 1}, cut=True, open_ends=(1,))
