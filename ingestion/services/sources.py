"""Making, changing and steering sources."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from catalog.models import Dataset
from core import audit
from core.errors import ConflictError, NotFoundError, PermissionDeniedError
from core.jobs import enqueue
from governance.policy.types import Action, Principal
from governance.queries import decide_on, may_administer_domain, require
from identity.models import User
from ingestion.config import (
    FilesConfig,
    KafkaConfig,
    check_format,
    read_columns,
    read_config,
    read_partitioning,
)
from ingestion.errors import InvalidSourceError
from ingestion.kafka.reader import TopicReader
from ingestion.models import Source, SourceOffset
from ingestion.paths import check_folder
from ingestion.services.kafka_landing import kafka_connection, lease_name
from ingestion.services.leases import release_lease, take_lease
from storage.models import IcebergTable
from storage.services.namespaces import domain_of
from storage.tables.names import split_identifier

LAND_TASK = "ingestion.land_source"
QUEUE = "ingestion"


def create_source(
    *,
    principal: Principal,
    owner: User,
    name: str,
    kind: str,
    namespace: str,
    table: str,
    format: str,  # noqa: A002 - the field's standard name
    config: Mapping[str, Any] | None = None,
    columns: Sequence[Mapping[str, Any]] = (),
    partition_by: Sequence[Mapping[str, Any]] = (),
    tier: str = "hot",
    enabled: bool = True,
) -> Source:
    """Make a source that lands in `namespace`.`table` in the name of `owner`.

    `principal` needs `write` or `manage` on the target where it exists, else the administration of the namespace's
    domain; `owner` is themself or a service account that they answer for.
    Raises `InvalidSourceError`, `ConflictError`, `PermissionDeniedError`, `NotFoundError`.
    """
    source = Source(
        name=name,
        kind=kind,
        namespace=namespace,
        table=table,
        format=format,
        config=dict(config or {}),
        columns=[dict(column) for column in columns],
        partition_by=[dict(part) for part in partition_by],
        tier=tier,
        enabled=enabled,
        owner=owner,
    )
    check_source(source)
    _require_owner(principal, owner)
    _require_target(principal, source.identifier)
    try:
        with transaction.atomic():
            source.save()
            _record(principal, "source.create", source, {"kind": kind, "format": format})
    except IntegrityError:
        raise ConflictError(f"a source named `{name}` exists") from None
    return source


def check_source(source: Source) -> None:
    """Raise `InvalidSourceError` unless kind, format, config, columns and partitioning fit together."""
    config = read_config(source.kind, source.config)
    check_format(source.kind, source.format)
    split_identifier(source.identifier)
    if isinstance(config, FilesConfig):
        check_folder(config.path)
    if source.columns:
        read_partitioning(source.partition_by, read_columns(source.columns))
    elif source.partition_by:
        raise InvalidSourceError("partitioning needs declared columns", pointer="/partition_by")
    if not source.name.replace("-", "").replace("_", "").isalnum():
        raise InvalidSourceError("a name is letters, digits, `-` and `_`", pointer="/name")


def _require_owner(principal: Principal, owner: User) -> None:
    """A source acts with its owner's rights: one's own, or those of a service account that one answers for."""
    if principal.is_superuser or principal.id == owner.pk:
        return
    if owner.is_answered_for_by(principal.id, groups=principal.groups):
        return
    raise PermissionDeniedError("a source is owned by you or by a service account of yours")


def _require_target(principal: Principal, identifier: tuple[str, ...]) -> None:
    table = (
        IcebergTable.objects.select_related("dataset")
        .filter(namespace__levels=list(identifier[:-1]), name=identifier[-1])
        .first()
    )
    refused = PermissionDeniedError("you may not make tables in this namespace")
    if table is not None:
        try:
            _require_steering(principal, table.dataset)
        except NotFoundError:
            # Who may not know of the table is answered as if it were not there.
            raise refused from None
        return
    domain = domain_of(identifier[:-1])
    if domain is not None and may_administer_domain(principal, domain.pk):
        return
    if principal.is_superuser and principal.is_active and principal.token_allows(Action.ADMINISTER):
        return
    raise refused


def _require_steering(principal: Principal, dataset: Dataset) -> None:
    """Let pass who may `write` the dataset and who may `manage` it."""
    if not decide_on(principal, Action.WRITE, dataset).allowed:
        require(principal, Action.MANAGE, dataset)


def require_source(principal: Principal, source: Source, *, writes: bool = False) -> None:
    """Let pass who may `write` or `manage` what the source lands in (`writes`: only the former).

    Before its first landing, that is the source's owner and superusers. Raises `PermissionDeniedError` or, for
    who may not know the dataset, `NotFoundError`.
    """
    if source.dataset is not None:
        if writes:
            require(principal, Action.WRITE, source.dataset)
        else:
            _require_steering(principal, source.dataset)
        return
    is_own = principal.is_superuser or principal.id == source.owner_id
    if is_own and principal.is_active and principal.token_allows(Action.WRITE):
        return
    raise PermissionDeniedError("you may not steer this source")


def trigger_landing(source: Source, *, principal: Principal) -> None:
    """Ask for a landing now; needs `write` or `manage`."""
    require_source(principal, source)
    with transaction.atomic():
        _record(principal, "source.trigger", source, {})
        enqueue(LAND_TASK, queue=QUEUE, source_id=source.pk)


def set_enabled(source: Source, *, enabled: bool, principal: Principal) -> None:
    """Pause or resume the schedule of a source; needs `write` or `manage`. A task that runs now ends its batch."""
    require_source(principal, source)
    with transaction.atomic():
        # Whoever switches it has mended it, or looks: the next sweep tries it at once.
        Source.objects.filter(pk=source.pk).update(enabled=enabled, retry_at=None)
        source.enabled, source.retry_at = enabled, None
        _record(principal, "source.resume" if enabled else "source.pause", source, {})


def replay_from(
    source: Source, *, offsets: Mapping[int, int], principal: Principal
) -> dict[int, int]:
    """Set the next offset of some partitions; what lies behind lands (again). Needs `write` or `manage`.

    Rows that were landed before stay: a replay appends. Returns the offsets that were left.
    Raises `LeaseHeldError` while a task lands the source, `InvalidSourceError` for an offset that the topic lacks.
    """
    require_source(principal, source)
    config = read_config(source.kind, source.config)
    if not isinstance(config, KafkaConfig):
        raise InvalidSourceError("only Kafka sources have offsets to replay from")
    with TopicReader(config.topic, connection=kafka_connection()) as reader:
        marks = reader.watermarks()
    for part, offset in offsets.items():
        if part not in marks or not marks[part].low <= offset <= marks[part].high:
            raise InvalidSourceError(f"partition {part} does not hold offset {offset}")
    lease = take_lease(lease_name(source))
    try:
        with transaction.atomic():
            left = _move_offsets(source, offsets)
            Source.objects.filter(pk=source.pk).update(retry_at=None)
            _record(
                principal,
                "source.replay",
                source,
                {
                    "from": {str(p): o for p, o in left.items()},
                    "to": {str(p): o for p, o in offsets.items()},
                },
            )
    finally:
        release_lease(lease)
    return left


def _move_offsets(source: Source, offsets: Mapping[int, int]) -> dict[int, int]:
    left: dict[int, int] = {}
    for part, offset in offsets.items():
        row, _ = SourceOffset.objects.select_for_update().get_or_create(
            source=source, partition=part, defaults={"next_offset": offset}
        )
        left[part] = row.next_offset
        SourceOffset.objects.filter(pk=row.pk).update(next_offset=offset)
    return left


def _record(principal: Principal, action: str, source: Source, payload: dict[str, Any]) -> None:
    audit.record(
        actor=principal.username,
        action=action,
        resource=f"source:{source.name}",
        payload={"target": ".".join(source.identifier), **payload},
    )
