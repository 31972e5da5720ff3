"""Governed reads of object collections: the kernel decides, DuckDB applies its row filter and masks.

A collection is read as a table whose rows are its objects: key, size, media type, checksum, metadata fields,
and the column `content`. Who may not see `content` of an object, unmasked, does not get its bytes.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import orjson
import pyarrow as pa
from django.db.models import F

from catalog.models import Dataset, Field
from catalog.models.dataset import DatasetKind
from core.clock import utc_now
from core.errors import NotFoundError, PermissionDeniedError, UnprocessableError
from governance.policy.mask_sql import column_sql, quote_identifier
from governance.policy.types import ColumnRule, Decision, Obligations, Principal
from governance.queries import decide_read, principal_of
from governance.services.audit import record_decision
from identity.models import User
from storage.backends import open_uri
from storage.backends.errors import ObjectMissingError
from storage.models import CollectionObject
from storage.services.collections import CONTENT_FIELD, NotACollectionError

MAX_PAGE = 500
BATCH_ROWS = 500
# A filter that few objects pass ends a page early, with a cursor to go on from.
MAX_SCANNED_A_PAGE = 20_000
SALT_BYTES = 16
CONTENT = str(CONTENT_FIELD["name"])
_ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "long": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "binary": pa.binary(),
}
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "long": (int,),
    "int": (int,),
    "double": (int, float),
    "boolean": (bool,),
    "timestamptz": (datetime,),
}


class AmbiguousFieldsError(UnprocessableError):
    """Two fields have one name but for upper and lower case: no filter on them can be trusted."""

    code = "ambiguous-fields"


@dataclass(frozen=True, kw_only=True)
class ObjectListing:
    """Rows as this reader may see them, oldest first; `next_after` is the row id to go on from, or None."""

    items: list[dict[str, Any]]
    next_after: int | None


@dataclass(frozen=True, kw_only=True)
class ObjectContent:
    """An object's bytes on their way; `size` is in bytes."""

    key: str
    size: int
    sha256: str
    media_type: str
    chunks: Iterator[bytes]


def list_objects(
    *,
    user: User,
    dataset: Dataset,
    prefix: str = "",
    after: int = 0,
    limit: int = 50,
    purpose: str | None = None,
) -> ObjectListing:
    """At most `limit` (500) objects behind the row id `after`, with the columns that `user` may see.

    The read is audited, a refused one too. Raises NotACollectionError, PermissionDeniedError.
    """
    scan = _Scan.open(user, dataset, purpose=purpose, via="collection.list")
    rows = CollectionObject.objects.filter(dataset=dataset, key__startswith=prefix).order_by("pk")
    items: list[dict[str, Any]] = []
    scanned, position, wanted = 0, after, min(limit, MAX_PAGE)
    while scanned < MAX_SCANNED_A_PAGE:
        batch = list(rows.filter(pk__gt=position)[:BATCH_ROWS])
        for row, shown in zip(batch, scan.apply(batch), strict=True):
            position = row.pk
            if shown is not None:
                items.append(shown)
                if len(items) == wanted:
                    return _audited_listing(scan, items, position)
        scanned += len(batch)
        if len(batch) < BATCH_ROWS:
            return _audited_listing(scan, items, None)
    return _audited_listing(scan, items, position)


def read_object(
    *, user: User, dataset: Dataset, key: str, purpose: str | None = None
) -> ObjectContent:
    """The bytes of one object, if `user` may see this row and its `content`; counted as a read of the object.

    Audited, a refused read too. Raises NotACollectionError, PermissionDeniedError, NotFoundError for an
    object that is not there or that the row filter hides, BackendUnavailableError.
    """
    scan = _Scan.open(user, dataset, purpose=purpose, via="object.read", key=key)
    row = CollectionObject.objects.filter(dataset=dataset, key=key).first()
    if row is None or scan.apply([row])[0] is None:
        scan.record("not-found")
        raise NotFoundError("there is no such object")
    if not scan.shows_content(row):
        scan.record("deny")
        raise PermissionDeniedError("you may not read the content of this object")
    content = _open_content(row)
    scan.record("allow", bytes=row.size)
    CollectionObject.objects.filter(pk=row.pk).update(reads=F("reads") + 1, last_read_at=utc_now())
    return content


def _open_content(row: CollectionObject) -> ObjectContent:
    """Open the bytes where the row points; if they were moved away since it was read, look once more."""
    try:
        chunks = _chunks(row.uri)
    except ObjectMissingError:
        row.refresh_from_db()
        chunks = _chunks(row.uri)
    return ObjectContent(
        key=row.key, size=row.size, sha256=row.sha256, media_type=row.media_type, chunks=chunks
    )


def _chunks(uri: str) -> Iterator[bytes]:
    backend, key = open_uri(uri)
    return backend.iterate(key)


def _audited_listing(
    scan: "_Scan", items: list[dict[str, Any]], next_after: int | None
) -> ObjectListing:
    scan.record("allow", objects=len(items))
    return ObjectListing(items=items, next_after=next_after)


@dataclass(frozen=True, kw_only=True)
class _Scan:
    """One decision, applied to rows of the collection."""

    principal: Principal
    dataset: Dataset
    decision: Decision
    via: str
    key: str | None
    types: dict[str, str]
    salt: bytes

    @classmethod
    def open(
        cls,
        user: User,
        dataset: Dataset,
        *,
        purpose: str | None,
        via: str,
        key: str | None = None,
    ) -> "_Scan":
        if dataset.kind != DatasetKind.COLLECTION:
            raise NotACollectionError("this dataset is not an object collection")
        principal = principal_of(user, purpose=purpose)
        decision = decide_read(principal, dataset)
        fields = Field.objects.filter(dataset=dataset).present().values_list("name", "type")
        scan = cls(
            principal=principal,
            dataset=dataset,
            decision=decision,
            via=via,
            key=key,
            types=dict(fields),
            salt=os.urandom(SALT_BYTES),
        )
        if len({name.casefold() for name in scan.types}) != len(scan.types):
            # DuckDB takes such names for one, so a filter could be asked of the wrong field.
            scan.record("deny")
            raise AmbiguousFieldsError("the collection has fields that differ in case only")
        if not decision.allowed or decision.obligations is None:
            scan.record("deny")
            raise PermissionDeniedError(
                "you may not read this collection",
                reasons=[each.text for each in decision.reasons],
            )
        return scan

    @property
    def obligations(self) -> Obligations:
        return self.decision.obligations or Obligations()

    def apply(self, rows: Sequence[CollectionObject]) -> list[dict[str, Any] | None]:
        """For each row what may be seen of it, or None where the row filter hides it."""
        shown = [rule for rule in self.obligations.columns if rule.name != CONTENT]
        columns = [column_sql(rule, salt=self.salt, relation="objects") for rule in shown]
        found = self._query(rows, columns)
        names = [rule.name for rule in shown]
        by_place = {int(values[0]): dict(zip(names, values[1:], strict=True)) for values in found}
        return [by_place.get(place) for place in range(len(rows))]

    def shows_content(self, row: CollectionObject) -> bool:
        """Whether the bytes of a visible row may be seen: `content` is granted, unmasked, for this row."""
        rule = next((each for each in self.obligations.columns if each.name == CONTENT), None)
        if rule is None or rule.mask is not None:
            return False
        return self._condition_holds(rule, row)

    def record(self, outcome: str, **given: Any) -> None:
        """Write the audit record of this read: `outcome`, and how much was given of what was asked for."""
        record_decision(
            principal=self.principal,
            dataset=self.dataset,
            decision=self.decision,
            via=self.via,
            asked={"key": self.key, **given},
            outcome=outcome,
        )

    def _condition_holds(self, rule: ColumnRule, row: CollectionObject) -> bool:
        if rule.visible_when is None:
            return True
        return bool(self._query([row], [f"({rule.visible_when}) IS TRUE"])[0][1])

    def _query(self, rows: Sequence[CollectionObject], columns: list[str]) -> list[tuple[Any, ...]]:
        if not rows:
            return []
        place = quote_identifier(_free_name(self.types))
        condition = self.obligations.row_filter or "TRUE"
        # INVARIANT: filter and columns are the kernel's own SQL, quoted and typed; names here are quoted.
        sql = (
            f"SELECT {', '.join([place, *columns])} FROM objects WHERE {condition} ORDER BY {place}"  # noqa: S608
        )
        settings: dict[str, Any] = {"enable_external_access": "false", "threads": "1"}
        with duckdb.connect(":memory:", config=settings) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("objects", self._arrow(rows))
            answer: pa.Table = connection.execute(sql).to_arrow_table()
        return list(zip(*(column.to_pylist() for column in answer.columns), strict=True))

    def _arrow(self, rows: Sequence[CollectionObject]) -> pa.Table:
        arrays: dict[str, pa.Array] = {
            _free_name(self.types): pa.array(range(len(rows)), type=pa.int64())
        }
        for name, type_name in self.types.items():
            values = [None if name == CONTENT else _value(row, name, type_name) for row in rows]
            arrays[name] = pa.array(values, type=_ARROW_TYPES.get(type_name, pa.string()))
        return pa.table(arrays)


def _free_name(taken: dict[str, str]) -> str:
    """A column name for the row's place that no field has."""
    name = "place"
    while any(name == each.casefold() for each in taken):
        name += "_"
    return name


def _value(row: CollectionObject, name: str, type_name: str) -> Any:
    """A row's value of a field, as its declared type; None where it is of another."""
    fixed = {"key", "size", "media_type", "sha256", "added_at"}
    value = getattr(row, name) if name in fixed else row.metadata.get(name)
    if value is None:
        return None
    if type_name not in _PYTHON_TYPES:
        return value if isinstance(value, str) else orjson.dumps(value).decode()
    if isinstance(value, bool) is not (type_name == "boolean"):
        return None
    return value if isinstance(value, _PYTHON_TYPES[type_name]) else None
