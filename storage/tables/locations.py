"""Where a table's files may lie.

A commit names files by path, and the service reads them with its own credentials. INVARIANT: a table owns one
path below a storage location's root, and the same path below the root of every other storage location (where
tiering puts its files); no two tables' paths overlap, and nothing else is read or written for a table.
"""

from collections.abc import Iterable, Mapping, Sequence

from django.conf import settings
from django.db.models import F, Q, Value
from django.db.models.functions import Concat

from storage.models import IcebergTable, StorageLocation
from storage.tables.errors import InvalidTableError

MAX_LOCATION = 1000
# Properties by which a writer may send files elsewhere (Iceberg documentation, "Write properties").
_PATH_PROPERTIES = (
    "write.data.path",
    "write.metadata.path",
    "write.folder-storage.path",
    "write.object-storage.path",
)


def storage_roots() -> tuple[str, ...]:
    """The roots of all storage locations, without a closing slash, longest first."""
    config = settings.LAKEWARDEN
    roots = {
        config.hot_url,
        config.cold_url,
        *StorageLocation.objects.values_list("root", flat=True),
    }
    return tuple(sorted((root.rstrip("/") for root in roots), key=lambda root: (-len(root), root)))


def default_location(namespace_location: str | None, identifier: Sequence[str]) -> str:
    """Where a table lies if its creator does not say: below its namespace's location, or the hot root."""
    if namespace_location:
        return f"{namespace_location.rstrip('/')}/{identifier[-1]}"
    return "/".join((settings.LAKEWARDEN.hot_url.rstrip("/"), *identifier))


def check_location(location: str, *, exclude: int | None = None) -> str:
    """`location` without a closing slash if a table may own it, else InvalidTableError.

    `exclude` is the key of the table that asks, when it exists already.
    """
    plain = location.rstrip("/")
    relative = relative_path(plain, storage_roots())
    if relative is None or len(plain) > MAX_LOCATION:
        raise InvalidTableError(
            "the location must be a path below a storage location of this service"
        )
    if is_taken(plain, exclude=exclude):
        raise InvalidTableError("the location overlaps the location of another table")
    return plain


def is_taken(location: str, *, exclude: int | None = None) -> bool:
    """Whether some table's path overlaps that of `location`, on whichever root."""
    roots = storage_roots()
    relative = relative_path(location, roots)
    overlaps = Q(pk__in=[])
    tables = IcebergTable.objects.exclude(pk=exclude) if exclude else IcebergTable.objects.all()
    for number, root in enumerate(roots):
        place = f"{root}/{relative}/"
        tables = tables.alias(**{f"place_{number}": Value(place)})
        overlaps |= Q(**{f"place_{number}__startswith": Concat(F("location"), Value("/"))})
        overlaps |= Q(location__startswith=place)
    return tables.filter(overlaps).exists()


def relative_path(path: str, roots: Iterable[str]) -> str | None:
    """The part of `path` below the first of `roots` that holds it; None if none does or the path is not plain."""
    for root in roots:
        if path.startswith(f"{root}/"):
            relative = path[len(root) + 1 :]
            plain = all(part not in ("", ".", "..") for part in relative.split("/"))
            return relative if plain and relative.isprintable() else None
    return None


def owns_path(location: str, path: str, roots: Sequence[str]) -> bool:
    """Whether `path` lies in a table at `location`, on whichever of `roots` tiering put it."""
    table_part, path_part = relative_path(location, roots), relative_path(path, roots)
    return bool(table_part and path_part and path_part.startswith(f"{table_part}/"))


def check_paths(location: str, paths: Iterable[str]) -> None:
    """Raise InvalidTableError if one of `paths` lies outside the table at `location`."""
    roots = storage_roots()
    for path in paths:
        if not owns_path(location, path, roots):
            raise InvalidTableError("a file of the table lies outside its location")


def check_write_paths(location: str, properties: Mapping[str, str]) -> None:
    """Raise InvalidTableError if a property sends files outside the table at `location`."""
    roots = storage_roots()
    for name in _PATH_PROPERTIES:
        path = properties.get(name)
        if path and not owns_path(location, path.rstrip("/"), roots):
            raise InvalidTableError(f"property `{name}` must be a path below the table's location")
