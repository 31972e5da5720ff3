"""Mermaid and DOT hold the graph and nothing that a name smuggles in."""

import re

from hypothesis import given
from hypothesis import strategies as st

from catalog.lineage.formats import to_dot, to_mermaid


def node(id_: str, type_: str = "DATASET", *, to: tuple[str, ...] = (), **data) -> dict:
    edges = [{"origin": id_, "destination": each} for each in to]
    return {"id": id_, "type": type_, "data": data, "inEdges": [], "outEdges": edges}


GRAPH = [
    node("dataset:db:a", to=("job:ns:j",)),
    node("job:ns:j", "JOB", to=("dataset:db:b",)),
    node("dataset:db:b"),
]


def test_mermaid() -> None:
    assert to_mermaid(GRAPH) == (
        "flowchart LR\n"
        '  n0[("db#58;a")]\n'
        '  n1(["ns#58;j"])\n'
        '  n2[("db#58;b")]\n'
        "  n0 --> n1\n"
        "  n1 --> n2\n"
    )


def test_dot() -> None:
    assert to_dot(GRAPH) == (
        "digraph lineage {\n  rankdir=LR;\n"
        '  n0 [label="db:a", shape=cylinder];\n'
        '  n1 [label="ns:j", shape=box];\n'
        '  n2 [label="db:b", shape=cylinder];\n'
        "  n0 -> n1;\n  n1 -> n2;\n}\n"
    )


@given(name=st.text(min_size=1, max_size=30))
def test_no_name_breaks_out_of_its_label(name) -> None:
    graph = [node(f"dataset:db:{name}", to=("job:ns:j",)), node("job:ns:j", "JOB")]
    mermaid = to_mermaid(graph)
    assert len(mermaid.splitlines()) == 4
    assert re.fullmatch(r'  n0\[\("[\w ./#;-]*"\)\]', mermaid.split("\n")[1])
    dot = to_dot(graph)
    assert len(dot.split("\n")) == 7
    assert re.fullmatch(r'  n0 \[label="(?:[^"\\]|\\.)*", shape=cylinder\];', dot.split("\n")[2])
