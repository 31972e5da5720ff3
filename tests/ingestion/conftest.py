"""Real topics, real tables: what the tests of landing share."""

import json
import time
from collections.abc import Iterable

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from django.conf import settings

from governance.facts import principal_of
from identity.models import User
from ingestion.models import Source
from ingestion.services.sources import create_source
from ingestion.tables import open_catalog
from tests.factories.storage import make_tiers

COLUMNS = [
    {"name": "id", "type": "long", "required": True},
    {"name": "name", "type": "string"},
    {"name": "month", "type": "int"},
    {"name": "at", "type": "timestamptz"},
]


class Topics:
    def __init__(self) -> None:
        self.connection = settings.LAKEWARDEN.kafka.as_librdkafka()
        self.admin = AdminClient(self.connection)
        self.names: list[str] = []

    def make(self, name: str, *, partitions: int = 2) -> str:
        for future in self.admin.create_topics([NewTopic(name, partitions, 1)]).values():
            future.result(20)
        self.names.append(name)
        return name

    def produce(self, topic: str, values: Iterable[bytes | None], *, partitions: int = 2) -> None:
        producer = Producer({**self.connection, "linger.ms": 5, "compression.type": "lz4"})
        for index, value in enumerate(values):
            while True:
                try:
                    producer.produce(topic, value, partition=index % partitions)
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(30) == 0

    def remove(self) -> None:
        if self.names:
            for future in self.admin.delete_topics(self.names).values():
                future.result(20)


@pytest.fixture
def topics():
    made = Topics()
    yield made
    made.remove()


@pytest.fixture
def tiers(db, object_buckets):
    return make_tiers()


@pytest.fixture
def steward(db) -> User:
    return User.objects.create_superuser("steward", password="x")


@pytest.fixture
def robot(db, steward) -> User:
    return User.objects.create(username="robot", is_service=True, responsible=steward)


@pytest.fixture
def make_source(steward, robot, tiers, unique):
    def make(kind="kafka", *, name=None, **given) -> Source:
        given.setdefault("namespace", f"raw_{unique}")
        given.setdefault("table", "records")
        given.setdefault("format", "json")
        if kind == "kafka" and given["format"] == "json":
            given.setdefault("columns", COLUMNS)
        return create_source(
            principal=principal_of(steward), owner=robot, name=name or unique, kind=kind, **given
        )

    return make


def record(number: int, **change) -> bytes:
    row = {
        "id": number,
        "name": f"n{number}",
        "month": number % 12 + 1,
        "at": "2013-01-01T05:00:00Z",
    }
    return json.dumps({**row, **change}).encode()


def read_table(identifier: tuple[str, ...]):
    """The rows of a table, as its readers see them."""
    return open_catalog(actor="test").load_table(identifier).scan().to_arrow()


def wait_for(condition, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
