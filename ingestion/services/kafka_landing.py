"""Landing a Kafka topic: each record becomes a row or a dead letter exactly once.

    consume → parse (second thread) → write Parquet → one transaction: fence, offsets, both tables, lineage, audit

A crash before the commit leaves files that nothing names; a crash after it leaves offsets that are already
moved. Whoever comes next starts at the stored offsets.
"""

import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from django.conf import settings
from django.db import transaction
from pyiceberg.table import Table

from core.clock import utc_now
from core.ids import uuid7
from ingestion.config import (
    OFFSET_COLUMN,
    PARTITION_COLUMN,
    KafkaConfig,
    arrow_schema,
)
from ingestion.dead_letters import DeadLetter
from ingestion.errors import OffsetConflictError, SourceOffsetLostError
from ingestion.formats.base import FormatOptions, Parsed
from ingestion.formats.json_records import RecordParser
from ingestion.formats.registry import get_tabular
from ingestion.kafka.batches import BatchLimits, MicroBatch, RejectedRecord, fill_batch
from ingestion.kafka.reader import TopicReader, Watermarks
from ingestion.lineage import topic_dataset
from ingestion.models import Source, SourceOffset
from ingestion.services.commits import Landing, commit_landing, prepare_dead_letters
from ingestion.services.leases import (
    DEFAULT_SECONDS,
    HeldLease,
    keep_lease,
    prove_lease,
    release_lease,
    take_lease,
)
from ingestion.services.targets import declare_input, ensure_target, typed_config
from ingestion.tables import write_files

_SAMPLE_MESSAGES = 2_000
_SAMPLE_SECONDS = 5.0
MAX_RECORD_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class LandingOutcome:
    """What one task landed; `caught_up` says that nothing waited when the task began and is left now."""

    landed: int
    rejected: int
    batches: int
    caught_up: bool


def lease_name(source: Source) -> str:
    return f"source:{source.pk}"


def land_topic(
    source: Source, *, budget_seconds: float = 60.0, lease_seconds: float = DEFAULT_SECONDS
) -> LandingOutcome:
    """Land what the topic held when the call began, for at most about `budget_seconds`.

    Raises `LeaseHeldError`, `LeaseLostError`, `OffsetConflictError`, `SourceOffsetLostError`,
    `KafkaUnavailableError`; whatever was not committed then is landed by the next call.
    """
    deadline = time.monotonic() + budget_seconds
    config = typed_config(source, KafkaConfig)
    lease = take_lease(lease_name(source), seconds=lease_seconds)
    try:
        with TopicReader(config.topic, connection=kafka_connection()) as reader:
            marks = reader.watermarks()
            offsets = open_offsets(source, config, marks)
            if not any(offsets[part] < mark.high for part, mark in marks.items()):
                return LandingOutcome(0, 0, 0, caught_up=True)
            until = {part: mark.high for part, mark in marks.items()}
            table = _target(source, config, offsets, until)
            topic = topic_dataset(settings.LAKEWARDEN.kafka.bootstrap_servers, config.topic)
            declare_input(source, topic, kind="topic", table=table)
            reader.assign(offsets, until=until)
            with collector_paused(), keep_lease(lease):
                return _Run(source, config, table, reader, lease).land(offsets, deadline=deadline)
    finally:
        release_lease(lease)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python's cycle collector still: messages hold no cycles, and a pass over each 20,000 costs a third of the CPU."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def kafka_connection() -> dict[str, str]:
    """Return how to reach the brokers; sources name topics, never servers."""
    found: dict[str, str] = settings.LAKEWARDEN.kafka.as_librdkafka()
    return found


@transaction.atomic
def open_offsets(
    source: Source, config: KafkaConfig, marks: dict[int, Watermarks]
) -> dict[int, int]:
    """Return the next offset of every partition, beginning new ones where the source says.

    Raises `SourceOffsetLostError` when the topic no longer holds a stored offset.
    """
    for part, mark in marks.items():
        start = mark.high if config.start == "latest" else mark.low
        offset, _ = SourceOffset.objects.get_or_create(
            source=source, partition=part, defaults={"next_offset": start}
        )
        if not mark.low <= offset.next_offset <= mark.high:
            raise SourceOffsetLostError(
                f"partition {part} of `{config.topic}` holds {mark.low} to {mark.high}, "
                f"not the next offset {offset.next_offset}",
                topic=config.topic,
                partition=part,
            )
        if offset.high_watermark != mark.high:
            SourceOffset.objects.filter(pk=offset.pk).update(high_watermark=mark.high)
    return dict(
        SourceOffset.objects.filter(source=source, partition__in=marks).values_list(
            "partition", "next_offset"
        )
    )


def _target(
    source: Source, config: KafkaConfig, offsets: dict[int, int], until: dict[int, int]
) -> Table:
    return ensure_target(source, sample=lambda: _sample_schema(source, config, offsets, until))


def _sample_schema(
    source: Source, config: KafkaConfig, offsets: dict[int, int], until: dict[int, int]
) -> pa.Schema:
    """Infer the schema of an undeclared topic from its first messages."""
    with TopicReader(config.topic, connection=kafka_connection()) as reader:
        reader.assign(offsets, until=until)
        values: list[bytes] = []
        deadline = time.monotonic() + _SAMPLE_SECONDS
        while len(values) < _SAMPLE_MESSAGES and not reader.finished:
            chunk = reader.read(timeout=0.2, limit=_SAMPLE_MESSAGES)
            values += [value for m in chunk.messages if (value := m.value()) is not None]
            if time.monotonic() > deadline and values:
                break
    sample = b"\n".join(values)
    schema: pa.Schema = get_tabular(source.format).infer_schema(sample, options=_options(config))
    return schema


def _options(config: KafkaConfig) -> FormatOptions:
    return config.options.as_format_options(max_bytes=MAX_RECORD_BYTES)


def make_parser(source: Source, config: KafkaConfig, table: Table) -> Callable[..., Parsed]:
    """Return what turns messages into rows of the table's own schema."""
    added = {PARTITION_COLUMN, OFFSET_COLUMN} if config.offset_columns else set()
    whole = arrow_schema(table.schema())
    for name in added:
        whole = whole.remove(whole.get_field_index(name))
    if source.format == "json":
        return RecordParser(whole).parse
    tabular, options = get_tabular(source.format), _options(config)
    return lambda values: tabular.read_records(values, schema=whole, options=options)


@dataclass(slots=True)
class _Written:
    landing: Landing
    rejects: list[RejectedRecord]


class _Run:
    """One task's work: batch N is committed while batch N + 1 is read, parsed and written."""

    def __init__(
        self,
        source: Source,
        config: KafkaConfig,
        table: Table,
        reader: TopicReader,
        lease: HeldLease,
    ) -> None:
        self.source, self.config, self.table = source, config, table
        self.reader, self.lease = reader, lease
        self.parse = make_parser(source, config, table)
        self.limits = BatchLimits(
            records=config.max_batch_records,
            size=config.max_batch_bytes,
            seconds=config.max_batch_seconds,
        )
        self.topic = topic_dataset(settings.LAKEWARDEN.kafka.bootstrap_servers, config.topic)
        self.copied = [
            column.name
            for column in table.schema().fields
            if not (config.offset_columns and column.name in {PARTITION_COLUMN, OFFSET_COLUMN})
        ]
        self.landed = self.rejected = self.batches = 0

    def land(self, offsets: dict[int, int], *, deadline: float) -> LandingOutcome:
        pending: Future[_Written] | None = None
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="landing") as executor:
            while not self.reader.finished and time.monotonic() < deadline:
                batch = fill_batch(
                    self.reader,
                    offsets,
                    parse=self.parse,
                    limits=self.limits,
                    offset_columns=self.config.offset_columns,
                    executor=executor,
                )
                offsets = {**offsets, **batch.to_offsets}
                written = executor.submit(self._write, batch) if batch.moved else None
                self._commit(pending)
                pending = written
            self._commit(pending)
        return LandingOutcome(
            self.landed, self.rejected, self.batches, caught_up=self.reader.finished
        )

    def _write(self, batch: MicroBatch) -> _Written:
        """Write the rows' files; runs on the second thread, so no database here."""
        rows, rejects, size = batch.collect()
        landing = Landing(
            source=self.source,
            batch=uuid7(),
            started_at=batch.started_at,
            inputs=[self.topic],
            size=size,
            from_offsets={part: batch.from_offsets[part] for part in batch.to_offsets},
            to_offsets=batch.to_offsets,
            copied=self.copied,
            fencing_token=self.lease.token,
        )
        if rows is not None:
            landing.files = write_files(self.table, rows, batch=landing.batch)
            landing.rows = rows.num_rows
        return _Written(landing, rejects)

    def _commit(self, pending: Future[_Written] | None) -> None:
        if pending is None:
            return
        written = pending.result()
        landing = written.landing
        letters = [
            DeadLetter(
                position=reject.offset,
                partition=reject.partition,
                reason=reject.reason,
                message=reject.message,
                original=reject.original,
            )
            for reject in written.rejects
        ]
        prepare_dead_letters(landing, letters)
        with transaction.atomic():
            prove_lease(self.lease)
            move_offsets(self.source, landing.from_offsets, landing.to_offsets)
            commit_landing(landing)
        self.landed += landing.rows
        self.rejected += landing.rejected
        self.batches += 1


def move_offsets(source: Source, start: dict[int, int], end: dict[int, int]) -> None:
    """Compare and set the offsets of a batch; raises `OffsetConflictError` when any moved meanwhile."""
    for part in sorted(end):
        moved = SourceOffset.objects.filter(
            source=source, partition=part, next_offset=start[part]
        ).update(next_offset=end[part], updated_at=utc_now())
        if moved != 1:
            raise OffsetConflictError(
                f"partition {part} of source `{source.name}` is no longer at {start[part]}"
            )
