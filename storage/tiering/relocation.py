"""The Iceberg commit that replaces paths of data files and nothing else, and the search for who uses a path.

Operation `replace` (Iceberg specification, "Snapshots": "data and delete files were added and removed without
changing table data"). Data sequence numbers are kept, so later delete files mean the same rows as before.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pyiceberg.io import FileIO
from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update.snapshot import _SnapshotProducer
from pyiceberg.typedef import EMPTY_DICT

from core.errors import UnprocessableError

MOVED_FILES_PROPERTY = "lakewarden.relocated-files"
# Position of `file_path` in a data file's record (Iceberg specification, "Manifests", field 100).
_FILE_PATH = 1


class RelocationRefusedError(UnprocessableError):
    """The table has delete files, whose rows name data files by path: they would come back to life."""

    code = "relocation-refused"


class _RelocateFiles(_SnapshotProducer["_RelocateFiles"]):
    """Replaces each data file of `targets` (source path → target path) that the head of main holds."""

    def __init__(self, table: Table, *, targets: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(operation=Operation.REPLACE, io=table.io, **kwargs)
        self.targets = targets
        self._replaced_paths: set[str] = set()

    @property
    def replaced(self) -> frozenset[str]:
        """The source paths that the last attempt replaced."""
        return frozenset(self._replaced_paths)

    def _commit(self) -> Any:
        self._added_data_files, self._deleted_data_files = [], set()
        self._replaced_paths = set()
        if not _holds_any(self._parent_manifests(), self._io, self.targets):
            return (), ()
        return super()._commit()

    def _validate_concurrency(self) -> None:
        """Nothing to compare: every attempt is planned anew against the head that it commits to."""

    def _existing_manifests(self) -> list[ManifestFile]:
        return []

    def _deleted_entries(self) -> list[ManifestEntry]:
        return []

    def _parent_manifests(self) -> list[ManifestFile]:
        metadata = self._transaction.table_metadata
        parent = self._parent_snapshot_id
        snapshot = metadata.snapshot_by_id(parent) if parent is not None else None
        return snapshot.manifests(self._io) if snapshot else []

    def _manifests(self) -> list[ManifestFile]:
        kept: list[ManifestFile] = []
        moved: dict[int, list[ManifestEntry]] = defaultdict(list)
        for manifest in self._parent_manifests():
            if manifest.content == ManifestContent.DELETES:
                raise RelocationRefusedError("the table has delete files, which name files by path")
            entries = manifest.fetch_manifest_entry(io=self._io, discard_deleted=True)
            leaving = [each for each in entries if each.data_file.file_path in self.targets]
            if not leaving:
                kept.append(manifest)
                continue
            moved[manifest.partition_spec_id] += leaving
            staying = [each for each in entries if each.data_file.file_path not in self.targets]
            if staying:
                existing = [self._entry(each, ManifestEntryStatus.EXISTING) for each in staying]
                kept.append(self._write(manifest.partition_spec_id, existing))
        for spec_id, leaving in moved.items():
            kept += self._write_moved(spec_id, leaving)
        return kept

    def _write_moved(self, spec_id: int, entries: list[ManifestEntry]) -> list[ManifestFile]:
        added = []
        for each in entries:
            data_file = self._relocated(each.data_file, spec_id)
            added.append(self._entry(each, ManifestEntryStatus.ADDED, data_file=data_file))
            self._added_data_files.append(data_file)
            self._deleted_data_files.add(each.data_file)
            self._replaced_paths.add(each.data_file.file_path)
        deleted = [self._entry(each, ManifestEntryStatus.DELETED) for each in entries]
        return [self._write(spec_id, added), self._write(spec_id, deleted)]

    def _write(self, spec_id: int, entries: list[ManifestEntry]) -> ManifestFile:
        with self.new_manifest_writer(self.spec(spec_id)) as writer:
            for entry in entries:
                writer.add_entry(entry)
        return writer.to_manifest_file()

    def _entry(
        self,
        entry: ManifestEntry,
        status: ManifestEntryStatus,
        *,
        data_file: DataFile | None = None,
    ) -> ManifestEntry:
        stays = status == ManifestEntryStatus.EXISTING
        added = status == ManifestEntryStatus.ADDED
        return ManifestEntry.from_args(
            status=status,
            snapshot_id=entry.snapshot_id if stays else self._snapshot_id,
            sequence_number=entry.sequence_number,
            # The file sequence number is given at commit and inherited by what is added ("Sequence Numbers").
            file_sequence_number=None if added else entry.file_sequence_number,
            data_file=data_file or entry.data_file,
        )

    def _relocated(self, data_file: DataFile, spec_id: int) -> DataFile:
        values = list(data_file._data)  # noqa: SLF001 - a record's only copy that keeps every statistic
        values[_FILE_PATH] = self.targets[data_file.file_path]
        copy = DataFile(*values)
        copy.spec_id = spec_id
        return copy

    def _summary(self, snapshot_properties: dict[str, str] = EMPTY_DICT) -> Summary:
        # pyiceberg totals only its own operations; the sums of an overwrite are the same.
        self._operation = Operation.OVERWRITE
        try:
            summary = super()._summary(snapshot_properties)
        finally:
            self._operation = Operation.REPLACE
        extra = {MOVED_FILES_PROPERTY: str(len(self._replaced_paths))}
        return Summary(operation=Operation.REPLACE, **summary.additional_properties, **extra)


def relocate_files(table: Table, targets: Mapping[str, str]) -> frozenset[str]:
    """Commit a snapshot in which each path of `targets` is replaced, and return the paths that were there.

    Paths that the table's head no longer holds are left out; with none left nothing is committed. A lost race
    is planned again against the new head. Raises RelocationRefusedError, pyiceberg's CommitFailedException.
    """
    transaction = table.transaction()
    producer = _RelocateFiles(table, targets=targets, transaction=transaction)
    producer.commit()
    transaction.commit_transaction()
    return producer.replaced


def snapshots_using(
    metadata: TableMetadata, io: FileIO, paths: frozenset[str]
) -> dict[int, set[str]]:
    """For each readable snapshot that needs some of `paths`: which of them. Reads every manifest once."""
    known: dict[str, set[str]] = {}
    using: dict[int, set[str]] = {}
    for snapshot in metadata.snapshots:
        needed: set[str] = set()
        for manifest in snapshot.manifests(io):
            if manifest.manifest_path not in known:
                known[manifest.manifest_path] = _live_paths(manifest, io) & paths
            needed |= known[manifest.manifest_path]
        if needed:
            using[snapshot.snapshot_id] = needed
    return using


def protected_snapshots(metadata: TableMetadata) -> frozenset[int]:
    """Snapshots that a branch or a tag names: they are never expired."""
    return frozenset(ref.snapshot_id for ref in metadata.refs.values())


def _live_paths(manifest: ManifestFile, io: FileIO) -> set[str]:
    entries = manifest.fetch_manifest_entry(io=io, discard_deleted=True)
    return {entry.data_file.file_path for entry in entries}


def _holds_any(manifests: list[ManifestFile], io: FileIO, targets: Mapping[str, str]) -> bool:
    return any(
        not _live_paths(manifest, io).isdisjoint(targets)
        for manifest in manifests
        if manifest.content == ManifestContent.DATA
    )
