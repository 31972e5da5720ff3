"""A lineage graph as text for diagrams: Mermaid (https://mermaid.js.org/syntax/flowchart.html) and DOT (https://graphviz.org/doc/info/lang.html).

Names are data: whatever stands in them, the text holds exactly the nodes and edges of the graph.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

GraphNodes = Sequence[Mapping[str, Any]]
# Nodes as Marquez writes them: id, type, data, inEdges, outEdges.
_MERMAID_SHAPES = {"JOB": ("([", "])"), "DATASET": ("[(", ")]"), "DATASET_FIELD": ("[", "]")}
_DOT_SHAPES = {"JOB": "box", "DATASET": "cylinder", "DATASET_FIELD": "plaintext"}


def to_mermaid(nodes: GraphNodes) -> str:
    """A Mermaid flowchart from left to right."""
    names = {node["id"]: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["flowchart LR"]
    for node in nodes:
        left, right = _MERMAID_SHAPES[node["type"]]
        lines.append(f'  {names[node["id"]]}{left}"{_mermaid_text(_label(node))}"{right}')
    lines += [f"  {names[origin]} --> {names[target]}" for origin, target in _edges(nodes)]
    return "\n".join(lines) + "\n"


def to_dot(nodes: GraphNodes) -> str:
    """A DOT digraph from left to right."""
    names = {node["id"]: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["digraph lineage {", "  rankdir=LR;"]
    for node in nodes:
        shape = _DOT_SHAPES[node["type"]]
        lines.append(f'  {names[node["id"]]} [label="{_dot_text(_label(node))}", shape={shape}];')
    lines += [f"  {names[origin]} -> {names[target]};" for origin, target in _edges(nodes)]
    return "\n".join([*lines, "}"]) + "\n"


def _label(node: Mapping[str, Any]) -> str:
    if node["data"].get("anonymous"):
        return "hidden"
    return str(node["id"]).partition(":")[2]


def _edges(nodes: GraphNodes) -> Iterable[tuple[str, str]]:
    for node in nodes:
        for edge in node["outEdges"]:
            yield edge["origin"], edge["destination"]


def _mermaid_text(text: str) -> str:
    """Everything that Mermaid could read as its own, as a character code (`#35;`)."""
    return "".join(char if char.isalnum() or char in " ._/-" else f"#{ord(char)};" for char in text)


def _dot_text(text: str) -> str:
    """A quoted string: backslash and quote are escaped, control characters become spaces."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain.replace("\\", "\\\\").replace('"', '\\"')
