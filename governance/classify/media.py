"""What objects hold by their media type: pictures show people and places, recordings hold voices."""

from collections.abc import Iterable, Mapping
from typing import Any

from governance.classify.suggestion import Suggestion
from governance.classify.weighing import percent

_KINDS = (
    ("image/", "pii.image", 0.5, "images may show faces; whose, the media type does not tell"),
    ("video/", "pii.image", 0.6, "films may show faces; whose, the media type does not tell"),
    ("audio/", "pii.voice", 0.5, "recordings may hold voices; whose, the media type does not tell"),
)
_PLACE = frozenset(
    {"gps", "gpsinfo", "gps_latitude", "gpslatitude", "latitude", "location", "exif_gps"}
)


def suggestions_of_media(
    media_type: str, metadata: Iterable[Mapping[str, Any]] = ()
) -> list[Suggestion]:
    """What objects of the media type may hold; `metadata` is what was extracted from each sampled object."""
    found = [
        Suggestion(label, confidence, (text,))
        for start, label, confidence, text in _KINDS
        if media_type.lower().startswith(start)
    ]
    rows = list(metadata)
    placed = sum(bool(_PLACE.intersection(map(str.lower, each))) for each in rows)
    if placed:
        text = (
            f"{percent(placed, len(rows)).replace('values', 'objects')} tell where they were taken"
        )
        found.append(Suggestion("geo.coordinates", 0.95, (text,)))
    return found
