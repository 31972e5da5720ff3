"""Filling micro-batches: messages are parsed on a second thread while the next ones arrive.

librdkafka and polars both leave the interpreter lock while they work, so two cores are busy.
"""

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from core.clock import utc_now
from ingestion.config import OFFSET_COLUMN, PARTITION_COLUMN
from ingestion.formats.base import Parsed
from ingestion.kafka.reader import Message, TopicReader

_POLL_SECONDS = 0.2
_MAX_PARSES_AHEAD = 3

Parse = Callable[[list[bytes | None]], Parsed]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    records: int
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    partition: int
    offset: int
    reason: str
    message: str
    original: bytes


@dataclass(slots=True)
class ParsedChunk:
    rows: pa.Table
    rejects: list[RejectedRecord]
    size: int


@dataclass(slots=True)
class MicroBatch:
    """`from_offsets` and `to_offsets` (exclusive) hold the partitions that moved; `size` is in bytes."""

    from_offsets: dict[int, int]
    to_offsets: dict[int, int] = field(default_factory=dict)
    parses: list[Future[ParsedChunk]] = field(default_factory=list)
    records: int = 0
    started_at: datetime = field(default_factory=utc_now)

    @property
    def moved(self) -> bool:
        return any(offset > self.from_offsets[part] for part, offset in self.to_offsets.items())

    def size_so_far(self) -> int:
        return sum(parse.result().size for parse in self.parses if parse.done())

    def collect(self) -> tuple[pa.Table | None, list[RejectedRecord], int]:
        """Wait for the parses; return rows (None when there is none), rejects, and bytes of input."""
        chunks = [parse.result() for parse in self.parses]
        tables = [chunk.rows for chunk in chunks if chunk.rows.num_rows]
        rejects = [reject for chunk in chunks for reject in chunk.rejects]
        rows = pa.concat_tables(tables) if tables else None
        return rows, rejects, sum(chunk.size for chunk in chunks)


def fill_batch(
    reader: TopicReader,
    offsets: dict[int, int],
    *,
    parse: Parse,
    limits: BatchLimits,
    offset_columns: bool,
    executor: Executor,
) -> MicroBatch:
    """Read from `offsets` until a limit is reached or the reader is finished."""
    batch = MicroBatch(from_offsets=dict(offsets))
    deadline = time.monotonic() + limits.seconds
    while not reader.finished and batch.records < limits.records:
        left = deadline - time.monotonic()
        if left <= 0 or batch.size_so_far() >= limits.size:
            break
        chunk = reader.read(timeout=min(left, _POLL_SECONDS), limit=limits.records - batch.records)
        batch.to_offsets.update(chunk.next_offsets)
        if chunk.messages:
            batch.records += len(chunk.messages)
            batch.parses.append(
                executor.submit(parse_chunk, chunk.messages, parse, offset_columns=offset_columns)
            )
            _wait_for_room(batch.parses)
    return batch


def _wait_for_room(parses: list[Future[ParsedChunk]]) -> None:
    """Hold reading back while parsing lags behind: the memory of a batch stays bounded."""
    if len(parses) > _MAX_PARSES_AHEAD:
        parses[-_MAX_PARSES_AHEAD - 1].result()


def parse_chunk(messages: list[Message], parse: Parse, *, offset_columns: bool) -> ParsedChunk:
    """Return typed rows and rejects of the messages, with their places in the topic."""
    values = [message.value() for message in messages]
    size = sum([len(value) for value in values if value is not None])
    parsed = parse(values)
    rows = parsed.rows
    if offset_columns:
        rows = _add_places(rows, messages, parsed)
    rejects = [
        RejectedRecord(
            partition=messages[reject.position].partition(),
            offset=messages[reject.position].offset(),
            reason=reject.reason.value,
            message=reject.message,
            original=reject.original,
        )
        for reject in parsed.rejects
    ]
    return ParsedChunk(rows, rejects, size)


def _add_places(rows: pa.Table, messages: list[Message], parsed: Parsed) -> pa.Table:
    partitions: Any = np.array([message.partition() for message in messages], dtype=np.int32)
    offsets: Any = np.array([message.offset() for message in messages], dtype=np.int64)
    if parsed.kept is not None:
        partitions, offsets = partitions[parsed.kept], offsets[parsed.kept]
    return rows.append_column(
        pa.field(PARTITION_COLUMN, pa.int32()), pa.array(partitions)
    ).append_column(pa.field(OFFSET_COLUMN, pa.int64()), pa.array(offsets))
