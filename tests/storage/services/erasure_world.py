"""A person in a DAG of real tables and a collection, and the hunt for them in every byte of the stores.

raw → people (two snapshots more than now) → orders ⋈ people → figures by city; people → hashed keys; a table whose
partitions are e-mail addresses; notes that nothing connects; photos with metadata; a file on its way to another tier.
"""

import hashlib
import io
import zlib
from dataclasses import dataclass, field
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType, NestedField, StringType

from catalog.models import Field, FieldEdge, FieldTag
from catalog.services.datasets import ensure_dataset
from core.clock import utc_now
from governance.facts import principal_of
from governance.services.erasures import request_erasure
from storage.backends import open_location_url
from storage.models import IcebergTable
from storage.services.collections import NewObject, add_objects
from storage.services.files import sync_table_files
from storage.services.locations import ensure_default_locations_and_tiers
from storage.services.namespaces import create_namespace
from storage.tables.catalog import LakewardenCatalog
from tests.factories.catalog import make_tag
from tests.factories.identity import make_user

ADA = "Ada.Lovelace@analytical.example"
LABEL = "pii.email"
OTHERS = [f"person{number}@else.example" for number in range(8)]


def digest(email: str) -> str:
    return hashlib.sha256(email.lower().encode()).hexdigest()


# Bounds in manifests are cut to 16 characters.
TRACES = [
    each.encode()
    for text in (ADA, ADA.lower(), ADA.replace("@", "%40"), digest(ADA))
    for each in {text[:12], text[:12].lower()}
]


@dataclass
class World:
    level: str
    tables: dict[str, IcebergTable] = field(default_factory=dict)
    collection: object = None
    admin: object = None
    other: object = None

    def load(self, name: str) -> Table:
        return LakewardenCatalog().load_table((self.level, name))

    def rows(self, name: str) -> list[dict]:
        return self.load(name).scan().to_arrow().to_pylist()

    def ask(self, *, everywhere: bool = False, identifiers=None):
        return request_erasure(
            by=principal_of(self.admin),
            identifiers=identifiers or [{"label": LABEL, "value": ADA.upper()}],
            reason="asked on 2026-11-01",
            due_at=utc_now() + timedelta(days=30),
            everywhere=everywhere,
        )

    def traces(self) -> list[str]:
        """Every object of this world, on both tiers, of which the name or a decoded byte tells of Ada."""
        return sorted(name for name, data in self.stored() if has_trace(name.encode() + data))

    def stored(self):
        for url in (settings.LAKEWARDEN.hot_url, settings.LAKEWARDEN.cold_url):
            backend = open_location_url(url)
            for prefix in (f"{self.level}/", f"collections/{self.collection.uuid}/"):
                for info in backend.list_all(prefix):
                    yield backend.uri_of(info.key), decoded(info.key, backend.get_bytes(info.key))


def has_trace(data: bytes) -> bool:
    return any(trace in data for trace in TRACES)


def decoded(key: str, data: bytes) -> bytes:
    """The bytes, and what they say when they are unpacked."""
    if key.endswith(".parquet"):
        table = pq.read_table(io.BytesIO(data))
        file = pq.ParquetFile(io.BytesIO(data))
        groups = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
        statistics = [str(group.column(n).statistics) for group in groups for n in range(group.num_columns)]  # fmt: skip
        return data + str(table.to_pylist()).encode() + str(statistics).encode()
    if key.endswith(".avro"):
        return data + unpacked_avro(data)
    return data


def unpacked_avro(data: bytes) -> bytes:
    """The blocks of an Avro object container file (Avro specification, "Object Container Files"), inflated."""
    stream = io.BytesIO(data[4:])
    meta = {}
    while count := _long(stream):
        for _ in range(abs(count)):
            key = stream.read(_long(stream)).decode()
            meta[key] = stream.read(_long(stream))
    stream.read(16)
    found = b""
    while stream.tell() < len(data) - 4:
        _long(stream)
        block = stream.read(_long(stream))
        codec = meta.get("avro.codec", b"null")
        assert codec in {b"null", b"deflate"}
        found += zlib.decompress(block, -15) if codec == b"deflate" else block
        stream.read(16)
    return found


def _long(stream: io.BytesIO) -> int:
    value, shift = 0, 0
    while True:
        byte = stream.read(1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1)


def make_erasure_world(unique: str) -> World:
    ensure_default_locations_and_tiers()
    create_namespace(levels=(unique,))
    world = World(level=unique)
    world.admin = make_user(f"dpo-{unique}", is_superuser=True)
    world.other = make_user(f"counsel-{unique}", is_superuser=True)
    _make_tables(world)
    _connect(world)
    world.collection = _make_photos(unique)
    return world


def _make_tables(world: World) -> None:
    people = [ADA, *OTHERS]
    cities = ["london" if n % 2 else "paris" for n in range(len(people))]
    raw = pa.table({"payload": [f'{{"mail": "{each}", "v": 1}}' for each in people]})
    _create(world, "raw", [("payload", StringType())], [raw.slice(0, 4), raw.slice(4)])
    table = pa.table({"email": people, "city": cities, "visits": range(len(people))})
    kinds = [("email", StringType()), ("city", StringType()), ("visits", LongType())]
    _create(world, "people", kinds, [table.slice(0, 3), table.slice(3)])
    # History: an overwrite after which only old snapshots hold the first form of the rows, and a tag on one.
    loaded = world.load("people")
    loaded.manage_snapshots().create_tag(
        loaded.current_snapshot().snapshot_id, "audit-2026"
    ).commit()
    loaded.overwrite(table.set_column(2, "visits", pa.array(range(10, 10 + len(people)))))
    _create(world, "orders", kinds, [table.slice(0, 5), table.slice(5)])
    grouped = table.group_by("city").aggregate([("email", "count")])
    figures = pa.table({"city": grouped["city"], "people": grouped["email_count"].cast("int64")})
    _create(world, "figures", [("city", StringType()), ("people", LongType())], [figures])
    keys = pa.table({"key": [digest(each) for each in people], "city": cities})
    _create(world, "keys", [("key", StringType()), ("city", StringType())], [keys])
    _create(world, "by_person", kinds, [table], partition="email")
    notes = pa.table({"text": ["nothing", f"call {ADA.lower()} back", "rain"]})
    _create(world, "notes", [("text", StringType())], [notes])


def _create(world: World, name: str, kinds: list, appends: list[pa.Table], partition: str = ""):
    schema = Schema(
        *(NestedField(n, each, kind, required=False) for n, (each, kind) in enumerate(kinds, 1))
    )
    spec = PartitionSpec()
    if partition:
        spec = PartitionSpec(
            PartitionField(
                schema.find_field(partition).field_id, 1000, IdentityTransform(), partition
            )
        )
    table = LakewardenCatalog().create_table((world.level, name), schema, partition_spec=spec)
    for rows in appends:
        table.append(rows)
    row = IcebergTable.objects.get(namespace__levels=[world.level], name=name)
    sync_table_files(row)
    row.refresh_from_db()
    world.tables[name] = row


def _field(world: World, table: str, name: str) -> Field:
    return Field.objects.get(dataset=world.tables[table].dataset, name=name)


def _connect(world: World) -> None:
    FieldTag.objects.create(field=_field(world, "people", "email"), tag=make_tag(LABEL))
    edges = [
        ("raw.payload", "people.email", "DIRECT", "TRANSFORMATION", False),
        ("people.email", "orders.email", "DIRECT", "IDENTITY", False),
        ("people.city", "figures.city", "DIRECT", "IDENTITY", False),
        ("orders.email", "figures.people", "DIRECT", "AGGREGATION", False),
        ("people.email", "keys.key", "DIRECT", "TRANSFORMATION", True),
        ("orders.email", "by_person.email", "DIRECT", "IDENTITY", False),
    ]
    for source, target, kind, subtype, masking in edges:
        FieldEdge.objects.create(
            source=_field(world, *source.split(".")),
            target=_field(world, *target.split(".")),
            type=kind,
            subtype=subtype,
            masking=masking,
        )


def _make_photos(unique: str):
    dataset = ensure_dataset(
        namespace="file", name=f"photos-{unique}", kind="collection", structure="unstructured"
    )
    items = [
        NewObject(key=f"p/{n}.png", content=f"image {n}".encode(), media_type="image/png", metadata={"owner": who})
        for n, who in enumerate([ADA, *OTHERS[:3]])
    ]  # fmt: skip
    letter = NewObject(key="letter.txt", content=f"Dear {ADA}".encode(), media_type="text/plain")
    add_objects(dataset=dataset, items=[*items, letter])
    return dataset
