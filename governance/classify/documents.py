"""JSON documents in a field: their parts, which are classified as fields of their own."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

_PART = re.compile(r"[A-Za-z_][\w.]{0,80}")
_MOST_PARTS = 40
_MOST_DEPTH = 6


def parts_of(samples: list[Any]) -> dict[str, list[Any]]:
    """Values by the dotted path of each part that recurs; nothing where the values are no documents.

    A path that is in few documents may itself be a value (a map by user), and is left out.
    """
    documents = [document for each in samples if (document := _read(each)) is not None]
    if not documents or len(documents) * 2 < sum(each is not None for each in samples):
        return {}
    found: dict[str, list[Any]] = defaultdict(list)
    for document in documents:
        for path, value in _leaves(document, "", 0):
            found[path].append(value)
    kept = {path: values for path, values in found.items() if len(values) * 5 >= len(documents)}
    return dict(list(kept.items())[:_MOST_PARTS])


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return None
    return None


def _leaves(node: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _MOST_DEPTH:
        return
    if isinstance(node, Mapping):
        for key, value in node.items():
            if isinstance(key, str) and _PART.fullmatch(key):
                yield from _leaves(value, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(node, list):
        for each in node:
            yield from _leaves(each, path, depth + 1)
    elif path and node is not None:
        yield path, node
