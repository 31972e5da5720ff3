"""Adding objects to a collection.

INVARIANT: an object's row is committed only after its bytes were read back from the store and had the
checksum of what was given.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models import Count, Sum

from catalog.models import Dataset, Run
from catalog.models.dataset import DatasetKind
from catalog.services.datasets import record_version
from core import audit
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, LimitExceededError, UnprocessableError
from core.ids import uuid7
from storage.backends import Backend, Checksum, check_key, open_location
from storage.backends.base import CHUNK_BYTES
from storage.backends.errors import ChecksumMismatchError
from storage.models import CollectionObject, Movement, MovementState, PendingVersion, Tier
from storage.services.gate import discard_write
from storage.services.locations import tier_of

MAX_OBJECTS_A_CALL = 1000
MAX_METADATA_FIELDS = 200
MAX_KEY_LENGTH = 1000
COLLECTIONS_PREFIX = "collections"
DEFAULT_MEDIA_TYPE = "application/octet-stream"
# How long the bytes of replaced content stay for readers in flight.
REPLACED_GRACE_SECONDS = 300
MAX_SETTLED = 100
# Numbers that a `long` holds, as `_metadata_fields` tells them in SQL.
_WHOLE = re.compile(r"-?[0-9]{1,18}")

FIXED_FIELDS: tuple[dict[str, Any], ...] = (
    {"name": "key", "type": "string", "description": "Name of the object", "nullable": False},
    {"name": "size", "type": "long", "description": "Bytes", "nullable": False},
    {"name": "media_type", "type": "string", "description": "Media type", "nullable": False},
    {"name": "sha256", "type": "string", "description": "SHA-256 of the bytes", "nullable": False},
    {"name": "added_at", "type": "timestamptz", "description": "When it landed", "nullable": False},
)
CONTENT_FIELD: dict[str, Any] = {
    "name": "content",
    "type": "binary",
    "description": "The bytes themselves",
    "nullable": False,
}
FIXED_NAMES = frozenset({each["name"] for each in FIXED_FIELDS} | {CONTENT_FIELD["name"]})


class NotACollectionError(UnprocessableError):
    """The dataset holds no objects: it is a table, a topic or something else."""

    code = "not-a-collection"


@dataclass(frozen=True, kw_only=True)
class NewObject:
    """What is to be added: bytes or a local file, and what was extracted from them (a flat JSON object)."""

    key: str
    content: bytes | Path
    media_type: str = DEFAULT_MEDIA_TYPE
    metadata: dict[str, Any] = field(default_factory=dict)


def add_object(
    *, dataset: Dataset, item: NewObject, actor: str = "system", tier: Tier | None = None
) -> CollectionObject:
    """Add one object; see `add_objects`."""
    return add_objects(dataset=dataset, items=[item], actor=actor, tier=tier)[0]


def add_objects(
    *,
    dataset: Dataset,
    items: Sequence[NewObject],
    actor: str = "system",
    tier: Tier | None = None,
) -> list[CollectionObject]:
    """Store objects on `tier` (hot if none is given) and record them, the dataset's version and the audit entry.

    Adding what is there with the same bytes changes nothing but its metadata; other bytes under a known key
    replace it. All or none of the rows appear. Raises NotACollectionError, InvalidKeyError, InvalidInputError,
    LimitExceededError above 1000 items, ChecksumMismatchError, BackendUnavailableError.
    """
    tier = tier or Tier.objects.select_related("location").order_by("rank")[0]
    return record_objects(
        dataset=dataset,
        stored=store_objects(dataset=dataset, items=items, tier=tier),
        tier=tier,
        actor=actor,
    )


def store_objects(
    *, dataset: Dataset, items: Sequence[NewObject], tier: Tier
) -> list["StoredObject"]:
    """The first half of `add_objects`, outside of a transaction: the bytes are on `tier` and verified.

    Until `record_objects` nobody can see them; without it they are left over in the store.
    """
    _check(dataset, items)
    known = dict(
        CollectionObject.objects.filter(
            dataset=dataset, key__in=[item.key for item in items]
        ).values_list("key", "sha256")
    )
    backend = open_location(tier.location)
    return [
        _store(backend, dataset, item, tier, known_sha256=known.get(item.key)) for item in items
    ]


def record_objects(
    *,
    dataset: Dataset,
    stored: Sequence["StoredObject"],
    tier: Tier,
    actor: str = "system",
    run: UUID | None = None,
) -> list[CollectionObject]:
    """The second half of `add_objects`, in the caller's transaction or one of its own.

    With `run`, the OpenLineage run that adds them, no version is recorded yet but one is owed: the caller settles
    it by `record_owed_version` after its last object, and `settle_versions` whatever a caller did not.
    Raises ConflictError if somebody replaced an object meanwhile whose bytes were the same before.
    """
    with transaction.atomic():
        # One writer a collection at a time: versions are numbered, and replaced bytes are found.
        Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
        rows = [_record(dataset, each, tier) for each in stored]
        if run is None:
            record_collection_version(dataset)
        else:
            PendingVersion.objects.update_or_create(dataset=dataset, defaults={"run": run})
        audit.record(
            actor=actor,
            action="collection.add",
            resource=dataset.node_id,
            payload={"objects": len(rows), "bytes": sum(row.size for row in rows)},
        )
    return rows


def record_owed_version(dataset: Dataset) -> None:
    """Record the version that is owed for the objects that landed, with the run that landed the last of them."""
    with transaction.atomic():
        Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
        owed = PendingVersion.objects.filter(dataset=dataset).first()
        if owed is not None:
            run = Run.objects.filter(uuid=owed.run).first() if owed.run else None
            record_collection_version(dataset, run=run)
            owed.delete()


def settle_versions(*, limit: int = MAX_SETTLED) -> int:
    """Record the versions that are owed, the oldest debt first; return how many. Called by the schedule."""
    owing = PendingVersion.objects.select_related("dataset").order_by("since")[:limit]
    for each in owing:
        record_owed_version(each.dataset)
    return len(owing)


def brings_fields(dataset: Dataset, items: Sequence[NewObject]) -> bool:
    """Whether the objects have metadata that the collection's current version does not describe, or no version is."""
    version = dataset.current_version
    if version is None:
        return True
    known = {each["name"]: each["type"] for each in version.schema}
    return any(
        not _fits(known.get(name), value)
        for item in items
        for name, value in item.metadata.items()
        if value is not None
    )


def _fits(known: str | None, value: Any) -> bool:
    """Whether a field of type `known` stays of that type with this value in it; see `_type_name`."""
    if isinstance(value, bool):
        own = "boolean"
    elif isinstance(value, int | float):
        own = "long" if _WHOLE.fullmatch(orjson.dumps(value).decode()) else "double"
    else:
        own = "string"
    return known in (own, "string") or (known, own) == ("double", "long")


def record_collection_version(dataset: Dataset, *, run: Run | None = None) -> None:
    """Record the collection's schema, content hash and size as its version, if anything changed."""
    totals = CollectionObject.objects.filter(dataset=dataset).aggregate(
        rows=Count("pk"), bytes=Sum("size", default=0)
    )
    record_version(
        dataset=dataset,
        schema=[*FIXED_FIELDS, *_metadata_fields(dataset), CONTENT_FIELD],
        content_hash=_content_hash(dataset),
        statistics={"rows": totals["rows"], "bytes": int(totals["bytes"]), "files": totals["rows"]},
        run=run,
    )


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """Bytes that are in the store and verified, not yet in the catalog."""

    item: NewObject
    checksum: Checksum
    # None: the bytes that the catalog has already are the same.
    uri: str | None


def _check(dataset: Dataset, items: Sequence[NewObject]) -> None:
    if dataset.kind != DatasetKind.COLLECTION:
        raise NotACollectionError(f"`{dataset}` is a {dataset.kind}, not an object collection")
    if len(items) > MAX_OBJECTS_A_CALL:
        raise LimitExceededError(
            f"at most {MAX_OBJECTS_A_CALL} objects a call", limit="objects", max=MAX_OBJECTS_A_CALL
        )
    if len({item.key for item in items}) != len(items):
        raise InvalidInputError("a key may be named once in a call")
    for item in items:
        check_key(item.key)
        taken = sorted(FIXED_NAMES & item.metadata.keys())
        if taken or len(item.metadata) > MAX_METADATA_FIELDS or len(item.key) > MAX_KEY_LENGTH:
            raise InvalidInputError(
                f"object `{item.key[:80]}`: at most {MAX_METADATA_FIELDS} metadata fields, none named "
                f"{', '.join(sorted(FIXED_NAMES))}"
            )


def _store(
    backend: Backend, dataset: Dataset, item: NewObject, tier: Tier, *, known_sha256: str | None
) -> StoredObject:
    checksum = _checksum(item.content)
    if checksum.sha256 == known_sha256:
        return StoredObject(item=item, checksum=checksum, uri=None)
    # A name of its own for every write: a movement or a removal under way never meets new bytes.
    key = f"{COLLECTIONS_PREFIX}/{dataset.uuid}/{checksum.sha256[:2]}/{uuid7()}"
    if isinstance(item.content, Path):
        backend.put_file(
            key, item.content, media_type=item.media_type, storage_class=tier.storage_class
        )
    else:
        backend.put_bytes(
            key, item.content, media_type=item.media_type, storage_class=tier.storage_class
        )
    if backend.checksum(key) != checksum:
        discard_write(backend, key)
        raise ChecksumMismatchError(f"object `{item.key}` did not come back as it was written")
    return StoredObject(item=item, checksum=checksum, uri=backend.uri_of(key))


def _checksum(content: bytes | Path) -> Checksum:
    if isinstance(content, bytes):
        return Checksum(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    digest, size = hashlib.sha256(), 0
    with content.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return Checksum(sha256=digest.hexdigest(), size=size)


def _record(dataset: Dataset, stored: StoredObject, tier: Tier) -> CollectionObject:
    item, checksum = stored.item, stored.checksum
    row = CollectionObject.objects.select_for_update().filter(dataset=dataset, key=item.key).first()
    if stored.uri is None and (row is None or row.sha256 != checksum.sha256):
        raise ConflictError(f"object `{item.key}` was changed meanwhile; add it again")
    facts: dict[str, Any] = {"media_type": item.media_type, "metadata": item.metadata}
    if stored.uri is not None:
        facts |= {
            "uri": stored.uri,
            "tier": tier,
            "size": checksum.size,
            "sha256": checksum.sha256,
            "added_at": utc_now(),
        }
    if row is None:
        return CollectionObject.objects.create(dataset=dataset, key=item.key, **facts)
    if stored.uri is not None:
        _schedule_removal(row, stored.uri, tier)
    for name, value in facts.items():
        setattr(row, name, value)
    row.save(update_fields=list(facts))
    return row


def _schedule_removal(row: CollectionObject, new_uri: str, tier: Tier) -> None:
    """Leave the removal of the replaced bytes in the journal of movements, as a switched one."""
    now = utc_now()
    Movement.objects.create(
        held_object=row,
        source_uri=row.uri,
        target_uri=new_uri,
        source_tier=tier_of(row.uri),
        target_tier=tier,
        size=row.size,
        sha256=row.sha256,
        state=MovementState.SWITCHED,
        reason="replaced by new content",
        grace_seconds=REPLACED_GRACE_SECONDS,
        switched_at=now,
        remove_after=now + timedelta(seconds=REPLACED_GRACE_SECONDS),
    )


def _content_hash(dataset: Dataset) -> str:
    """SHA-256 over keys and checksums in key order; the same content has the same hash."""
    query = """
        SELECT coalesce(encode(sha256(convert_to(
            string_agg(key || E'\\x1f' || sha256, E'\\x1e' ORDER BY key COLLATE "C"), 'UTF8')), 'hex'), '')
        FROM storage_collectionobject WHERE dataset_id = %s
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [dataset.pk])
        return str(cursor.fetchone()[0])


def _metadata_fields(dataset: Dataset) -> list[dict[str, Any]]:
    """Name and type of each metadata field over all objects; what is of several types is a string."""
    query = """
        SELECT name, array_agg(DISTINCT jsonb_typeof(value)),
               bool_and(value::text ~ '^-?[0-9]{1,18}$') FILTER (WHERE jsonb_typeof(value) = 'number')
        FROM storage_collectionobject, jsonb_each(metadata) AS each(name, value)
        WHERE dataset_id = %s AND jsonb_typeof(value) <> 'null'
        GROUP BY name ORDER BY name LIMIT %s
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [dataset.pk, MAX_METADATA_FIELDS])
        rows: Iterable[tuple[str, list[str], bool | None]] = cursor.fetchall()
    return [
        {"name": name, "type": _type_name(types, is_whole=bool(is_whole)), "nullable": True}
        for name, types, is_whole in rows
    ]


def _type_name(json_types: list[str], *, is_whole: bool) -> str:
    if json_types == ["number"]:
        return "long" if is_whole else "double"
    return "boolean" if json_types == ["boolean"] else "string"
