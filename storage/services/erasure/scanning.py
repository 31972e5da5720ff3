"""Where a table or a collection holds a person: every data file of every readable snapshot is read."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.table.metadata import TableMetadata

from storage.backends import open_uri
from storage.models import CollectionObject
from storage.services.erasure.matching import Matcher

_FIELD_ID = b"PARQUET:field_id"
BATCH_ROWS = 65_536
# An object's content is searched up to this size, and where its media type says that it is text.
MAX_CONTENT = 32 << 20
_TEXTS = ("text/", "application/json", "application/xml", "application/x-ndjson", "message/")


@dataclass
class TableFindings:
    """What the snapshots of a table hold of a person. Paths; `rows` counts by path, position deletes not applied."""

    rows: dict[str, int] = field(default_factory=dict)
    live: dict[int, set[str]] = field(default_factory=dict)  # snapshot → its files
    told: dict[int, set[str]] = field(
        default_factory=dict
    )  # snapshot → all that its manifests name
    added_at: dict[str, datetime] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    delete_files: set[str] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)

    @property
    def affected(self) -> set[str]:
        """The files that hold a row of the person, or tell of them by their name."""
        return set(self.rows)

    def snapshots(self) -> list[int]:
        """The snapshots of which a manifest names an affected file."""
        affected = self.affected
        return sorted(key for key, paths in self.told.items() if not paths.isdisjoint(affected))


def scan_table(
    metadata: TableMetadata, io: FileIO, matcher: Matcher, *, reached: Collection[int] = ()
) -> TableFindings:
    """Read every data and delete file that a snapshot names; `reached` are field ids."""
    found, files = TableFindings(), dict[str, DataFile]()
    times = {
        each.snapshot_id: datetime.fromtimestamp(each.timestamp_ms / 1000, tz=UTC)
        for each in metadata.snapshots
    }
    manifests: dict[str, tuple[set[str], set[str]]] = {}
    for snapshot in metadata.snapshots:
        live, told = set[str](), set[str]()
        for manifest in snapshot.manifests(io):
            if manifest.manifest_path not in manifests:
                manifests[manifest.manifest_path] = _read(manifest, io, files, found, times)
            live |= manifests[manifest.manifest_path][0]
            told |= manifests[manifest.manifest_path][1]
        found.live[snapshot.snapshot_id], found.told[snapshot.snapshot_id] = live, told
    for path, data_file in files.items():
        _scan_file(path, data_file, io, matcher, found, reached=reached)
    return found


def _read(
    manifest: ManifestFile,
    io: FileIO,
    files: dict[str, DataFile],
    found: TableFindings,
    times: dict[int, datetime],
) -> tuple[set[str], set[str]]:
    live, told = set[str](), set[str]()
    for entry in manifest.fetch_manifest_entry(io, discard_deleted=False):
        path = entry.data_file.file_path
        told.add(path)
        if entry.status != ManifestEntryStatus.DELETED:
            live.add(path)
            files[path] = entry.data_file
            if entry.snapshot_id in times:
                found.added_at.setdefault(path, times[entry.snapshot_id])
    return live, told


def _scan_file(
    path: str,
    data_file: DataFile,
    io: FileIO,
    matcher: Matcher,
    found: TableFindings,
    *,
    reached: Collection[int],
) -> None:
    is_data = data_file.content == DataFileContent.DATA
    if data_file.file_format != FileFormat.PARQUET:
        found.unreadable.add(path)
        return
    rows = count_rows(io, path, matcher, reached=reached, columns=found.columns)
    if rows and not is_data:
        found.delete_files.add(path)
    elif rows or (is_data and matcher.forms.are_in(path)):
        found.rows[path] = rows


def count_rows(
    io: FileIO,
    path: str,
    matcher: Matcher,
    *,
    reached: Collection[int] = (),
    columns: set[str] | None = None,
) -> int:
    """How many rows of a Parquet file are the person's; the names of the columns that say so go into `columns`."""
    count = 0
    with io.new_input(path).open() as stream, pq.ParquetFile(stream) as file:
        names = reached_names(file.schema_arrow, reached)
        for batch in file.iter_batches(BATCH_ROWS):
            table = pa.Table.from_batches([batch])
            hits = matcher.rows(table, reached=names)
            count += int(hits.sum())
            if hits.any() and columns is not None:
                columns |= {
                    name
                    for name in table.column_names
                    if matcher.rows(table.select([name]), reached=names).any()
                }
    return count


def reached_names(schema: pa.Schema, reached: Collection[int]) -> set[str]:
    """The columns of a file that bear one of these field ids, or hold a part that does."""
    return {each.name for each in schema if not _ids(each).isdisjoint(reached)}


def _ids(each: pa.Field) -> set[int]:
    own = (each.metadata or {}).get(_FIELD_ID)
    found = {int(own)} if own else set()
    for place in range(each.type.num_fields):
        part = each.type.field(place)
        found |= _ids(part) if isinstance(part, pa.Field) else set()
    return found


@dataclass
class ObjectFindings:
    """The objects that are the person's, and how many could not be searched by content."""

    objects: list[CollectionObject] = field(default_factory=list)
    unsearched: int = 0


def scan_objects(dataset_id: int, matcher: Matcher) -> ObjectFindings:
    """Key and metadata of each object of the collection, and the content of texts."""
    found = ObjectFindings()
    rows: Iterator[CollectionObject] = (
        CollectionObject.objects.filter(dataset=dataset_id).order_by("pk").iterator(chunk_size=1000)
    )
    for row in rows:
        if matcher.is_in(row.key) or matcher.is_in(row.metadata):
            found.objects.append(row)
        elif not row.media_type.startswith(_TEXTS) or row.size > MAX_CONTENT:
            found.unsearched += 1
        elif matcher.is_in_bytes(_content(row)):
            found.objects.append(row)
    return found


def _content(row: CollectionObject) -> bytes:
    backend, key = open_uri(row.uri)
    return backend.get_bytes(key)
