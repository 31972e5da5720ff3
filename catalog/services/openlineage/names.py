"""Which dataset a name means: one dataset may have several names (facet `symlinks`), and be renamed.

The own name of a dataset that only events know is the smallest of the names by which producers call it
directly, so that it does not depend on which event came first. A declared dataset keeps its name.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db import connection, transaction

from catalog.lineage.columns import source_names
from catalog.lineage.events import EventDataset, Name
from catalog.lineage.facets import kind_of
from catalog.models import Dataset, DatasetOwner, DatasetSymlink, DatasetTag
from catalog.services.merging import merge_datasets
from catalog.services.openlineage.batch import EntryMovedError
from catalog.services.openlineage.cache import ENTRIES, Memory
from catalog.services.openlineage.sql import fetch
from catalog.services.search import refresh_search_text
from core.ids import uuid7

RENAMED = "RENAME"
ACTOR = "lineage"

FIND_NAMES = """
SELECT q.namespace, q.name, d.id, s.dataset_id, s.direct, s.type, coalesce(d.names_epoch, sd.names_epoch)
  FROM unnest(%s::text[], %s::text[]) AS q (namespace, name)
  LEFT JOIN catalog_dataset d ON d.namespace = q.namespace AND d.name = q.name
  LEFT JOIN catalog_datasetsymlink s ON s.namespace = q.namespace AND s.name = q.name
  LEFT JOIN catalog_dataset sd ON sd.id = s.dataset_id
"""

INSERT_DATASETS = """
INSERT INTO catalog_dataset
    (uuid, namespace, name, kind, structure, media_type, description, properties, declared, facets, facet_stamps,
     names_epoch, created_at, updated_at)
SELECT uuid, namespace, name, kind, 'structured', '', '', '{}', false, '{}', '{}', 0, now(), now()
  FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[]) AS q (uuid, namespace, name, kind)
 ORDER BY namespace, name
    ON CONFLICT (namespace, name) DO NOTHING
RETURNING id
"""

# A telling (name and hash of the facets) whose names are all made and linked → dataset, and its `names_epoch`.
settled: Memory[tuple[Name, bytes], tuple[int, int]] = Memory(ENTRIES)

LOCK_NAMES = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended(q.namespace || chr(31) || q.name, 7) AS key
      FROM unnest(%(namespaces)s::text[], %(names)s::text[]) AS q (namespace, name)
     ORDER BY key
) AS keys
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored about a name: the dataset, and the symlink's flags if it is one."""

    dataset_id: int
    is_symlink: bool
    direct: bool
    type: str
    epoch: int


def resolve_datasets(told: Collection[EventDataset]) -> dict[Name, tuple[int, int]]:
    """The dataset and its `names_epoch` by each name that events call one; made, linked, renamed or merged if need be.

    Sources of column lineage that are no input of the event are made as well.
    """
    found: dict[Name, tuple[int, int]] = {}
    unknown: dict[tuple[Name, bytes], EventDataset] = {}
    for each in told:
        key = (each.name, each.facets_hash)
        known = settled.get(key)
        if known is None:
            unknown[key] = each
        else:
            found[each.name] = known
    if unknown:
        fresh = _resolve_unknown(list(unknown.values()))
        found |= fresh
        transaction.on_commit(lambda: _remember(unknown, fresh))
    return found


def forget_names(told: Iterable[EventDataset]) -> None:
    """Look these up again next time."""
    for each in told:
        settled.drop((each.name, each.facets_hash))


def _remember(keys: Iterable[tuple[Name, bytes]], found: Mapping[Name, tuple[int, int]]) -> None:
    for name, digest in keys:
        settled.put((name, digest), found[name])


def _resolve_unknown(unknown: Collection[EventDataset]) -> dict[Name, tuple[int, int]]:
    told = sorted(unknown, key=lambda each: each.name)
    names = _all_names(told)
    known = find_names(names)
    if not _is_settled(told, names=names, known=known):
        _lock_names(names)
        known = find_names(names)
        if _create_missing(told, names=names, known=known):
            known = find_names(names)
        if _link_names(told, known=known):
            known = find_names(names)
    return {each.name: (known[each.name].dataset_id, known[each.name].epoch) for each in told}


def _is_settled(
    told: Iterable[EventDataset], *, names: set[Name], known: dict[Name, Known]
) -> bool:
    """Whether nothing is to be made, linked or renamed."""
    if names - known.keys():
        return False
    for each in told:
        if any(_is_called_anew(known[name]) for name in _direct_names(each)):
            return False
        own = known[each.name]
        if any(known[name].dataset_id != own.dataset_id for name, _ in _other_names(each)):
            return False
    return True


def _is_called_anew(found: Known) -> bool:
    """Whether a name that producers use was known as another name only."""
    return found.is_symlink and not found.direct and found.type != RENAMED


def _lock_names(names: Collection[Name]) -> None:
    """Wait for writers who make or link any of the names; until the end of the transaction.

    Without this, one writer may make a dataset of a name that another is making a symlink.
    """
    wanted = sorted(names)
    with connection.cursor() as cursor:
        cursor.execute(
            LOCK_NAMES,
            {
                "namespaces": [each.namespace for each in wanted],
                "names": [each.name for each in wanted],
            },
        )


def resolve_names(names: Collection[Name], *, create: bool) -> dict[Name, int]:
    """The dataset of each name; with `create`, one is made for a name that nothing bears."""
    known = find_names(names)
    missing = sorted(name for name in names if name not in known)
    if missing and create:
        _insert(missing, kinds={name: kind_of(name.namespace, {}) for name in missing})
        known = find_names(names)
    return {name: known[name].dataset_id for name in names if name in known}


def find_names(names: Collection[Name]) -> dict[Name, Known]:
    """What is stored about each name; one statement. A dataset's own name goes before a symlink."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    rows = fetch(FIND_NAMES, [[each.namespace for each in wanted], [each.name for each in wanted]])
    found: dict[Name, Known] = {}
    for namespace, name, own_id, link_id, direct, kind, epoch in rows:
        if own_id is not None:
            found[Name(namespace, name)] = Known(
                own_id, is_symlink=False, direct=True, type="", epoch=epoch
            )
        elif link_id is not None:
            found[Name(namespace, name)] = Known(
                link_id, is_symlink=True, direct=direct, type=kind, epoch=epoch
            )
    return found


def _all_names(told: Iterable[EventDataset]) -> set[Name]:
    names: set[Name] = set()
    for each in told:
        names.update(name for name, _ in each.symlinks)
        if each.renamed_from is not None:
            names.add(each.renamed_from)
        names.update(_direct_names(each))
    return names


def _direct_names(each: EventDataset) -> list[Name]:
    """The names by which the event calls datasets: its own, and those of its columns' sources."""
    if each.direction != "output":
        return [each.name]
    return [each.name, *sorted(source_names(each.facets.get("columnLineage")))]


def _other_names(each: EventDataset) -> list[tuple[Name, str]]:
    former = [(each.renamed_from, RENAMED)] if each.renamed_from is not None else []
    return [*former, *each.symlinks]


def _create_missing(
    told: Iterable[EventDataset], *, names: set[Name], known: dict[Name, Known]
) -> bool:
    """Make a dataset for each name that neither itself nor by another name of it is known."""
    missing: dict[Name, str] = {}
    others: set[Name] = set()
    for each in told:
        linked = {name for name, _ in _other_names(each)}
        others |= linked
        if not any(name in known or name in missing for name in {each.name, *linked}):
            missing[each.name] = kind_of(each.name.namespace, each.facets)
    for name in names - known.keys() - missing.keys() - others - {each.name for each in told}:
        missing[name] = kind_of(name.namespace, {})
    _insert(sorted(missing), kinds=missing)
    return bool(missing)


def _insert(names: list[Name], *, kinds: dict[Name, str]) -> None:
    if not names:
        return
    rows = fetch(
        INSERT_DATASETS,
        [
            [uuid7() for _ in names],
            [each.namespace for each in names],
            [each.name for each in names],
            [kinds[each] for each in names],
        ],
    )
    refresh_search_text([row[0] for row in rows])


def _link_names(told: Iterable[EventDataset], *, known: dict[Name, Known]) -> bool:
    """Store other names, join what turns out to be one, and rename; tell whether anything changed."""
    changed = False
    for each in told:
        for name, kind in _other_names(each):
            if _is_linked(each.name, name, known=known):
                continue
            _link(each.name, other=name, kind=kind)
            known.update(find_names(known.keys() | {each.name, name}))
            changed = True
        for name in _direct_names(each):
            if _settle_own_name(name, known=known):
                known.update(find_names(known.keys() | {name}))
                changed = True
    return changed


def _is_linked(name: Name, other: Name, *, known: dict[Name, Known]) -> bool:
    left, right = known.get(name), known.get(other)
    return left is not None and right is not None and left.dataset_id == right.dataset_id


def _link(name: Name, *, other: Name, kind: str) -> None:
    """Make `other` another name of the dataset called `name`, of which one at least is known."""
    known = find_names([name, other])
    left, right = known.get(name), known.get(other)
    if left is not None and right is not None:
        _join(left.dataset_id, right.dataset_id, other=other, kind=kind)
    elif left is not None:
        _add_symlink(left.dataset_id, other, kind=kind, direct=False)
    elif right is not None and kind == RENAMED:
        _rename(right.dataset_id, to=name, former=other)
    elif right is not None:
        _add_symlink(right.dataset_id, name, kind="", direct=True)


def _join(left_id: int, right_id: int, *, other: Name, kind: str) -> None:
    """Two entries are one dataset: merge the one that only events know, if nobody has worked on it."""
    rows = {
        row.pk: row
        for row in Dataset.objects.select_for_update()
        .filter(pk__in=[left_id, right_id])
        .order_by("pk")
    }
    if len(rows) != len({left_id, right_id}):
        raise EntryMovedError
    left, right = rows[left_id], rows[right_id]
    prefer_left = kind == RENAMED or (left.namespace, left.name) < (right.namespace, right.name)
    target, source = (left, right) if prefer_left else (right, left)
    if source.declared and not target.declared:
        target, source = source, target
    if source.declared or not _is_bare(source):
        # Two that people or services stand behind stay two: an event alone does not join them.
        return
    merge_datasets(source=source, target=target, actor=ACTOR)
    if kind == RENAMED and source is right:
        DatasetSymlink.objects.filter(namespace=other.namespace, name=other.name).update(
            type=RENAMED, direct=False
        )


def _is_bare(dataset: Dataset) -> bool:
    """Whether no person has placed, owned or tagged the entry."""
    return (
        dataset.domain_id is None
        and not DatasetOwner.objects.filter(dataset=dataset).exists()
        and not DatasetTag.objects.filter(dataset=dataset).exists()
    )


def _add_symlink(dataset_id: int, name: Name, *, kind: str, direct: bool) -> None:
    DatasetSymlink.objects.bulk_create(
        [
            DatasetSymlink(
                dataset_id=dataset_id,
                namespace=name.namespace,
                name=name.name,
                type=kind,
                direct=direct,
            )
        ],
        ignore_conflicts=True,
    )
    refresh_search_text([dataset_id])


def _rename(dataset_id: int, *, to: Name, former: Name) -> None:
    """The dataset bears the new name from now on, and answers to the former; a declared one keeps its own."""
    dataset = Dataset.objects.select_for_update().get(pk=dataset_id)
    if dataset.declared:
        _add_symlink(dataset_id, to, kind="", direct=True)
        return
    own = Name(dataset.namespace, dataset.name)
    dataset.namespace, dataset.name = to.namespace, to.name
    dataset.save(update_fields=["namespace", "name", "updated_at"])
    if own != former:
        _add_symlink(dataset_id, own, kind="", direct=True)
    DatasetSymlink.objects.filter(namespace=former.namespace, name=former.name).delete()
    _add_symlink(dataset_id, former, kind=RENAMED, direct=False)


def _settle_own_name(name: Name, *, known: dict[Name, Known]) -> bool:
    """A producer uses a symlink as the dataset's own name: if it is the smallest such, it becomes that."""
    found = known.get(name)
    if found is None or not _is_called_anew(found):
        return False
    dataset = Dataset.objects.select_for_update().get(pk=found.dataset_id)
    symlink = DatasetSymlink.objects.filter(namespace=name.namespace, name=name.name)
    own = Name(dataset.namespace, dataset.name)
    if dataset.declared or own < name:
        symlink.update(direct=True)
        return True
    symlink.update(namespace=own.namespace, name=own.name, direct=True)
    dataset.namespace, dataset.name = name.namespace, name.name
    dataset.save(update_fields=["namespace", "name", "updated_at"])
    refresh_search_text([dataset.pk])
    return True
