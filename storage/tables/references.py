"""Which files a table's metadata names: all that any of its readable snapshots needs, and the documents themselves."""

from dataclasses import dataclass, field

from pyiceberg.io import FileIO
from pyiceberg.table.metadata import TableMetadata

from storage.backends import normalise_uri


@dataclass
class References:
    """Paths by what they are for.

    `content` is what snapshots are read from: manifest lists, manifests, data and delete files. `documents` are
    metadata documents and statistics that are named beside it, and may be gone already.
    """

    content: set[str] = field(default_factory=set)
    documents: set[str] = field(default_factory=set)
    # Manifests never change: each is read once, however often `add` is called.
    _read: set[str] = field(default_factory=set)

    def __contains__(self, uri: str) -> bool:
        return uri in self.content or uri in self.documents

    def add(self, metadata: TableMetadata, *, metadata_location: str, io: FileIO) -> None:
        """Add what this version of the table names."""
        self.documents.add(normalise_uri(metadata_location))
        self.documents |= {normalise_uri(each.metadata_file) for each in metadata.metadata_log}
        told = [*metadata.statistics, *metadata.partition_statistics]
        self.documents |= {normalise_uri(each.statistics_path) for each in told}
        for snapshot in metadata.snapshots:
            if snapshot.manifest_list in self._read:
                continue
            self._read.add(snapshot.manifest_list)
            self.content.add(normalise_uri(snapshot.manifest_list))
            for manifest in snapshot.manifests(io):
                if manifest.manifest_path in self._read:
                    continue
                self._read.add(manifest.manifest_path)
                self.content.add(normalise_uri(manifest.manifest_path))
                entries = manifest.fetch_manifest_entry(io=io, discard_deleted=True)
                self.content |= {normalise_uri(entry.data_file.file_path) for entry in entries}
