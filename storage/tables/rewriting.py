"""The Iceberg commit that replaces data files by others with fewer rows, and leaves no word of what was replaced.

An ordinary delete keeps an entry of each removed file in a manifest, with the lower and upper bounds of its columns: values of
the rows that were to go (Iceberg specification, "Manifests", fields 125 and 128). Here manifests are written anew with live
entries only.
"""

import itertools
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, _dataframe_to_data_files
from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.table import FileScanTask, Table
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update.snapshot import _SnapshotProducer
from pyiceberg.typedef import EMPTY_DICT


class _ReplaceFiles(_SnapshotProducer["_ReplaceFiles"]):
    """Replaces each data file of `replaced` (path → what stands for it) on the head of `branch`."""

    def __init__(
        self, table: Table, *, replaced: Mapping[str, Sequence[DataFile]], **kwargs: Any
    ) -> None:
        super().__init__(operation=Operation.OVERWRITE, io=table.io, **kwargs)
        self.replaced = replaced

    def _validate_concurrency(self) -> None:
        """Nothing to compare: what is replaced must be on the head that it commits to, or nothing is."""

    def _existing_manifests(self) -> list[ManifestFile]:
        return []

    def _deleted_entries(self) -> list[ManifestEntry]:
        return []

    def _manifests(self) -> list[ManifestFile]:
        self._added_data_files = [each for new in self.replaced.values() for each in new]
        self._deleted_data_files = set()
        kept: list[ManifestFile] = []
        for manifest in self._parent_manifests():
            kept += self._without_replaced(manifest)
        found = {each.file_path for each in self._deleted_data_files}
        if found != set(self.replaced):
            raise CommitFailedException("the table's files changed meanwhile")
        return [*kept, *self._added_manifest()]

    def _parent_manifests(self) -> list[ManifestFile]:
        metadata, parent = self._transaction.table_metadata, self._parent_snapshot_id
        snapshot = metadata.snapshot_by_id(parent) if parent is not None else None
        return snapshot.manifests(self._io) if snapshot else []

    def _without_replaced(self, manifest: ManifestFile) -> list[ManifestFile]:
        """The manifest, or one in its place that holds its live entries that are not replaced."""
        if manifest.content == ManifestContent.DELETES:
            return [manifest]
        entries = manifest.fetch_manifest_entry(io=self._io, discard_deleted=False)
        live = [each for each in entries if each.status != ManifestEntryStatus.DELETED]
        going = [each for each in live if each.data_file.file_path in self.replaced]
        for each in going:
            each.data_file.spec_id = manifest.partition_spec_id
            self._deleted_data_files.add(each.data_file)
        staying = [each for each in live if each.data_file.file_path not in self.replaced]
        if len(staying) == len(entries):
            return [manifest]
        if not staying:
            return []
        with self.new_manifest_writer(self.spec(manifest.partition_spec_id)) as writer:
            for each in staying:
                writer.add_entry(_existing(each))
        return [writer.to_manifest_file()]

    def _added_manifest(self) -> list[ManifestFile]:
        if not self._added_data_files:
            return []
        with self.new_manifest_writer(self._transaction.table_metadata.spec()) as writer:
            for each in self._added_data_files:
                writer.add(
                    ManifestEntry.from_args(
                        status=ManifestEntryStatus.ADDED,
                        snapshot_id=self._snapshot_id,
                        sequence_number=None,
                        file_sequence_number=None,
                        data_file=each,
                    )
                )
        return [writer.to_manifest_file()]

    def _summary(self, snapshot_properties: dict[str, str] = EMPTY_DICT) -> Summary:
        summary = super()._summary(snapshot_properties)
        # Summaries by partition are told by their paths, which are values.
        told = {
            key: value
            for key, value in summary.additional_properties.items()
            if not key.startswith("partitions.")
        }
        return Summary(operation=summary.operation, **told)


def replace_files(
    table: Table, replaced: Mapping[str, Sequence[DataFile]], *, branch: str = "main"
) -> None:
    """Commit a snapshot on `branch` in which each path is replaced, and no manifest tells of files that are gone.

    Raises pyiceberg's CommitFailedException where the branch does not hold one of the paths any more.
    """
    transaction = table.transaction()
    _ReplaceFiles(table, replaced=replaced, transaction=transaction, branch=branch).commit()
    transaction.commit_transaction()


def read_task(table: Table, task: FileScanTask) -> pa.Table:
    """The rows of one file in the table's current schema, its position deletes applied."""
    return ArrowScan(
        table_metadata=table.metadata,
        io=table.io,
        projected_schema=table.schema(),
        row_filter=AlwaysTrue(),
    ).to_table(tasks=[task])


def write_rows(table: Table, rows: pa.Table) -> list[DataFile]:
    """New data files of the table with these rows, which no snapshot names yet."""
    if not rows.num_rows:
        return []
    return list(
        _dataframe_to_data_files(
            table_metadata=table.metadata,
            df=rows,
            io=table.io,
            write_uuid=uuid.uuid4(),
            counter=itertools.count(0),
        )
    )


def _existing(entry: ManifestEntry) -> ManifestEntry:
    return ManifestEntry.from_args(
        status=ManifestEntryStatus.EXISTING,
        snapshot_id=entry.snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=entry.data_file,
    )
