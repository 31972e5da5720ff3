from hypothesis import given
from hypothesis import strategies as st

from web.lineage_layout import LAYER_GAP, MARGIN, NODE_WIDTH, lay_out

KEYS = st.sampled_from("abcdefgh")
GRAPHS = st.tuples(st.sets(KEYS), st.lists(st.tuples(KEYS, KEYS), max_size=20))


def columns(picture) -> dict[str, int]:
    return {box.key: (box.x - MARGIN) // (NODE_WIDTH + LAYER_GAP) for box in picture.boxes}


def test_a_chain_goes_from_left_to_right():
    picture = lay_out(["raw", "job", "curated"], [("raw", "job"), ("job", "curated")])
    assert columns(picture) == {"raw": 0, "job": 1, "curated": 2}
    assert [(arrow.source, arrow.target) for arrow in picture.arrows] == [
        ("job", "curated"),
        ("raw", "job"),
    ]


def test_a_diamond_uses_the_longest_path():
    edges = [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")]
    assert columns(lay_out("abcd", edges)) == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_a_cycle_is_drawn_and_ends():
    assert columns(lay_out("ab", [("a", "b"), ("b", "a")])) == {"a": 0, "b": 1}


def test_nothing_is_an_empty_picture():
    picture = lay_out([], [])
    assert (picture.boxes, picture.arrows) == ((), ())


@given(GRAPHS)
def test_each_node_once_and_no_two_on_one_place(graph):
    keys, edges = graph
    picture = lay_out(keys, edges)
    assert sorted(box.key for box in picture.boxes) == sorted(keys)
    assert len({(box.x, box.y) for box in picture.boxes}) == len(keys)
    assert {(arrow.source, arrow.target) for arrow in picture.arrows} == {
        (a, b) for a, b in edges if a != b and a in keys and b in keys
    }
    assert picture == lay_out(keys, edges)


@given(GRAPHS)
def test_without_cycles_every_edge_goes_right(graph):
    keys, edges = graph
    forward = [(a, b) for a, b in edges if a < b]
    column = columns(lay_out(keys, forward))
    assert all(column[a] < column[b] for a, b in forward if a in keys and b in keys)
