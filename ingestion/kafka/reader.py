"""A reader of one topic, from offsets that the caller keeps.

There is no consumer group: partitions are assigned explicitly and nothing is committed to Kafka, since the
offsets live in the database transaction that commits the rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from ingestion.errors import KafkaUnavailableError, SourceOffsetLostError

CHUNK_MESSAGES: Final = 20_000  # what one parse takes; also the most that one call hands over
_METADATA_SECONDS: Final = 10.0
# librdkafka's defaults suit endless consumers: a fetch backoff of one second would stall a bounded one
_TUNING: Final[dict[str, str | int | bool]] = {
    "group.id": "lakewarden",  # demanded by the client; nothing is ever committed to it
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "fetch.queue.backoff.ms": 10,
    "fetch.wait.max.ms": 50,
    "queued.min.messages": 100_000,
    "queued.max.messages.kbytes": 65_536,
    "socket.keepalive.enable": True,
    "log_level": 3,
}


# The client types every attribute of a message as optional; those of a received one never are.
Message: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Watermarks:
    """`low` is the first offset that the partition still holds, `high` the next one to be written."""

    low: int
    high: int


@dataclass(slots=True)
class Chunk:
    """Messages in the order of their offsets per partition. `next_offsets` holds every partition that moved."""

    messages: list[Message]
    next_offsets: dict[int, int]


class TopicReader:
    """Use as a context manager; `assign` first, then `read` until `finished`."""

    def __init__(self, topic: str, *, connection: Mapping[str, str]) -> None:
        self.topic = topic
        self._consumer = Consumer({**connection, **_TUNING})
        self._until: dict[int, int] = {}
        self._open: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def watermarks(self) -> dict[int, Watermarks]:
        """Return the bounds of every partition; raises `KafkaUnavailableError`, also for an unknown topic."""
        try:
            metadata = self._consumer.list_topics(self.topic, timeout=_METADATA_SECONDS)
            found = metadata.topics[self.topic]
            if found.error is not None:
                raise KafkaUnavailableError(f"topic `{self.topic}`: {found.error.str()}")
            bounds = {}
            for partition in sorted(found.partitions):
                low, high = self._consumer.get_watermark_offsets(
                    TopicPartition(self.topic, partition), timeout=_METADATA_SECONDS
                )
                bounds[partition] = Watermarks(low, high)
        except KafkaException as error:
            raise KafkaUnavailableError(f"topic `{self.topic}`: {_words(error)}") from None
        return bounds

    def assign(self, offsets: Mapping[int, int], *, until: Mapping[int, int]) -> None:
        """Read each partition from its offset; it is finished when it reaches `until` or its end."""
        self._until = dict(until)
        self._open = {part for part, offset in offsets.items() if offset < until.get(part, 0)}
        self._consumer.assign(
            [TopicPartition(self.topic, part, offsets[part]) for part in sorted(self._open)]
        )

    @property
    def finished(self) -> bool:
        """Whether every partition has reached what was its end when reading began."""
        return not self._open

    def read(self, *, timeout: float, limit: int = CHUNK_MESSAGES) -> Chunk:
        """Return what arrives within `timeout` seconds, at most `limit` messages; possibly nothing.

        Raises `SourceOffsetLostError` when the topic has dropped the next offset, `KafkaUnavailableError`
        when no broker answers.
        """
        chunk = Chunk([], {})
        received = self._consumer.consume(min(limit, CHUNK_MESSAGES), timeout)
        errors = [message for message in received if message.error() is not None]
        if not errors:
            chunk.messages = received
        else:
            chunk.messages = [message for message in received if message.error() is None]
        self._note_ends(chunk)
        for message in errors:
            self._note_event(message, chunk)
        self._open = {
            part
            for part in self._open
            if chunk.next_offsets.get(part, -1) < self._until[part]
            or part not in chunk.next_offsets
        }
        return chunk

    def _note_ends(self, chunk: Chunk) -> None:
        """Find the last message of each partition from the end: one look a partition, not one a message."""
        missing = set(self._until)
        for message in reversed(chunk.messages):
            partition = message.partition()
            if partition in missing:
                chunk.next_offsets[partition] = message.offset() + 1
                missing.discard(partition)
                if not missing:
                    return

    def _note_event(self, message: Message, chunk: Chunk) -> None:
        error = message.error()
        partition = message.partition()
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name of the event
            # past transaction markers and compacted records, which are never handed over
            chunk.next_offsets[partition] = max(
                chunk.next_offsets.get(partition, 0), message.offset()
            )
            self._open.discard(partition)
        elif error.code() in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:  # noqa: SLF001
            raise SourceOffsetLostError(
                f"partition {partition} of `{self.topic}` no longer holds the next offset",
                topic=self.topic,
                partition=partition,
            )
        elif not error.retriable():
            raise KafkaUnavailableError(f"topic `{self.topic}`: {error.str()}")


def _words(error: KafkaException) -> str:
    first = error.args[0] if error.args else error
    return str(first.str() if isinstance(first, KafkaError) else first)
