"""Landing objects: bytes copied to the source's tier, metadata extracted, one row an object."""

from datetime import datetime

from django.db import transaction

from catalog.models import Dataset
from catalog.services.datasets import add_owner, ensure_dataset
from core.ids import uuid7
from ingestion.dead_letters import DeadLetter
from ingestion.formats.base import FormatOptions, Reject
from ingestion.formats.registry import get_object_format
from ingestion.lineage import DatasetName, Output, table_dataset
from ingestion.models import IngestedFile, LandingBatch, Source
from ingestion.services.commits import Landing, commit_landing, prepare_dead_letters, record_landing
from ingestion.services.leases import HeldLease, prove_lease
from ingestion.services.targets import check_may_write
from storage.models import Tier
from storage.services.collections import NewObject, record_objects, store_objects
from storage.services.namespaces import domain_of


def land_object(
    source: Source,
    *,
    name: str,
    data: bytes,
    sha256: str,
    origin: DatasetName,
    options: FormatOptions,
    started_at: datetime,
    lease: HeldLease,
) -> LandingBatch:
    """Store one object and its metadata, or its dead letter; exactly one of the two, in one transaction."""
    collection = ensure_collection(source)
    described = get_object_format(source.format).describe(data, options=options)
    landing = Landing(
        source=source,
        batch=uuid7(),
        started_at=started_at,
        inputs=[origin],
        size=len(data),
        fencing_token=lease.token,
    )
    if isinstance(described, Reject):
        letter = DeadLetter(
            position=described.position,
            reason=described.reason.value,
            message=described.message,
            original=described.original,
            path=name,
        )
        prepare_dead_letters(landing, [letter])
        with transaction.atomic():
            prove_lease(lease)
            batch = commit_landing(landing)
            _record_file(source, name, sha256, batch)
        return batch
    tier = Tier.objects.select_related("location").get(name=source.tier)
    item = NewObject(
        key=name,
        content=data,
        media_type=described.media_type,
        metadata=described.properties,
    )
    stored = store_objects(dataset=collection, items=[item], tier=tier)
    landing.rows = 1
    with transaction.atomic():
        prove_lease(lease)
        record_objects(
            dataset=collection, stored=stored, tier=tier, actor=source.owner.get_username()
        )
        output = Output(dataset=table_dataset(source.identifier), rows=1, size=len(data), files=1)
        batch = record_landing(landing, outputs=[output], snapshots={})
        _record_file(source, name, sha256, batch)
    return batch


@transaction.atomic
def ensure_collection(source: Source) -> Dataset:
    """Return the source's object collection, made at the first landing and owned by the source's owner."""
    if source.dataset is None:
        name = table_dataset(source.identifier)
        actor = source.owner.get_username()
        is_new = not Dataset.objects.filter(namespace=name.namespace, name=name.name).exists()
        dataset = ensure_dataset(
            namespace=name.namespace,
            name=name.name,
            kind="collection",
            structure="unstructured",
            media_type=f"{source.format}/*",
            domain=domain_of(source.identifier[:-1]),
            actor=actor,
        )
        if is_new:
            add_owner(dataset, owner=source.owner, actor=actor)
        Source.objects.filter(pk=source.pk).update(dataset=dataset)
        source.dataset = dataset
    check_may_write(source)
    return source.dataset


def _record_file(source: Source, name: str, sha256: str, batch: LandingBatch) -> None:
    IngestedFile.objects.create(
        source=source,
        batch=batch,
        name=name,
        sha256=sha256,
        size=batch.size,
        landed=batch.landed,
        rejected=batch.rejected,
    )
