"""Given names, family names and cities of some forty languages, from the data files of `mimesis` (MIT licence)."""

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from governance.classify.words import plain

_SHORTEST = 2


@lru_cache(maxsize=1)
def given_names() -> frozenset[str]:
    return frozenset(_names("names"))


@lru_cache(maxsize=1)
def family_names() -> frozenset[str]:
    return frozenset(_names("surnames"))


@lru_cache(maxsize=1)
def cities() -> frozenset[str]:
    """Whole names of cities; a few names of people are among them."""
    return frozenset(plain(each) for file in _files("address") for each in _texts(file.get("city")))


@lru_cache(maxsize=1)
def street_words() -> frozenset[str]:
    """`street`, `strasse`, `rue`, `ulica`: what streets are called beside their own names."""
    words = {
        plain(each).strip(". ")
        for file in _files("address")
        for each in _texts((file.get("street") or {}).get("suffix"))
    }
    return frozenset(each for each in words if len(each) > _SHORTEST and " " not in each)


def _names(part: str) -> Iterator[str]:
    for file in _files("person"):
        for each in _texts(file.get(part)):
            yield from (
                word for word in plain(each).split() if len(word) >= _SHORTEST or not word.isascii()
            )


def _files(topic: str) -> Iterator[dict[str, Any]]:
    for locale in sorted((files("mimesis") / "datasets").iterdir(), key=lambda each: each.name):
        path = locale / f"{topic}.json"
        if path.is_file():
            yield json.loads(path.read_text("utf-8"))


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for each in node:
            yield from _texts(each)
    elif isinstance(node, dict):
        for each in node.values():
            yield from _texts(each)
