"""Where bytes are: one interface (`Backend`), one file a backend, and the way from a URI to its location."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from storage.backends.base import Backend, Checksum, ObjectInfo, ObjectPage, check_key
from storage.backends.errors import OutsideLocationError
from storage.backends.local import LocalBackend
from storage.backends.s3 import S3Backend

if TYPE_CHECKING:
    from storage.models import StorageLocation

# Hadoop's names of the same store (hadoop-aws, "Introducing the Hadoop S3A client").
S3_ALIASES = frozenset({"s3a", "s3n"})
_BACKENDS: dict[str, type[S3Backend] | type[LocalBackend]] = {
    "s3": S3Backend,
    "file": LocalBackend,
}


def open_location_url(url: str) -> Backend:
    """The backend whose root is `url`; OutsideLocationError for a scheme that none serves."""
    scheme = urlsplit(url).scheme
    if scheme not in _BACKENDS:
        raise OutsideLocationError(f"no storage backend serves `{scheme or url}`")
    return _BACKENDS[scheme](url)


def open_location(location: "StorageLocation") -> Backend:
    """The backend of a location."""
    return open_location_url(location.root)


def normalise_uri(uri: str) -> str:
    """`uri` with S3's one scheme."""
    scheme, separator, rest = uri.partition("://")
    return f"s3://{rest}" if separator and scheme in S3_ALIASES else uri


def location_of(uri: str) -> tuple["StorageLocation", str]:
    """The location that holds `uri` (the one with the longest root) and the key there.

    OutsideLocationError if no location does, InvalidKeyError if the rest of the URI is no key.
    """
    from storage.models import StorageLocation

    normal = normalise_uri(uri)
    holders = [
        each
        for each in StorageLocation.objects.all()
        if normal.startswith(f"{each.root.rstrip('/')}/")
    ]
    if not holders:
        raise OutsideLocationError("the URI lies below no known storage location")
    holder = max(holders, key=lambda each: len(each.root))
    return holder, check_key(normal[len(holder.root.rstrip("/")) + 1 :])


def open_uri(uri: str) -> tuple[Backend, str]:
    """The backend and the key of `uri`."""
    location, key = location_of(uri)
    return open_location(location), key


__all__ = [
    "Backend",
    "Checksum",
    "LocalBackend",
    "ObjectInfo",
    "ObjectPage",
    "S3Backend",
    "check_key",
    "location_of",
    "normalise_uri",
    "open_location",
    "open_location_url",
    "open_uri",
]
