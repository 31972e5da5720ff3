"""Samples for classification: a bounded look at what a dataset holds, by the service itself.

Not a governed read, since masks and row filters would hide what has to be found: nobody is handed a value, and what is
kept of them are labels and shares. INVARIANT: only `classify_dataset` calls this, and it records who asked.
"""

import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from PIL import Image
from pyiceberg.types import BinaryType, FixedType, NestedField, StringType

from catalog.models import Dataset
from core.errors import LakewardenError
from governance.policy.mask_sql import quote_identifier
from governance.services.classifications import Samples
from query.engine import open_cursor, stream_batches
from query.scan import plan_scan, write_relation
from query.statement import Statement
from storage.backends import open_uri
from storage.models import CollectionObject, IcebergTable

MAX_ROWS = 400
MAX_FILES = 4
MAX_OBJECTS = 40
MAX_CHARACTERS = 2000
MAX_SECONDS = 20.0
# Of an object: enough for the head of a picture, and for some pages of text.
HEAD_BYTES = 128 * 1024
_GPS = 0x8825  # EXIF 2.32, 4.6.3: the tag that points at the GPS directory


def sample_dataset(dataset: Dataset) -> Samples:
    """Some values of each field of a table, or some objects of a collection; nothing of what holds no bytes here.

    Raises NotReadableError, ReadLimitError and ReadFailedError as a governed read does.
    """
    table = IcebergTable.objects.filter(dataset=dataset).select_related("namespace").first()
    if table is not None:
        return Samples(values=_values_of_table(table))
    objects = list(CollectionObject.objects.filter(dataset=dataset)[:MAX_OBJECTS])
    return _samples_of_objects(objects) if objects else Samples()


def _values_of_table(table: IcebergTable) -> dict[str, list[Any]]:
    plan = plan_scan(table)
    plan = replace(plan, files=plan.files[:MAX_FILES])
    columns = [column for field in plan.schema.fields if (column := _column(field))]
    if not plan.files or not columns:
        return {}
    cursor = open_cursor()
    try:
        relation = write_relation(cursor, plan)
    except BaseException:
        cursor.close()
        raise
    sql = f"SELECT {', '.join(columns)} FROM {relation} LIMIT {MAX_ROWS}"  # noqa: S608 - every part is quoted or written by us
    statement = Statement(sql, (None,) * len(columns))
    rows = stream_batches(cursor, statement, seconds=MAX_SECONDS).read_all().to_pylist()
    values: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        for path, value in _leaves(row, ""):
            values[path].append(value)
    return dict(values)


def _column(field: NestedField) -> str:
    """The column as SQL, long texts cut; nothing for bytes."""
    name = quote_identifier(field.name)
    if isinstance(field.field_type, BinaryType | FixedType):
        return ""
    if isinstance(field.field_type, StringType):
        return f"left({name}, {MAX_CHARACTERS}) AS {name}"
    return name


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of what is not nested, by the names that the catalog gives to nested fields."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list) and node and all(isinstance(each, tuple) for each in node):
        for key, value in node:
            yield from _leaves(key, f"{path}.key")
            yield from _leaves(value, f"{path}.value")
    elif isinstance(node, list):
        for each in node:
            yield from _leaves(each, f"{path}.element")
    else:
        yield path, node


def _samples_of_objects(objects: Iterable[CollectionObject]) -> Samples:
    values: dict[str, list[Any]] = defaultdict(list)
    media: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in objects:
        values["key"].append(row.key)
        for name, value in row.metadata.items():
            values[name].append(value)
        head = _head(row)
        media[row.media_type].append({"gps": True} if _has_place(row.media_type, head) else {})
        if row.media_type.startswith("text/") or row.media_type.endswith("json"):
            values["content"] += _pieces(head.decode("utf-8", "replace"))
    return Samples(values=dict(values), media=dict(media))


def _head(row: CollectionObject) -> bytes:
    """The first bytes, of what can show something; none where the object cannot be read now."""
    if not row.media_type.startswith(("image/", "text/", "application/json")):
        return b""
    try:
        backend, key = open_uri(row.uri)
        return backend.get_range(key, start=0, length=min(HEAD_BYTES, row.size))
    except LakewardenError:
        return b""


def _pieces(text: str) -> list[str]:
    """Paragraphs of the text, or the whole where it is a JSON document."""
    try:
        return [json.dumps(json.loads(text))]
    except ValueError:
        return [each[:MAX_CHARACTERS] for each in text.split("\n\n")[:MAX_OBJECTS]]


def _has_place(media_type: str, head: bytes) -> bool:
    """Whether the picture's EXIF says where it was taken; which place is not read."""
    if not media_type.startswith("image/") or not head:
        return False
    try:
        with Image.open(io.BytesIO(head)) as image:
            return bool(image.getexif().get_ifd(_GPS))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
