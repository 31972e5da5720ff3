"""Landing objects: bytes copied to the source's tier, metadata extracted, one row an object, one commit a batch."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from catalog.models import Dataset
from catalog.services.datasets import add_owner, ensure_dataset
from core.ids import uuid7
from ingestion.dead_letters import DeadLetter, as_letter
from ingestion.formats.base import FormatOptions, Reject
from ingestion.formats.registry import get_object_format
from ingestion.lineage import DatasetName, Output, table_dataset
from ingestion.models import LandingBatch, Source
from ingestion.services.arrivals import ArrivedFile, remember_file
from ingestion.services.commits import Landing, commit_landing, prepare_dead_letters
from ingestion.services.leases import HeldLease, prove_lease
from ingestion.services.targets import check_may_write
from storage.models import Tier
from storage.services.collections import (
    NewObject,
    brings_fields,
    record_objects,
    record_owed_version,
    store_objects,
)
from storage.services.namespaces import domain_of


def land_objects(
    source: Source,
    files: Sequence[ArrivedFile],
    *,
    origin: DatasetName,
    options: FormatOptions,
    started_at: datetime,
    lease: HeldLease,
) -> LandingBatch:
    """Land files of different names in one commit: each is an object with its metadata, or a dead letter.

    The collection's version is owed, not recorded, unless objects bring fields that it does not describe yet.
    """
    collection = ensure_collection(source)
    items, letters = _describe(source, files, options)
    landing = Landing(
        source=source,
        batch=uuid7(),
        started_at=started_at,
        inputs=[origin],
        rows=len(items),
        size=sum(len(file.data) for file in files),
        fencing_token=lease.token,
    )
    tier = Tier.objects.select_related("location").get(name=source.tier)
    stored = store_objects(dataset=collection, items=items, tier=tier)
    prepare_dead_letters(landing, letters)
    size = sum(each.checksum.size for each in stored)
    output = Output(
        dataset=table_dataset(source.identifier), rows=len(items), size=size, files=len(items)
    )
    with transaction.atomic():
        prove_lease(lease)
        if items:
            actor = source.owner.get_username()
            record_objects(
                dataset=collection, stored=stored, tier=tier, actor=actor, run=landing.batch
            )
        batch = commit_landing(landing, others=[output] if items else [])
        refused = {letter.path for letter in letters}
        for file in files:
            bad = file.name in refused
            remember_file(source, file, batch=batch, landed=not bad, rejected=bad)
        if items and brings_fields(collection, items):
            record_owed_version(collection)
    return batch


def _describe(
    source: Source, files: Sequence[ArrivedFile], options: FormatOptions
) -> tuple[list[NewObject], list[DeadLetter]]:
    items, letters = [], []
    for file in files:
        described = get_object_format(source.format).describe(file.data, options=options)
        if isinstance(described, Reject):
            letters.append(as_letter(described, file.name))
        else:
            items.append(
                NewObject(
                    key=file.name,
                    content=file.data,
                    media_type=described.media_type,
                    metadata=described.properties,
                )
            )
    return items, letters


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
