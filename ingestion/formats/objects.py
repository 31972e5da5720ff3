"""What every object has, whatever it holds: size, checksum, media type."""

import hashlib
from typing import Any

from ingestion.formats.base import FormatOptions, ObjectMetadata, Reason, Reject
from ingestion.formats.sniff import sniff_media_type


def make_metadata(
    data: bytes, *, properties: dict[str, Any], media_type: str = ""
) -> ObjectMetadata:
    """Return metadata of an object of `data`; `media_type` only where the decoder knows better."""
    return ObjectMetadata(
        media_type=media_type or sniff_media_type(data),
        size=len(data),
        checksum=f"sha256:{hashlib.sha256(data).hexdigest()}",
        properties=properties,
    )


def refuse_object(data: bytes, reason: Reason, message: str) -> Reject:
    return Reject(1, reason, message, data)


def refuse_unusable(data: bytes, *, options: FormatOptions) -> Reject | None:
    """Return a reject for what no object format takes: nothing, or too much."""
    if not data:
        return refuse_object(data, Reason.EMPTY, "the object has no bytes")
    if len(data) > options.max_bytes:
        message = f"{len(data)} bytes, expected at most {options.max_bytes}"
        return refuse_object(data, Reason.TOO_LARGE, message)
    return None
