"""Immutable versions of datasets: a new one for each change of schema or content."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.db import transaction

from catalog.lineage.stamps import DECLARED, make_stamp
from catalog.models import Dataset, DatasetVersion, Run
from catalog.services.fields import FieldSpec, read_schema, sync_fields
from catalog.services.search import refresh_search_text
from core import audit
from core.clock import utc_now
from core.jobs import enqueue

# What fields are called, and what their first content looks like, tells which labels they should bear.
CLASSIFY_TASK = "query.classify_dataset"


def fingerprint_of(specs: Sequence[FieldSpec], *, content: str) -> str:
    """SHA-256 (hex) of a schema, descriptions left out, and a content id such as a snapshot."""
    rows = [[spec.name, spec.type, spec.field_id, spec.nullable] for spec in specs]
    return hashlib.sha256(orjson.dumps([rows, content])).hexdigest()


@transaction.atomic
def record_version(
    *,
    dataset: Dataset,
    schema: Sequence[Mapping[str, Any]],
    snapshot_id: int | None = None,
    content_hash: str = "",
    statistics: Mapping[str, Any] | None = None,
    run: Run | None = None,
    lifecycle: str = "",
    actor: str = "system",
) -> DatasetVersion:
    """Return the version with this schema and content, made if the current one differs in either.

    Field rows follow the schema: renamed by `field_id`, removed ones keep their row. From now on the schema is
    declared: lineage events no longer change it. InvalidInputError names the first bad field.
    """
    specs = read_schema(schema)
    fingerprint = fingerprint_of(specs, content=f"{snapshot_id or ''}/{content_hash}")
    locked = Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    current = locked.current_version
    if current is not None and current.fingerprint == fingerprint:
        dataset.current_version = current
        return current
    now = utc_now()
    version = DatasetVersion.objects.create(
        dataset=locked,
        number=next_number(locked),
        schema=[spec.as_json() for spec in specs],
        fingerprint=fingerprint,
        snapshot_id=snapshot_id,
        content_hash=content_hash,
        lifecycle=lifecycle,
        statistics=dict(statistics or {}),
        run=run,
        created_at=now,
    )
    has_new_fields = sync_fields(dataset=locked, specs=specs, at=now)
    if has_new_fields:
        refresh_search_text([locked.pk])
    if has_new_fields or (_has_content(version) and not _has_content(current)):
        enqueue(CLASSIFY_TASK, dataset_id=locked.pk)
    _set_current(locked, version=version)
    dataset.current_version = version
    dataset.facet_stamps = locked.facet_stamps
    audit.record(
        actor=actor,
        action="dataset.record_version",
        resource=locked.node_id,
        payload={
            "number": version.number,
            "fingerprint": fingerprint,
            "snapshot_id": str(snapshot_id or ""),
            "lifecycle": lifecycle,
        },
    )
    return version


def _has_content(version: DatasetVersion | None) -> bool:
    return version is not None and bool(version.snapshot_id or version.content_hash)


def next_number(dataset: Dataset) -> int:
    """The number of the dataset's next version. The caller holds the lock of the dataset's row."""
    last = DatasetVersion.objects.filter(dataset=dataset).order_by("-number").first()
    return last.number + 1 if last is not None else 1


def _set_current(dataset: Dataset, *, version: DatasetVersion) -> None:
    dataset.current_version = version
    dataset.facet_stamps["schema"] = make_stamp(
        at=version.created_at, rank=DECLARED, digest=bytes.fromhex(version.fingerprint)
    )
    dataset.save(update_fields=["current_version", "facet_stamps", "updated_at"])


def count_version(*, dataset: Dataset, snapshot_id: int, statistics: dict[str, int]) -> None:
    """Set what was counted of a version's content, over what its producer had said of it."""
    version = DatasetVersion.objects.filter(dataset=dataset, snapshot_id=snapshot_id).first()
    if version is not None and not statistics.items() <= version.statistics.items():
        version.statistics = {**version.statistics, **statistics}
        version.save(update_fields=["statistics"])
