"""Producing flights and passengers into Kafka at full speed, with a known number of broken records."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

PARTITIONS = 2
# A broker that was killed is back within this.
BROKER_SECONDS = 60
INTEGERS = [
    "year",
    "month",
    "day",
    "dep_time",
    "sched_dep_time",
    "arr_time",
    "sched_arr_time",
    "flight",
    "hour",
    "minute",
]
NUMBERS = ["dep_delay", "arr_delay", "air_time", "distance"]
# What goes wrong in real feeds: cut off, not JSON at all, a word where a number belongs, wrong bytes.
BROKEN = (
    b'{"year": 2013, "month": 5, "day"',
    b"<html>502 Bad Gateway</html>",
    b'{"year":2013,"month":"May","day":1,"flight":1,"carrier":"UA","origin":"EWR","dest":"IAH"}',
    b'{"year":2013,"month":5,"day":1,"carrier":"\xff\xfe","origin":"EWR","dest":"IAH","flight":1}',
)


@dataclass(frozen=True)
class Produced:
    """How many records went into a topic, and how many of them are broken."""

    good: int
    broken: int

    @property
    def total(self) -> int:
        return self.good + self.broken


def kafka_config() -> dict[str, str | int | float | bool]:
    """Librdkafka's configuration, from the same variables that the service reads."""
    names = {
        "bootstrap.servers": "KAFKA_BOOTSTRAP_SERVERS",
        "security.protocol": "KAFKA_SECURITY_PROTOCOL",
        "sasl.mechanism": "KAFKA_SASL_MECHANISM",
        "sasl.username": "KAFKA_SASL_USERNAME",
        "sasl.password": "KAFKA_SASL_PASSWORD",
        "ssl.ca.location": "KAFKA_SSL_CA_LOCATION",
    }
    return {key: os.environ[name] for key, name in names.items() if os.environ.get(name)}


def read_flights(path: Path) -> list[dict[str, Any]]:
    """The rows of flights.csv with numbers as numbers; an empty cell or `NA` is null."""

    def typed(row: dict[str, str]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, text in row.items():
            if text in ("", "NA"):
                values[name] = None
            elif name in INTEGERS:
                values[name] = int(float(text))
            elif name in NUMBERS:
                values[name] = float(text)
            else:
                values[name] = text
        return values

    with path.open(newline="") as file:
        return [typed(row) for row in csv.DictReader(file)]


def create_topic(name: str) -> None:
    """Create the topic unless it is there."""
    admin = AdminClient(kafka_config())
    future = admin.create_topics([NewTopic(name, num_partitions=PARTITIONS, replication_factor=1)])
    try:
        future[name].result(timeout=BROKER_SECONDS)
    except KafkaException as error:
        if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
            raise


def count_records(name: str) -> int:
    """Records in the topic: the high watermarks less the low ones."""
    consumer = Consumer({**kafka_config(), "group.id": "demo-count"})
    try:
        spans = [
            consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=BROKER_SECONDS)
            for partition in range(PARTITIONS)
        ]
    finally:
        consumer.close()
    return sum(high - low for low, high in spans)


def produce(
    topic: str,
    rows: Iterable[dict[str, Any]],
    *,
    broken_every: int,
    progress: Callable[[int], None],
) -> Produced:
    """Send each row as JSON, and a broken record after each `broken_every` rows; returns once all are stored."""
    producer = Producer(
        {
            **kafka_config(),
            "compression.type": "lz4",
            "linger.ms": 20,
            "enable.idempotence": True,
            "queue.buffering.max.messages": 200_000,
        }
    )
    failures: list[str] = []

    def delivered(error: Any, message: Any) -> None:
        del message
        if error is not None:
            failures.append(str(error))

    good = broken = 0
    for value, is_good in _with_broken(rows, broken_every):
        while True:
            try:
                producer.produce(
                    topic, value, partition=(good + broken) % PARTITIONS, on_delivery=delivered
                )
                break
            except BufferError:
                producer.poll(0.05)
        good, broken = good + is_good, broken + (not is_good)
        if (good + broken) % 5_000 == 0:
            producer.poll(0)
            progress(good + broken)
    if producer.flush(60) or failures:
        raise SystemExit(f"Kafka did not take {len(failures)} records: {failures[:1]}")
    progress(good + broken)
    return Produced(good, broken)


def _with_broken(rows: Iterable[dict[str, Any]], every: int) -> Iterator[tuple[bytes, bool]]:
    for number, row in enumerate(rows, start=1):
        yield orjson.dumps(row), True
        if number % every == 0:
            yield BROKEN[number // every % len(BROKEN)], False
