"""The one transaction in which a landing becomes true: offsets or files, both tables, lineage and audit."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from catalog.models import Dataset
from catalog.services.datasets import move_to_domain
from catalog.services.openlineage import record_event
from core import audit
from core.clock import utc_now
from ingestion.dead_letters import SCHEMA as DEAD_LETTER_SCHEMA
from ingestion.dead_letters import DeadLetter, make_rows
from ingestion.lineage import DatasetName, Output, landing_events, table_dataset
from ingestion.models import LandingBatch, Source
from ingestion.tables import append_files, ensure_table, load_for_commit, open_catalog, write_files
from storage.models import IcebergTable
from storage.tables.catalog import LakewardenCatalog


@dataclass(slots=True)
class Landing:
    """What one commit holds; `rows` counts rows or objects, `size` is bytes of input."""

    source: Source
    batch: uuid.UUID
    started_at: datetime
    inputs: Sequence[DatasetName]
    rows: int = 0
    rejected: int = 0
    size: int = 0
    files: list[DataFile] = field(default_factory=list)
    dead_files: list[DataFile] = field(default_factory=list)
    from_offsets: dict[int, int] = field(default_factory=dict)
    to_offsets: dict[int, int] = field(default_factory=dict)
    copied: Sequence[str] = ()
    fencing_token: int = 0


def catalog_of(source: Source) -> LakewardenCatalog:
    """Return the catalog that acts in the name of the source's owner."""
    return open_catalog(actor=source.owner.get_username(), owner=source.owner)


def prepare_dead_letters(landing: Landing, letters: Sequence[DeadLetter]) -> None:
    """Write the dead letters' file, making their table when there is none; nothing refers to it yet.

    The table stays outside all domains: the original bytes hold what masks would hide, so a grant on a domain
    must not open them.
    """
    if not letters:
        return
    source = landing.source
    table = ensure_dead_letter_table(source)
    rows = make_rows(letters, source=source.name, batch=landing.batch, landed_at=utc_now())
    landing.dead_files = write_files(table, rows, batch=landing.batch)
    landing.rejected = len(letters)


@transaction.atomic
def ensure_dead_letter_table(source: Source) -> Table:
    """Return the table of the source's dead letters, owned by the source's owner and in no domain."""
    catalog = catalog_of(source)
    table = ensure_table(catalog, source.dead_letter_identifier, schema=DEAD_LETTER_SCHEMA)
    if source.dead_letters_id is None:
        dataset = dataset_of(source.dead_letter_identifier)
        move_to_domain(dataset, domain=None, actor=source.owner.get_username())
        Source.objects.filter(pk=source.pk).update(dead_letters=dataset)
        source.dead_letters = dataset
    return table


def dataset_of(identifier: tuple[str, ...]) -> Dataset:
    """Return the catalog entry of an Iceberg table."""
    table = IcebergTable.objects.select_related("dataset").get(
        namespace__levels=list(identifier[:-1]), name=identifier[-1]
    )
    return table.dataset


def commit_landing(landing: Landing, *, others: Sequence[Output] = ()) -> LandingBatch:
    """Commit the files of a landing with its records, inside the caller's transaction.

    `others` are outputs that the caller has written in this transaction already, such as objects.

    INVARIANT: called within `transaction.atomic()` that has already moved the offsets or recorded the files.
    """
    source = landing.source
    catalog = catalog_of(source)
    properties = {"lakewarden.source": source.name, "lakewarden.batch": str(landing.batch)}
    snapshots: dict[tuple[str, ...], int | None] = {}
    outputs: list[Output] = [*others]
    targets = [
        (source.identifier, landing.files, landing.rows, landing.copied),
        (source.dead_letter_identifier, landing.dead_files, landing.rejected, ()),
    ]
    # tables are locked in the order of their names, as everybody does
    for identifier, files, rows, copied in sorted(targets, key=lambda target: target[0]):
        if not files:
            continue
        table = load_for_commit(catalog, identifier)
        snapshots[identifier] = append_files(table, files, properties=properties)
        outputs.append(
            Output(
                dataset=table_dataset(identifier),
                rows=rows,
                size=sum(file.file_size_in_bytes for file in files),
                files=len(files),
                schema=table.schema(),
                snapshot_id=snapshots[identifier],
                copied=copied,
            )
        )
    return record_landing(landing, outputs=outputs, snapshots=snapshots)


def record_landing(
    landing: Landing,
    *,
    outputs: Sequence[Output],
    snapshots: dict[tuple[str, ...], int | None],
) -> LandingBatch:
    """Write the batch, its lineage run and its audit record."""
    source = landing.source
    batch = LandingBatch.objects.create(
        uuid=landing.batch,
        source=source,
        from_offsets={str(part): offset for part, offset in landing.from_offsets.items()},
        to_offsets={str(part): offset for part, offset in landing.to_offsets.items()},
        snapshot_id=snapshots.get(source.identifier),
        dead_letter_snapshot_id=snapshots.get(source.dead_letter_identifier),
        landed=landing.rows,
        rejected=landing.rejected,
        size=landing.size,
        fencing_token=landing.fencing_token,
        started_at=landing.started_at,
        finished_at=utc_now(),
    )
    for event in landing_events(
        source=source.name,
        run=landing.batch,
        started_at=landing.started_at,
        finished_at=batch.finished_at,
        inputs=landing.inputs,
        outputs=outputs,
    ):
        record_event(event=event, sender=source.owner)
    audit.record(
        actor=source.owner.get_username(),
        action="source.land",
        resource=f"source:{source.name}",
        payload={
            "batch": str(landing.batch),
            "landed": landing.rows,
            "rejected": landing.rejected,
            "from_offsets": batch.from_offsets,
            "to_offsets": batch.to_offsets,
            "snapshot_id": batch.snapshot_id,
        },
    )
    return batch
