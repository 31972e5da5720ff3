"""Order without arrival: every fact bears the stamp of the event that said it, and the greatest stamp holds.

Taking the greatest is commutative, associative and idempotent, so events give the same state in any order
and however often they come.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# First character of a stamp: who said it. A service of ours beats any event; what a job wrote beats what a job read.
DECLARED = "2"
WRITTEN = "1"
READ = "0"
# What is read out of a job's SQL gives way to whatever a producer says itself.
PARSED = "/"


def make_stamp(*, at: datetime, rank: str, digest: bytes) -> str:
    """A text that sorts by rank, then time (UTC, microseconds), then the event's digest."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    return f"{rank}|{moment[:26]}|{digest[:8].hex()}"


def merge_facets(
    *,
    facets: dict[str, Any],
    stamps: dict[str, str],
    incoming: Mapping[str, Any],
    stamp: str,
) -> bool:
    """Put each incoming facet whose stamp is greater into `facets` and `stamps`; tell whether any was.

    A facet with `_deleted` true removes its name (OpenLineage spec 2-0-2, DatasetFacet); its stamp stays.
    """
    changed = False
    for name, facet in incoming.items():
        if stamps.get(name, "") >= stamp:
            continue
        stamps[name] = stamp
        changed = True
        if isinstance(facet, Mapping) and facet.get("_deleted") is True:
            facets.pop(name, None)
        else:
            facets[name] = facet
    return changed
