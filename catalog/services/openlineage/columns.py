"""The field edges of jobs that are in force, from the column lineage of their defining runs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from catalog.lineage.columns import ColumnEdge
from catalog.lineage.events import Name
from catalog.models import ColumnLineage, Dataset, Field, FieldEdge
from catalog.models.lineage import EdgeOrigin
from catalog.services.openlineage.cache import ENTRIES, Memory
from catalog.services.openlineage.edges import Use
from catalog.services.openlineage.names import resolve_names

EdgeKey = tuple[int, int, int, str, str]  # job, source, target, type, subtype
Wanted = dict[EdgeKey, tuple[ColumnEdge, str]]

loaded_edges: Memory[str, tuple[ColumnEdge, ...]] = Memory(
    ENTRIES, weigh=lambda edges: 1 + len(edges)
)


def sync_field_edges(uses: Mapping[int, Sequence[Use]], *, at: Mapping[int, datetime]) -> None:
    """Open and close the field edges of jobs so that those in force are the union over their `uses`.

    The caller holds the locks of the jobs' rows.
    """
    present: dict[EdgeKey, FieldEdge] = {
        (row.job_id, row.source_id, row.target_id, row.type, row.subtype): row
        for row in FieldEdge.objects.filter(job_id__in=list(uses), valid_to=None)
        if row.job_id is not None
    }
    wanted = _wanted_edges(uses, at=at)
    stale = {key for key, row in present.items() if not _holds(row, wanted.get(key))}
    by_time: dict[datetime, list[int]] = {}
    for key in stale:
        by_time.setdefault(at[key[0]], []).append(present[key].pk)
    for moment, keys in by_time.items():
        FieldEdge.objects.filter(pk__in=keys).update(valid_to=moment)
    FieldEdge.objects.bulk_create(
        [
            _make(key, edge=wanted[key][0], origin=wanted[key][1], at=at[key[0]])
            for key in sorted(wanted)
            if key not in present or key in stale
        ]
    )


def name_fields(told: Collection[tuple[int, str]], *, at: datetime) -> None:
    """Make the fields that column lineage names, given as (output, hash), where they are not known."""
    lineage = _load_lineage({digest for _, digest in told})
    _ends_of(
        ((dataset_id, edge) for dataset_id, digest in told for edge in lineage.get(digest, ())),
        at=at,
    )


def _ends_of(
    pairs: Iterable[tuple[int, ColumnEdge]], *, at: datetime
) -> tuple[dict[Name, int], dict[tuple[int, str], int]]:
    """The sources of edges to outputs by name, and all their fields, made if need be."""
    told = list(pairs)
    names = resolve_names({edge.source for _, edge in told}, create=True)
    wanted = {(names[edge.source], edge.field) for _, edge in told}
    return names, _ensure_fields(wanted | {(output, edge.target) for output, edge in told}, at=at)


def _wanted_edges(uses: Mapping[int, Sequence[Use]], *, at: Mapping[int, datetime]) -> Wanted:
    """The edges by ids; a masked edge gives way to an unmasked one."""
    telling = {
        (job_id, use.dataset_id, use.column_hash): use
        for job_id, each in uses.items()
        for use in each
        if use.column_hash
    }
    lineage = _load_lineage({use.column_hash for use in telling.values()})
    pairs = [
        (job_id, dataset_id, edge, EdgeOrigin.PARSED if edge.parsed else use.origin)
        for (job_id, dataset_id, digest), use in telling.items()
        for edge in lineage.get(digest, ())
    ]
    if not pairs:
        return {}
    names, fields = _ends_of(
        ((dataset_id, edge) for _, dataset_id, edge, _ in pairs), at=max(at.values())
    )
    wanted: Wanted = {}
    for job_id, dataset_id, edge, origin in pairs:
        key = (
            job_id,
            fields[names[edge.source], edge.field],
            fields[dataset_id, edge.target],
            edge.type,
            edge.subtype,
        )
        known = wanted.get(key)
        if known is None or (known[0].masking and not edge.masking):
            wanted[key] = (edge, origin)
    return wanted


def _load_lineage(hashes: Collection[str]) -> dict[str, tuple[ColumnEdge, ...]]:
    found = {digest: edges for digest in hashes if (edges := loaded_edges.get(digest)) is not None}
    missing = sorted(set(hashes) - found.keys())
    for row in ColumnLineage.objects.filter(pk__in=missing) if missing else ():
        edges = tuple(ColumnEdge.from_row(each) for each in row.edges)
        found[row.hash] = edges
        loaded_edges.put(row.hash, edges)
    return found


def _ensure_fields(wanted: set[tuple[int, str]], *, at: datetime) -> dict[tuple[int, str], int]:
    """Ids of the fields, made if need be: present where no schema is known, else as one the schema lacks."""
    found = _find_fields(wanted)
    missing = sorted(wanted - found.keys())
    if not missing:
        return found
    with_schema = set(
        Dataset.objects.filter(
            pk__in={dataset_id for dataset_id, _ in missing}, facet_stamps__has_key="schema"
        ).values_list("pk", flat=True)
    )
    Field.objects.bulk_create(
        [
            Field(
                dataset_id=dataset_id,
                name=name,
                created_at=at,
                removed_at=at if dataset_id in with_schema else None,
            )
            for dataset_id, name in missing
        ],
        ignore_conflicts=True,
    )
    return _find_fields(wanted)


def _find_fields(wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
    pairs = set(wanted)
    rows = Field.objects.filter(
        dataset_id__in={dataset_id for dataset_id, _ in pairs},
        name__in={name for _, name in pairs},
    ).values_list("dataset_id", "name", "pk")
    return {(dataset_id, name): pk for dataset_id, name, pk in rows if (dataset_id, name) in pairs}


def _holds(row: FieldEdge, told: tuple[ColumnEdge, str] | None) -> bool:
    return (
        told is not None
        and row.masking == told[0].masking
        and row.description == told[0].description
        and row.origin == told[1]
    )


def _make(key: EdgeKey, *, edge: ColumnEdge, origin: str, at: datetime) -> FieldEdge:
    job_id, source_id, target_id, kind, subtype = key
    return FieldEdge(
        source_id=source_id,
        target_id=target_id,
        job_id=job_id,
        type=kind,
        subtype=subtype,
        description=edge.description,
        masking=edge.masking,
        origin=origin,
        valid_from=at,
    )
