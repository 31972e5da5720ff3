"""The sets that predicates are made of: which datasets live, lie in a domain, are of a kind, bear a tag, belong to someone.

Each is read once, whole, and then brought up to date dataset by dataset from the log of changed facts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from django.db.backends.utils import CursorWrapper

from governance.effective.ids import FrozenIds, Ids, read_ids, read_packed_by
from governance.effective.places import Places
from governance.policy.predicates import compile_glob, glob_to_regex

Attribute: TypeAlias = Literal["kind", "name_like", "namespace_like"]
Relation: TypeAlias = Literal["user_owner", "group_owner", "dataset_tag", "field_tag"]
# The searched words of names alone, or all words.
Column: TypeAlias = Literal["names", "words"]
# What a leaf is asked for: (attribute or relation, value or key).
LeafKey: TypeAlias = tuple[str, Any]

_LIVING = """
SELECT namespace, coalesce(domain_id, 0), string_agg(int8send(id), ''::bytea)
  FROM catalog_dataset WHERE deleted_at IS NULL GROUP BY 1, 2
"""
_ATTRIBUTES = """
SELECT id, coalesce(domain_id, 0), kind, namespace, name
  FROM catalog_dataset WHERE deleted_at IS NULL AND id = ANY(%s)
"""
_WHOLE: dict[str, str] = {
    "kind": "SELECT id FROM catalog_dataset WHERE deleted_at IS NULL AND kind = %s",
    "name_like": "SELECT id FROM catalog_dataset WHERE deleted_at IS NULL AND name ~ %s",
    "namespace_like": "SELECT id FROM catalog_dataset WHERE deleted_at IS NULL AND namespace ~ %s",
    "user_owner": "SELECT dataset_id FROM catalog_datasetowner WHERE user_id = %s",
    "group_owner": "SELECT dataset_id FROM catalog_datasetowner WHERE group_id = %s",
    "dataset_tag": "SELECT dataset_id FROM catalog_datasettag WHERE tag_id = %s",
    "field_tag": (
        "SELECT f.dataset_id FROM catalog_fieldtag t JOIN catalog_field f ON f.id = t.field_id"
        " WHERE t.tag_id = %s AND f.removed_at IS NULL"
    ),
}
RELATIONS: dict[str, str] = {
    "user_owner": "dataset_id",
    "group_owner": "dataset_id",
    "dataset_tag": "dataset_id",
    "field_tag": "f.dataset_id",
}


@dataclass(slots=True)
class Living:
    """The datasets that are not deleted, those of each domain (not of what lies below it), and those of each namespace."""

    every: Ids = field(default_factory=Ids)
    domains: Places[int] = field(default_factory=Places)
    namespaces: Places[str] = field(default_factory=Places)

    def remove(self, ids: Ids) -> None:
        """Forget these datasets."""
        self.every.difference_update(ids)
        self.domains.leave(ids)
        self.namespaces.leave(ids)

    def add(self, rows: Iterable["DatasetRow"]) -> None:
        """Enter these datasets."""
        for row in rows:
            self.every.add(row.id)
            self.namespaces.enter_one(row.namespace, row.id)
            if row.domain:
                self.domains.enter_one(row.domain, row.id)


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """What leaves depend on of a living dataset; `domain` is 0 for none."""

    id: int
    domain: int
    kind: str
    namespace: str
    name: str


def read_living(cursor: CursorWrapper) -> Living:
    """All of them; one query."""
    found = Living()
    for namespace, domain, ids in read_packed_by(cursor, _LIVING):
        found.every.update(ids)
        found.namespaces.enter(namespace, ids)
        if domain:
            found.domains.enter(domain, ids)
    return found


def read_rows(cursor: CursorWrapper, ids: Ids) -> list[DatasetRow]:
    """Those of `ids` that live; one query."""
    cursor.execute(_ATTRIBUTES, [list(ids)])
    return [DatasetRow(*row) for row in cursor.fetchall()]


def read_leaf(cursor: CursorWrapper, leaf: LeafKey) -> Ids:
    """The set, whole; one query."""
    name, value = leaf
    asked = glob_to_regex(value) if name.endswith("_like") else value
    return read_ids(cursor, _WHOLE[name], [asked])


def matcher_of(leaf: LeafKey) -> Callable[[DatasetRow], bool]:
    """Whether a living dataset is in the leaf, for leaves about the dataset's own row."""
    name, value = leaf
    if name == "kind":
        return lambda row: row.kind == value
    pattern = compile_glob(value)
    if name == "name_like":
        return lambda row: pattern.search(row.name) is not None
    return lambda row: pattern.search(row.namespace) is not None


def reread_relation(cursor: CursorWrapper, leaf: LeafKey, ids: Ids, among: Ids) -> None:
    """Bring the leaf of a relation up to date for the datasets `among`."""
    name, key = leaf
    sql = f"{_WHOLE[name]} AND {RELATIONS[name]} = ANY(%s)"
    ids.difference_update(among)
    ids.update(read_ids(cursor, sql, [key, list(among)]))


def read_posting(
    cursor: CursorWrapper,
    column: Column,
    query: str,
    *,
    among: Ids | FrozenIds | None = None,
    most: int | None = None,
) -> Ids:
    """The datasets, deleted ones too, whose searched `column` fits a tsquery; of these, or of all; `most`: any so many."""
    sql = f"SELECT dataset_id FROM catalog_searchentry WHERE {column} @@ %s::tsquery"  # noqa: S608  # `names` or `words`
    params: list[Any] = [query]
    if among is not None:
        sql += " AND dataset_id = ANY(%s)"
        params.append(list(among))
    if most is not None:
        sql += " LIMIT %s"
        params.append(most)
    return read_ids(cursor, sql, params)
