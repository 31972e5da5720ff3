"""Who writes table files that no snapshot names yet: apps above tell since when, so that their files are let be."""

from collections.abc import Callable
from datetime import datetime

# Returns when the longest-running writer of an app began; None if none runs.
OldestWriter = Callable[[], datetime | None]

_sources: dict[str, OldestWriter] = {}


def register_writers(app: str, oldest: OldestWriter) -> None:
    """Add an app's writers; called once, when the app is ready."""
    _sources[app] = oldest


def oldest_writer() -> datetime | None:
    """When the longest-running writer of all apps began; None if none runs."""
    return min((each for source in _sources.values() if (each := source())), default=None)
