"""Where data of ours is besides tables and collections: apps above tell, so that a plan says what it cannot remove."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Remain:
    """What stays after an erasure, and what can be done about it; `of` is the dataset's node."""

    kind: str
    of: str
    text: str


@dataclass
class Copies:
    """What an app knows of copies of some datasets: other datasets (ids) to search, and what remains."""

    datasets: set[int] = field(default_factory=set)
    remains: list[Remain] = field(default_factory=list)


# Asked with the ids of datasets.
CopiesOf = Callable[[Collection[int]], Copies]
_sources: dict[str, CopiesOf] = {}


def register_copies(app: str, copies: CopiesOf) -> None:
    """Add an app's knowledge; called once, when the app is ready."""
    _sources[app] = copies


def copies_of(datasets: Collection[int]) -> Copies:
    """What all apps know of copies of these datasets."""
    found = Copies()
    for each in _sources.values():
        told = each(datasets)
        found.datasets |= told.datasets
        found.remains += told.remains
    return found
