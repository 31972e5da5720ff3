"""Dead letters: every refused record with its place, the reason and its original bytes, as an Iceberg table."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from ingestion.formats.base import Reject

# INVARIANT: the table of one source's dead letters never changes its schema; readers lean on it
SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("partition", pa.int32()),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("path", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("message", pa.string()),
        pa.field("original", pa.binary()),
        pa.field("batch", pa.string(), nullable=False),
        pa.field("landed_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`position` is the Kafka offset, or the line of the file at `path`."""

    position: int
    reason: str
    message: str
    original: bytes
    partition: int | None = None
    path: str | None = None


def as_letter(reject: Reject, path: str) -> DeadLetter:
    """The dead letter of what a format refused in the file at `path`."""
    return DeadLetter(
        position=reject.position,
        reason=reject.reason.value,
        message=reject.message,
        original=reject.original,
        path=path,
    )


def make_rows(
    letters: Sequence[DeadLetter], *, source: str, batch: uuid.UUID, landed_at: datetime
) -> pa.Table:
    """Return one row a letter."""
    return pa.table(
        {
            "source": [source] * len(letters),
            "partition": [letter.partition for letter in letters],
            "position": [letter.position for letter in letters],
            "path": [letter.path for letter in letters],
            "reason": [letter.reason for letter in letters],
            "message": [letter.message for letter in letters],
            "original": [letter.original for letter in letters],
            "batch": [str(batch)] * len(letters),
            "landed_at": [landed_at] * len(letters),
        },
        schema=SCHEMA,
    )
